import { betterBy, ofTraining } from '../../metric.js';
import { partWord } from '../../part-words.js';
import { count, missing } from '../draw/format.js';
import { type Html, html, trusted } from '../draw/html.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import { td, tdNamed, tdNum, th, thNum, tr, wideTable } from '../draw/table.js';
import type { StudyConfiguration, StudyReport } from './data.js';
import { epochWords, estimateCell, families, regimes, resolutions } from './words.js';

/** Tables, rows and columns that the page shows at most; the CSV has all. */
const TABLES = 24;
const ROWS = 12;
const COLUMNS = 8;

function gapsOf({ metric }: StudyReport): (one: StudyConfiguration) => number | undefined {
  return ({ gap, score, trainScore }) => {
    const value =
      gap?.mean ??
      (score === undefined || trainScore === undefined ? undefined : betterBy(metric, trainScore.mean, score.mean));
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  };
}

/**
 * How much better training pictures are scored than test pictures over depth and width, a table for each family, regime
 * and resolution.
 */
export function gapFigure(report: StudyReport): Html {
  const [gapOf, measure] = [gapsOf(report), measureOf(report.metric)];
  const { noun, nouns, inChange } = measure;
  const known = report.configurations.filter((one) => gapOf(one) !== undefined);
  if (known.length === 0)
    return html`<p>No trial has its ${noun} on training pictures yet, so that over-fitting cannot be told.</p>`;
  const many = families(report).length > 1;
  const groups = families(report)
    .flatMap((family) =>
      regimes(report).flatMap((epochs) =>
        resolutions(report).map((size) => ({
          title: `${many ? `${family}, ` : ''}${epochWords(epochs)}, ${size} pixels`,
          cells: known.filter((one) => one.family === family && one.epochs === epochs && one.size === size),
        })),
      ),
    )
    .filter(({ cells }) => cells.length > 0);
  const widest = known.reduce((most, one) => Math.max(most, gapOf(one)!), 0);
  const on = `${partWord(report.data.part ?? 'test')} pictures`;
  const gap =
    report.metric.direction === 'higher'
      ? `${noun} on training pictures (without augmentation) less ${noun} on ${on}`
      : `${noun} on ${on} less ${noun} on training pictures (without augmentation)`;
  return html`<p class="note">In bold: ${gap}${inChange.replace(', ', ', in ')}: how much the model over-fits. \
Below: both ${nouns} with half the width of their 95\u00a0% intervals over seeds after ±, or the interval in brackets, \
where there are at least two. \
${missing}: not trained.</p>
<div class="heats">${groups
    .slice(0, TABLES)
    .map(({ title, cells }) => heat(title, cells, (one) => cell(one, gapOf, widest, measure)))}</div>
${groups.length > TABLES && html`<p class="note">The first ${TABLES} of ${groups.length} tables: the CSV has all.</p>`}
${pairTable(report)}
${numbers(gapSheet(report), 'Every gap')}`;
}

/** Pairs that the page shows at most; the CSV has all. */
const PAIRS = 20;

function pairTable({ overfitting, metric, data }: StudyReport): Html | undefined {
  if (overfitting === undefined) return undefined;
  const { noun, nouns, inChange, bare } = measureOf(metric);
  if (overfitting.judged === 0)
    return html`<p>Whether larger models over-fit cannot be told: no two neighbours have three seeds each with both \
${nouns}.</p>`;
  const found = overfitting.pairs.filter(({ verdict }) => verdict === 'overfits');
  const many =
    found.length === 0 ? 'none over-fits' : `${count(found.length)} ${found.length === 1 ? 'over-fits' : 'over-fit'}`;
  const worse = metric.direction === 'higher' ? `fall in test ${noun}` : `rise in test ${noun}`;
  const heads = [
    [th('From'), th('to'), th('More')],
    [`Training${inChange}`, `Test${inChange}`, `Gap${inChange}`].map(thNum),
  ];
  const rows = found
    .slice(0, PAIRS)
    .map(({ from, to, direction, train, test, gap }) =>
      tr([
        tdNamed(from),
        tdNamed(to),
        td(direction),
        tdNum(estimateCell(train, bare)),
        tdNum(estimateCell(test, bare)),
        tdNum(estimateCell(gap, bare)),
      ]),
    );
  return html`<p>Of ${count(overfitting.judged)} pairs of neighbours with enough seeds, ${many}: better on training \
pictures and worse on ${partWord(data.part ?? 'test')} pictures, both beyond noise. By luck alone 2 or 3 of 100 pairs seem to ${worse}.</p>${
    found.length > 0 && wideTable(heads, rows)
  }<p class="note">${found.length > PAIRS && `The first ${PAIRS} of ${count(found.length)}. `}Download CSV of all \
pairs: ${download(overfittingSheet({ overfitting }))}</p>`;
}

/** Every pair of neighbours with its verdict. */
export const overfittingSheet = ({ overfitting }: Pick<StudyReport, 'overfitting'>): Sheet =>
  sheet(
    'overfitting',
    [
      { key: 'from', value: ({ from }) => from },
      { key: 'to', value: ({ to }) => to },
      { key: 'direction', value: ({ direction }) => direction },
      { key: 'epochs', value: ({ epochs }) => epochs },
      { key: 'train', value: ({ train }) => train?.mean },
      { key: 'test', value: ({ test }) => test?.mean },
      { key: 'testLow', value: ({ test }) => test?.low },
      { key: 'testHigh', value: ({ test }) => test?.high },
      { key: 'gap', value: ({ gap }) => gap?.mean },
      { key: 'gapLow', value: ({ gap }) => gap?.low },
      { key: 'gapHigh', value: ({ gap }) => gap?.high },
      { key: 'verdict', value: ({ verdict }) => verdict },
    ],
    overfitting?.pairs ?? [],
  );

/** At most `limit`, the ends among them. */
function spread(values: readonly number[], limit: number): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  if (sorted.length <= limit) return sorted;
  return Array.from({ length: limit }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (limit - 1))]!);
}

/** The colour of a cell goes from none at a gap of 0 to full at the widest of the study. */
function heat(
  title: string,
  cells: readonly StudyConfiguration[],
  cellOf: (one: StudyConfiguration | undefined) => Html,
): Html {
  const at = new Map(cells.map((one) => [`${one.depth} ${one.width}`, one]));
  const [depths, widths] = [
    spread(
      cells.map(({ depth }) => depth),
      ROWS,
    ),
    spread(
      cells.map(({ width }) => width),
      COLUMNS,
    ),
  ];
  const left =
    new Set(cells.map(({ depth }) => depth)).size -
    depths.length +
    new Set(cells.map(({ width }) => width)).size -
    widths.length;
  const heads = [th('Depth'), widths.map((width) => thNum(`width ${width}`))];
  const rows = depths.map((depth) => tr([th(depth), widths.map((width) => cellOf(at.get(`${depth} ${width}`)))]));
  return html`<div class="heat"><h3>${title}</h3>${wideTable(heads, rows, { table: '' })}${
    left > 0 && html`<p class="note">Evenly chosen rows and columns: the CSV has all.</p>`
  }</div>`;
}

function cell(
  one: StudyConfiguration | undefined,
  gapOf: ReturnType<typeof gapsOf>,
  widest: number,
  { bare, plusMinus }: Measure,
): Html {
  const gap = one === undefined ? undefined : gapOf(one);
  if (one === undefined || gap === undefined) return tdNum(missing);
  const strength = (widest > 0 ? Math.max(0, gap / widest) * 0.5 : 0).toFixed(2);
  return html`<td class="num" ${trusted(`style="--v:${strength}"`)}><b>${bare(gap)}</b><br>\
<small>train ${plusMinus(one.trainScore, 1)}</small><br><small>test ${plusMinus(one.score, 1)}</small></td>`;
}

/** Every configuration that has both scores. */
export function gapSheet(report: StudyReport): Sheet {
  const gapOf = gapsOf(report);
  const { title, inChange, bare, value: text } = measureOf(report.metric);
  const { name } = report.metric;
  const train = ofTraining(name);
  return sheet(
    'train-test-gap',
    [
      { key: 'name', title: 'Configuration', words: true, value: (one) => one.name },
      { key: 'family', value: ({ family }) => family },
      { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
      { key: 'size', title: 'Pixels', value: ({ size }) => size },
      { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
      { key: 'width', title: 'Width', value: ({ width }) => width },
      { key: 'gap', title: `Gap${inChange}`, value: gapOf, show: (one) => bare(gapOf(one)) },
      { key: 'gapLow', title: 'low', value: ({ gap }) => gap?.low, show: ({ gap }) => bare(gap?.low) },
      { key: 'gapHigh', title: 'high', value: ({ gap }) => gap?.high, show: ({ gap }) => bare(gap?.high) },
      {
        key: train,
        title: `Training ${title}`,
        value: ({ trainScore }) => trainScore?.mean,
        show: ({ trainScore }) => text(trainScore?.mean),
      },
      { key: `${train}Low`, value: ({ trainScore }) => trainScore?.low },
      { key: `${train}High`, value: ({ trainScore }) => trainScore?.high },
      { key: name, title: `Test ${title}`, value: ({ score }) => score?.mean, show: ({ score }) => text(score?.mean) },
      { key: `${name}Low`, value: ({ score }) => score?.low },
      { key: `${name}High`, value: ({ score }) => score?.high },
    ],
    report.configurations.filter((one) => gapOf(one) !== undefined),
  );
}
