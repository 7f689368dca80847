import { tableLines } from '../../suggest.js';
import type { Evaluation, TaskText } from '../../train/task.js';
import type { DepthDetails } from './evaluator.js';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The interval of d1, what a constant answer is worth, and errors by distance. */
export function depthText({ details: { scorer, constant } }: Evaluation<DepthDetails>): TaskText {
  const { distances, skipped } = scorer.result();
  const { d1 } = scorer.intervals().mean;
  const bins = distances.filter(({ pixels }) => pixels > 0);
  const total = bins.reduce((sum, { pixels }) => sum + pixels, 0);
  const rows = bins.map(({ from, to, pixels, absRel, rmse, bias, d1: near }) => [
    `${from.toFixed(2)} to ${to.toFixed(2)} m`,
    percent(pixels / total),
    absRel!.toFixed(3),
    `${rmse!.toFixed(3)} m`,
    `${bias!.toFixed(3)} m`,
    percent(near!),
  ]);
  const table = [['distance', 'of the pixels', 'AbsRel', 'RMSE', 'mean error', 'd1'], ...rows];
  return {
    ...(d1 && { primary: `95 % interval ${percent(d1.low)} to ${percent(d1.high)}` }),
    lines: [
      '',
      ...tableLines(table),
      ...(constant === undefined
        ? []
        : [`${constant.metres.toFixed(2)} m everywhere would be a d1 of ${percent(constant.d1)}`]),
      ...(skipped === 0 ? [] : [`${skipped} pictures without a reading are not measured`]),
    ],
  };
}
