import { count, decimals, missing, percent } from '../draw/format.js';
import { type Child, type Html, html } from '../draw/html.js';
import { td, tdNum, tdSorted, th, thNum, tr, wideTable } from '../draw/table.js';
import { barCell, barHead, figuresTable, share } from '../figures.js';
import { matrix } from '../matrix.js';
import { wilson } from '../statistics.js';
import type { BoxFindings } from './data.js';

/** Above this many classes the matrix no longer fits a page, or a table starts folded. */
export const MOST_CLASSES = 30;
/** Rows that are listed. */
const LISTED = 12;

/** AP and its relatives, with their intervals. */
export const figuresBody = ({ figures }: BoxFindings): Html => html`${figuresTable(figures)}
<p class="note">By COCO's rules, up to 100 boxes a picture and class. The intervals are from drawing the measured pictures anew.</p>`;

/** Every class: what was found of it, and how well; the weakest first. */
export function classesTable({ classes, errors }: BoxFindings): Html {
  const rows = classes
    .map((one, i) => ({ ...one, ...errors.classes[i]! }))
    .sort((a, b) => Number(b.ap !== undefined) - Number(a.ap !== undefined) || (a.ap ?? 0) - (b.ap ?? 0));
  const table = html`<div class="scroll"><table class="sortable classes"><thead><tr>${[
    th('Class'),
    ...['Objects', 'AP'].map(thNum),
    barHead('AP and its interval'),
    ...['AP50', 'AP75', 'AR', 'Found', 'Boxes right'].map(thNum),
  ]}</tr></thead>
<tbody>${rows.map(({ name, objects, ap, interval, ap50, ap75, recall, found, detections }) =>
    tr([
      td(name),
      tdSorted(objects, count(objects)),
      share(ap),
      barCell(ap, interval),
      ...[ap50, ap75, recall].map(share),
      share(objects === 0 ? undefined : found / objects),
      share(detections === 0 ? undefined : found / detections),
    ]),
  )}</tbody></table></div>`;
  const head = html`<p class="note">AP, its 95\u00a0% interval from drawing pictures anew, and AR, the recall with up to 100 boxes: means over overlaps \
0.50 to 0.95. The share of objects that are found and of boxes that are right: ${atThreshold(errors)}.</p>`;
  if (classes.length <= MOST_CLASSES) return html`${head}${table}`;
  return html`${head}<details><summary>All ${count(classes.length)} classes</summary>${table}</details>`;
}

export const atThreshold = ({ overlap, threshold }: BoxFindings['errors']): string =>
  `at a score of ${decimals(threshold)} or more and an overlap of ${decimals(overlap)}`;

/** Confusion with the background, what boxes are wrong, and the classes most missed. */
export function confusionBody({ classes, errors }: BoxFindings): Html {
  const names = classes.map(({ name }) => name);
  const last = names.length;
  const side = html`<div><h3>Most missed</h3>${missedTable(names, errors)}
<h3>Wrong boxes</h3>${kindsTable(errors)}</div>`;
  const head = html`<p class="note">Objects and boxes ${atThreshold(errors)}${
    errors.chosen && ', the score with the highest F1 on these very pictures'
  }. A box stands for one object, first of its own class.</p>`;
  if (names.length > MOST_CLASSES)
    return html`${head}<p class="note">${count(names.length)} classes are too many for a matrix.</p>${side}`;
  return html`${head}<div class="matrix-and-pairs">${matrix([...names, 'no object'], errors.confusion, {
    columns: [...names, 'no box'],
    unasked: (row, column) => row === last && column === last,
  })}${side}</div>`;
}

function missedTable(names: readonly string[], { classes, confusion }: BoxFindings['errors']): Html {
  const rows = classes
    .map((one, i) => ({
      ...one,
      name: names[i]!,
      lost: one.missed + one.taken,
      as: mostTaken(confusion[i]!, i, names),
    }))
    .filter(({ lost }) => lost > 0)
    .sort((a, b) => b.lost - a.lost || b.lost / b.objects - a.lost / a.objects);
  if (rows.length === 0) return html`<p class="note">Every object is found.</p>`;
  return html`${wideTable(
    [th('Class'), ...['No box', 'Other class', 'Of its objects'].map(thNum), th('Taken for')],
    rows
      .slice(0, LISTED)
      .map(({ name, missed, taken, lost, objects, as }) =>
        tr([td(name), tdNum(count(missed)), tdNum(count(taken)), tdNum(percent(lost / objects, 1)), td(as ?? missing)]),
      ),
    { table: 'pairs' },
  )}${rows.length > LISTED && html`<p class="note">${count(rows.length - LISTED)} more classes have missed objects.</p>`}`;
}

function mostTaken(row: readonly number[], own: number, names: readonly string[]): string | undefined {
  let best: number | undefined;
  for (let i = 0; i < names.length; i++) if (i !== own && row[i]! > (best === undefined ? 0 : row[best]!)) best = i;
  return best === undefined ? undefined : names[best];
}

/** What wrong boxes are. */
export const KINDS = {
  background: 'on no object',
  loose: 'beside an object of its class',
  again: 'on an object that was found already',
  other: 'on an object of another class',
} as const;

function kindsTable({ kinds }: BoxFindings['errors']): Html {
  const sum = Object.values(kinds).reduce((total, n) => total + n, 0);
  if (sum === 0) return html`<p class="note">No box is wrong.</p>`;
  const row = (what: Child, n: number): Html => tr([td(what), tdNum(count(n)), tdNum(percent(n / sum, 1))]);
  return wideTable(
    [th('What it is on'), thNum('Boxes'), thNum('Of the wrong')],
    (['background', 'loose', 'again', 'other'] as const).map((kind) => row(KINDS[kind], kinds[kind])),
    { table: 'pairs' },
  );
}

/** What is found of small and of large objects. */
export function sizesTable({ errors }: BoxFindings): Html {
  return html`${wideTable(
    [
      th('Side of the object'),
      ...['Objects', 'Found'].map(thNum),
      barHead('Found and its interval'),
      ...['At any score', 'Mean overlap'].map(thNum),
    ],
    errors.sizes.map(({ from, to, objects, found, reached, overlap }) =>
      tr([
        td(sizeWords(from, to)),
        tdNum(count(objects)),
        share(found / objects),
        barCell(found / objects, wilson(found, objects)),
        share(reached / objects),
        tdSorted(overlap ?? -1, decimals(overlap)),
      ]),
    ),
    { table: 'classes full' },
  )}
<p class="note">The side is the root of the object's area. Found: ${atThreshold(errors)}, with its 95\u00a0% Wilson interval; \
at any score: what a lower threshold would find at most.</p>`;
}

export const sizeWords = (from: number, to: number): string =>
  from === 0
    ? `below ${count(to)}\u00a0px`
    : to === Number.POSITIVE_INFINITY
      ? `${count(from)}\u00a0px and more`
      : `${count(from)} to ${count(to)}\u00a0px`;
