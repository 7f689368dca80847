import { UsageError } from '../errors.js';
import { modelFacts } from '../models/index.js';
import type { Recipe } from './schema.js';

/** @throws UsageError for what no model, optimiser or schedule can do */
export function refuseImpossible(recipe: Recipe, model: string): void {
  const { epochs, warmupEpochs, optimiser, batch, accumulate, repeats } = recipe;
  if (modelFacts(model).kind === 'efficientnet' && recipe.stochasticDepthRule !== 'block')
    throw new UsageError(
      `Expected stochasticDepthRule=block for ${model} but received "${recipe.stochasticDepthRule}": ` +
        "an EfficientNet's rate rises block by block.",
    );
  if ((optimiser === 'adamw' || optimiser === 'lamb') && recipe.weightDecayMode !== 'decoupled')
    throw new UsageError(
      `Expected weightDecayMode=decoupled with optimiser=${optimiser} but received ` +
        `"${recipe.weightDecayMode}": that is how it is defined. For coupled decay take sgd or rmsprop.`,
    );
  if (optimiser === 'lars' && recipe.weightDecayMode !== 'coupled')
    throw new UsageError(
      `Expected weightDecayMode=coupled with optimiser=lars but received "${recipe.weightDecayMode}": ` +
        'its trust ratio is taken of gradient and weight decay together. For decoupled decay take lamb.',
    );
  if (recipe.fit === 'letterbox' && recipe.cropMode === 'pad')
    throw new UsageError(
      'Expected another cropMode than pad with fit=letterbox: take scale, which moves pictures too, or none.',
    );
  if (recipe.matchLow > recipe.matchHigh)
    throw new UsageError(
      `Expected matchLow up to matchHigh but received matchLow=${recipe.matchLow} and matchHigh=${recipe.matchHigh}. ` +
        'Equal values leave no anchor ignored.',
    );
  if (recipe.scaleMin > recipe.scaleMax)
    throw new UsageError(
      `Expected scaleMin up to scaleMax but received scaleMin=${recipe.scaleMin} and scaleMax=${recipe.scaleMax}.`,
    );
  if (warmupEpochs >= epochs)
    throw new UsageError(
      `Expected a warm-up shorter than the run but received warmupEpochs=${warmupEpochs} of epochs=${epochs}: ` +
        'the rate would never reach its peak.',
    );
  if (batch / accumulate < 2)
    throw new UsageError(
      `Expected parts of at least 2 pictures but received batch=${batch} in accumulate=${accumulate} parts: ` +
        `batch norm needs more than one picture. Use accumulate=${Math.max(1, Math.floor(batch / 2))} or less.`,
    );
  if (repeats > batch / 2)
    throw new UsageError(
      `Expected at least 2 different pictures in a batch but received repeats=${repeats} with batch=${batch}. ` +
        `Use repeats=${Math.floor(batch / 2)} or less.`,
    );
}

/**
 * @param unlabelled the pictures without labels; undefined where there are none, or where they are not known yet
 * @throws UsageError for what cannot be learned from pictures without labels
 */
export function refuseUnlabelled(recipe: Recipe, unlabelled: { labels: boolean } | undefined): void {
  const { unlabelledRatio, unlabelledTargets, mixup, cutmix, repeats } = recipe;
  if (unlabelledRatio === 0) {
    if (unlabelled !== undefined)
      throw new UsageError(
        'Expected unlabelledRatio above 0 with --unlabelled but received 0: none of these pictures would be looked at.',
      );
    return;
  }
  for (const [name, value, off] of [
    ['mixup', mixup, 0],
    ['cutmix', cutmix, 0],
    ['repeats', repeats, 1],
  ] as const)
    if (value !== off)
      throw new UsageError(
        `Expected ${name}=${off} with pictures without labels but received ${name}=${value}: what is mixed or repeated of two ` +
          `kinds of pictures is not defined. Leave ${name} out.`,
      );
  if (unlabelled === undefined) return;
  if (unlabelledTargets === 'consistency' && unlabelled.labels)
    throw new UsageError(
      'Expected no --labels with unlabelledTargets=consistency: the network says itself what these pictures show. ' +
        'Leave --labels out, or set unlabelledTargets=soft.',
    );
  if (unlabelledTargets !== 'consistency' && !unlabelled.labels)
    throw new UsageError(
      'Expected --labels with --unlabelled: what a teacher says of these pictures, which "rescaled pseudo-label" writes. ' +
        'Without a teacher: --recipe fixmatch.',
    );
}

/** What can be done but is seldom meant: each with its reason. */
export function adviceOn(recipe: Recipe, { classifies = true } = {}): string[] {
  const {
    weightDecay,
    dropout,
    stochasticDepth,
    labelSmoothing,
    augment,
    epochs,
    batch,
    accumulate,
    learningRate,
    schedule,
    stepEpochs,
  } = recipe;
  const coupled = recipe.weightDecayMode === 'coupled';
  const dropping = dropout > 0 || stochasticDepth > 0;
  const regularisers = [
    ...(augment === 'randaugment' ? ['RandAugment'] : []),
    ...(dropout > 0 ? ['dropout'] : []),
    ...(stochasticDepth > 0 ? ['stochastic depth'] : []),
  ];
  const none = !dropping && augment === 'none' && labelSmoothing === 0 && recipe.mixup === 0 && recipe.cutmix === 0;
  const advice: [boolean, string][] = [
    [
      classifies && coupled && dropping && weightDecay >= 1e-4,
      `weightDecay=${weightDecay} with ` +
        `${dropout > 0 ? `dropout=${dropout}` : `stochasticDepth=${stochasticDepth}`}: ` +
        'where these join RandAugment and label smoothing, ' +
        'paper Table 2 lowers the weight decay from 1e-4 to 4e-5 (ResNet-50 from 82.2 to 82.7, ' +
        'ResNet-200 from 85.3 to 85.5).',
    ],
    [
      classifies && coupled && none && weightDecay > 0 && weightDecay <= 4e-5,
      `weightDecay=${weightDecay} is the only regularisation: with no other, ` +
        'paper Table 2 does better at 1e-4 than at 4e-5 (ResNet-50 79.7 against 78.7, ' +
        'ResNet-200 82.5 against 81.7).',
    ],
    [
      classifies && epochs <= 100 && (dropping || augment === 'randaugment'),
      `epochs=${epochs} with ` +
        regularisers.join(', ') +
        ': on ImageNet the paper (appendix E) trains 10 and 100 epochs with flips and crops alone, ' +
        'since short runs hardly over-fit. Few pictures may still need it.',
    ],
    [
      accumulate > 1 && batch / accumulate < 16,
      `accumulate=${accumulate}: batch norm sees parts of ${Math.floor(batch / accumulate)} pictures, ` +
        'and its statistics become noisy below about 16.',
    ],
    [
      (recipe.optimiser === 'adamw' || recipe.optimiser === 'lamb') && learningRate > 0.01,
      `learningRate=${learningRate} with ${recipe.optimiser}: usual is less than 0.001 per 256 pictures, ` +
        "a hundredth of SGD's.",
    ],
    [
      recipe.repeats > 1,
      `repeats=${recipe.repeats}: each picture comes ${recipe.repeats} times in a row, ` +
        "each time augmented anew (Hoffer et al. 2020). An epoch keeps its number of steps, as DeiT's does, " +
        `and so shows 1/${recipe.repeats} of the training pictures, others each epoch.`,
    ],
    [
      recipe.repeats > 1 &&
        augment === 'none' &&
        recipe.cropMode === 'none' &&
        recipe.flip === 0 &&
        recipe.randomErasing === 0,
      `repeats=${recipe.repeats}, but nothing differs from copy to copy: there are no random crops, flips, ` +
        'augmentation or erasing.',
    ],
    [
      schedule === 'step' && !stepEpochs.some((at) => at < epochs),
      `schedule=step, but no stepEpochs (${stepEpochs.join(', ') || 'none'}) lies within the ${epochs} epochs: ` +
        'the rate never falls.',
    ],
  ];
  return advice.flatMap(([applies, text]) => (applies ? [text] : []));
}
