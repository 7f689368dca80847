import type sharpOf from 'sharp';
import { readPixels, type Source } from '../../data/sources/source.js';
import { pathWithin } from '../../files.js';
import type { BoxFindings, Edges, WorstPicture } from '../../report/boxes/data.js';
import { boxParts } from '../../report/boxes/parts.js';
import type { Figure } from '../../report/figures.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { CocoIntervals, CocoScorer, CocoStats } from './coco-ap.js';
import type { DetectDetails } from './evaluator.js';
import { OVERLAPS } from './measure/coco-match.js';
import { type BoxErrors, boxErrors, judgePicture } from './measure/errors.js';
import type { DetectSettings } from './settings.js';

/** Pictures that are shown, and the longest side of each, pixels. */
const SHOWN = 12;
const SIDE = 480;

/** A detector's part of a run's report. */
export async function detectParts(
  { scores, details }: Evaluation<DetectDetails>,
  { settings: { classes }, source, part, folder }: ReportContext<DetectSettings>,
): Promise<TaskParts> {
  const { scorer, truths, found, index, sides } = details;
  const intervals = scorer.intervals();
  const errors = boxErrors(truths, found, { classes: classes.length });
  const worst: WorstPicture[] = [];
  for (const { picture, f1, ...counts } of worstPictures(errors)) {
    const [width, height] = sides[picture]!;
    worst.push({
      ...{
        uri: await shownPicture(source, index[picture]!),
        width,
        height,
        ...counts,
        ...(f1 !== undefined && { f1 }),
      },
      source: pathWithin(folder, source.describe(index[picture]!)),
      ...judgedBoxes(details, picture, errors, classes),
    });
  }
  return boxParts({
    ...{
      images: scores.images,
      worst,
      errors: { ...errors, chosen: true },
      curves: meanCurves(scorer, classes.length),
      overlaps: OVERLAPS.flatMap((overlap) => {
        const precision = meanPrecision(scorer, classes.length, overlap);
        return precision === undefined ? [] : [{ overlap, ap: mean(precision) }];
      }),
    },
    ...(part !== undefined && { part }),
    figures: [...figuresOf(scorer.result().stats, intervals), ...vocFigures(details)],
    classes: classesOf(details, intervals, classes),
  });
}

/** Pictures with errors, the lowest F1 first; of equal ones that with more of them. */
export function worstPictures({ pictures }: BoxErrors, count = SHOWN): BoxErrors['pictures'] {
  const errors = (one: BoxErrors['pictures'][number]): number => one.taken + one.missed + one.wrong;
  return pictures
    .filter(({ f1 }) => f1 !== undefined && f1 < 1)
    .sort((a, b) => a.f1! - b.f1! || errors(b) - errors(a) || a.picture - b.picture)
    .slice(0, count);
}

const known = (value: number): number | undefined => (value < 0 ? undefined : value);

/** The twelve numbers of COCO in words. */
const FIGURES: readonly [name: keyof CocoStats, title: string, note: string][] = [
  ['ap', 'AP', 'mean over overlaps 0.50, 0.55 .. 0.95 and classes'],
  ['ap50', 'AP50', 'at overlap 0.50'],
  ['ap75', 'AP75', 'at overlap 0.75'],
  ['apSmall', 'AP, small objects', 'area up to 32 x 32 pixels'],
  ['apMedium', 'AP, medium objects', 'to 96 x 96 pixels'],
  ['apLarge', 'AP, large objects', 'above'],
  ['ar1', 'AR1', 'recall with one box a picture and class, mean over overlaps and classes'],
  ['ar10', 'AR10', 'with 10 boxes'],
  ['ar100', 'AR100', 'with 100 boxes'],
  ['arSmall', 'AR, small objects', 'with 100 boxes'],
  ['arMedium', 'AR, medium objects', 'with 100 boxes'],
  ['arLarge', 'AR, large objects', 'with 100 boxes'],
];

function figuresOf(stats: CocoStats, { stats: spreads }: CocoIntervals): Figure[] {
  return FIGURES.map(([name, title, note]) => {
    const [value, interval] = [known(stats[name]), spreads[name]];
    return {
      title,
      note,
      unit: 'share',
      ...(value !== undefined && { value }),
      ...(interval !== undefined && { interval }),
    };
  });
}

const VOC_RULES = [
  ['2010', 'the area under its precision over recall, as since 2010'],
  ['2007', 'the mean at 11 recalls, as in 2007'],
] as const;

const vocFigures = ({ voc }: DetectDetails): Figure[] =>
  VOC_RULES.flatMap(([rule, note]) => {
    const value = voc(rule).map;
    return value === undefined
      ? []
      : [
          {
            title: `Pascal VOC AP, ${rule}`,
            note: `at overlap 0.50, difficult boxes aside: ${note}`,
            unit: 'share',
            value,
          },
        ];
  });

function classesOf(
  { scorer, classes: each }: DetectDetails,
  intervals: CocoIntervals,
  names: readonly string[],
): BoxFindings['classes'] {
  return each.map((one, i) => {
    const [interval, curve] = [intervals.classes[i]?.ap, scorer.curve(i)];
    if (one.ap < 0) return { name: names[i]! };
    return {
      ...{ name: names[i]!, ap: one.ap, ap50: one.ap50, ap75: one.ap75, recall: one.ar100 },
      ...(interval !== undefined && { interval }),
      ...(curve !== undefined && { precision: curve.precision }),
    };
  });
}

const meanCurves = (scorer: CocoScorer, classes: number): BoxFindings['curves'] =>
  [0.5, 0.75].flatMap((overlap) => {
    const precision = meanPrecision(scorer, classes, overlap);
    return precision === undefined ? [] : [{ name: overlap.toFixed(2), precision }];
  });

/** The mean over the classes that occur. */
function meanPrecision(scorer: CocoScorer, classes: number, overlap: number): Float64Array | undefined {
  const curves = Array.from({ length: classes }, (_, k) => scorer.curve(k, overlap)).filter((one) => one !== undefined);
  return curves[0]?.precision.map((_, r) => curves.reduce((sum, one) => sum + one.precision[r]!, 0) / curves.length);
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const edgesOf = (boxes: ArrayLike<number>, i: number): Edges => [
  ...([boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!] as const),
];

function judgedBoxes(
  { truths, found }: DetectDetails,
  picture: number,
  { threshold, overlap }: BoxErrors,
  names: readonly string[],
): Pick<WorstPicture, 'objects' | 'detections'> {
  const [truth, detections] = [truths[picture]!, found[picture]!];
  const judged = judgePicture(truth, detections, threshold, overlap);
  return {
    objects: judged.objects.map(({ outcome, by }, g) => ({
      ...{ edges: edgesOf(truth.boxes, g), name: names[truth.classes[g]!]!, outcome },
      ...(outcome === 'taken' && { as: names[detections.classes[by!]!]! }),
    })),
    detections: judged.detections.map(({ at, outcome }) => ({
      ...{ edges: edgesOf(detections.boxes, at), name: names[detections.classes[at]!]! },
      ...{ score: detections.scores[at]!, outcome },
    })),
  };
}

/** The whole picture, small. */
async function shownPicture(source: Source, i: number): Promise<string> {
  const { data, width, height } = await readPixels(source, i, SIDE);
  const { default: sharp } = (await import('sharp')) as { default: typeof sharpOf };
  const file = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 80 })
    .toBuffer();
  return `data:image/jpeg;base64,${file.toString('base64')}`;
}
