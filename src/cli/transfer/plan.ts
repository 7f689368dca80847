import { untilInterrupted } from '../../child/interrupt.js';
import { plannedOf, secondsOf } from '../../transfer/forecast.js';
import type { TransferPlan } from '../../transfer/plan.js';
import { leftOf, measureStart, type RunTransferOptions } from '../../transfer/run.js';
import type { TargetFacts } from '../../transfer/targets.js';
import type { Speeds } from '../../transfer/tune.js';
import { duration } from '../progress.js';
import { table } from '../table.js';
import { targetText } from './text.js';

/** Says what would be done, and after a measurement of each start how long it takes. */
export async function showPlan(plan: TransferPlan, options: RunTransferOptions, json: boolean): Promise<void> {
  const left = leftOf(plan, options.out);
  const { starts, targets, cells } = plan;
  if (!json) {
    for (const target of targets) console.log(targetText(target));
    console.log(
      `\n${cells.length} results, ${left.cells.length} of them to be had; ${left.points.length} trainings to choose rates and decays by\n`,
    );
    if (left.cells.length > 0)
      console.error(
        'Measuring a few steps of each start to tell how long it takes. Ctrl-C ends it; nothing is lost by that.',
      );
  }
  const speeds = await untilInterrupted(async (signal, killSignal) => {
    const found = [];
    // Of classes a picture of one target costs as much as one of another.
    const kind = ({ task, name }: TargetFacts): string => (task === 'classify' ? task : name);
    for (const start of starts) {
      const known = new Map<string, Speeds>();
      for (const target of targets)
        if (!known.has(kind(target)))
          known.set(
            kind(target),
            await measureStart(plan, start, target, { ...options, workers: options.workers, signal, killSignal }),
          );
      found.push(new Map(targets.map((target) => [target.name, known.get(kind(target))!])));
    }
    return found;
  });
  const planned = plannedOf(plan, left);
  const rows = starts.flatMap((start, i) =>
    targets.map(({ name: target }) => {
      const own = planned.filter((one) => one.start === start.name && one.target === target);
      const known = speeds[i]!.get(target)!;
      const trainings = own.filter(({ trained }) => trained > 0).length;
      return { start: start.name, target, trainings, seconds: secondsOf(own, known), ...known };
    }),
  );
  const total = rows.reduce((sum, { seconds }) => sum + seconds, 0) / options.workers;
  if (json) {
    console.log(
      JSON.stringify({
        type: 'plan',
        results: cells.length,
        left: left.cells.length,
        trials: left.points.length,
        starts: rows,
        seconds: total,
      }),
    );
    return;
  }
  console.log(
    table(
      [
        ['start', 'target', 'trainings', 'pictures/s trained', 'time'],
        ...rows.map(({ start, target, trainings, msPerTrained, seconds }) => [
          ...[start, target],
          String(trainings),
          (1000 / Math.max(1e-6, msPerTrained)).toFixed(0),
          duration(seconds),
        ]),
      ],
      2,
    ),
  );
  console.log(`\nAbout ${duration(total)} with ${options.workers} at a time, without waiting for pictures.`);
}
