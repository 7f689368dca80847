import { missing, percent, significant } from './format.js';
import { type Html, html } from './html.js';
import { type Mark, markChart, type MarkSeries } from './marks.js';
import { logScale } from './scale.js';
import { type Column, download, numbers, type Sheet, sheet } from './sheet.js';
import type { PowerLaw, Spread, StudyConfiguration, StudyReport } from './study-data.js';
import { bare, COST_WORDS, epochWords, estimateCell, percentTick, regimes, resolutions, shapeOf, tick, toneOf, VERDICTS } from './study-words.js';

const flops = COST_WORDS.flops.text;

/** Error of a power law at these FLOPs. */
export const lawAt = ({ fit }: PowerLaw, at: number): number => (fit === undefined ? Number.NaN : fit.scale * at ** -fit.exponent.mean);

/** A mark of a configuration that has an accuracy, with its interval turned over. */
function errorMark({ flops: x, top1, size }: StudyConfiguration, sizes: readonly number[]): Mark {
  const { mean, low, high } = top1!;
  return { x, y: 1 - mean, shape: shapeOf(sizes.indexOf(size)), ...(low !== undefined && high !== undefined && { low: 1 - high, high: 1 - low }) };
}

/** The line over the models that it is fitted to, and dashed beyond them. */
function lawSeries(law: PowerLaw, tone: MarkSeries['tone'], until: number): MarkSeries[] {
  const { fit } = law;
  if (fit === undefined) return [];
  const marks = (from: number, to: number): Mark[] => [from, to].map((x) => ({ x, y: lawAt(law, x) }));
  return [
    { name: 'power law', tone, bare: true, unnamed: true, marks: marks(fit.from, fit.to) },
    ...(until > fit.to ? [{ name: 'extended', tone, bare: true, unnamed: true, dashed: true, marks: marks(fit.to, until) }] : []),
  ];
}

/** Error against FLOPs of all configurations, with the power law over the small ones (paper, Figure 2). */
export function errorFigure(report: StudyReport): Html {
  const done = report.configurations.filter(({ top1 }) => top1 !== undefined);
  if (done.length === 0) return html`<p>No configuration has an accuracy yet, so that there is nothing to draw.</p>`;
  const [spans, sizes] = [regimes(report), resolutions(report)];
  const largest = done.reduce((most, { flops: value }) => Math.max(most, value), 0);
  const laws = report.powerLaws.flatMap((law) => lawSeries(law, toneOf(spans.indexOf(law.epochs)), largest));
  const errors = done.flatMap(({ top1 }) => [1 - top1!.mean]);
  // A perfect score has no place on a logarithmic axis.
  const perfect = errors.filter((error) => !(error > 0)).length;
  const chart = markChart({
    id: 'error', title: 'A mark for each configuration', height: 420, width: 680,
    series: [...spans.map((epochs, i): MarkSeries => ({ name: epochWords(epochs), tone: toneOf(i), marks: done.filter((one) => one.epochs === epochs).map((one) => errorMark(one, sizes)) })), ...laws],
    shapes: sizes.length > 1 ? sizes.map((size, i) => ({ shape: shapeOf(i), name: `${size} pixels` })) : [],
    x: logScale(done.map(({ flops: value }) => value), { name: 'FLOPs of one picture (2 for a multiply-add), logarithmic', format: tick }),
    y: logScale(errors, { name: 'top-1 error, %, logarithmic', format: percentTick }),
    verticals: report.powerLaws.flatMap(({ break: broken, epochs }) => (broken === undefined ? [] : [{ x: broken.flops, label: `break, ${epochWords(epochs)}`, tone: toneOf(spans.indexOf(epochs)) }])),
    note: `${laws.length > 0 ? 'Lines: power law of the regime of their colour, dashed beyond the models that it was fitted to. ' : ''}Whiskers: 95\u00a0% interval over seeds, where there are at least two.${perfect > 0 ? ` ${perfect} without any error lie below the axis.` : ''}${sizes.length === 1 ? ` All at ${sizes[0]} pixels.` : ''}`,
  });
  return html`<div class="one-chart">${chart}</div>
${lawTable(report)}${spreadTable(report)}
${numbers(errorSheet(report), 'Every mark')}`;
}

function lawTable({ powerLaws }: StudyReport): Html {
  if (powerLaws.length === 0) return html`<p class="note">No power law was fitted.</p>`;
  return html`<h3>Power law: error = a · (FLOPs / 10⁹)<sup>−b</sup></h3><div class="scroll"><table class="full"><thead><tr><th>Regime</th><th class="num">a: error at 1 G</th><th class="num">b</th><th class="num">Off by a factor of</th><th class="num">Models</th><th class="num">Fitted over</th><th class="num">Break</th></tr></thead>
<tbody>${powerLaws.map((law) => html`<tr><td>${epochWords(law.epochs)}${law.family !== undefined && `, ${law.family}`}${law.missing !== undefined && html`<br><small class="note">${law.missing}</small>`}</td><td class="num">${percent(lawAt(law, 1e9), 1)}</td><td class="num">${estimateCell(law.fit?.exponent, (value) => significant(value, 3))}</td><td class="num">${law.fit?.residualFactor?.toFixed(2) ?? missing}</td><td class="num">${law.fit?.n ?? missing}</td><td class="num">${law.fit === undefined ? missing : `${flops(law.fit.from)} to ${flops(law.fit.to)}`}</td><td class="num">${breakCell(law)}</td></tr>
`)}</tbody></table></div>
<p class="note">Off by: the factor by which the error of a configuration typically misses the line. b after a break: from the models above it.</p>
<p class="note">Download CSV: ${download(lawSheet({ powerLaws }))}</p>`;
}

function breakCell({ fit, break: broken }: PowerLaw): Html {
  if (broken === undefined) return html`${fit === undefined ? missing : 'none found'}`;
  const { low, high, after, direction } = broken;
  return html`${flops(broken.flops)}, ${direction}${low !== undefined && high !== undefined && html`<br><small class="note">${flops(low)} to ${flops(high)}</small>`}${after !== undefined && html`<br><small class="note">b after it ${significant(after.mean, 3)}</small>`}`;
}

function spreadTable({ spreads }: StudyReport): Html {
  if (spreads.length === 0) return html`<p class="note">Spread at equal FLOPs: no two trained configurations of a regime lie close enough in FLOPs to compare.</p>`;
  return html`<h3>Spread at equal FLOPs</h3><div class="scroll"><table class="full"><thead><tr><th>Regime</th><th class="num">FLOPs</th><th class="num">Models</th><th>Best</th><th>Worst</th><th class="num">Difference, points</th></tr></thead>
<tbody>${spreads.map((spread) => html`<tr><td>${epochWords(spread.epochs)}</td><td class="num">${flops(spread.from)} to ${flops(spread.to)}</td><td class="num">${spread.n}</td><td>${spread.best}</td><td>${spread.worst}</td><td class="num">${spreadCell(spread)}</td></tr>
`)}</tbody></table></div>
<p class="note">How much the choice of depth, width and resolution alone is worth where FLOPs are nearly the same. Best and worst were chosen among several, so that the difference is somewhat too large.</p>
<p class="note">Download CSV: ${download(spreadSheet({ spreads }))}</p>`;
}

const spreadCell = ({ difference }: Spread): Html => html`${estimateCell(difference, bare)}<br><small class="note">${VERDICTS[difference.verdict]}</small>`;

const columns: Column<StudyConfiguration>[] = [
  { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
  { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
  { key: 'family', value: ({ family }) => family },
  { key: 'depth', value: ({ depth }) => depth },
  { key: 'width', value: ({ width }) => width },
  { key: 'size', title: 'Pixels', value: ({ size }) => size },
  { key: 'flops', title: 'FLOPs', value: (one) => one.flops, show: (one) => flops(one.flops) },
  { key: 'error', title: 'Error', value: ({ top1 }) => 1 - top1!.mean, show: ({ top1 }) => percent(1 - top1!.mean) },
  { key: 'errorLow', title: 'low', value: ({ top1 }) => (top1!.high === undefined ? undefined : 1 - top1!.high), show: ({ top1 }) => percent(top1!.high === undefined ? undefined : 1 - top1!.high) },
  { key: 'errorHigh', title: 'high', value: ({ top1 }) => (top1!.low === undefined ? undefined : 1 - top1!.low), show: ({ top1 }) => percent(top1!.low === undefined ? undefined : 1 - top1!.low) },
  { key: 'seeds', title: 'Seeds', value: ({ top1 }) => top1!.n },
];

/** The marks of the figure. */
export const errorSheet = ({ configurations }: StudyReport): Sheet =>
  sheet('error-flops', columns, configurations.filter(({ top1 }) => top1 !== undefined).sort((a, b) => a.epochs - b.epochs || a.flops - b.flops));

/** The fitted lines. */
export const lawSheet = ({ powerLaws }: Pick<StudyReport, 'powerLaws'>): Sheet => sheet<PowerLaw>('power-laws', [
  { key: 'epochs', value: ({ epochs }) => epochs },
  { key: 'family', value: ({ family }) => family },
  { key: 'scale', value: ({ fit }) => fit?.scale },
  { key: 'exponent', value: ({ fit }) => fit?.exponent.mean },
  { key: 'exponentLow', value: ({ fit }) => fit?.exponent.low },
  { key: 'exponentHigh', value: ({ fit }) => fit?.exponent.high },
  { key: 'r2', value: ({ fit }) => fit?.r2 },
  { key: 'residualFactor', value: ({ fit }) => fit?.residualFactor },
  { key: 'models', value: ({ fit }) => fit?.n },
  { key: 'fromFlops', value: ({ fit }) => fit?.from },
  { key: 'toFlops', value: ({ fit }) => fit?.to },
  { key: 'breakFlops', value: (law) => law.break?.flops },
  { key: 'breakLow', value: (law) => law.break?.low },
  { key: 'breakHigh', value: (law) => law.break?.high },
  { key: 'exponentAfter', value: (law) => law.break?.after?.mean },
  { key: 'missing', value: ({ missing: why }) => why },
], powerLaws);

/** Configurations of nearly equal FLOPs. */
export const spreadSheet = ({ spreads }: Pick<StudyReport, 'spreads'>): Sheet => sheet<Spread>('equal-flops', [
  { key: 'epochs', value: ({ epochs }) => epochs },
  { key: 'fromFlops', value: ({ from }) => from },
  { key: 'toFlops', value: ({ to }) => to },
  { key: 'models', value: ({ n }) => n },
  { key: 'best', value: ({ best }) => best },
  { key: 'worst', value: ({ worst }) => worst },
  { key: 'difference', value: ({ difference }) => difference.mean },
  { key: 'low', value: ({ difference }) => difference.low },
  { key: 'high', value: ({ difference }) => difference.high },
], spreads);
