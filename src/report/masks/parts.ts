import { type MeasuredPart, partWord } from '../../part-words.js';
import { fourOf } from '../beside.js';
import { compact, count, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { td, tdNum, tdSorted, th, thNum, tr, wideTable } from '../draw/table.js';
import { barCell, barHead, figuresTable, PICTURES_DRAWN, share } from '../figures.js';
import { matrix } from '../matrix.js';
import type { TaskParts } from '../parts.js';
import type { MaskClass, MaskFindings, WorstMask } from './data.js';

/** Above this many classes the matrix no longer fits a page. */
const MATRIX_LIMIT = 30;
/** Pairs of classes that are listed. */
const PAIRS = 12;

/** What a report says of a segmentation: its classes, what is taken for what, the worst pictures. */
export function maskParts(found: MaskFindings): TaskParts {
  const [primary] = found.figures;
  const pairs = takenFor(found);
  return {
    sections: [
      { id: 'classes', title: 'Classes', body: classesBody(found) },
      ...(found.classes.length > 1
        ? [{ id: 'confusion', title: 'What is taken for what', body: confusionBody(found, pairs) }]
        : []),
      ...(found.worst.length > 0
        ? [{ id: 'worst', title: 'Worst pictures', body: worstBody(found.worst, found.classes, found.part) }]
        : []),
    ],
    findings: [...whole(found), ...weakest(found), ...confused(pairs)],
    ...(primary?.interval !== undefined && { interval: { ...primary.interval, note: PICTURES_DRAWN } }),
  };
}

const swatch = ({ colour }: MaskClass): Html => html`<i class="colour" style="background:${colour}"></i>`;

/** Weakest first; classes that are in no mask come last. */
function classesBody({ figures, classes }: MaskFindings): Html {
  const pixels = classes.reduce((sum, { truth }) => sum + truth, 0);
  const rows = [...classes].sort(
    (a, b) => Number(b.truth > 0) - Number(a.truth > 0) || (a.iou ?? 2) - (b.iou ?? 2) || b.truth - a.truth,
  );
  return html`${figuresTable(figures)}
<p class="note">Counted over the pixels of all pictures together. The intervals are from drawing the measured pictures anew.</p>
<div class="scroll"><table class="sortable classes"><thead><tr>${[
    th('Class'),
    ...['Of the pixels', 'IoU'].map(thNum),
    barHead('IoU and its interval'),
    ...['Recall', 'Precision'].map(thNum),
  ]}</tr></thead>
<tbody>${rows.map((one) =>
    tr([
      td(html`<span class="whole-name">${swatch(one)}${one.name}</span>`),
      tdSorted(one.truth, percent(one.truth / pixels, one.truth / pixels < 0.01 ? 2 : 1)),
      share(one.iou),
      barCell(one.iou, one.interval),
      share(one.recall),
      share(one.precision),
    ]),
  )}</tbody></table></div>
<p class="note">IoU: pixels that are of the class and are given it, of those that are either. Recall: of the class's pixels, precision: of those that \
are given it.</p>`;
}

interface Pair {
  truth: string;
  predicted: string;
  pixels: number;
  ofClass: number;
  ofWrong: number;
}

/** What is taken for what, the most pixels first. */
function takenFor({ counts, classes }: MaskFindings): Pair[] {
  const pairs: Pair[] = [];
  let wrong = 0;
  for (const [t, row] of counts.entries())
    for (const [p, pixels] of row.entries()) {
      if (t === p || pixels === 0) continue;
      wrong += pixels;
      const ofClass = pixels / classes[t]!.truth;
      pairs.push({ truth: classes[t]!.name, predicted: classes[p]!.name, pixels, ofClass, ofWrong: 0 });
    }
  for (const pair of pairs) pair.ofWrong = pair.pixels / wrong;
  return pairs.sort((a, b) => b.pixels - a.pixels);
}

function confusionBody({ counts, classes }: MaskFindings, pairs: readonly Pair[]): Html {
  const names = classes.map(({ name }) => name);
  const list =
    pairs.length === 0
      ? html`<p class="note">Every pixel is right.</p>`
      : html`${wideTable(
          [th('True'), th('Predicted'), ...['Pixels', 'Of its class', 'Of the wrong'].map(thNum)],
          pairs
            .slice(0, PAIRS)
            .map(({ truth, predicted, pixels, ofClass, ofWrong }) =>
              tr([
                td(truth),
                td(predicted),
                tdNum(compact(pixels)),
                tdNum(percent(ofClass, 1)),
                tdNum(percent(ofWrong, 1)),
              ]),
            ),
          { table: 'pairs' },
        )}${pairs.length > PAIRS && html`<p class="note">${count(pairs.length - PAIRS)} rarer pairs are not listed.</p>`}`;
  if (names.length > MATRIX_LIMIT)
    return html`<p class="note">${count(names.length)} classes are too many for a matrix: these are the pairs with the most pixels.</p>${list}`;
  // Counts of pixels are too long for a cell.
  const cells = matrix(names, counts, { write: (_, part) => (part < 0.005 ? '' : (100 * part).toFixed(0)) });
  return html`<div class="matrix-and-pairs"><div>${cells}<p class="note">Percent of the class's pixels.</p></div><div><h3>Most pixels</h3>${list}</div></div>`;
}

function worstBody(worst: readonly WorstMask[], classes: readonly MaskClass[], part: MeasuredPart = 'test'): Html {
  const word = `${partWord(part)} pictures`.trim();
  return html`<p class="note">The ${word} with the fewest right pixels, as the network sees them. Where nothing is asked for there is no colour.</p>
<ul class="class-key">${classes
    .filter(({ truth, predicted }) => truth + predicted > 0)
    .map((one) => html`<li>${swatch(one)}${one.name}</li>`)}</ul>
<ul class="beside">${worst.map((one) =>
    fourOf(
      one,
      [
        [one.picture, 'picture'],
        [one.truth, 'truth'],
        [one.predicted, 'prediction'],
        [one.wrong, 'wrong'],
      ],
      `${percent(one.accuracy, 1)} of the pixels are right`,
    ),
  )}</ul>`;
}

function whole({ figures: [primary], classes, images, part = 'test', constant }: MaskFindings): string[] {
  if (primary?.value === undefined) return [];
  const present = classes.filter(({ truth }) => truth > 0).length;
  const over = `${count(present)} ${present === 1 ? 'class' : 'classes'}`;
  const said = `${primary.title} over ${over} in ${count(images)} ${partWord(part)} pictures is ${percent(primary.value, 1)}`;
  return [
    `${said.replace('  ', ' ')}${
      constant === undefined ? '' : `; “${constant.name}” at every pixel would give ${percent(constant.value, 1)}`
    }.`,
  ];
}

function weakest({ classes }: MaskFindings): string[] {
  const scored = classes.filter(({ truth, iou }) => truth > 0 && iou !== undefined);
  if (scored.length < 2) return [];
  const pixels = scored.reduce((sum, { truth }) => sum + truth, 0);
  const worst = scored.reduce((a, b) => (b.iou! < a.iou! ? b : a));
  return [
    `The weakest class is “${worst.name}” with ${percent(worst.truth / pixels, 1)} of the pixels: its IoU is ${percent(worst.iou, 1)}` +
      `${worst.interval === undefined ? '' : ` (95\u00a0% interval ${percent(worst.interval.low, 1)} to ${percent(worst.interval.high, 1)})`}.`,
  ];
}

function confused([most]: readonly Pair[]): string[] {
  if (most === undefined) return [];
  return [
    `Most often “${most.truth}” is taken for “${most.predicted}”: ${percent(most.ofClass, 1)} of its pixels, ${percent(most.ofWrong, 1)} of all wrong ones.`,
  ];
}
