import { tableLines } from '../../suggest.js';
import type { Evaluation, TaskText } from '../../train/task.js';
import type { SegmentDetails } from './evaluator.js';
import type { SegmentSettings } from './settings.js';

/** So many classes are printed; the page and the JSON have all. */
const CLASSES = 20;

const percent = (share: number | undefined): string => (share === undefined ? '-' : `${(100 * share).toFixed(1)} %`);

/** The interval of the mean IoU, what a constant answer is worth, and a table of the classes with the weakest first. */
export function segmentText(
  { details: { scorer } }: Evaluation<SegmentDetails>,
  { classes }: SegmentSettings,
): TaskText {
  const { classes: found, pixels } = scorer.result();
  const { miou } = scorer.intervals();
  const present = found
    .map((one, i) => ({ ...one, name: classes[i] ?? String(i) }))
    .filter(({ truth }) => truth > 0)
    .sort((a, b) => a.iou! - b.iou!);
  const rows = present
    .slice(0, CLASSES)
    .map(({ name, truth, iou, recall, precision }) => [
      name,
      ...[truth / pixels, iou, recall, precision].map((value) => percent(value)),
    ]);
  const table = [['class', 'of the pixels', 'IoU', 'recall', 'precision'], ...rows];
  const constant = bestConstant(present.map(({ truth }) => truth));
  return {
    ...(miou.detectron2 && {
      primary: `95 % interval ${percent(miou.detectron2.low)} to ${percent(miou.detectron2.high)}`,
    }),
    lines: [
      '',
      ...tableLines(table),
      ...(present.length > CLASSES ? [`and ${present.length - CLASSES} classes with a higher IoU`] : []),
      ...(constant === undefined
        ? []
        : [
            `${constant.name(present)} everywhere would be an mIoU of ${percent(constant.miou)}, ${percent(constant.accuracy)} of the pixels`,
          ]),
    ],
  };
}

/**
 * The best answer that is the same at every pixel: the most frequent class, whose IoU is its share, and 0 of all others.
 * @param truths pixels of each class that is there
 */
export function bestConstant(
  truths: readonly number[],
): { miou: number; accuracy: number; name(of: readonly { name: string }[]): string } | undefined {
  const pixels = truths.reduce((sum, count) => sum + count, 0);
  if (pixels === 0) return undefined;
  const most = Math.max(...truths);
  const accuracy = most / pixels;
  return { miou: accuracy / truths.length, accuracy, name: (of) => of[truths.indexOf(most)]!.name };
}
