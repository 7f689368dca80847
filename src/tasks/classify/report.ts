import { classParts as drawnParts } from '../../report/classes/parts.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { ClassDetails } from './evaluator.js';
import type { ClassSettings } from './settings.js';

/** A classifier's part of a run's report: confusion, classes, the worst mistakes as pictures. */
export async function classParts(
  { scores, details }: Evaluation<ClassDetails>,
  { settings: { classes }, source, part, picture }: ReportContext<ClassSettings>,
): Promise<TaskParts> {
  const mistakes = [];
  for (const { index, label, predicted, probability } of details.mistakes)
    mistakes.push({
      label: classes[label]!,
      predicted: classes[predicted]!,
      probability,
      source: source.describe(index),
      png: await picture(index),
    });
  return drawnParts({
    accuracy: scores['top1']!,
    images: scores.images,
    part,
    confusion: { classes, counts: details.confusion },
    mistakes,
  });
}
