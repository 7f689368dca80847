import { isAbsolute, relative } from 'node:path';
import { classParts as drawnParts } from '../../report/classes/parts.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { ClassDetails } from './evaluator.js';
import type { ClassSettings } from './settings.js';

/** A classifier's part of a run's report: confusion, classes, the worst mistakes as pictures. */
export async function classParts(
  { scores, details }: Evaluation<ClassDetails>,
  { settings: { classes }, source, part, folder, picture }: ReportContext<ClassSettings>,
): Promise<TaskParts> {
  const mistakes = [];
  for (const { index, label, predicted, probability } of details.mistakes)
    mistakes.push({
      label: classes[label]!,
      predicted: classes[predicted]!,
      probability,
      source: within(folder, source.describe(index)),
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

/** The path below the data folder: a page that is passed on names no more of the machine than it must. */
function within(folder: string | undefined, path: string): string {
  if (folder === undefined || !isAbsolute(path)) return path;
  const short = relative(folder, path);
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}
