// The process of one trial: trains, scores, and writes its result. runTrials() starts it.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskHandler, TaskTools } from '../../child/messages.js';
import { takeLock } from '../../lock.js';
import type { Scores } from '../../metric.js';
import { packageVersion } from '../../package-root.js';
import { isRun, lastCheckpoint, loadConfig } from '../../run/config.js';
import type { TrainEvent } from '../../run/events.js';
import { metricsOf } from '../../tasks/index.js';
import { resumeTraining, scoreRun, train } from '../../tasks/runs.js';
import type { RunScores } from '../../train/index.js';
import { median } from '../analysis/statistics.js';
import { TRAIN_PICTURES, type Trial, WATCHED } from '../plan/trial.js';
import { lockFile, readResult, type TrialResult, trialRun, trialsFolder, writeResult } from './result.js';

export interface TrialTask {
  study: string;
  trial: Trial;
  threads: number;
  workers: number;
  checkpointSeconds?: number;
}
/** What a short measurement finds. */
export interface Speed {
  msPerStep: number;
  scoredPerSecond: number;
}
export interface TrialJob {
  /** To train and score, or to measure a few steps. */
  task: { type: 'run' | 'measure'; task: TrialTask };
  message:
    | { type: 'step'; step: number; steps: number }
    /** Of its pictures, which concerns the whole study. */
    | { type: 'note'; text: string };
  answer:
    | { type: 'done'; result: TrialResult }
    | { type: 'measured'; speed: Speed }
    /** Another process has the trial. */
    | { type: 'busy' }
    | { type: 'stopped' };
}
type Tools = TaskTools<TrialJob['message']>;

/** How often a trial tells of its progress. */
const TELL_MS = 500;
/** Steps of a measurement, the first two of which are not counted, and after how many seconds it has had enough. */
const MEASURED_STEPS = 12;
const MEASURED_MS = 10_000;

/**
 * The loop's advice that the cache of decoded pictures cannot be used. What it says of the recipe is left out: a study
 * sets that on purpose.
 */
const OF_PICTURES = /^(?:pictures|videos) are decoded/;

class Busy extends Error {}

export const handle: TaskHandler<TrialJob> = async ({ type, task }, tools) => {
  try {
    return await (type === 'measure' ? measure(task, tools) : underLock(task, tools));
  } catch (error) {
    if (error instanceof Busy) return { type: 'busy' };
    throw error;
  }
};

async function underLock(task: TrialTask, tools: Tools): Promise<TrialJob['answer']> {
  const { study, trial } = task;
  mkdirSync(trialsFolder(study), { recursive: true });
  // A process that was just killed takes a moment to go.
  const unlock = await takeLock(lockFile(study, trial.id), { timeoutMs: 2000, pollMs: 50, busy: () => new Busy() });
  try {
    const known = readResult(study, trial.id);
    const result = known?.status === 'done' ? known : await perform(task, tools);
    return result === undefined ? { type: 'stopped' } : { type: 'done', result };
  } catch (error) {
    // What failed begins anew the next time: its checkpoint may be what is wrong.
    if (!tools.signal.aborted) rmSync(trialRun(study, trial.id), { recursive: true, force: true });
    throw error;
  } finally {
    unlock();
  }
}

/** @returns undefined when it was stopped; it then goes on from its checkpoint */
async function perform(
  { study, trial, threads, workers, checkpointSeconds }: TrialTask,
  { signal, send, letMessagesIn }: Tools,
): Promise<TrialResult | undefined> {
  const { testPictures, ...options } = trial.options;
  const run = trialRun(study, trial.id);
  const goesOn = isRun(run) && existsSync(lastCheckpoint(run));
  // Killed before its first checkpoint, a run leaves nothing to go on from.
  if (!goesOn) rmSync(run, { recursive: true, force: true });
  const events = goesOn
    ? resumeTraining(run, { signal })
    : train(
        { ...options, seed: trial.seed, limitVal: WATCHED, threads, workers, checkpointSeconds, out: run },
        { signal },
      );
  const clock = new StepClock();
  let end: Extract<TrainEvent, { type: 'end' }> | undefined;
  let steps = 0;
  let told = 0;
  for await (const event of events) {
    clock.see(event);
    if (event.type === 'start') steps = event.steps;
    if (event.type === 'end') end = event;
    if (event.type === 'advice' && OF_PICTURES.test(event.text)) send({ type: 'note', text: event.text });
    if (performance.now() - told > TELL_MS) {
      told = performance.now();
      send({ type: 'step', step: event.step, steps });
    }
    await letMessagesIn();
  }
  if (end === undefined) return undefined;
  const scores = await scoreRun(run, { trainPictures: TRAIN_PICTURES, testPictures, signal });
  if (scores === undefined) return undefined;
  const { recipe, threads: used } = loadConfig(run);
  const result = resultOf(trial, scores, {
    seconds: end.seconds,
    msPerStep: clock.median ?? (1000 * end.seconds) / Math.max(1, steps),
    imagesPerSecond: end.imagesPerSecond,
    epochs: recipe.values.epochs,
    steps,
    threads: used,
  });
  writeResult(study, result);
  // run.json and metrics.csv stay; a study of many trials would fill the disk with weights.
  for (const name of ['checkpoints', 'weights.safetensors', 'events.jsonl'])
    rmSync(join(run, name), { recursive: true, force: true });
  return result;
}

function resultOf(
  trial: Trial,
  scores: RunScores,
  trained: Pick<TrialResult, 'seconds' | 'msPerStep' | 'imagesPerSecond' | 'epochs' | 'steps' | 'threads'>,
): TrialResult {
  const { raw, ema, train: onTraining } = scores;
  const used = ema ?? raw;
  const { task } = trial.options;
  const [{ name }] = metricsOf(task);
  const scoreOf = (found: Scores): number => found[name]!;
  return {
    format: 1,
    status: 'done',
    id: trial.id,
    seed: trial.seed,
    ...(task === undefined ? {} : { task }),
    options: { ...trial.options },
    score: scoreOf({ ...used }),
    weights: ema === undefined ? 'raw' : 'ema',
    scoreRaw: scoreOf({ ...raw }),
    ...(ema === undefined ? {} : { scoreEma: scoreOf({ ...ema }) }),
    ...(Number.isFinite(used.loss) && { loss: used.loss! }),
    testPictures: used.images,
    trainScore: scoreOf({ ...onTraining }),
    ...(Number.isFinite(onTraining.loss) && { trainLoss: onTraining.loss! }),
    trainPictures: onTraining.images,
    ...trained,
    scoredPerSecond: scores.imagesPerSecond,
    parameters: scores.parameters,
    versions: { rescaled: packageVersion, engine: `libtorch ${scores.engine}`, node: process.versions.node },
    finishedAt: new Date().toISOString(),
  };
}

/** A few steps and a little scoring, in a folder of their own that goes afterwards. */
async function measure(
  { trial, threads, workers }: TrialTask,
  { signal, letMessagesIn }: Tools,
): Promise<TrialJob['answer']> {
  const { testPictures: _all, ...options } = trial.options;
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-measure-'));
  try {
    const enough = new AbortController();
    signal.addEventListener('abort', () => enough.abort());
    const out = join(folder, 'run');
    const clock = new StepClock();
    const began = performance.now();
    for await (const event of train(
      { ...options, seed: trial.seed, limitVal: WATCHED, threads, workers, out },
      { signal: enough.signal },
    )) {
      clock.see(event);
      if (clock.steps >= MEASURED_STEPS || performance.now() - began > MEASURED_MS) enough.abort();
      await letMessagesIn();
    }
    if (signal.aborted) return { type: 'stopped' };
    const scores = await scoreRun(out, { trainPictures: 256, testPictures: 256 });
    const msPerStep = clock.median ?? performance.now() - began;
    return { type: 'measured', speed: { msPerStep, scoredPerSecond: scores!.imagesPerSecond } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Times from one step to the next, without what lies between epochs. */
class StepClock {
  #last: number | undefined;
  readonly #times: number[] = [];
  steps = 0;
  see(event: TrainEvent): void {
    const now = performance.now();
    if (event.type !== 'step') {
      this.#last = undefined;
      return;
    }
    this.steps++;
    // The first steps of a process allocate memory and choose kernels.
    if (this.#last !== undefined && this.steps > 2) this.#times.push(now - this.#last);
    this.#last = now;
  }
  /** Milliseconds; undefined when too few steps were seen. */
  get median(): number | undefined {
    return median(this.#times);
  }
}
