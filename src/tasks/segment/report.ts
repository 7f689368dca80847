import { pathWithin } from '../../files.js';
import type { Figure } from '../../report/figures.js';
import type { WorstMask } from '../../report/masks/data.js';
import { maskParts } from '../../report/masks/parts.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import { bytesOfPng, type Colour, classColours, pictureUri, tinted } from '../colours.js';
import type { PixelFigures, PixelIntervals } from './confusion.js';
import type { SeenMask, SegmentDetails } from './evaluator.js';
import { IGNORE } from './loss.js';
import type { SegmentSettings } from './settings.js';
import { bestConstant } from './text.js';

/** Pictures that are shown, the worst first. */
const SHOWN = 8;
/** Up to this side pixels are shown as squares. */
const SMALL = 64;

/** A segmentation's part of a report: its classes, what is taken for what, the worst pictures with truth beside prediction. */
export async function segmentParts(
  { scores, details: { scorer, worst } }: Evaluation<SegmentDetails>,
  context: ReportContext<SegmentSettings>,
): Promise<TaskParts> {
  const { classes } = context.settings;
  const found = scorer.result();
  const intervals = scorer.intervals();
  const colours = classColours(classes.length);
  const present = found.classes.filter(({ truth }) => truth > 0).length;
  const constant = bestConstant(found.classes.map(({ truth }) => truth));
  const shown: WorstMask[] = [];
  for (const one of worst.slice(0, SHOWN)) shown.push(await drawn(one, colours, context));
  return {
    ...maskParts({
      ...(context.part !== undefined && { part: context.part }),
      images: scores.images,
      figures: figuresOf(found, intervals),
      classes: found.classes.map((one, i) => {
        const interval = intervals.classes[i];
        return { name: classes[i]!, colour: `rgb(${colours[i]!.join(' ')})`, ...one, ...(interval && { interval }) };
      }),
      counts: Array.from(classes, (_, i) => [...found.counts.subarray(i * classes.length, (i + 1) * classes.length)]),
      ...(constant !== undefined && {
        constant: { name: constant.name(classes.map((name) => ({ name }))), value: constant.accuracy / present },
      }),
      worst: shown,
    }),
    notes: {
      miouKeras: 'classes that are predicted or true (Keras)',
      miouAll: 'all classes, absent ones as 0',
    },
  };
}

function figuresOf({ miou, accuracy, classAccuracy }: PixelFigures, intervals: PixelIntervals): Figure[] {
  const figure = (
    title: string,
    note: string,
    value: number | undefined,
    interval: Figure['interval'] | undefined,
  ): Figure => ({
    ...{ title, note, unit: 'share' },
    ...(value !== undefined && { value }),
    ...(interval !== undefined && { interval }),
  });
  return [
    figure('Mean IoU', 'over the classes that are in the masks', miou.detectron2, intervals.miou.detectron2),
    figure('Mean IoU, Keras', 'over the classes that are in the masks or predicted', miou.keras, intervals.miou.keras),
    figure('Mean IoU, all classes', 'those that are in neither as 0', miou.csail, intervals.miou.csail),
    figure('Pixel accuracy', 'the share of pixels that are given their class', accuracy, intervals.accuracy),
    figure('Class accuracy', 'the mean of this share over the classes', classAccuracy, intervals.classAccuracy),
  ];
}

async function drawn(
  { index, accuracy, size, truth, predicted }: SeenMask,
  colours: readonly Colour[],
  { picture, source, folder }: ReportContext<SegmentSettings>,
): Promise<WorstMask> {
  const image = await bytesOfPng(await picture(index));
  const coloured = (colourOf: (i: number) => Colour | undefined): Promise<string> =>
    pictureUri(tinted(image, colourOf), size, size);
  // Where nothing is asked for there is nothing to compare.
  const wrong = (i: number): Colour | undefined =>
    truth[i] === IGNORE || truth[i] === predicted[i] ? undefined : [220, 30, 30];
  return {
    picture: await pictureUri(image, size, size),
    truth: await coloured((i) => (truth[i] === IGNORE ? undefined : colours[truth[i]!])),
    predicted: await coloured((i) => colours[predicted[i]!]),
    wrong: await coloured(wrong),
    ...(size <= SMALL && { pixels: true }),
    accuracy,
    source: pathWithin(folder, source.describe(index)),
  };
}
