import type { Metric } from '../../metric.js';
import { type Line, lineChart, type NiceRange, niceRange } from '../draw/charts.js';
import { compact, count, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { measureOf } from '../draw/measure.js';
import { type Point, quantile, smooth } from '../draw/series.js';
import type { EpochRow, RunReport, RunSummary } from './data.js';

/** The four curves of a run: loss, the primary metric, learning rate, speed. */
export function curves({ epochs, steps, summary, metrics: [metric, ...others] }: RunReport): Html {
  return html`<div class="charts">
${lossChart(steps, epochs, summary)}
${scoreChart(epochs, metric, summary)}
${others.filter(({ charted }) => charted === true).map((other) => scoreChart(epochs, other, summary))}
${lineChart({
  id: 'rate',
  title: 'Learning rate',
  height: 190,
  lines: [
    {
      name: 'highest',
      tone: 'three',
      points: steps.map((row): Point => [row.step, row.learningRate]),
      value: significant(
        quantile(
          steps.map((row) => row.learningRate),
          1,
        ),
        3,
      ),
    },
  ],
  x: stepAxis(steps),
  y: {
    ...range(
      steps.map((row) => row.learningRate),
      true,
    ),
    format: (value) =>
      significant(value, 3)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, ''),
  },
})}
${speedChart(steps, summary)}
${partLossChart(epochs, steps)}
${unlabelledChart(epochs, steps)}
</div>`;
}

/** The loss of both kinds of pictures apart: that of a step is their sum, each with its weight. */
function partLossChart(epochs: readonly EpochRow[], steps: RunReport['steps']): Html | undefined {
  const points = (name: string): Point[] =>
    epochs.flatMap(({ step, train }): Point[] => (train[name] === undefined ? [] : [[step, train[name]]]));
  const [labelled, unlabelled] = [points('labelledLoss'), points('unlabelledLoss')];
  if (unlabelled.length === 0) return undefined;
  return lineChart({
    id: 'loss-of-parts',
    title: 'Loss of both kinds of pictures',
    height: 190,
    lines: [
      { name: 'with labels', tone: 'one', points: labelled, value: last(labelled, 3) },
      { name: 'without', tone: 'two', points: unlabelled, value: last(unlabelled, 3) },
    ],
    x: stepAxis(steps),
    y: {
      ...range(
        [...labelled, ...unlabelled].map(([, y]) => y),
        true,
      ),
      format: (value) => significant(value, 3),
    },
    note: 'Means of each epoch, before their weights. The loss of a step is their sum, each with its weight.',
  });
}

/** Of pictures without labels: how many the network calls as it is told to, and how many of its own views it was sure enough of. */
function unlabelledChart(epochs: readonly EpochRow[], steps: RunReport['steps']): Html | undefined {
  if (!epochs.some(({ train }) => train['agreement'] !== undefined)) return undefined;
  const points = (name: string): Point[] =>
    epochs.flatMap(({ step, train }): Point[] => (train[name] === undefined ? [] : [[step, 100 * train[name]]]));
  const line = (name: string, tone: Line['tone'], of: readonly Point[]): Line[] =>
    of.length === 0 ? [] : [{ name, tone, points: of, value: `${(of.at(-1)![1] ?? 0).toFixed(1)} %` }];
  return lineChart({
    id: 'unlabelled',
    title: 'Pictures without labels, %',
    height: 190,
    lines: [
      ...line('called as they are learned', 'one', points('agreement')),
      ...line('believed', 'two', points('confident')),
    ],
    x: stepAxis(steps),
    y: { min: 0, max: 100, interval: 25, format: String },
  });
}

/** From the lowest to the highest finite value, rounded outwards; from 0 where `zero` and all are positive. */
function range(values: readonly (number | undefined)[], zero: boolean): NiceRange {
  const low = quantile(values, 0);
  return niceRange(zero && low !== undefined ? Math.min(0, low) : low, quantile(values, 1));
}

function stepAxis(steps: RunReport['steps']): {
  name: string;
  min: number;
  max: number;
  whole: true;
  format: (value: number) => string;
} {
  const last = steps.at(-1)?.step ?? 1;
  return {
    name: 'step',
    min: 0,
    max: Math.max(1, last),
    whole: true,
    format: (value) => (last >= 10000 ? compact(value).replace(/\.0+(?=\D)/, '') : count(value)),
  };
}

function lossChart(steps: RunReport['steps'], epochs: readonly EpochRow[], summary: RunSummary): Html {
  const { chosen } = summary;
  const on = measuredOn(summary);
  const raw = steps.map((row): Point => [row.step, row.loss]);
  const window = smoothing(steps);
  // Rows may be every tenth step or so: the key speaks of steps.
  const span = steps.length > 1 ? (window * (steps.at(-1)!.step - steps[0]!.step)) / (steps.length - 1) : 1;
  const even = smooth(raw, window);
  // Epochs that were not measured are no gap in the line.
  const test = epochs.flatMap((row): Point[] => {
    const scores = chosen === 'ema' ? row.ema : row.raw;
    return scores === undefined ? [] : [[row.step, scores['loss']]];
  });
  const lines: Line[] = [
    { name: 'each step', tone: 'one', points: raw, faint: true },
    {
      name: `training, ${span < 1.5 ? 'every step' : `mean of about ${count(Math.round(span))} steps`}`,
      tone: 'one',
      points: even,
      value: last(even, 3),
    },
  ];
  const tested = test.some(([, y]) => y !== undefined && Number.isFinite(y));
  if (tested)
    lines.push({ name: `${on}, ${chosen === 'ema' ? 'EMA' : 'raw'}`, tone: 'two', points: test, value: last(test, 3) });
  // A few wild steps at the start would press everything after them flat.
  const usual = Math.max(
    quantile(
      raw.map(([, y]) => y),
      0.995,
    ) ?? 0,
    quantile(
      test.map(([, y]) => y),
      0.9,
    ) ?? 0,
  );
  const highest =
    quantile(
      [...raw, ...test].map(([, y]) => y),
      1,
    ) ?? usual;
  const high = highest <= 1.25 * usual ? highest : usual;
  const low = quantile(
    [...raw, ...test].map(([, y]) => y),
    0,
  );
  const axis = niceRange(
    low === undefined ? undefined : low < 0 || low > high / 2 ? low : 0,
    low === undefined ? undefined : high,
  );
  const above = steps.filter((row) => row.loss > axis.max).length;
  const broken = steps.filter((row) => !Number.isFinite(row.loss)).length;
  const notes = [
    tested &&
      `Training loss is taken on augmented pictures, with what label smoothing and dropout the recipe has, so it may lie above ${on} loss.`,
    above > 0 &&
      `${count(above)} ${above === 1 ? 'step lies' : 'steps lie'} above the chart, the highest at ${significant(
        quantile(
          steps.map((row) => row.loss),
          1,
        ),
        3,
      )}.`,
    broken > 0 && `${count(broken)} ${broken === 1 ? 'step has' : 'steps have'} no finite loss.`,
  ].filter((note) => note !== false);
  return lineChart({
    id: 'loss',
    title: 'Loss',
    lines,
    x: stepAxis(steps),
    y: { ...axis, format: short },
    ...(notes.length > 0 && { note: notes.join(' ') }),
  });
}

/** What each epoch was measured on. */
const measuredOn = ({ validated = 'test' }: RunSummary): string => (validated === 'val' ? 'validation' : 'test');

/** The primary metric over the epochs. */
function scoreChart(epochs: readonly EpochRow[], metric: Metric, summary: RunSummary): Html {
  const {
    testImages,
    validationImages = testImages,
    trainImages,
    minivalImages,
    crop,
    chosen,
    noun = 'picture',
  } = summary;
  const on = measuredOn(summary);
  const measure = measureOf(metric);
  const pick = (of: 'train' | 'raw' | 'ema' | 'minival'): Point[] =>
    epochs.flatMap((row): Point[] => (row[of] === undefined ? [] : [[row.epoch, row[of][metric.name]]]));
  const candidates: Line[] = [
    { name: 'training', tone: 'three', points: pick('train'), dashed: true },
    { name: 'minival', tone: chosen === 'ema' ? 'one' : 'two', points: pick('minival'), dashed: true },
    { name: `${on}, raw`, tone: 'two', points: pick('raw') },
    { name: `${on}, EMA`, tone: 'one', points: pick('ema') },
  ];
  const lines = candidates
    .filter((line) => line.points.some(([, y]) => y !== undefined && Number.isFinite(y)))
    .map((line) => ({
      ...line,
      value: measure.value(line.points.findLast(([, y]) => y !== undefined && Number.isFinite(y))?.[1]),
    }));
  const values = lines.flatMap((line) => line.points.map(([, y]) => y));
  const { axis, outside } = metric.unit === 'share' ? shareAxis(values) : plainAxis(values, metric);
  const some = epochs.some(({ raw }) => raw === undefined) ? ' Not every epoch was measured.' : '';
  const aside = minivalImages === undefined ? '' : `, and a minival of ${count(minivalImages)} set aside from them`;
  return lineChart({
    id: metric.name,
    title: metric.heading ?? measure.head,
    lines,
    x: { name: 'epoch', min: 0, max: Math.max(1, ...epochs.map((row) => row.epoch)), whole: true, format: count },
    y: axis,
    note:
      `${count(validationImages)} ${on} ${noun}s, ${crop}; ` +
      `${count(trainImages)} training ${noun}s${aside}.${some}${outside}`,
  });
}

interface ScoreAxis {
  axis: { min: number; max: number; interval: number; format: (value: number) => string };
  /** What the axis leaves out, as a sentence. */
  outside: string;
}

/** Within 0 and 1. The first epochs lie far below; half of all points get at least half of the height. */
function shareAxis(values: readonly (number | undefined)[]): ScoreAxis {
  const top = quantile(values, 1);
  const lowest = quantile(values, 0);
  const focus =
    top === undefined || lowest === undefined
      ? undefined
      : Math.max(lowest, top - 3 * (top - quantile(values, 0.5)!), 0);
  const { interval, ...nice } = niceRange(focus, top, 4);
  const [min, max] = [Math.max(0, nice.min), Math.min(1, nice.max)];
  const digits = Math.max(
    0,
    Math.ceil(-Math.log10(interval * 100) - 1e-9),
    Math.abs((interval * 100) % 1) > 1e-6 ? 1 : 0,
  );
  const outside =
    lowest !== undefined && lowest < min - 1e-9
      ? ` The axis starts at ${percent(min, digits)}: some epochs lie below it, the lowest at ${percent(lowest, 1)}.`
      : '';
  return { axis: { min, max, interval, format: (value) => percent(value, digits) }, outside };
}

/** Where lower is better, the first epochs lie far above instead. */
function plainAxis(values: readonly (number | undefined)[], { direction }: Metric): ScoreAxis {
  const top = quantile(values, 1);
  const lowest = quantile(values, 0);
  const middle = quantile(values, 0.5);
  const known = top !== undefined && lowest !== undefined && middle !== undefined;
  const low = known && direction === 'higher' ? Math.max(lowest, top - 3 * (top - middle)) : lowest;
  const high = known && direction === 'lower' ? Math.min(top, lowest + 3 * (middle - lowest)) : top;
  const axis = niceRange(low, high, 4);
  const above = top !== undefined && top > axis.max + 1e-9;
  const below = lowest !== undefined && lowest < axis.min - 1e-9;
  const outside = above
    ? ` The axis ends at ${short(axis.max)}: some epochs lie above it, the highest at ${significant(top, 3)}.`
    : below
      ? ` The axis starts at ${short(axis.min)}: some epochs lie below it, the lowest at ${significant(lowest, 3)}.`
      : '';
  return { axis: { ...axis, format: short }, outside };
}

/** What each step tells of the last seconds, beside the figure that the head of the page has. */
function speedChart(steps: RunReport['steps'], { imagesPerSecond: mean, noun = 'picture' }: RunSummary): Html {
  const points = steps.map((row): Point => [row.step, row.imagesPerSecond]);
  const ends = [steps[0], steps.at(-1)].flatMap((row): Point[] => (row === undefined ? [] : [[row.step, mean]]));
  const high = quantile([...points.map(([, y]) => y), ...ends.map(([, y]) => y)], 0.995);
  const known = Number.isFinite(mean) && mean > 0;
  return lineChart({
    id: 'speed',
    title: `Training speed, ${noun}s a second`,
    height: 190,
    lines: [
      { name: 'over the last seconds', tone: 'three', points },
      ...(known
        ? [{ name: 'mean of the run', tone: 'two', points: ends, dashed: true, value: significant(mean, 3) } as const]
        : []),
    ],
    x: stepAxis(steps),
    y: { ...niceRange(high === undefined ? undefined : 0, high), format: short },
  });
}

/** Rows that the smoothed line looks back on: a fiftieth of the run. */
const smoothing = (steps: RunReport['steps']): number => Math.max(1, Math.round(steps.length / 50));
const short = (value: number): string =>
  Math.abs(value) >= 10000 ? compact(value) : String(Number(value.toPrecision(3)));
const last = (points: readonly Point[], digits: number): string =>
  significant(points.findLast(([, y]) => y !== undefined)?.[1], digits);
