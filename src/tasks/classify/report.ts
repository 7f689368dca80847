import { pathWithin } from '../../files.js';
import { classParts as drawnParts } from '../../report/classes/parts.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { ClassDetails } from './evaluator.js';
import type { ClassSettings } from './settings.js';

/** So many of the worst mistakes are shown with their maps. */
const MAPPED = 8;

/** A classifier's part of a run's report: confusion, classes, the worst mistakes as pictures. */
export async function classParts(
  { scores, details }: Evaluation<ClassDetails>,
  { settings: { classes }, source, part, folder, picture, maps }: ReportContext<ClassSettings>,
): Promise<TaskParts> {
  const mistakes = [];
  for (const { index, label, predicted, probability } of details.mistakes)
    mistakes.push({
      label: classes[label]!,
      predicted: classes[predicted]!,
      probability,
      source: pathWithin(folder, source.describe(index)),
      png: await picture(index),
    });
  const worst = details.mistakes.slice(0, MAPPED);
  const mapped = await maps?.(worst.map(({ index, label, predicted }) => ({ index, outputs: [predicted, label] })));
  return drawnParts({
    accuracy: scores['top1']!,
    images: scores.images,
    part,
    confusion: { classes, counts: details.confusion },
    mistakes,
    ...(mapped === undefined ? {} : { maps: mapped }),
  });
}
