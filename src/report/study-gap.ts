import { missing, percent } from './format.js';
import { type Html, html, trusted } from './html.js';
import { numbers, type Sheet, sheet } from './sheet.js';
import type { StudyConfiguration, StudyReport } from './study-data.js';
import { bare, epochWords, families, regimes, resolutions } from './study-words.js';

/** Tables, rows and columns that the page shows at most; the CSV has all. */
const TABLES = 24;
const ROWS = 12;
const COLUMNS = 8;
/** A gap of this many points is drawn at full strength. */
const FULL = 0.3;

const gapOf = ({ gap, top1, trainTop1 }: StudyConfiguration): number | undefined => gap?.mean ?? (top1 === undefined || trainTop1 === undefined ? undefined : trainTop1.mean - top1.mean);

/** Training less test accuracy over depth and width, a table for each family, regime and resolution. */
export function gapFigure(report: StudyReport): Html {
  const known = report.configurations.filter((one) => gapOf(one) !== undefined);
  if (known.length === 0) return html`<p>No trial has its accuracy on training pictures yet, so that over-fitting cannot be told.</p>`;
  const many = families(report).length > 1;
  const groups = families(report).flatMap((family) => regimes(report).flatMap((epochs) => resolutions(report).map((size) => ({
    title: `${many ? `${family}, ` : ''}${epochWords(epochs)}, ${size} pixels`, cells: known.filter((one) => one.family === family && one.epochs === epochs && one.size === size),
  })))).filter(({ cells }) => cells.length > 0);
  return html`<p class="note">In bold: accuracy on training pictures (without augmentation) less accuracy on test pictures, in points: how much the model over-fits. Below: both accuracies with half the width of their 95\u00a0% intervals over seeds after ±, where there are at least two. ${missing}: not trained.</p>
<div class="heats">${groups.slice(0, TABLES).map(({ title, cells }) => heat(title, cells))}</div>
${groups.length > TABLES && html`<p class="note">The first ${TABLES} of ${groups.length} tables: the CSV has all.</p>`}
${numbers(gapSheet(report), 'Every gap')}`;
}

/** At most `limit`, the ends among them. */
function spread(values: readonly number[], limit: number): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  if (sorted.length <= limit) return sorted;
  return Array.from({ length: limit }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (limit - 1))]!);
}

function heat(title: string, cells: readonly StudyConfiguration[]): Html {
  const at = new Map(cells.map((one) => [`${one.depth} ${one.width}`, one]));
  const [depths, widths] = [spread(cells.map(({ depth }) => depth), ROWS), spread(cells.map(({ width }) => width), COLUMNS)];
  const left = new Set(cells.map(({ depth }) => depth)).size - depths.length + new Set(cells.map(({ width }) => width)).size - widths.length;
  return html`<div class="heat"><h3>${title}</h3><div class="scroll"><table><thead><tr><th>Depth</th>${widths.map((width) => html`<th class="num">width ${width}</th>`)}</tr></thead>
<tbody>${depths.map((depth) => html`<tr><th>${depth}</th>${widths.map((width) => cell(at.get(`${depth} ${width}`)))}</tr>
`)}</tbody></table></div>${left > 0 && html`<p class="note">Evenly chosen rows and columns: the CSV has all.</p>`}</div>`;
}

function cell(one: StudyConfiguration | undefined): Html {
  const gap = one === undefined ? undefined : gapOf(one);
  if (one === undefined || gap === undefined) return html`<td class="num">${missing}</td>`;
  const strength = (Math.min(1, Math.max(0, gap / FULL)) * 0.5).toFixed(2);
  return html`<td class="num" ${trusted(`style="--v:${strength}"`)}><b>${bare(gap)}</b><br><small>train ${accuracy(one.trainTop1)}</small><br><small>test ${accuracy(one.top1)}</small></td>`;
}

/** `91.2 ± 0.4`, in percent; the intervals are even on both sides. */
function accuracy(of: StudyConfiguration['top1']): string {
  if (of === undefined) return missing;
  const bareWhole = (value: number): string => (100 * value).toFixed(1);
  return of.low === undefined || of.high === undefined ? bareWhole(of.mean) : `${bareWhole(of.mean)} ± ${bareWhole((of.high - of.low) / 2)}`;
}

/** Every configuration that has both accuracies. */
export const gapSheet = (report: StudyReport): Sheet => sheet('train-test-gap', [
  { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
  { key: 'family', value: ({ family }) => family },
  { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
  { key: 'size', title: 'Pixels', value: ({ size }) => size },
  { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
  { key: 'width', title: 'Width', value: ({ width }) => width },
  { key: 'gap', title: 'Gap, points', value: gapOf, show: (one) => bare(gapOf(one)) },
  { key: 'gapLow', title: 'low', value: ({ gap }) => gap?.low, show: ({ gap }) => bare(gap?.low) },
  { key: 'gapHigh', title: 'high', value: ({ gap }) => gap?.high, show: ({ gap }) => bare(gap?.high) },
  { key: 'trainTop1', title: 'Training top-1', value: ({ trainTop1 }) => trainTop1?.mean, show: ({ trainTop1 }) => percent(trainTop1?.mean) },
  { key: 'trainTop1Low', value: ({ trainTop1 }) => trainTop1?.low },
  { key: 'trainTop1High', value: ({ trainTop1 }) => trainTop1?.high },
  { key: 'top1', title: 'Test top-1', value: ({ top1 }) => top1?.mean, show: ({ top1 }) => percent(top1?.mean) },
  { key: 'top1Low', value: ({ top1 }) => top1?.low },
  { key: 'top1High', value: ({ top1 }) => top1?.high },
], report.configurations.filter((one) => gapOf(one) !== undefined));
