import { count, missing, percent } from '../draw/format.js';
import { type Html, html, trusted } from '../draw/html.js';
import { download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import type { StudyConfiguration, StudyReport } from './data.js';
import { bare, epochWords, estimateCell, families, plusMinus, regimes, resolutions } from './words.js';

/** Tables, rows and columns that the page shows at most; the CSV has all. */
const TABLES = 24;
const ROWS = 12;
const COLUMNS = 8;

function gapOf({ gap, top1, trainTop1 }: StudyConfiguration): number | undefined {
  const value = gap?.mean ?? (top1 === undefined || trainTop1 === undefined ? undefined : trainTop1.mean - top1.mean);
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Training less test accuracy over depth and width, a table for each family, regime and resolution. */
export function gapFigure(report: StudyReport): Html {
  const known = report.configurations.filter((one) => gapOf(one) !== undefined);
  if (known.length === 0)
    return html`<p>No trial has its accuracy on training pictures yet, so that over-fitting cannot be told.</p>`;
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
  return html`<p class="note">In bold: accuracy on training pictures (without augmentation) less accuracy on test pictures, in points: how much the model over-fits. Below: both accuracies with half the width of their 95\u00a0% intervals over seeds after ±, where there are at least two. ${missing}: not trained.</p>
<div class="heats">${groups.slice(0, TABLES).map(({ title, cells }) => heat(title, cells, widest))}</div>
${groups.length > TABLES && html`<p class="note">The first ${TABLES} of ${groups.length} tables: the CSV has all.</p>`}
${pairTable(report)}
${numbers(gapSheet(report), 'Every gap')}`;
}

/** Pairs that the page shows at most; the CSV has all. */
const PAIRS = 20;

function pairTable({ overfitting }: StudyReport): Html | undefined {
  if (overfitting === undefined) return undefined;
  if (overfitting.judged === 0)
    return html`<p>Whether larger models over-fit cannot be told: no two neighbours have two seeds each with both accuracies.</p>`;
  const found = overfitting.pairs.filter(({ verdict }) => verdict === 'overfits');
  const said = html`<p>Of ${count(overfitting.judged)} pairs of neighbours with enough seeds, ${found.length === 0 ? 'none over-fits' : `${count(found.length)} ${found.length === 1 ? 'over-fits' : 'over-fit'}`}: better on training pictures and worse on test pictures, both beyond noise. By luck alone 2 or 3 of 100 pairs seem to fall in test accuracy.</p>`;
  return html`${said}${
    found.length > 0 &&
    html`<div class="scroll"><table class="full"><thead><tr><th>From</th><th>to</th><th>More</th><th class="num">Training, points</th><th class="num">Test, points</th><th class="num">Gap, points</th></tr></thead>
<tbody>${found.slice(0, PAIRS).map(
      ({
        from,
        to,
        direction,
        train,
        test,
        gap,
      }) => html`<tr><td class="named">${from}</td><td class="named">${to}</td><td>${direction}</td><td class="num">${estimateCell(train, bare)}</td><td class="num">${estimateCell(test, bare)}</td><td class="num">${estimateCell(gap, bare)}</td></tr>
`,
    )}</tbody></table></div>`
  }<p class="note">${found.length > PAIRS && `The first ${PAIRS} of ${count(found.length)}. `}Download CSV of all pairs: ${download(overfittingSheet({ overfitting }))}</p>`;
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
function heat(title: string, cells: readonly StudyConfiguration[], widest: number): Html {
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
  return html`<div class="heat"><h3>${title}</h3><div class="scroll"><table><thead><tr><th>Depth</th>${widths.map((width) => html`<th class="num">width ${width}</th>`)}</tr></thead>
<tbody>${depths.map(
    (depth) => html`<tr><th>${depth}</th>${widths.map((width) => cell(at.get(`${depth} ${width}`), widest))}</tr>
`,
  )}</tbody></table></div>${left > 0 && html`<p class="note">Evenly chosen rows and columns: the CSV has all.</p>`}</div>`;
}

function cell(one: StudyConfiguration | undefined, widest: number): Html {
  const gap = one === undefined ? undefined : gapOf(one);
  if (one === undefined || gap === undefined) return html`<td class="num">${missing}</td>`;
  const strength = (widest > 0 ? Math.max(0, gap / widest) * 0.5 : 0).toFixed(2);
  return html`<td class="num" ${trusted(`style="--v:${strength}"`)}><b>${bare(gap)}</b><br><small>train ${plusMinus(one.trainTop1, 1)}</small><br><small>test ${plusMinus(one.top1, 1)}</small></td>`;
}

/** Every configuration that has both accuracies. */
export const gapSheet = (report: StudyReport): Sheet =>
  sheet(
    'train-test-gap',
    [
      { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
      { key: 'family', value: ({ family }) => family },
      { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
      { key: 'size', title: 'Pixels', value: ({ size }) => size },
      { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
      { key: 'width', title: 'Width', value: ({ width }) => width },
      { key: 'gap', title: 'Gap, points', value: gapOf, show: (one) => bare(gapOf(one)) },
      { key: 'gapLow', title: 'low', value: ({ gap }) => gap?.low, show: ({ gap }) => bare(gap?.low) },
      { key: 'gapHigh', title: 'high', value: ({ gap }) => gap?.high, show: ({ gap }) => bare(gap?.high) },
      {
        key: 'trainTop1',
        title: 'Training top-1',
        value: ({ trainTop1 }) => trainTop1?.mean,
        show: ({ trainTop1 }) => percent(trainTop1?.mean),
      },
      { key: 'trainTop1Low', value: ({ trainTop1 }) => trainTop1?.low },
      { key: 'trainTop1High', value: ({ trainTop1 }) => trainTop1?.high },
      { key: 'top1', title: 'Test top-1', value: ({ top1 }) => top1?.mean, show: ({ top1 }) => percent(top1?.mean) },
      { key: 'top1Low', value: ({ top1 }) => top1?.low },
      { key: 'top1High', value: ({ top1 }) => top1?.high },
    ],
    report.configurations.filter((one) => gapOf(one) !== undefined),
  );
