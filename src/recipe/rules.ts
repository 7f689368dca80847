import { AUTOAUGMENT_PIXELS } from '../augment/policies/autoaugment.js';
import { REFERENCE_SIDE } from '../augment/policies/plan.js';
import { type PixelConstants, RANDAUGMENT_PIXELS, scaled } from '../augment/policies/randaugment.js';
import { TRIVIAL_TRANSLATE } from '../augment/policies/trivialaugment.js';
import { batchesOf, drawsOf, mixtureOf } from '../batches.js';
import { UsageError } from '../errors.js';
import { type ModelFacts, PUBLISHED_COMPARED, publishedResNetRs, randAugmentMagnitudeAt } from '../models/index.js';
import { emaDecay } from '../optim/index.js';
import { plural } from '../suggest.js';
import type { Draft } from './draft.js';
import { isPresetOf, presetChain, presetTask } from './presets.js';
import type { Recipe, RecipeKey } from './schema.js';
import { isSimclr, SIMCLR_KEYS } from './simclr-augment.js';

/**
 * The released models are trained at 160 pixels or more; below, what the reference gives in pixels is scaled with the
 * picture.
 */
const SMALLEST_PUBLISHED = 160;
/** Up to so many pixels pictures are padded and cropped, as is usual for CIFAR. */
const SMALL_PICTURES = 64;
const SMALL_CLIPS = 40;
const EFFICIENTNET_MODEL = 'tensorflow/tpu models/official/efficientnet/efficientnet_model.py';

export function fitModel(draft: Draft, facts: ModelFacts, size: number): void {
  // A depth without a published row keeps the preset's values.
  const row =
    facts.kind === 'efficientnet'
      ? facts.options
      : facts.family === 'resnet-rs'
        ? publishedResNetRs(facts.depth, size)
        : undefined;
  if (draft.perModel && row !== undefined) {
    const source =
      'resolution' in row
        ? `tensorflow/tpu resnet_rs/configs/*.yaml: the row of ResNet-RS-${row.depth} at ${row.resolution}`
        : facts.source;
    draft.set('dropout', row.dropout, source);
    draft.set('stochasticDepth', row.stochasticDepth, source);
    if ('resolution' in row && row.resolution === 320)
      draft.set('earlyStopping', true, 'paper appendix B: for the two models at 320 pixels');
  }
  if (facts.kind === 'efficientnet') {
    draft.set('init', facts.options.init, EFFICIENTNET_MODEL);
    draft.set('stochasticDepthRule', 'block', EFFICIENTNET_MODEL);
  }
  if (facts.kind === 'tresnet' || facts.kind === 'resnest') {
    const source = facts.kind === 'tresnet' ? 'Alibaba-MIIL/TResNet tresnet.py' : 'zhanghang1989/ResNeSt resnet.py';
    draft.set('init', facts.options.init, `${source}; timm ${facts.kind}.py`);
    draft.set('stochasticDepthRule', 'block', `timm ${facts.kind}.py`);
    if (isPresetOf(draft.preset, facts.kind)) {
      const { crop, interpolation } = PUBLISHED_COMPARED.find(
        (row) => `${facts.family}-${facts.variant}` === row.name,
      )!;
      draft.set('dropout', facts.options.dropout, facts.source);
      draft.set('evalCrop', crop, `timm ${facts.kind}.py`);
      draft.set('interpolation', interpolation, `timm ${facts.kind}.py`);
    }
  }
  if (facts.kind === 'nfnet') fitNfNet(draft, facts, size);
  if (facts.kind === 'lambda-resnet') {
    draft.set('init', facts.options.init, 'timm byobnet.py and lambda_layer.py');
    draft.set('stochasticDepthRule', 'block', 'timm byobnet.py');
  }
  // A preset that extends the paper's may have a magnitude of its own.
  if (presetChain(draft.preset).some((preset, i) => i > 0 && preset.values.randAugmentMagnitude !== undefined)) return;
  // The one rule that all eleven rows follow, so that it also serves sizes and depths between them.
  if (facts.family !== 'efficientnet-rs')
    draft.set(
      'randAugmentMagnitude',
      size > SMALLEST_PUBLISHED ? 15 : 10,
      `tensorflow/tpu resnet_rs/configs/*.yaml: 10 at ${SMALLEST_PUBLISHED} pixels, 15 at all larger sizes`,
    );
  else
    draft.set(
      'randAugmentMagnitude',
      randAugmentMagnitudeAt(size),
      'paper section 7.2: 10 up to 224 pixels, 20 above 320, else 15',
    );
}

/** RandAugment magnitudes of F0, F1 .., the last one also of those beyond. Source: NFNets, arXiv 2102.06171, appendix A. */
const NF_MAGNITUDES = [5, 10, 10, 15];

function fitNfNet(draft: Draft, facts: ModelFacts & { kind: 'nfnet' }, size: number): void {
  draft.set('init', facts.options.init, 'timm nfnet.py; deepmind-research nfnets/base.py');
  draft.set('stochasticDepthRule', 'block', 'timm nfnet.py');
  if (!isPresetOf(draft.preset, 'nfnet')) return;
  draft.set('dropout', facts.options.dropout, facts.source);
  const n = /^f(\d)$/.exec(facts.variant)?.[1];
  if (n !== undefined)
    draft.set(
      'randAugmentMagnitude',
      NF_MAGNITUDES[Math.min(Number(n), NF_MAGNITUDES.length - 1)]!,
      'NFNets, arXiv 2102.06171, appendix A: 5 for F0, 10 for F1 and F2, 15 beyond',
    );
  draft.set(
    'evalCrop',
    Number((size / (size + 32)).toPrecision(4)),
    'deepmind-research nfnets: the picture in 32 pixels more than the crop',
  );
}

export function fitPictures(draft: Draft, size: number): void {
  // Clips of 64 pixels are as usual as pictures of 160.
  if (size > (presetTask(draft.preset) === 'video' ? SMALL_CLIPS : SMALL_PICTURES) || draft.get('fit') === 'letterbox')
    return;
  draft.set(
    'cropMode',
    'pad',
    `our choice: for pictures of ${size} pixels an Inception crop leaves too little; ` +
      'pad and crop as is usual for CIFAR',
  );
  if (draft.preset === 'quick' || draft.preset === 'fixmatch') {
    const source = `our choice: for pictures of up to ${SMALL_PICTURES} pixels; measured on Fashion-MNIST`;
    draft.set('padding', Math.max(1, Math.round(size / 28)), 'our choice: 1/28 of the side in a short run');
    draft.set('batch', 64, source);
    if (draft.get('optimiser') === 'sgd') draft.set('learningRate', 0.4, source);
  } else
    draft.set(
      'padding',
      Math.max(1, Math.round(size / 8)),
      'our choice: 1/8 of the side, as is usual for CIFAR (4 at 32)',
    );
  draft.set('evalCrop', 1, `our choice: the whole picture at ${size} pixels`);
}

/** Augmentation in pixels on pictures that are smaller than any that the released models were trained on. */
export function fitAugmentation(draft: Draft, size: number): void {
  const policy = draft.get('augment');
  if (policy === 'trivialaugment' && size >= SMALLEST_PUBLISHED)
    draft.set(
      'augmentPixelScale',
      1,
      `Müller and Hutter 2021: TrivialAugment translates by up to ${TRIVIAL_TRANSLATE} pixels`,
    );
  if (size >= SMALLEST_PUBLISHED) return;
  const scale = Number((size / REFERENCE_SIDE).toPrecision(4));
  const inPixels = (name: string, constants: PixelConstants): string => {
    const { translate, cutout } = scaled(constants, scale);
    return (
      `${name} translates by ${Number(translate.toPrecision(3))} and cuts out ${Math.trunc(cutout)} pixels each ` +
      'way at magnitude 10'
    );
  };
  const effect: Record<Recipe['augment'], string> = {
    none: 'nothing is augmented',
    randaugment: inPixels('RandAugment', RANDAUGMENT_PIXELS),
    autoaugment: inPixels('AutoAugment', AUTOAUGMENT_PIXELS),
    trivialaugment:
      `TrivialAugment translates by up to ${Math.trunc(TRIVIAL_TRANSLATE * scale)} pixels (its paper: ` +
      `${TRIVIAL_TRANSLATE} at every size, augmentPixelScale=1)`,
    simclr: 'SimCLR has none',
  };
  draft.set(
    'augmentPixelScale',
    scale,
    `our choice below ${SMALLEST_PUBLISHED} pixels: constants in pixels are for ${REFERENCE_SIDE}; at ${size}, ` +
      `${size}/${REFERENCE_SIDE} of them: ${effect[policy]}`,
  );
}

/** Steps below which a network has learned little: what few pictures a short recipe sees, it should see so long. */
const LEAST_STEPS: Readonly<Record<string, number>> = { quick: 500, distil: 500, fixmatch: 1000, finetune: 400 };

/** A student of many pictures goes on learning where a network of a few labelled ones has learned all: so many times as long. */
const STUDENT_STEPS = 3;

/** What has no part in a recipe without pictures without labels, besides their ratio. */
export const UNLABELLED_KEYS = [
  ...(['labelledWeight', 'unlabelledWeight', 'unlabelledTargets', 'pseudoTemperature', 'pseudoSmoothing'] as const),
  ...(['confidence', 'unlabelledAugment', 'epochsCount'] as const),
] as const;

/** Pictures without labels beside those of the training part. */
export interface Unlabelled {
  /** Each as often as it is drawn in a pass over them. */
  pictures: number;
  /** Whether a teacher has said what they show. */
  labels: boolean;
}

/** Labelled pictures for each of which one without a label is taken, where neither recipe nor user says how many. */
const RATIO = 1;

/** What pictures without labels ask for, where a recipe was not made for them. */
export function fitUnlabelled(draft: Draft, unlabelled: Unlabelled | undefined): void {
  const reference = draft.preset === 'noisy-student';
  const own = ['consistency', 'distil'].includes(draft.get('unlabelledTargets')) && draft.get('unlabelledRatio') > 0;
  if (unlabelled !== undefined && !reference && !own) {
    draft.set('unlabelledRatio', RATIO, 'our choice: as many as labelled ones; docs/semi-supervised.md');
    draft.set('unlabelledTargets', 'hard', 'our choice: better than soft ones of a teacher trained on few labels');
    draft.set('unlabelledWeight', 1, "our choice: the ratio, as the reference has it, makes a short run's loss leap");
  }
  if (reference)
    draft.set(
      'unlabelledWeight',
      draft.get('unlabelledRatio'),
      'google-research/noisystudent main.py: the ratio, so that each picture of a step weighs the same',
    );
}

/** Steps of an epoch. */
function stepsOf(draft: Draft, pictures: number, unlabelled: Unlabelled | undefined): number {
  const recipe = { unlabelledRatio: draft.get('unlabelledRatio'), epochsCount: draft.get('epochsCount') };
  const draws = drawsOf(pictures, mixtureOf(recipe, unlabelled?.pictures));
  return batchesOf(draws, draft.get('batch'), 'spread');
}

/** @param pictures in the training part */
export function fitData(draft: Draft, pictures: number, unlabelled?: Unlabelled): void {
  const batch = draft.get('batch');
  if (draft.isChosen('batch') && batch > pictures)
    throw new UsageError(
      `Expected a batch of at most ${pictures}, the number of training pictures, but received ${batch}. ` +
        'Use a smaller --batch.',
    );
  const quarter = Math.max(2, Math.floor(pictures / 4));
  if (batch > quarter)
    draft.set(
      'batch',
      quarter,
      `a quarter of the ${plural(pictures, 'training picture')}: with ${batch} an epoch would have too few steps`,
    );
  const perEpoch = stepsOf(draft, pictures, unlabelled);
  const longer = unlabelled?.labels === true ? STUDENT_STEPS : 1;
  const [epochs, least] = [draft.get('epochs'), longer * (LEAST_STEPS[draft.preset] ?? 0)];
  if (epochs * perEpoch < least)
    draft.set(
      'epochs',
      Math.ceil(least / perEpoch),
      `at least ${least} steps: of ${plural(pictures, 'training picture')} ${epochs} epochs would be ${epochs * perEpoch}`,
    );
}

/** Times that a labelled picture is seen from which on it is learned by heart without noise. */
const BY_HEART = 50;

/** The noise of Noisy Student where labelled pictures are few. @param pictures in the training part */
export function fitNoise(draft: Draft, pictures: number, unlabelled: Unlabelled | undefined): void {
  if (unlabelled?.labels !== true || draft.preset !== 'quick' || draft.get('augment') !== 'none') return;
  const seen = (draft.get('epochs') * stepsOf(draft, pictures, unlabelled) * draft.get('batch')) / pictures;
  if (seen < BY_HEART) return;
  draft.set(
    'augment',
    'randaugment',
    `our choice: ${plural(pictures, 'labelled picture')} seen ${Math.round(seen)} times; docs/few-labels/README.md`,
  );
}

/**
 * What fine-tuning keeps of the running averages at a step: max(1 - 10/s, 0.9), s steps an epoch, so that they go over a tenth of an epoch
 * (SimCLR, arXiv 2002.05709, appendix B.8). PyTorch's momentum, which stands in the recipe, is 1 less that: min(10/s, 0.1).
 * @param pictures in the training part
 */
export function fitNorm(draft: Draft, pictures: number, unlabelled?: Unlabelled): void {
  if (draft.preset !== 'finetune') return;
  const steps = stepsOf(draft, pictures, unlabelled);
  const momentum = Number((10 / steps).toPrecision(4));
  if (momentum < draft.get('normMomentum'))
    draft.set('normMomentum', momentum, `${draft.sourceOf('normMomentum')}: here ${steps}`);
}

/** Says over how many steps the average really goes. @param pictures in the training part */
export function fitAveraging(draft: Draft, pictures: number, unlabelled?: Unlabelled): void {
  if (draft.get('averaging') === 'none') return;
  // The ramp alone keeps the horizon below a ninth of the steps done: 1/(1 - (1+t)/(10+t)) = (10+t)/9.
  const steps = stepsOf(draft, pictures, unlabelled) * draft.get('epochs');
  const last = emaDecay(draft.get('emaDecay'), steps);
  if (last < draft.get('emaDecay')) {
    const horizon = Math.round(1 / (1 - last));
    draft.set(
      'emaDecay',
      draft.get('emaDecay'),
      `${draft.sourceOf('emaDecay')}, which ends at ${last.toPrecision(4)} after the ${steps} steps of this ` +
        `run: an average over about ${horizon} steps, a ninth of them`,
    );
  }
}

const rounded = (epochs: number): number => Number(epochs.toPrecision(4));

/** Lengths given in epochs, in a run of another length than they were written for. */
export function fitLengths(draft: Draft): void {
  const epochs = draft.get('epochs');
  const schedule = draft.get('schedule');
  const share = (key: RecipeKey): number => epochs / draft.writtenFor[key];
  const kept = (key: RecipeKey, what: unknown): string =>
    `${String(what)} of ${draft.writtenFor[key]} epochs, in proportion`;
  if (share('stepEpochs') !== 1)
    draft.set(
      'stepEpochs',
      draft.get('stepEpochs').map((at) => rounded(at * share('stepEpochs'))),
      kept('stepEpochs', draft.get('stepEpochs').join(', ')),
    );
  if (share('decayEpochs') !== 1)
    draft.set(
      'decayEpochs',
      rounded(draft.get('decayEpochs') * share('decayEpochs')),
      kept('decayEpochs', draft.get('decayEpochs')),
    );
  const warmup = draft.get('warmupEpochs');
  if (schedule === 'one-cycle')
    draft.set('warmupEpochs', 0.3 * epochs, "PyTorch's OneCycleLR: the rate rises for 0.3 of the run");
  else if (schedule === 'step' && share('warmupEpochs') !== 1)
    draft.set('warmupEpochs', rounded(warmup * share('warmupEpochs')), kept('warmupEpochs', warmup));
  // A warm-up longer than a tenth of the run would leave little of the schedule.
  else if (warmup > epochs / 10)
    draft.set(
      'warmupEpochs',
      epochs / 10,
      `a tenth of the run, since ${warmup} of ${epochs} epochs would be too long a warm-up`,
    );
}

/** Says of settings that play no part why they do not. */
export function markUnused(draft: Draft): void {
  const unless = (used: boolean, why: string, ...keys: RecipeKey[]): void => {
    if (!used) for (const key of keys) draft.unused(key, why);
  };
  const [schedule, optimiser, averaging, policy, crop] = [
    draft.get('schedule'),
    draft.get('optimiser'),
    draft.get('averaging'),
    draft.get('augment'),
    draft.get('cropMode'),
  ];
  unless(schedule === 'step', `schedule ${schedule}`, 'stepEpochs');
  unless(schedule === 'exponential', `schedule ${schedule}`, 'decayEpochs');
  unless(schedule === 'step' || schedule === 'exponential', `schedule ${schedule}`, 'decayFactor');
  unless(schedule === 'poly', `schedule ${schedule}`, 'polyPower', 'polyEnd');
  unless(draft.get('earlyStopping'), 'earlyStopping false', 'patience', 'minival');
  unless(optimiser === 'sgd' || optimiser === 'lars', `optimiser ${optimiser}`, 'nesterov');
  unless(optimiser !== 'sgd' && optimiser !== 'lars', `optimiser ${optimiser}`, 'squareDecay', 'epsilon');
  unless(optimiser === 'lars', `optimiser ${optimiser}`, 'trustCoefficient', 'momentumRate');
  unless(draft.get('agc') > 0, 'agc 0', 'agcRule');
  unless(averaging !== 'none', `averaging ${averaging}`, 'emaDecay');
  unless(averaging !== 'ema', `averaging ${averaging}`, 'normMomentum');
  unless(policy === 'randaugment', `augment ${policy}`, 'randAugmentLayers', 'randAugmentMagnitude');
  unless(!['none', 'trivialaugment', 'simclr'].includes(policy), `augment ${policy}`, 'augmentVariant');
  unless(policy !== 'none' && policy !== 'simclr', `augment ${policy}`, 'augmentPixelScale');
  unless(isSimclr(draft), `augment ${policy}`, ...SIMCLR_KEYS);
  unless(crop === 'inception', `cropMode ${crop}`, 'cropAreaMin', 'cropAttempts');
  unless(crop === 'pad', `cropMode ${crop}`, 'padding');
  unless(crop === 'scale' || crop === 'short-side', `cropMode ${crop}`, 'scaleMin', 'scaleMax');
  unless(draft.get('fit') === 'crop', `fit ${draft.get('fit')}`, 'evalCrop');
  const targets = draft.get('unlabelledTargets');
  if (draft.get('unlabelledRatio') === 0) unless(false, 'unlabelledRatio 0', ...UNLABELLED_KEYS);
  else {
    const soft = targets === 'soft' || targets === 'distil';
    unless(soft, `unlabelledTargets ${targets}`, 'pseudoTemperature');
    unless(!soft, `unlabelledTargets ${targets}`, 'pseudoSmoothing');
    unless(targets === 'consistency', `unlabelledTargets ${targets}`, 'confidence');
  }
  unless(draft.get('stochasticDepth') > 0, 'stochasticDepth 0', 'stochasticDepthRule');
}
