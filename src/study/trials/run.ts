import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RescaledError } from '../../errors.js';
import { isLocked } from '../../lock.js';
import type { Measured } from '../../train/index.js';
import type { Trial } from '../plan/trial.js';
import type { CostTask, FromTrial, Speed, ToTrial, TrialTask } from './process.js';
import { lockFile, readResult, type TrialResult, writeResult } from './result.js';

export type TrialEvent =
  | { type: 'start'; trial: Trial }
  | { type: 'progress'; trial: Trial; step: number; steps: number }
  /** `seconds` in this process, scoring included; 0 when another process had done it. */
  | { type: 'done'; trial: Trial; result: TrialResult; seconds: number }
  | { type: 'failed'; trial: Trial; reason: string }
  /** Another process is at it: it is looked at again later. */
  | { type: 'busy'; trial: Trial };

export interface RunTrialsOptions {
  /** Folder of the study. */
  study: string;
  /** Trials at once, which share the threads. */
  workers: number;
  threads: number;
  checkpointSeconds?: number;
  /** Saves and stops. */
  signal?: AbortSignal;
  /** Ends the processes at once. */
  killSignal?: AbortSignal;
  onEvent?: (event: TrialEvent) => void;
}

/** How long a stop may take before a process is ended: a step and a checkpoint of the largest models fit in. */
const GRACE_MS = 120_000;
/** Between looks at a trial that another process has. */
const BUSY_MS = 3000;

/**
 * Runs the trials that are not done yet, each in a process of its own. A trial that was killed goes on from its last
 * checkpoint; one that failed is recorded with its reason and does not hold up the others, and runs again with the next
 * call. Two calls on one folder, also of two processes, share the work.
 * @returns whether it was stopped before every trial had ended
 */
export async function runTrials(trials: readonly Trial[], options: RunTrialsOptions): Promise<{ stopped: boolean }> {
  const { study, signal, onEvent = () => {} } = options;
  const queue = [...new Map(trials.map((trial) => [trial.id, trial])).values()].filter(
    ({ id }) => readResult(study, id)?.status !== 'done',
  );
  const stopped = (): boolean => signal?.aborted === true;
  const lane = async (): Promise<void> => {
    for (let trial = queue.shift(); trial !== undefined && !stopped(); trial = queue.shift()) {
      // Another process may have done it since, or be at it: no process need start to find that out.
      const known = readResult(study, trial.id);
      if (known?.status === 'done') {
        onEvent({ type: 'done', trial, result: known, seconds: 0 });
        continue;
      }
      const taken = isLocked(lockFile(study, trial.id));
      if (!taken) onEvent({ type: 'start', trial });
      const began = performance.now();
      const last = taken
        ? ({ type: 'busy' } as const)
        : await inProcess({ type: 'run', task: taskOf(trial, options) }, options, (message) => {
            if (message.type === 'progress') onEvent({ ...message, trial });
          });
      if (last.type === 'done')
        onEvent({ type: 'done', trial, result: last.result, seconds: (performance.now() - began) / 1000 });
      else if (last.type === 'failed' && !stopped()) {
        writeResult(study, {
          format: 1,
          status: 'failed',
          id: trial.id,
          seed: trial.seed,
          reason: last.reason,
          at: new Date().toISOString(),
        });
        onEvent({ type: 'failed', trial, reason: last.reason });
      } else if (last.type === 'busy') {
        onEvent({ type: 'busy', trial });
        // Others first; when nothing else is left, the other process may end, or have died.
        if (queue.length === 0) await sleep(BUSY_MS, undefined, { signal }).catch(() => {});
        queue.push(trial);
      }
    }
  };
  await Promise.all(Array.from({ length: options.workers }, lane));
  return { stopped: stopped() };
}

/** Measures a few steps of a trial, in the share of the machine that it would have. */
export async function measureTrial(trial: Trial, options: RunTrialsOptions): Promise<Speed> {
  const last = await inProcess({ type: 'measure', task: taskOf(trial, options) }, options);
  if (last.type === 'measured') return last.speed;
  throw unmeasured(last);
}

/**
 * Times one model in a process of its own, which should be alone on the machine. A stop ends it at once, since nothing
 * is lost.
 */
export async function measureCost(task: CostTask, signal?: AbortSignal): Promise<Measured> {
  const last = await inProcess({ type: 'cost', task }, { killSignal: signal });
  if (last.type === 'costed') return last.measured;
  throw unmeasured(last);
}

const unmeasured = (last: FromTrial): RescaledError =>
  new RescaledError(last.type === 'failed' ? last.reason : 'The measurement was stopped.');

/** Threads of the engine and of the loaders, shared by the trials that run at once. */
function taskOf(trial: Trial, { study, workers, threads, checkpointSeconds }: RunTrialsOptions): TrialTask {
  const own = Math.max(1, Math.floor(threads / workers));
  return { study, trial, threads: own, workers: Math.min(8, own), checkpointSeconds };
}

/** Runs what `first` asks for in a child. @returns its last message; its death is a failure */
function inProcess(
  first: ToTrial,
  { signal, killSignal }: Pick<RunTrialsOptions, 'signal' | 'killSignal'>,
  onMessage: (message: FromTrial) => void = () => {},
): Promise<FromTrial> {
  const child = fork(fileURLToPath(new URL('./process.js', import.meta.url)));
  const tell = (message: ToTrial): void => {
    if (child.connected) child.send(message, () => {});
  };
  let grace: NodeJS.Timeout | undefined;
  const stop = (): void => {
    tell({ type: 'stop' });
    grace = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  };
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop);
  killSignal?.addEventListener('abort', kill);
  return new Promise<FromTrial>((resolve) => {
    let last: FromTrial | undefined;
    child.on('message', (message: FromTrial) => {
      if (message.type === 'progress') return onMessage(message);
      last = message;
      // It has said its last word; hanging up lets it go.
      if (child.connected) child.disconnect();
    });
    // Both: a last message may still be on its way when the process has gone. ('close' does not come when this side
    // hangs up.)
    let ended: FromTrial | undefined;
    const settle = (): void => {
      if (ended !== undefined && !child.connected) resolve(last ?? ended);
    };
    child.on('disconnect', settle);
    child.on('exit', (code, name) => {
      ended = { type: 'failed', reason: death(child, code, name) };
      settle();
    });
    child.on('error', (error) => resolve({ type: 'failed', reason: error.message }));
    tell(first);
    if (signal?.aborted === true) stop();
  }).finally(() => {
    clearTimeout(grace);
    signal?.removeEventListener('abort', stop);
    killSignal?.removeEventListener('abort', kill);
  });
}

function death({ pid }: ChildProcess, code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `Its process left with code ${code}.`;
  return `Its process ${pid} was ended by ${signal}${signal === 'SIGKILL' ? ' (out of memory? fewer --workers, or a smaller batch or size)' : ''}. Its last checkpoint is kept.`;
}
