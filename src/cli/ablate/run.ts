import { trialsOfRows } from '../../studied/ablation-plan.js';
import { learnFinished } from '../../studied/speed.js';
import type { StudyPlan } from '../../study/plan/ablation.js';
import { longEpochsOf } from '../../study/plan/ladder.js';
import type { Trial } from '../../study/plan/trial.js';
import type { RunTrialsOptions } from '../../study/trials/run.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { duration } from '../progress.js';
import { shrinkHint, type Way } from '../shrink.js';
import { learnUnknown, MEASURING_STOPPED, runNamed } from '../trials.js';
import { tellNext } from '../words.js';

export const runAndTell = (
  plan: StudyPlan,
  options: RunTrialsOptions,
  afterEach: () => void,
  json: boolean,
): Promise<{ stopped: boolean; failed: number }> => runNamed(trialsOfRows(plan), options, afterEach, json);

/** What the plan's options are, for the words on how to shrink it. */
export interface Shrinkable {
  /** Absent where no option sets them. */
  epochs?: number;
  longEpochs?: number;
  seeds: number;
  size: number;
  trainPictures: number;
  classes: number;
  /** A model of the rows at another size, over the one at this size, in FLOPs; undefined where it cannot be built. */
  flopsAt: (size: number) => number | undefined;
}

/**
 * Prints the rows at once, and then how long they would take: from trials that are done, else from a few steps of each
 * kind of model.
 */
export async function tellPlan(
  plan: StudyPlan,
  options: RunTrialsOptions,
  json: boolean,
  shrinkable: Shrinkable,
): Promise<void> {
  const unique = trialsOfRows(plan);
  const time = new TimeLeft();
  const done = new Set<string>();
  learnFinished(unique, options.study, time, (id) => done.add(id));
  const remaining = [...unique.values()].filter(({ trial }) => !done.has(trial.id));
  const rows = plan.variants.map(({ name, changed, trials }) => ({
    name,
    changed,
    steps: trials[0]!.work.steps,
    seeds: trials.map(({ seed }) => seed),
    done: trials.filter(({ id }) => done.has(id)).length,
  }));
  const width = Math.max(...rows.map(({ name }) => name.length));
  if (!json) {
    for (const row of rows)
      console.log(
        `${row.name.padEnd(width)}  ${String(row.steps).padStart(7)} steps  x ${row.seeds.length} ` +
          `seed${row.seeds.length === 1 ? '' : 's'}${row.done > 0 ? ` (${row.done} done)` : ''}  ${row.changed}`,
      );
    console.log(`\n${unique.size} trials, ${remaining.length} to do`);
  }
  const { stopped } = await learnUnknown(remaining, options, time, json);
  const trials = remaining.map(({ trial }) => trial);
  const each = plan.variants.map(({ trials: [first] }) => (stopped ? undefined : time.of(first!)));
  const seconds = stopped ? undefined : time.total(trials, options.workers);
  if (json)
    return console.log(
      JSON.stringify(
        {
          trials: unique.size,
          remaining: remaining.length,
          seconds,
          rows: rows.map((row, i) => ({ ...row, secondsEach: each[i] })),
        },
        null,
        2,
      ),
    );
  if (seconds === undefined) {
    console.error(MEASURING_STOPPED);
    process.exitCode = 1;
    return;
  }
  console.log('');
  for (const [i, { name }] of rows.entries())
    console.log(`${name.padEnd(width)}  about ${duration(each[i]!).padStart(12)} each`);
  console.log(
    `\n${remaining.length} to do: about ${duration(seconds)} with ${options.workers} at a time ` +
      `on ${options.threads} threads of this machine as busy as it is now`,
  );
  for (const line of shrinkHint(seconds, shorterWays(trials, time, options.workers, shrinkable))) console.log(line);
  tellNext('rescaled', ...process.argv.slice(2).filter((word) => word !== '--plan'));
}

/** What would shorten the study: options, and the time that it would then take. All of them together come last. */
function shorterWays(
  trials: readonly Trial[],
  time: TimeLeft,
  workers: number,
  { epochs, longEpochs, seeds, size, trainPictures, classes, flopsAt }: Shrinkable,
): Way[] {
  const ways: { options: string; factor: number }[] = [];
  // Three are what a judgement takes; below that no row would be told from another.
  if (seeds > 3) ways.push({ options: '--seeds 3', factor: 3 / seeds });
  const shorter = Math.max(5, Math.round((epochs ?? 0) / 4));
  if (epochs !== undefined && shorter < epochs)
    ways.push({
      options: `--epochs ${shorter}${longEpochs === longEpochsOf(epochs) ? '' : ` --long-epochs ${longEpochsOf(shorter)}`}`,
      factor: shorter / epochs,
    });
  const fewer = Math.max(20 * classes, roundTo(trainPictures / 4));
  if (fewer < trainPictures && fewer >= 200)
    ways.push({ options: `--limit-train ${fewer}`, factor: fewer / trainPictures });
  const smaller = Math.max(32, 8 * Math.round(size / 16));
  const flops = smaller < size ? flopsAt(smaller) : undefined;
  if (flops !== undefined && flops < 0.9) ways.push({ options: `--size ${smaller}`, factor: flops });
  // A trial starts and is scored however short it is: the steps alone shrink.
  const takes = (factor: number): number =>
    time.total(
      trials.map(({ work }) => ({ work: { ...work, steps: work.steps * factor } })),
      workers,
    )!;
  const all = {
    options: ways.map(({ options }) => options).join(' '),
    factor: ways.reduce((f, way) => f * way.factor, 1),
  };
  return [...ways, ...(ways.length > 1 ? [all] : [])].map(({ options, factor }) => ({
    what: options,
    seconds: takes(factor),
  }));
}

/** To two digits: 1492 -> 1500. */
const roundTo = (value: number): number => Number(value.toPrecision(2));
