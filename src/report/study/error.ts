import { decimals, missing, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { DENSE, type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { logScale } from '../draw/scale.js';
import { type Column, download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import type { PowerLaw } from './analysis.js';
import type { StudyConfiguration, StudyReport } from './data.js';
import {
  bare,
  COST_WORDS,
  epochWords,
  estimateCell,
  percentTick,
  regimes,
  resolutions,
  shapeOf,
  tick,
  toneOf,
  trained,
} from './words.js';

const flops = COST_WORDS.flops.text;

/** Error of the law of the small models at these FLOPs. */
export const lawAt = ({ scale, exponent }: PowerLaw, at: number): number =>
  scale === undefined || exponent === undefined ? Number.NaN : scale * at ** -exponent.mean;

/** A mark of a configuration that has an accuracy, with its interval turned over. */
function errorMark({ flops: x, top1, size }: StudyConfiguration, sizes: readonly number[]): Mark {
  const { mean, low, high } = top1!;
  return {
    x,
    y: 1 - mean,
    shape: shapeOf(sizes.indexOf(size)),
    ...(low !== undefined && high !== undefined && { low: 1 - high, high: 1 - low }),
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

/** Error against FLOPs of all configurations, with the power law over the small ones (paper, Figure 2). */
export function errorFigure(report: StudyReport): Html {
  const done = trained(report).filter(({ flops: value }) => value > 0);
  if (done.length === 0) return html`<p>No configuration has an accuracy yet, so that there is nothing to draw.</p>`;
  const [spans, sizes] = [regimes(report), resolutions(report)];
  const toneAt = ({ epochs }: PowerLaw): MarkSeries['tone'] => toneOf(epochs === undefined ? 0 : spans.indexOf(epochs));
  const laws = report.powerLaws.flatMap((law) => lawSeries(law, toneAt(law)));
  const errors = done.flatMap(({ top1 }) => [1 - top1!.mean]);
  const dense = done.length > DENSE;
  // A perfect score has no place on a logarithmic axis.
  const perfect = errors.filter((error) => !(error > 0)).length;
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
          marks: done.filter((one) => one.epochs === epochs).map((one) => errorMark(one, sizes)),
        }),
      ),
      ...laws,
    ],
    shapes: sizes.length > 1 && !dense ? sizes.map((size, i) => ({ shape: shapeOf(i), name: `${size} pixels` })) : [],
    x: logScale(
      done.map(({ flops: value }) => value),
      { name: 'FLOPs of one picture, logarithmic', format: tick },
    ),
    y: logScale(errors, { name: 'top-1 error, %, logarithmic', format: percentTick }),
    verticals: report.powerLaws.flatMap((law) =>
      law.break === undefined ? [] : [{ x: law.break.flops, label: `break, ${regimeName(law)}`, tone: toneAt(law) }],
    ),
    note: `${laws.length > 0 ? 'Lines: power law of the regime of their colour, dashed where it no longer holds, beyond the break. ' : ''}${dense ? `Dots without shapes and intervals: more than ${DENSE} would cover each other.` : 'Whiskers: 95\u00a0% interval over seeds, where there are at least two.'} A multiply-add counts as 2 FLOPs.${perfect > 0 ? ` ${perfect} without any error lie below the axis.` : ''}${sizes.length === 1 ? ` All at ${sizes[0]} pixels.` : ''}`,
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
};
const NO_BREAK: Record<NonNullable<PowerLaw['noBreak']>, string> = {
  'too few sizes': 'too few sizes to look for one',
  'the line is exact': 'none',
  'no break seen': 'none seen',
};

function lawTable({ powerLaws }: StudyReport): Html {
  if (powerLaws.length === 0) return html`<p class="note">No power law was fitted.</p>`;
  return html`<h3>Power law: error = a · (FLOPs / 10⁹)<sup>−b</sup></h3><div class="scroll"><table class="full"><thead><tr><th>Regime</th><th class="num">a: error at 1 G</th><th class="num">b</th><th class="num">Off by a factor of</th><th class="num">Models</th><th class="num">Break</th></tr></thead>
<tbody>${powerLaws.map(
    (
      law,
    ) => html`<tr><td>${regimeName(law)}${law.outcome !== 'fitted' && html`<br><small class="note">${OUTCOMES[law.outcome]}</small>`}</td><td class="num">${percent(lawAt(law, 1e9), 1)}</td><td class="num">${estimateCell(law.exponent, decimals)}</td><td class="num">${decimals(law.residualFactor)}</td><td class="num">${law.n}${law.excluded.length > 0 && html`<br><small class="note">${law.excluded.length} left out</small>`}</td><td class="num">${breakCell(law)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">b with its 95${'\u00a0'}% interval, over the models up to the break. Off by: the factor by which the error of a configuration typically misses the line. Left out: without a result or without an error. Download CSV: ${download(lawSheet({ powerLaws }))}</p>`;
}

function breakCell({ outcome, break: broken, noBreak }: PowerLaw): Html {
  if (broken === undefined) return html`${outcome !== 'fitted' || noBreak === undefined ? missing : NO_BREAK[noBreak]}`;
  const { flops: at, low, high, after, direction } = broken;
  return html`${direction} at ${flops(at)}<br><small class="note">${flops(low)} to ${flops(high)}</small><br><small class="note">b beyond: ${decimals(after.mean)}</small>`;
}

/** Stretches of a regime that the page shows; the CSV has all. */
const STRETCHES = 3;

function spreadTable(report: StudyReport): Html {
  const rows = report.powerLaws.flatMap((law) => law.spread.slice(0, STRETCHES).map((one) => ({ law, one })));
  if (rows.length === 0)
    return html`<p class="note">Spread at equal FLOPs: no two trained configurations of a regime lie close enough in FLOPs to compare.</p>`;
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  const model = ({ name, error }: { name: string; error: number }): Html =>
    html`${name}<br><small class="note">${percent(1 - error)}${interval(byName.get(name))}</small>`;
  return html`<h3>Spread at equal FLOPs</h3><div class="scroll"><table class="full"><thead><tr><th>Regime</th><th class="num">FLOPs</th><th class="num">Models</th><th>Best, top-1</th><th>Worst, top-1</th><th class="num">Points apart</th><th class="num">Error ratio</th></tr></thead>
<tbody>${rows.map(
    ({
      law,
      one,
    }) => html`<tr><td class="words">${regimeName(law)}</td><td class="num">${flops(one.lowFlops)} to ${flops(one.highFlops)}</td><td class="num">${one.n}</td><td class="named">${model(one.best)}</td><td class="named">${model(one.worst)}</td><td class="num">${bare(one.worst.error - one.best.error).replace('+', '')}</td><td class="num">${decimals(one.ratio)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">What the choice of depth, width and resolution is worth where FLOPs are nearly the same; the widest stretches of each regime. Best and worst were chosen among several, so that they lie somewhat too far apart. Download CSV: ${download(spreadSheet(report))}</p>`;
}

function interval(one: StudyConfiguration | undefined): string {
  const { low, high } = one?.top1 ?? {};
  return low === undefined || high === undefined ? '' : ` (${percent(low)} to ${percent(high)})`;
}

const columns: Column<StudyConfiguration>[] = [
  { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
  { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
  { key: 'family', value: ({ family }) => family },
  { key: 'depth', value: ({ depth }) => depth },
  { key: 'width', value: ({ width }) => width },
  { key: 'size', title: 'Pixels', value: ({ size }) => size },
  { key: 'flops', title: 'FLOPs', value: (one) => one.flops, show: (one) => flops(one.flops) },
  { key: 'error', title: 'Error', value: ({ top1 }) => 1 - top1!.mean, show: ({ top1 }) => percent(1 - top1!.mean) },
  {
    key: 'errorLow',
    title: 'low',
    value: ({ top1 }) => (top1!.high === undefined ? undefined : 1 - top1!.high),
    show: ({ top1 }) => percent(top1!.high === undefined ? undefined : 1 - top1!.high),
  },
  {
    key: 'errorHigh',
    title: 'high',
    value: ({ top1 }) => (top1!.low === undefined ? undefined : 1 - top1!.low),
    show: ({ top1 }) => percent(top1!.low === undefined ? undefined : 1 - top1!.low),
  },
  { key: 'seeds', title: 'Seeds', value: ({ top1 }) => top1!.n },
];

/** The marks of the figure. */
export const errorSheet = (report: StudyReport): Sheet =>
  sheet(
    'error-flops',
    columns,
    trained(report).sort((a, b) => a.epochs - b.epochs || a.flops - b.flops),
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
