import { tableLines } from '../../suggest.js';
import type { Evaluation, TaskText } from '../../train/task.js';
import type { DetectDetails } from './evaluator.js';
import type { DetectSettings } from './settings.js';

/** So many classes are printed; the page and the JSON have all. */
const CLASSES = 20;

const percent = (share: number): string => (share < 0 ? '-' : `${(100 * share).toFixed(1)} %`);

/** The interval of AP, and a table of the classes with the weakest first. */
export function detectText({ details }: Evaluation<DetectDetails>, { classes }: DetectSettings): TaskText {
  const rows = details.classes
    .map((one, i) => ({ ...one, name: classes[i] ?? String(i) }))
    .filter(({ truths }) => truths > 0)
    .sort((a, b) => a.ap - b.ap);
  const shown = rows
    .slice(0, CLASSES)
    .map(({ name, truths, detections, ap, ap50, ap75, ar100 }) => [
      ...[name, String(truths), String(detections)],
      ...[ap, ap50, ap75, ar100].map(percent),
    ]);
  const table = [['class', 'boxes', 'found', 'AP', 'AP50', 'AP75', 'recall'], ...shown];
  const [eleven, area] = [details.voc('2007').map, details.voc('2010').map];
  const { ap } = details.scorer.intervals().stats;
  return {
    ...(ap && { primary: `95 % interval ${percent(ap.low)} to ${percent(ap.high)}` }),
    lines: [
      '',
      ...tableLines(table),
      ...(eleven === undefined || area === undefined
        ? []
        : [`Pascal VOC's AP at overlap 0.50: ${percent(area)} (since 2010), ${percent(eleven)} (2007, 11 points)`]),
      ...(rows.length > CLASSES ? [`and ${rows.length - CLASSES} classes with a higher AP`] : []),
    ],
  };
}
