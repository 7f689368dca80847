import { untilInterrupted } from '../../child/interrupt.js';
import { plannedOf, secondsOf } from '../../transfer/forecast.js';
import type { TransferPlan } from '../../transfer/plan.js';
import { leftOf, measureStart, type RunTransferOptions } from '../../transfer/run.js';
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
    for (const start of starts)
      found.push(
        await measureStart(plan, start, targets[0]!.path, { ...options, workers: options.workers, signal, killSignal }),
      );
    return found;
  });
  const planned = plannedOf(plan, left);
  const rows = starts.map((start, i) => ({
    start: start.name,
    trainings: planned.filter(({ start: own, trained }) => own === start.name && trained > 0).length,
    seconds: secondsOf(
      planned.filter(({ start: own }) => own === start.name),
      speeds[i]!,
    ),
    ...speeds[i]!,
  }));
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
        ['start', 'trainings', 'pictures/s trained', 'time'],
        ...rows.map(({ start, trainings, msPerTrained, seconds }) => [
          start,
          String(trainings),
          (1000 / Math.max(1e-6, msPerTrained)).toFixed(0),
          duration(seconds),
        ]),
      ],
      1,
    ),
  );
  console.log(`\nAbout ${duration(total)} with ${options.workers} at a time, without waiting for pictures.`);
}
