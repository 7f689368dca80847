import { UsageError } from '../../errors.js';
import { type MeasuredPart, picturesOf } from '../../part-words.js';
import { percent } from '../draw/format.js';
import type { TaskParts } from '../parts.js';
import { wilson } from '../statistics.js';
import { classesSection, confusionSection } from './confusion.js';
import { type ClassMaps, mapsBody } from './maps.js';
import { type ClassMetrics, type Confusion, classMetrics, confusedPairs } from './metrics.js';
import { type Mistake, mistakeGrid } from './mistakes.js';

export interface ClassFindings {
  /** The share of pictures that were given their class. */
  accuracy: number;
  /** Pictures that were measured. */
  images: number;
  /** Which pictures they are. Default: test pictures. */
  part?: MeasuredPart;
  /** On these pictures. */
  confusion: Confusion;
  /** Worst first. */
  mistakes: readonly Mistake[];
  /** Of the first of them, of the predicted class and then of the true one. */
  maps?: ClassMaps;
}

/**
 * What a report says of a classifier: confusion, classes, the worst mistakes.
 * Throws UsageError where a probability is not a fraction in 0..1, and RescaledError where the confusion matrix does not
 * fit its classes.
 */
export function classParts({ accuracy, images, part = 'test', confusion, mistakes, maps }: ClassFindings): TaskParts {
  for (const { probability, source } of mistakes)
    if (probability < 0 || probability > 1)
      throw new UsageError(
        `expected a fraction between 0 and 1 for the probability of ${source} but received ${probability}: ` +
          'divide percentages by 100',
      );
  const metrics = classMetrics(confusion);
  const interval = wilson(Math.round(accuracy * images), images);
  return {
    sections: [
      { id: 'confusion', title: 'Confusion', body: confusionSection(confusion, part) },
      { id: 'classes', title: 'Classes', body: classesSection(metrics, part) },
      ...(mistakes.length > 0 ? [{ id: 'mistakes', title: 'Worst mistakes', body: mistakeGrid(mistakes, part) }] : []),
      ...(mistakes.length > 0 && maps !== undefined
        ? [{ id: 'maps', title: 'Where the network looked in the worst', body: mapsBody(maps, mistakes) }]
        : []),
    ],
    findings: [...weakest(metrics, part), ...confused(confusion)],
    ...(interval === undefined
      ? {}
      : {
          interval: {
            ...interval,
            note:
              'The Wilson interval covers which pictures happened to be measured, not the luck of the seed: ' +
              'for that, repeat the run with other seeds.',
          },
        }),
  };
}

function weakest(metrics: readonly ClassMetrics[], part: MeasuredPart): string[] {
  const seen = metrics.filter((m) => m.recall !== undefined && m.recall < 1);
  if (seen.length < 2) return [];
  const worst = seen.reduce((a, b) => (b.recall! < a.recall! ? b : a));
  const { low, high } = worst.recallInterval!;
  return [
    `The weakest class is “${worst.name}”: ${percent(worst.recall, 1)} of its ${picturesOf(part, worst.support)} are right ` +
      `(95\u00a0% interval ${percent(low, 1)} to ${percent(high, 1)}).`,
  ];
}

function confused(confusion: Confusion): string[] {
  const [first] = confusedPairs(confusion, 1);
  if (first === undefined || first.count < 2 || confusion.classes.length < 3) return [];
  return [
    `The most frequent mistake is “${first.label}” taken for “${first.predicted}”: ${first.count} times, ` +
      `${percent(first.shareOfMistakes, 1)} of all mistakes.`,
  ];
}
