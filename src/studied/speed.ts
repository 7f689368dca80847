import type { Trial } from '../study/plan/trial.js';
import { readResult } from '../study/trials/result.js';
import { measureTrial, type RunTrialsOptions } from '../study/trials/run.js';
import type { TimeLeft } from '../study/trials/time-left.js';

/** A trial and what a person knows it by. */
export interface NamedTrial {
  trial: Trial;
  name: string;
}
/** By the trials' ids. */
export type NamedTrials = ReadonlyMap<string, NamedTrial>;

/** What the trials that are done tell of the speed. */
export function learnFinished(unique: NamedTrials, study: string, time: TimeLeft, onDone: (id: string) => void): void {
  for (const [id, { trial }] of unique) {
    const result = readResult(study, id);
    if (result?.status !== 'done') continue;
    time.learn(trial.work, result.msPerStep, result.scoredPerSecond);
    onDone(id);
  }
}

/** One trial of each kind of model whose speed is not known yet. */
export function unknownSpeeds(trials: Iterable<NamedTrial>, time: TimeLeft): NamedTrial[] {
  const seen = new Set<string>();
  return [...trials].filter(({ trial: { work } }) => {
    const first = !time.knows(work.cost) && !seen.has(work.cost);
    seen.add(work.cost);
    return first;
  });
}

/**
 * A few steps of each trial, as many at a time as there will be, since they share the machine. Nothing is kept of it.
 * @returns whether it was stopped
 */
export async function measureSpeeds(
  trials: readonly NamedTrial[],
  options: RunTrialsOptions,
  time: TimeLeft,
  onTrial: (name: string, index: number) => void = () => {},
): Promise<{ stopped: boolean }> {
  const { signal } = options;
  const stopped = (): boolean => signal?.aborted === true;
  for (const [i, { trial, name }] of trials.entries()) {
    if (stopped()) return { stopped: true };
    onTrial(name, i);
    try {
      const all = Array.from({ length: options.workers }, () =>
        measureTrial(trial, { ...options, killSignal: signal }),
      );
      for (const { msPerStep, scoredPerSecond } of await Promise.all(all))
        time.learn(trial.work, msPerStep, scoredPerSecond);
    } catch (error) {
      if (stopped()) return { stopped: true };
      throw error;
    }
  }
  return { stopped: false };
}
