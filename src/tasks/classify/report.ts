import { isAbsolute, relative, resolve } from 'node:path';
import { isAddress } from '../../files.js';
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
      source: within(folder, source.describe(index)),
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

/** The path below the data folder: a page that is passed on names no more of the machine than it must. */
function within(folder: string | undefined, path: string): string {
  if (folder === undefined || isAddress(path)) return path;
  const short = relative(resolve(folder), resolve(path));
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}
