import { errorOf, type Metric } from '../../metric.js';
import { decimals, missing } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { DENSE, type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { logScale } from '../draw/scale.js';
import { type Column, download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import { below, td, tdNamed, tdNum, tdWords, th, thNum, tr, wideTable } from '../draw/table.js';
import type { PowerLaw } from './analysis.js';
import type { StudyConfiguration, StudyReport } from './data.js';
import { COST_WORDS, epochWords, estimateCell, regimes, resolutions, shapeOf, tick, toneOf, trained } from './words.js';

const flops = COST_WORDS.flops.text;

/** Error of the law of the small models at these FLOPs. */
export const lawAt = ({ scale, exponent }: PowerLaw, at: number): number =>
  scale === undefined || exponent === undefined ? Number.NaN : scale * at ** -exponent.mean;

/** What a configuration with a score errs by, with the interval; turned over where the error is what a share lacks. */
function errorEstimate(metric: Metric, { score }: StudyConfiguration): { mean: number; low?: number; high?: number } {
  const { mean, low, high } = score!;
  const [least, most] = metric.direction === 'lower' ? [low, high] : [high, low];
  return {
    mean: errorOf(metric, mean)!,
    ...(least !== undefined && { low: errorOf(metric, least)! }),
    ...(most !== undefined && { high: errorOf(metric, most)! }),
  };
}

function errorMark(metric: Metric, one: StudyConfiguration, sizes: readonly number[]): Mark {
  const { mean, low, high } = errorEstimate(metric, one);
  return {
    x: one.flops,
    y: mean,
    shape: shapeOf(sizes.indexOf(one.size)),
    ...(low !== undefined && high !== undefined && { low, high }),
  };
}

/** The law of the small models up to the break; beyond it that law dashed, and the second piece. */
function lawSeries(law: PowerLaw, tone: MarkSeries['tone']): MarkSeries[] {
  const [first, last] = [law.residuals[0]?.flops, law.residuals.at(-1)?.flops];
  if (law.outcome !== 'fitted' || first === undefined || last === undefined) return [];
  const line = (from: number, to: number): Mark[] => [from, to].map((x) => ({ x, y: lawAt(law, x) }));
  if (law.break === undefined) return [{ name: 'law', tone, bare: true, unnamed: true, marks: line(first, last) }];
  const beyond = law.residuals.filter(({ flops: x }) => x >= law.break!.flops);
  return [
    { name: 'law', tone, bare: true, unnamed: true, marks: line(first, law.break.flops) },
    { name: 'extended', tone, bare: true, unnamed: true, dashed: true, marks: line(law.break.flops, last) },
    {
      name: 'second piece',
      tone,
      bare: true,
      unnamed: true,
      marks: [beyond[0], beyond.at(-1)].flatMap((one) => (one === undefined ? [] : [{ x: one.flops, y: one.fitted }])),
    },
  ];
}

/** How an error is called on an axis, and written; errors of shares are shares. */
const errorTitle = (metric: Metric): string => {
  const { title, inUnit } = measureOf(metric);
  return `${title}${metric.direction === 'lower' ? '' : ' error'}${inUnit}`;
};

/** Error against FLOPs of all configurations, with the power law over the small ones (paper, Figure 2). */
export function errorFigure(report: StudyReport): Html {
  const { metric } = report;
  const { tick: scoreTick, title, aNoun } = measureOf(metric);
  const done = trained(report).filter(({ flops: value }) => value > 0);
  if (done.length === 0) return html`<p>No configuration has ${aNoun} yet, so that there is nothing to draw.</p>`;
  if (errorOf(metric, 0) === undefined)
    return html`<p>No error is drawn and no power law fitted: the best ${title} that there could be is not known, and \
so not how much is left to it.</p>`;
  const [spans, sizes] = [regimes(report), resolutions(report)];
  const toneAt = ({ epochs }: PowerLaw): MarkSeries['tone'] => toneOf(epochs === undefined ? 0 : spans.indexOf(epochs));
  const laws = report.powerLaws.flatMap((law) => lawSeries(law, toneAt(law)));
  const errors = done.map((one) => errorEstimate(metric, one).mean);
  const dense = done.length > DENSE;
  // A perfect score has no place on a logarithmic axis.
  const perfect = errors.filter((error) => !(error > 0)).length;
  const notes = [
    laws.length > 0 &&
      'Lines: power law of the regime of their colour, dashed where it no longer holds, beyond the break.',
    dense
      ? `Dots without shapes and intervals: more than ${DENSE} would cover each other.`
      : 'Whiskers: 95\u00a0% interval over seeds, where there are at least two.',
    'A multiply-add counts as 2 FLOPs.',
    perfect > 0 && `${perfect} without any error lie below the axis.`,
    sizes.length === 1 && `All at ${sizes[0]} pixels.`,
  ].filter((text) => text !== false);
  const chart = markChart({
    id: 'error',
    title: 'A mark for each configuration',
    height: 420,
    width: 680,
    series: [
      ...spans.map(
        (epochs, i): MarkSeries => ({
          name: epochWords(epochs),
          tone: toneOf(i),
          marks: done.filter((one) => one.epochs === epochs).map((one) => errorMark(metric, one, sizes)),
        }),
      ),
      ...laws,
    ],
    shapes: sizes.length > 1 && !dense ? sizes.map((size, i) => ({ shape: shapeOf(i), name: `${size} pixels` })) : [],
    x: logScale(
      done.map(({ flops: value }) => value),
      { name: 'FLOPs of one picture, logarithmic', format: tick },
    ),
    y: logScale(errors, { name: `${errorTitle(metric)}, logarithmic`, format: scoreTick }),
    verticals: report.powerLaws.flatMap((law) =>
      law.break === undefined ? [] : [{ x: law.break.flops, label: `break, ${regimeName(law)}`, tone: toneAt(law) }],
    ),
    note: notes.join(' '),
  });
  return html`<div class="one-chart">${chart}</div>
${lawTable(report)}${spreadTable(report)}
${numbers(errorSheet(report), 'Every mark')}`;
}

const regimeName = ({ epochs }: PowerLaw): string => (epochs === undefined ? 'all regimes' : epochWords(epochs));
const OUTCOMES: Record<PowerLaw['outcome'], string> = {
  fitted: '',
  'too few points': 'Too few trained configurations for a line: train more sizes.',
  'one size only': 'All have the same FLOPs: train other sizes.',
  'no error': 'The best possible score is not known, and so no error.',
};
const NO_BREAK: Record<NonNullable<PowerLaw['noBreak']>, string> = {
  'too few sizes': 'too few sizes to look for one',
  'the line is exact': 'none',
  'no break seen': 'none seen',
};

function lawTable({ powerLaws, metric }: StudyReport): Html {
  if (powerLaws.length === 0) return html`<p class="note">No power law was fitted.</p>`;
  const { value } = measureOf(metric);
  const heads = [th('Regime'), ['a: error at 1 G', 'b', 'Off by a factor of', 'Models', 'Break'].map(thNum)];
  const rows = powerLaws.map((law) =>
    tr([
      td(html`${regimeName(law)}${law.outcome !== 'fitted' && below(OUTCOMES[law.outcome])}`),
      tdNum(value(lawAt(law, 1e9), 1)),
      tdNum(estimateCell(law.exponent, decimals)),
      tdNum(decimals(law.residualFactor)),
      tdNum(html`${law.n}${law.excluded.length > 0 && below(`${law.excluded.length} left out`)}`),
      tdNum(breakCell(law)),
    ]),
  );
  return html`<h3>Power law: error = a · (FLOPs / 10⁹)<sup>−b</sup></h3>${wideTable(heads, rows)}
<p class="note">b with its 95\u00a0% interval, over the models up to the break. Off by: the factor by which the error \
of a configuration typically misses the line. Left out: without a result or without an error. \
Download CSV: ${download(lawSheet({ powerLaws }))}</p>`;
}

function breakCell({ outcome, break: broken, noBreak }: PowerLaw): Html {
  if (broken === undefined) return html`${outcome !== 'fitted' || noBreak === undefined ? missing : NO_BREAK[noBreak]}`;
  const { flops: at, low, high, after, direction } = broken;
  return html`${direction} at ${flops(at)}${below(`${flops(low)} to ${flops(high)}`)}${below(
    `b beyond: ${decimals(after.mean)}`,
  )}`;
}

/** Stretches of a regime that the page shows; the CSV has all. */
const STRETCHES = 3;

function spreadTable(report: StudyReport): Html {
  const rows = report.powerLaws.flatMap((law) => law.spread.slice(0, STRETCHES).map((one) => ({ law, one })));
  if (rows.length === 0)
    return html`<p class="note">Spread at equal FLOPs: no two trained configurations of a regime lie close enough in \
FLOPs to compare.</p>`;
  const { metric } = report;
  const measure = measureOf(metric);
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  // The error of an error is the score again.
  const model = ({ name, error }: { name: string; error: number }): Html =>
    html`${name}${below(`${measure.value(errorOf(metric, error))}${interval(measure, byName.get(name))}`)}`;
  const heads = [
    th('Regime'),
    thNum('FLOPs'),
    thNum('Models'),
    th(`Best, ${measure.title}`),
    th(`Worst, ${measure.title}`),
    thNum(metric.unit === 'share' ? 'Points apart' : `Apart${measure.inChange}`),
    thNum('Error ratio'),
  ];
  const cells = rows.map(({ law, one }) =>
    tr([
      tdWords(regimeName(law)),
      tdNum(`${flops(one.lowFlops)} to ${flops(one.highFlops)}`),
      tdNum(one.n),
      tdNamed(model(one.best)),
      tdNamed(model(one.worst)),
      tdNum(measure.bare(one.worst.error - one.best.error).replace('+', '')),
      tdNum(decimals(one.ratio)),
    ]),
  );
  return html`<h3>Spread at equal FLOPs</h3>${wideTable(heads, cells)}
<p class="note">What the choice of depth, width and resolution is worth where FLOPs are nearly the same; the widest \
stretches of each regime. Best and worst were chosen among several, so that they lie somewhat too far apart. \
Download CSV: ${download(spreadSheet(report))}</p>`;
}

function interval({ value }: Measure, one: StudyConfiguration | undefined): string {
  const { low, high } = one?.score ?? {};
  return low === undefined || high === undefined ? '' : ` (${value(low)} to ${value(high)})`;
}

function columnsOf(metric: Metric): Column<StudyConfiguration>[] {
  const { value } = measureOf(metric);
  const error = (one: StudyConfiguration) => errorEstimate(metric, one);
  return [
    { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
    { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
    { key: 'family', value: ({ family }) => family },
    { key: 'depth', value: ({ depth }) => depth },
    { key: 'width', value: ({ width }) => width },
    { key: 'size', title: 'Pixels', value: ({ size }) => size },
    { key: 'flops', title: 'FLOPs', value: (one) => one.flops, show: (one) => flops(one.flops) },
    { key: 'error', title: 'Error', value: (one) => error(one).mean, show: (one) => value(error(one).mean) },
    { key: 'errorLow', title: 'low', value: (one) => error(one).low, show: (one) => value(error(one).low) },
    { key: 'errorHigh', title: 'high', value: (one) => error(one).high, show: (one) => value(error(one).high) },
    { key: 'seeds', title: 'Seeds', value: ({ score }) => score!.n },
  ];
}

/** The marks of the figure. */
export const errorSheet = (report: StudyReport): Sheet =>
  sheet(
    'error-flops',
    columnsOf(report.metric),
    (errorOf(report.metric, 0) === undefined ? [] : trained(report)).sort(
      (a, b) => a.epochs - b.epochs || a.flops - b.flops,
    ),
  );

/** The fitted lines. */
export const lawSheet = ({ powerLaws }: Pick<StudyReport, 'powerLaws'>): Sheet =>
  sheet<PowerLaw>(
    'power-laws',
    [
      { key: 'epochs', value: ({ epochs }) => epochs },
      { key: 'outcome', value: ({ outcome }) => outcome },
      { key: 'scale', value: ({ scale }) => scale },
      { key: 'exponent', value: (law) => law.exponent?.mean },
      { key: 'exponentLow', value: (law) => law.exponent?.low },
      { key: 'exponentHigh', value: (law) => law.exponent?.high },
      { key: 'r2', value: ({ r2 }) => r2 },
      { key: 'residualFactor', value: ({ residualFactor }) => residualFactor },
      { key: 'models', value: ({ n }) => n },
      { key: 'breakFlops', value: (law) => law.break?.flops },
      { key: 'breakLow', value: (law) => law.break?.low },
      { key: 'breakHigh', value: (law) => law.break?.high },
      { key: 'exponentBeyond', value: (law) => law.break?.after.mean },
    ],
    powerLaws,
  );

/** Configurations of nearly equal FLOPs. */
export const spreadSheet = ({ powerLaws }: Pick<StudyReport, 'powerLaws'>): Sheet =>
  sheet(
    'equal-flops',
    [
      { key: 'epochs', value: ({ law }) => law.epochs },
      { key: 'lowFlops', value: ({ one }) => one.lowFlops },
      { key: 'highFlops', value: ({ one }) => one.highFlops },
      { key: 'models', value: ({ one }) => one.n },
      { key: 'best', value: ({ one }) => one.best.name },
      { key: 'bestError', value: ({ one }) => one.best.error },
      { key: 'worst', value: ({ one }) => one.worst.name },
      { key: 'worstError', value: ({ one }) => one.worst.error },
      { key: 'ratio', value: ({ one }) => one.ratio },
    ],
    powerLaws.flatMap((law) => law.spread.map((one) => ({ law, one }))),
  );
