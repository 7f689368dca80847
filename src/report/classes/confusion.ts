import { capital } from '../../metric.js';
import { type MeasuredPart, partWord } from '../../part-words.js';
import { count, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { bar } from '../draw/lists.js';
import { matrix } from '../matrix.js';
import { type ClassMetrics, type Confused, type Confusion, confusedPairs, overall } from './metrics.js';

/** Above this many classes the matrix no longer fits a page, and only the most confused pairs are shown. */
export const matrixLimit = 30;

/** Matrix (up to {@link matrixLimit} classes) and list of the most confused pairs. */
export function confusionSection(confusion: Confusion, part: MeasuredPart = 'test'): Html {
  const small = confusion.classes.length <= matrixLimit;
  const limit = small ? 12 : 30;
  const all = confusedPairs(confusion);
  const list = pairsTable(all.slice(0, limit));
  const rest = all.length - limit;
  const more =
    rest > 0 && html`<p class="note">${count(rest)} rarer ${rest === 1 ? 'pair is' : 'pairs are'} not listed.</p>`;
  if (!small) {
    return html`<p class="note">${count(confusion.classes.length)} classes are too many for a matrix: \
these are the pairs most often confused.</p>${list}${more}`;
  }
  return html`<div class="matrix-and-pairs">${matrix(confusion.classes, confusion.counts)}<div>${
    all.length > 0
      ? html`<h3>Most confused</h3>${list}${more}`
      : html`<p class="note">No ${picture(part)} was mistaken.</p>`
  }</div></div>`;
}

function pairsTable(pairs: readonly Confused[]): Html {
  return html`<div class="scroll"><table class="pairs"><thead><tr><th>True</th><th>Predicted</th>\
<th class="num">Count</th><th class="num">Of its class</th></tr></thead>
<tbody>${pairs.map(
    (pair) => html`<tr><td>${pair.label}</td><td>${pair.predicted}</td>\
<td class="num">${count(pair.count)}</td><td class="num">${percent(pair.shareOfClass, 1)}</td></tr>
`,
  )}</tbody></table></div>`;
}

/** Above this many classes the table starts folded, with the weakest classes before it. */
const foldAbove = 30;
const weakestShown = 15;

/**
 * Per-class table, weakest F1 first, sortable by its headings where scripts may run. Classes without test pictures come
 * last.
 */
export function classesSection(metrics: readonly ClassMetrics[], part: MeasuredPart = 'test'): Html {
  const { total, correct, balanced, macroF1 } = overall(metrics);
  const sorted = [...metrics].sort(
    (a, b) => Number(b.support > 0) - Number(a.support > 0) || (a.f1 ?? 2) - (b.f1 ?? 2),
  );
  const absent = metrics.filter((m) => m.support === 0).length;
  const line = html`<p class="note">${count(correct)} of ${count(total)} ${picture(part)}s are right. \
Mean recall of the classes ${percent(balanced)}, mean F1 ${percent(macroF1)}.
The bar spans the 95\u00a0% Wilson interval of the recall.\
${absent > 0 && ` ${count(absent)} ${absent === 1 ? 'class has' : 'classes have'} no ${picture(part)}.`}</p>`;
  if (metrics.length <= foldAbove) return html`${line}${table(sorted, part)}`;
  return html`${line}<h3>Weakest ${weakestShown}</h3>${table(sorted.slice(0, weakestShown), part)}
<details><summary>All ${count(metrics.length)} classes</summary>${table(sorted, part)}</details>`;
}

function table(metrics: readonly ClassMetrics[], part: MeasuredPart): Html {
  return html`<div class="scroll"><table class="sortable classes"><thead><tr><th>Class</th><th class="num">Precision</th><th class="num">Recall</th>
<th class="bar-head" aria-label="Recall and its interval" data-nosort><span>0</span><span>100 %</span></th>\
<th class="num">F1</th><th class="num">${heading(part)}</th></tr></thead>
<tbody>${metrics.map(
    (m) => html`<tr><td>${m.name}</td>${ratio(m.precision)}${ratio(m.recall)}<td class="bar-cell">${
      m.recallInterval && bar(m.recall!, m.recallInterval)
    }</td>${ratio(m.f1)}<td class="num" data-sort="${m.support}">${count(m.support)}</td></tr>
`,
  )}</tbody></table></div>`;
}

/** `test picture`, and `Test pictures` over a column. */
const picture = (part: MeasuredPart): string => `${partWord(part)} picture`.trim();
const heading = (part: MeasuredPart): string => `${capital(picture(part))}s`;

function ratio(value: number | undefined): Html {
  return html`<td class="num" data-sort="${value ?? -1}">${percent(value, 1)}</td>`;
}
