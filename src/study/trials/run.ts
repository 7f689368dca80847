import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { deathText } from '../../child/death.js';
import { reasonOf } from '../../child/messages.js';
import { runChild } from '../../child/run.js';
import { RescaledError } from '../../errors.js';
import { isLocked } from '../../lock.js';
import { lastCheckpoint } from '../../run/config.js';
import type { Trial } from '../plan/trial.js';
import type { Speed, TrialJob, TrialTask } from './process.js';
import { lockFile, readResult, type TrialResult, trialRun, writeResult } from './result.js';

/** What trials tell while they run. */
export type TrialEvent =
  | { type: 'start'; trial: Trial }
  | { type: 'progress'; trial: Trial; step: number; steps: number }
  /** What a trial says of its pictures; every trial may say the same. */
  | { type: 'note'; trial: Trial; text: string }
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
        : await inProcess({ type: 'run', task: taskOf(trial, options) }, options, (message) =>
            onEvent(
              message.type === 'note'
                ? { ...message, trial }
                : { type: 'progress', step: message.step, steps: message.steps, trial },
            ),
          );
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

/**
 * Measures a few steps of a trial, in the share of the machine that it would have.
 * @throws RescaledError when it fails or is stopped
 */
export async function measureTrial(trial: Trial, options: RunTrialsOptions): Promise<Speed> {
  const last = await inProcess({ type: 'measure', task: taskOf(trial, options) }, options);
  if (last.type === 'measured') return last.speed;
  throw new RescaledError(last.type === 'failed' ? last.reason : 'The measurement was stopped.');
}

/** Threads of the engine and of the loaders, shared by the trials that run at once. */
function taskOf(trial: Trial, { study, workers, threads, checkpointSeconds }: RunTrialsOptions): TrialTask {
  const own = Math.max(1, Math.floor(threads / workers));
  return { study, trial, threads: own, workers: Math.min(8, own), checkpointSeconds };
}

/** Runs a task in a child. @returns its answer; an error of its or its death is a failure */
async function inProcess(
  job: TrialJob['task'],
  { signal, killSignal }: Pick<RunTrialsOptions, 'signal' | 'killSignal'>,
  onMessage?: (message: TrialJob['message']) => void,
): Promise<TrialJob['answer'] | { type: 'failed'; reason: string }> {
  const module = new URL('./process.js', import.meta.url);
  const end = await runChild<TrialJob>({ module, task: job, signal, killSignal, onMessage });
  if (end.type === 'answer') return end.answer;
  if (end.type === 'failed') return { type: 'failed', reason: reasonOf(end.error) };
  const { study, trial } = job.task;
  const kept = existsSync(lastCheckpoint(trialRun(study, trial.id)))
    ? 'Its last checkpoint is kept.'
    : 'It had no checkpoint yet.';
  return {
    type: 'failed',
    reason: deathText(end.death, {
      who: `Its process ${end.death.pid}`,
      memory: 'fewer --workers, or a smaller batch or size',
      ...(job.type === 'run' ? { kept } : {}),
    }),
  };
}
