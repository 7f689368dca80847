import { percent, points } from '../draw/format.js';
import { wilson } from '../statistics.js';
import type { RunReport } from './data.js';
import { type ClassMetrics, confusedPairs } from './metrics.js';

/** The 95 % interval of the reported top-1 accuracy over the choice of test pictures. */
export function top1Interval({ top1, testImages }: { top1: number; testImages: number }): ReturnType<typeof wilson> {
  return wilson(Math.round(top1 * testImages), testImages);
}

/** A waiting share above this is worth a sentence: below it, a faster loader could gain less than a twentieth. */
const waitWorthTelling = 0.05;

/** A swing of the last epochs, in accuracy, below which a run counts as settled. */
const settled = 0.001;

/**
 * What the figures say, in sentences that follow from them alone: whether accuracy was still rising, where the mistakes
 * are, what limited the speed. Nothing is said where the figures do not carry it.
 */
export function findings(report: RunReport, metrics: readonly ClassMetrics[]): string[] {
  return [...trend(report), ...averaging(report), ...weakest(metrics), ...confused(report), ...speed(report)];
}

function trend({ epochs, summary }: RunReport): string[] {
  const curve = epochs
    .map((row) => ({ epoch: row.epoch, top1: summary.chosen === 'ema' ? row.top1Ema : row.top1Raw }))
    .filter((row): row is { epoch: number; top1: number } => row.top1 !== undefined && Number.isFinite(row.top1));
  if (curve.length < 5) return [];
  const last = curve[curve.length - 1]!;
  const best = curve.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  const tail = curve[Math.max(0, curve.length - 1 - Math.max(2, Math.round(curve.length / 10)))]!;
  if (last.top1 - tail.top1 > settled) {
    return [
      `Accuracy was still rising at the end: ${points(last.top1 - tail.top1)} since epoch ${tail.epoch}. A longer run may reach more.`,
    ];
  }
  if (best.top1 - last.top1 > settled) {
    return [
      `The best epoch was ${best.epoch}, ${points(best.top1 - last.top1).replace('+', '')} above the last. The best of many epochs is partly luck.`,
    ];
  }
  return [`Accuracy had settled: it changed by ${points(last.top1 - tail.top1)} since epoch ${tail.epoch}.`];
}

function averaging({ epochs, summary }: RunReport): string[] {
  const ema = summary.chosen === 'ema' ? summary.top1 : epochs.at(-1)?.top1Ema;
  if (ema === undefined || !Number.isFinite(ema) || !Number.isFinite(summary.top1Raw)) return [];
  const gain = ema - summary.top1Raw;
  if (Math.abs(gain) < 0.0005) return ['Averaging the weights (EMA) made no difference to top-1.'];
  return [
    `Averaging the weights (EMA) ${gain > 0 ? 'gained' : 'lost'} ${points(Math.abs(gain)).replace('+', '')} of top-1 against the raw weights.`,
  ];
}

function weakest(metrics: readonly ClassMetrics[]): string[] {
  const seen = metrics.filter((m) => m.recall !== undefined && m.recall < 1);
  if (seen.length < 2) return [];
  const worst = seen.reduce((a, b) => (b.recall! < a.recall! ? b : a));
  const { low, high } = worst.recallInterval!;
  return [
    `The weakest class is “${worst.name}”: ${percent(worst.recall, 1)} of its ${worst.support} test pictures are right (95\u00a0% interval ${percent(low, 1)} to ${percent(high, 1)}).`,
  ];
}

function confused({ confusion }: RunReport): string[] {
  const [first] = confusedPairs(confusion, 1);
  if (first === undefined || first.count < 2 || confusion.classes.length < 3) return [];
  return [
    `The most frequent mistake is “${first.label}” taken for “${first.predicted}”: ${first.count} times, ${percent(first.shareOfMistakes, 1)} of all mistakes.`,
  ];
}

function speed({ summary: { loaderWaitShare } }: RunReport): string[] {
  if (!(loaderWaitShare >= waitWorthTelling)) return [];
  return [
    `Training waited for pictures ${percent(loaderWaitShare, 1)} of the time. More loader workers, or pictures stored nearer to the training size, would shorten it.`,
  ];
}
