import { untilInterrupted } from '../../child/interrupt.js';
import type { StudyPlan } from '../../study/plan/ablation.js';
import type { Trial } from '../../study/plan/trial.js';
import type { RunTrialsOptions } from '../../study/trials/run.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { duration } from '../progress.js';
import { learnFinished, learnUnknown, note, runNamed } from '../trials.js';

/** Each trial once, with the names of the rows that it serves. */
function uniqueTrials({ variants }: StudyPlan): Map<string, { trial: Trial; name: string }> {
  const unique = new Map<string, { trial: Trial; name: string }>();
  // Seed by seed, so that a study that is stopped early has every row.
  const seeds = Math.max(0, ...variants.map(({ trials }) => trials.length));
  for (let i = 0; i < seeds; i++)
    for (const { name, trials } of variants) {
      const trial = trials[i]!;
      if (!unique.has(trial.id)) unique.set(trial.id, { trial, name });
    }
  return unique;
}

export const runAndTell = (
  plan: StudyPlan,
  options: RunTrialsOptions,
  afterEach: () => void,
  json: boolean,
): Promise<{ stopped: boolean; failed: number }> => runNamed(uniqueTrials(plan), options, afterEach, json);

/**
 * Prints the trials and how long they would take: from those that are done, else from a few steps of each kind of
 * model.
 */
export async function tellPlan(plan: StudyPlan, options: RunTrialsOptions, json: boolean): Promise<void> {
  const unique = uniqueTrials(plan);
  const time = new TimeLeft();
  const done = new Set<string>();
  learnFinished(unique, options.study, time, (id) => done.add(id));
  await untilInterrupted(
    (signal, killSignal) =>
      learnUnknown(
        [...unique.values()].filter(({ trial }) => !done.has(trial.id)),
        { ...options, signal, killSignal },
        time,
        json,
      ),
    (text) => note(json, text),
  );
  const rows = plan.variants.map(({ name, changed, trials }) => ({
    name,
    changed,
    steps: trials[0]!.work.steps,
    seeds: trials.map(({ seed }) => seed),
    secondsEach: time.of(trials[0]!)!,
    done: trials.filter(({ id }) => done.has(id)).length,
  }));
  const remaining = [...unique.values()].filter(({ trial }) => !done.has(trial.id)).map(({ trial }) => trial);
  const seconds = time.total(remaining, options.workers)!;
  if (json)
    return console.log(JSON.stringify({ trials: unique.size, remaining: remaining.length, seconds, rows }, null, 2));
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const row of rows)
    console.log(
      `${row.name.padEnd(width)}  ${String(row.steps).padStart(7)} steps  x ${row.seeds.length} seeds` +
        `${row.done > 0 ? ` (${row.done} done)` : ''}  about ${duration(row.secondsEach).padStart(12)} each  ` +
        row.changed,
    );
  console.log(
    `\n${unique.size} trials, ${remaining.length} to do: about ${duration(seconds)} with ${options.workers} at a time ` +
      `on ${options.threads} threads of this machine as busy as it is now`,
  );
}
