import type { Evaluation, TaskText } from '../../train/task.js';
import type { ClassSettings } from '../classify/settings.js';
import { classText } from '../classify/text.js';
import type { VideoDetails } from './evaluator.js';

/** Where a control comes within this share of the accuracy, the motion has hardly been needed. */
const NEAR = 0.9;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Of what the accuracy is. */
export const viewsText = (views: number): string =>
  views === 1 ? 'one view of each video' : `the mean of the probabilities of ${views} views of each video`;

/** What is left without motion, and what that says; undefined where it was not measured. */
export function controlsText(
  { scores, details: { controls } }: Evaluation<VideoDetails>,
  classes: number,
): string | undefined {
  if (controls === undefined) return undefined;
  const { singleFrame, shuffled } = controls;
  const top1 = scores['top1']!;
  const told =
    `without motion: ${percent(singleFrame)} from one frame alone, ${percent(shuffled)} with the frames shuffled ` +
    `(all: ${percent(top1)}, chance: ${percent(1 / classes)})`;
  if (top1 < 1.5 / classes) return told;
  if (singleFrame >= NEAR * top1)
    return `${told}. One frame says nearly all: a network of pictures would do, and this set says little of motion`;
  if (shuffled >= NEAR * top1) return `${told}. The order of the frames says little: what matters is what they show`;
  return told;
}

export function videoText(found: Evaluation<VideoDetails>, settings: ClassSettings): TaskText {
  const { primary, lines } = classText(found, settings, 'video');
  const controls = controlsText(found, settings.classes.length);
  const views = viewsText(found.details.views);
  return {
    primary: primary === undefined ? views : `${primary}; ${views}`,
    lines: [...lines, ...(controls === undefined ? [] : [controls])],
  };
}
