import { capital, isBetter } from '../../metric.js';
import { percent } from '../draw/format.js';
import { measureOf } from '../draw/measure.js';
import type { RunReport } from './data.js';

/** A waiting share above this is worth a sentence: below it, a faster loader could gain less than a twentieth. */
const waitWorthTelling = 0.05;

/** A swing of the last epochs, in a share, below which a run counts as settled; of other metrics that part of the last value. */
const settled = 0.001;
/** Likewise for what averaging the weights does. */
const noDifference = 0.0005;

/**
 * What the figures say, in sentences that follow from them alone: whether the metric was still improving, what averaging
 * did, what the task found, what limited the speed. Nothing is said where the figures do not carry it.
 */
export function findings(report: RunReport): string[] {
  return [...trend(report), ...averaging(report), ...report.task.findings, ...speed(report)];
}

function trend({ epochs, summary, metrics: [metric] }: RunReport): string[] {
  const curve = epochs.flatMap(({ epoch, raw, ema }) => {
    const value = (summary.chosen === 'ema' ? ema : raw)?.[metric.name];
    return value === undefined || !Number.isFinite(value) ? [] : [{ epoch, value }];
  });
  if (curve.length < 5) return [];
  const last = curve[curve.length - 1]!;
  const best = curve.reduce((a, b) => (isBetter(metric, b.value, a.value) ? b : a));
  const tail = curve[Math.max(0, curve.length - 1 - Math.max(2, Math.round(curve.length / 10)))]!;
  const sign = metric.direction === 'higher' ? 1 : -1;
  const small = settled * (metric.unit === 'share' ? 1 : Math.abs(last.value));
  const measure = measureOf(metric);
  const noun = capital(measure.noun);
  const changed = measure.change(last.value - tail.value);
  if (sign * (last.value - tail.value) > small) {
    const moving = sign > 0 ? 'rising' : 'falling';
    const more = sign > 0 ? 'reach more' : 'go lower';
    return [`${noun} was still ${moving} at the end: ${changed} since epoch ${tail.epoch}. A longer run may ${more}.`];
  }
  if (sign * (best.value - last.value) > small) {
    const ahead = measure.distance(Math.abs(best.value - last.value));
    return [
      `The best epoch was ${best.epoch}, ${ahead} ${sign > 0 ? 'above' : 'below'} the last. ` +
        'The best of many epochs is partly luck.',
    ];
  }
  return [`${noun} had settled: it changed by ${changed} since epoch ${tail.epoch}.`];
}

function averaging({ epochs, summary, metrics: [metric] }: RunReport): string[] {
  // Both of them on the same pictures.
  const same = summary.rawScore !== undefined;
  const raw = summary.rawScore ?? epochs.at(-1)?.raw?.[metric.name];
  const ema = summary.chosen === 'ema' && same ? summary.scores[metric.name] : epochs.at(-1)?.ema?.[metric.name];
  if (ema === undefined || raw === undefined || !Number.isFinite(ema) || !Number.isFinite(raw)) return [];
  const gain = ema - raw;
  const small = noDifference * (metric.unit === 'share' ? 1 : Math.abs(raw));
  if (Math.abs(gain) < small) return [`Averaging the weights (EMA) made no difference to ${metric.title}.`];
  const size = measureOf(metric).distance(Math.abs(gain));
  const verb = isBetter(metric, ema, raw) ? 'gained' : 'lost';
  return [`Averaging the weights (EMA) ${verb} ${size} of ${metric.title} against the raw weights.`];
}

function speed({ summary: { loaderWaitShare } }: RunReport): string[] {
  if (!(loaderWaitShare >= waitWorthTelling)) return [];
  return [
    `Training waited for pictures ${percent(loaderWaitShare, 1)} of the time. ` +
      'More loader workers, or pictures stored nearer to the training size, would shorten it.',
  ];
}
