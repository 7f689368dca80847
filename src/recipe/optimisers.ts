import { RATE_SCALINGS, type RateScaling, scaledPeak, scalingText } from '../optim/index.js';
import type { Draft } from './draft.js';
import type { Changes } from './presets.js';
import type { Recipe, RecipeKey, Settings } from './schema.js';

/** What an optimiser asks for when it is not the preset's own. */
const OPTIMISERS: Record<Recipe['optimiser'], Changes> = {
  sgd: {
    learningRate: [0.1, 'tensorflow/tpu resnet_rs/configs/*.yaml: 0.1 per 256 pictures, for SGD'],
    momentum: [0.9, 'tensorflow/tpu resnet_rs/configs/*.yaml'],
  },
  rmsprop: {
    learningRate: [0.016, 'tensorflow/tpu models/official/efficientnet/main.py: 0.016 per 256 pictures, for RMSProp'],
    squareDecay: [0.9, 'tensorflow/tpu models/official/efficientnet/utils.py build_optimizer'],
    epsilon: [1e-3, 'tensorflow/tpu models/official/efficientnet/utils.py build_optimizer'],
  },
  adamw: {
    learningRate: [
      0.008,
      'our choice, for AdamW on convolutional networks: 0.001 (Kingma and Ba 2015) at a batch of 32; measured on ' +
        '1,192 photographs, docs/recipes.md. Transformers take 0.00025 (Touvron et al. 2021, DeiT)',
    ],
    squareDecay: [0.999, "PyTorch's default for AdamW"],
    epsilon: [1e-8, "PyTorch's default for AdamW"],
    weightDecay: [0.05, 'Touvron et al. 2021 (DeiT), for AdamW'],
    weightDecayMode: ['decoupled', 'Loshchilov and Hutter 2019'],
  },
  lamb: {
    learningRate: [6.25e-4, 'Wightman et al. 2021 (ResNet strikes back): 0.005 at 2048 pictures, for LAMB'],
    squareDecay: [0.999, 'You et al. 2020'],
    epsilon: [1e-6, 'You et al. 2020'],
    weightDecay: [0.02, 'Wightman et al. 2021 (ResNet strikes back), for LAMB'],
    weightDecayMode: ['decoupled', 'You et al. 2020'],
  },
  lars: {
    learningRate: [0.075, 'google-research/simclr README: 0.075 x sqrt(batch), for LARS'],
    rateScaling: [
      'sqrt',
      'google-research/simclr README; SimCLR, arXiv 2002.05709 Table B.1: better than linear for batches below 4096',
    ],
    momentum: [0.9, 'google-research/simclr run.py'],
    nesterov: [false, 'google-research/simclr tf2/lars_optimizer.py: off by default'],
    weightDecay: [1e-4, 'google-research/simclr run.py: its commands, for LARS'],
    weightDecayMode: ['coupled', 'google-research/simclr tf2/lars_optimizer.py: before the trust ratio'],
    decayRule: ['timm', 'google-research/simclr model_util.py: neither batch norm nor biases'],
  },
};

export function fitOptimiser(draft: Draft, settings: readonly Settings[]): void {
  const asked = settings.map(({ values }) => values['optimiser']).findLast((value) => value !== undefined);
  if (asked === undefined || asked === draft.get('optimiser') || !Object.hasOwn(OPTIMISERS, String(asked))) return;
  const changes = OPTIMISERS[asked as Recipe['optimiser']];
  for (const [key, [value, source]] of Object.entries(changes)) draft.set(key as RecipeKey, value as never, source);
  if (changes.rateScaling === undefined && draft.get('rateScaling') !== 'linear')
    draft.set('rateScaling', 'linear', `the rate of ${String(asked)} is given per 256 pictures`);
}

/** A rate is made for its scaling: with another one that is asked for, the peak at the recipe's own batch stays. */
export function fitRateScaling(draft: Draft, settings: readonly Settings[]): void {
  const asked = settings.map(({ values }) => values['rateScaling']).findLast((value) => value !== undefined);
  const [batch, rate, scaling] = [draft.get('batch'), draft.get('learningRate'), draft.get('rateScaling')];
  if (asked === scaling || !RATE_SCALINGS.includes(asked as RateScaling)) return;
  const kept = scaledPeak(rate, batch, scaling) / scaledPeak(1, batch, asked as RateScaling);
  draft.set(
    'learningRate',
    Number(kept.toPrecision(4)),
    `the peak ${rate}${scalingText(batch, scaling)}, with rateScaling=${String(asked)} at a batch of ${batch}`,
  );
}
