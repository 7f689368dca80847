import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import { classParts } from '../classify/report.js';
import type { ClassSettings } from '../classify/settings.js';
import type { VideoDetails } from './evaluator.js';
import { controlsText, viewsText } from './text.js';

/** A classifier's part of the report, and what is left of the accuracy without motion. */
export async function videoParts(
  found: Evaluation<VideoDetails>,
  { maps: _, ...context }: ReportContext<ClassSettings>,
): Promise<TaskParts> {
  // Maps of where the network looked are of pictures.
  const parts = await classParts(found, context);
  const controls = controlsText(found, context.settings.classes.length);
  return {
    ...parts,
    findings: [
      `Top-1 comes from ${viewsText(found.details.views)}.`,
      ...(controls === undefined ? [] : [`${controls[0]!.toUpperCase()}${controls.slice(1)}.`]),
      ...parts.findings,
    ],
    notes: {
      ...parts.notes,
      singleFrame: 'The middle frame of the clip in all places: what can be told without motion.',
      shuffled: 'The frames of the clip in another order: what can be told without their order.',
    },
  };
}
