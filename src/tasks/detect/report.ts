import { html } from '../../report/draw/html.js';
import { td, tdNum, tdSorted, th, thNum, tr, wideTable } from '../../report/draw/table.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { DetectDetails } from './evaluator.js';
import type { DetectSettings } from './settings.js';

const percent = (share: number): string => (share < 0 ? '-' : `${(100 * share).toFixed(1)} %`);

/** A detector's part of a run's report: a table of its classes. */
export async function detectParts(
  { scores, details }: Evaluation<DetectDetails>,
  { settings: { classes } }: ReportContext<DetectSettings>,
): Promise<TaskParts> {
  const { ap } = details.scorer.intervals().stats;
  const rows = details.classes.map(({ truths, detections, ap: own, ap50, ap75, ar100 }, i) =>
    tr([
      td(classes[i]),
      tdNum(truths),
      tdNum(detections),
      ...[own, ap50, ap75, ar100].map((value) => tdSorted(value, percent(value))),
    ]),
  );
  const heads = [th('class'), ...['boxes', 'found', 'AP', 'AP50', 'AP75', 'recall'].map(thNum)];
  return {
    findings: [
      `AP is ${percent(scores['ap']!)} over ${scores.images} pictures; at an overlap of 0.5 it is ${percent(scores['ap50'] ?? -1)}.`,
    ],
    ...(ap && { interval: { ...ap, note: 'drawing pictures anew' } }),
    sections: [
      {
        id: 'classes',
        title: 'Classes',
        body: html`<p>By COCO's rules: AP is the mean over overlaps from 0.50 to 0.95, recall that with up to 100 boxes a picture.</p>
${wideTable(heads, rows)}`,
      },
    ],
  };
}
