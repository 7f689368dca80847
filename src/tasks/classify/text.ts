import { classMetrics, confusedPairs, overall } from '../../report/classes/metrics.js';
import { wilson } from '../../report/statistics.js';
import { tableLines } from '../../suggest.js';
import type { Evaluation, TaskText } from '../../train/task.js';
import type { ClassDetails } from './evaluator.js';
import { type ClassSettings, classNames } from './settings.js';

/** So many classes and pairs are printed; the page and the JSON have all. */
const CLASSES = 20;
const PAIRS = 5;

const percent = (share: number | undefined): string => (share === undefined ? '-' : `${(100 * share).toFixed(1)} %`);

/** The Wilson interval of the accuracy, a table of the classes with the weakest first, and what is confused most. */
export function classText(
  { scores, details }: Evaluation<ClassDetails>,
  settings: ClassSettings,
  noun = 'picture',
): TaskText {
  const confusion = { classes: classNames(settings), counts: details.confusion };
  const metrics = classMetrics(confusion);
  const seen = metrics.filter(({ support }) => support > 0);
  const { correct, total, balanced } = overall(metrics);
  const interval = wilson(correct, total);
  const sorted = [...seen].sort((a, b) => a.recall! - b.recall! || b.support - a.support).slice(0, CLASSES);
  const rows = sorted.map(({ name, recall, recallInterval, precision, support }) => [
    name,
    String(support),
    percent(recall),
    `${percent(recallInterval!.low)} to ${percent(recallInterval!.high)}`,
    percent(precision),
  ]);
  const pairs = confusedPairs(confusion);
  const lines = [
    '',
    ...tableLines([['class', `${noun}s`, 'right', '95 % interval', 'precision'], ...rows]),
    ...(seen.length > CLASSES
      ? [`and ${seen.length - CLASSES} classes with more right (--report FILE.html has all)`]
      : []),
    ...(seen.length > 1 ? [`mean of the classes ${percent(balanced)}`] : []),
  ];
  if (pairs.length > 0)
    lines.push(
      'most confused: ' +
        pairs
          .slice(0, PAIRS)
          .map(({ label, predicted, count }) => `${label} taken for ${predicted} (${count})`)
          .join(', '),
    );
  return {
    ...(scores.images > 0 && interval !== undefined
      ? { primary: `95 % interval ${percent(interval.low)} to ${percent(interval.high)}` }
      : {}),
    lines,
  };
}
