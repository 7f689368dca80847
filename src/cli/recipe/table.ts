import { scaledPeak, scalingText } from '../../optim/index.js';
import { CLIP_KEYS } from '../../recipe/clips/settings.js';
import { DETECT_KEYS } from '../../recipe/detect-settings.js';
import { DENSE_KEYS, DEPTH_KEYS } from '../../recipe/pixels/settings.js';
import type { Recipe, RecipeKey, SourcedRecipe } from '../../recipe/recipe.js';
import { UNLABELLED_KEYS } from '../../recipe/rules.js';
import { isUnused, shownValue } from '../../recipe/shown.js';
import { CONTRAST_KEYS, SIMCLR_KEYS } from '../../recipe/simclr-augment.js';

/** The settings in the order and the groups in which a reader looks for them. */
export const RECIPE_GROUPS: Readonly<Record<string, readonly RecipeKey[]>> = {
  Run: ['epochs', 'batch', 'accumulate', 'precision', 'recompute', 'earlyStopping', 'patience', 'minival'],
  'Learning rate': [
    'learningRate',
    'rateScaling',
    'schedule',
    'warmupEpochs',
    'stepEpochs',
    'decayEpochs',
    'decayFactor',
    'polyPower',
    'polyEnd',
    'layerDecay',
    'headRate',
    'freeze',
  ],
  Optimiser: [
    'optimiser',
    'momentum',
    'nesterov',
    'squareDecay',
    'epsilon',
    'trustCoefficient',
    'momentumRate',
    'clipNorm',
    'agc',
    'agcRule',
  ],
  Averaging: ['averaging', 'emaDecay', 'normMomentum'],
  Regularisation: [
    'weightDecay',
    'weightDecayMode',
    'decayRule',
    'headDecay',
    'labelSmoothing',
    'dropout',
    'stochasticDepth',
    'stochasticDepthRule',
    'classWeights',
  ],
  Pictures: [
    ...(['fit', 'cropMode', 'cropAreaMin', 'cropAttempts', 'scaleMin', 'scaleMax', 'padding', 'flip'] as const),
    ...(['evalCrop', 'interpolation', 'inputNorm'] as const),
  ],
  Augmentation: [
    'augment',
    'randAugmentLayers',
    'randAugmentMagnitude',
    'augmentVariant',
    'augmentPixelScale',
    ...SIMCLR_KEYS,
    'randomErasing',
    'mixup',
    'cutmix',
    'repeats',
  ],
  Contrast: CONTRAST_KEYS,
  Boxes: DETECT_KEYS,
  Clips: CLIP_KEYS,
  Pixels: [...DENSE_KEYS, ...DEPTH_KEYS],
  Start: ['fromProjection'],
  'Pictures without labels': ['unlabelledRatio', ...UNLABELLED_KEYS],
  Weights: ['init'],
};

/** Columns padded to the widest of each; the last is left as it is. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `peak learning rate 0.1 x 32/256 = 0.0125`. */
export function peakText({ learningRate, batch, rateScaling }: Recipe): string {
  const factor = scalingText(batch, rateScaling);
  const peak = Number(scaledPeak(learningRate, batch, rateScaling).toPrecision(4));
  return `peak learning rate ${learningRate}${factor === '' ? '' : `${factor} = ${peak}`}`;
}

/** Every setting with its source by group; those that play no part come together at the end. */
export function recipeTable(recipe: SourcedRecipe): string[] {
  const { values, sources } = recipe;
  const used = Object.values(RECIPE_GROUPS)
    .flat()
    .filter((key) => key in values && !isUnused(recipe, key));
  const lines = columns(used.map((key) => [`  ${key}`, shownValue(values[key]), sources[key]]));
  const out: string[] = [];
  for (const [group, keys] of Object.entries(RECIPE_GROUPS)) {
    const some = keys.flatMap((key) => (used.includes(key) ? [lines[used.indexOf(key)]!] : []));
    if (some.length > 0) out.push(group, ...some);
  }
  const reasons = new Map<string, RecipeKey[]>();
  for (const key of Object.keys(values) as RecipeKey[]) {
    if (!isUnused(recipe, key)) continue;
    const reason = sources[key] ?? 'an earlier version';
    reasons.set(reason, [...(reasons.get(reason) ?? []), key]);
  }
  return [...out, ...[...reasons].map(([reason, keys]) => `${reason}: ${keys.join(', ')}`)];
}
