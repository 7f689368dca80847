import type { RunConfig } from '../../run/config.js';
import type { EpochFigures, Evaluation, TaskText } from '../../train/task.js';
import type { ContrastDetails } from './evaluator.js';

/** Below this share of an even spread all views are nearly one point. */
const COLLAPSED_SPREAD = 0.05;
/** Whether the scores of an evaluation say so. */
export const hasCollapsed = (scores: Readonly<Record<string, number>> = {}): boolean =>
  scores['spread'] !== undefined && scores['spread'] < COLLAPSED_SPREAD;
/** A loss within this of that of views that cannot be told apart says that nothing was learned. */
const NO_LOSS = 0.02;

export function contrastText({ scores, details }: Evaluation<ContrastDetails>): TaskText {
  return { primary: `among ${details.labels.length} pictures`, lines: hasCollapsed(scores) ? [COLLAPSE] : [] };
}

const COLLAPSE =
  'the features have collapsed: all views give nearly the same numbers. Usual causes: a learning rate that is too high, ' +
  'or a temperature too high for the batch. Try --set learningRate=... at a third, or a longer warm-up';

/**
 * Says when nothing is learned: a loss that stays at ln(2N - 1), that of N pictures whose views all look alike, after the warm-up; or
 * projections that lie on one point.
 */
export function collapseText({ epoch, trainLoss, scores }: EpochFigures, { recipe }: RunConfig): string | undefined {
  const { batch, warmupEpochs } = recipe.values;
  if (epoch <= warmupEpochs) return undefined;
  if (hasCollapsed(scores)) return COLLAPSE;
  const factor = recipe.values.contrastReduction === 'mean' ? 1 : 2;
  const chance = factor * Math.log(2 * batch - 1);
  return trainLoss > chance - NO_LOSS * factor
    ? `the loss stands at ${trainLoss.toFixed(2)}, where views cannot be told apart: ln(2 x ${batch} - 1) = ${chance.toFixed(2)}. ` +
        'Nothing is learned: try another learning rate, or check that the pictures differ'
    : undefined;
}
