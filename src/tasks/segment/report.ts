import { type Html, html } from '../../report/draw/html.js';
import { bar } from '../../report/draw/lists.js';
import { td, tdNum, tdSorted, th, thNum, tr, wideTable } from '../../report/draw/table.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import { bytesOfPng, type Colour, classColours, pictureUri, tinted } from '../colours.js';
import type { PixelFigures } from './confusion.js';
import type { SeenMask, SegmentDetails } from './evaluator.js';
import { IGNORE } from './loss.js';
import type { SegmentSettings } from './settings.js';
import { bestConstant } from './text.js';

/** Pictures that are shown, the worst first. */
const SHOWN = 8;
/** Pairs of classes that are told. */
const PAIRS = 10;

const percent = (share: number | undefined): string => (share === undefined ? '–' : `${(100 * share).toFixed(1)} %`);

/** A segmentation's part of a report: its classes, what is taken for what, the worst pictures with truth beside prediction. */
export async function segmentParts(
  { scores, details: { scorer, worst } }: Evaluation<SegmentDetails>,
  { settings: { classes }, picture }: ReportContext<SegmentSettings>,
): Promise<TaskParts> {
  const found = scorer.result();
  const intervals = scorer.intervals();
  const colours = classColours(classes.length);
  const interval = intervals.miou.detectron2;
  const present = found.classes.filter(({ truth }) => truth > 0);
  const constant = bestConstant(found.classes.map(({ truth }) => truth));
  const weakest = [...found.classes.keys()]
    .filter((i) => found.classes[i]!.truth > 0)
    .sort((a, b) => found.classes[a]!.iou! - found.classes[b]!.iou!)[0];
  const pairs = confused(found, classes);
  return {
    findings: [
      `The mean IoU over the ${present.length} classes of the masks is ${percent(scores['miou'])}; ` +
        (constant === undefined
          ? ''
          : `“${constant.name(classes.map((name) => ({ name })))}” at every pixel would be ${percent(constant.accuracy / present.length)}.`),
      ...(weakest === undefined || present.length < 2
        ? []
        : [`The weakest class is “${classes[weakest]}”: its IoU is ${percent(found.classes[weakest]!.iou)}.`]),
      ...(pairs[0] === undefined
        ? []
        : [
            `Most often “${pairs[0].truth}” is taken for “${pairs[0].predicted}”: ${percent(pairs[0].share)} of its pixels.`,
          ]),
    ],
    ...(interval && { interval: { ...interval, note: 'Drawing the measured pictures anew gives this interval.' } }),
    notes: {
      miouKeras: 'classes that are predicted or true (Keras)',
      miouAll: 'all classes, absent ones as 0',
    },
    sections: [
      { id: 'classes', title: 'Classes', body: classTable(found, intervals.classes, classes, colours) },
      ...(pairs.length === 0 ? [] : [{ id: 'confused', title: 'What is taken for what', body: pairTable(pairs) }]),
      ...(worst.length === 0
        ? []
        : [
            {
              id: 'worst',
              title: 'Worst pictures',
              body: await worstBody(worst.slice(0, SHOWN), picture, classes, colours),
            },
          ]),
    ],
  };
}

const swatch = (colour: Colour): Html => html`<span class="swatch" style="background:rgb(${colour.join(',')})"></span>`;

function classTable(
  { classes: found, pixels }: PixelFigures,
  intervals: readonly ({ low: number; high: number } | undefined)[],
  classes: readonly string[],
  colours: readonly Colour[],
): Html {
  const rows = found.map(({ truth, iou, recall, precision }, i) =>
    tr([
      td(html`${swatch(colours[i]!)} ${classes[i]}`),
      tdSorted(truth, percent(truth / pixels)),
      tdSorted(iou ?? -1, percent(iou)),
      td(iou !== undefined && intervals[i] !== undefined && bar(iou, intervals[i]!)),
      tdSorted(recall ?? -1, percent(recall)),
      tdSorted(precision ?? -1, percent(precision)),
    ]),
  );
  return html`<p class="note">IoU: pixels that are of the class and are given it, of those that are either. The bars show 95 % intervals from \
drawing the measured pictures anew.</p>
${wideTable([th('class'), thNum('of the pixels'), thNum('IoU'), th(''), thNum('recall'), thNum('precision')], rows)}`;
}

interface Pair {
  truth: string;
  predicted: string;
  /** Of the pixels of the true class. */
  share: number;
  pixels: number;
}

/** What is taken for what, the most pixels first. */
export function confused({ counts, classes: found }: PixelFigures, classes: readonly string[]): Pair[] {
  const K = classes.length;
  const pairs: Pair[] = [];
  for (let t = 0; t < K; t++)
    for (let p = 0; p < K; p++) {
      const pixels = counts[t * K + p]!;
      if (t !== p && pixels > 0)
        pairs.push({ truth: classes[t]!, predicted: classes[p]!, share: pixels / found[t]!.truth, pixels });
    }
  return pairs.sort((a, b) => b.pixels - a.pixels).slice(0, PAIRS);
}

function pairTable(pairs: readonly Pair[]): Html {
  const rows = pairs.map(({ truth, predicted, share, pixels }) =>
    tr([td(truth), td(predicted), tdSorted(pixels, pixels.toLocaleString('en')), tdNum(percent(share))]),
  );
  return wideTable([th('class'), th('taken for'), thNum('pixels'), thNum('of the class')], rows);
}

async function worstBody(
  worst: readonly SeenMask[],
  picture: (index: number) => Promise<string>,
  classes: readonly string[],
  colours: readonly Colour[],
): Promise<Html> {
  const rows: Html[] = [];
  for (const { index, accuracy, size, truth, predicted } of worst) {
    const png = await picture(index);
    const image = await bytesOfPng(png);
    const drawn = (mask: Uint8Array): Promise<string> =>
      pictureUri(
        tinted(image, (i) => (mask[i] === IGNORE ? undefined : colours[mask[i]!])),
        size,
        size,
      );
    // Where nothing is asked for there is nothing to compare.
    const wrong = (i: number): Colour | undefined =>
      truth[i] === IGNORE || truth[i] === predicted[i] ? undefined : [220, 30, 30];
    const cells = [
      `data:image/png;base64,${png}`,
      await drawn(truth),
      await drawn(predicted),
      await pictureUri(tinted(image, wrong), size, size),
    ];
    const titles = ['picture', 'truth', 'prediction', 'wrong'];
    rows.push(
      tr([
        ...cells.map((uri, k) => td(html`<img class="seen" src="${uri}" alt="${titles[k]}" width="192">`)),
        tdNum(percent(accuracy)),
      ]),
    );
  }
  const used = new Set(worst.flatMap(({ truth, predicted }) => [...truth, ...predicted]));
  return html`<p class="note">As the network sees them, those with the fewest right pixels first. \
${[...used]
  .filter((i) => i < classes.length)
  .sort((a, b) => a - b)
  .map((i) => html`${swatch(colours[i]!)} ${classes[i]} `)}</p>
${wideTable([th('picture'), th('truth'), th('prediction'), th('wrong'), thNum('right')], rows)}`;
}
