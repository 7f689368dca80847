import { UsageError } from '../../errors.js';
import { taskNamed } from '../../tasks/index.js';
import { classic, type Ingredient, type Ladder, type LadderOptions, paperLadder } from './ladder.js';

/** Epochs before and after the step `more epochs`: the longer ones are those of the tasks' own recipes. */
const EPOCHS = 20;
const LONGER = 3;
/** Of a task's ladder, or of the paper's. */
export const DEFAULT_EPOCHS = (task: string | undefined): number => (task === undefined ? 90 : EPOCHS);
export const longerThan = (epochs: number): number => Math.round(epochs * LONGER);

type Group = NonNullable<Ingredient['group']>;
type Step = readonly [key: string, name: string, group: Group, settings: Ingredient['settings']];

interface Plain {
  /** What the base is called. */
  name: string;
  settings: Ingredient['settings'];
  /** Before the architecture of the trunk. */
  steps: readonly Step[];
}

const FLIP: Step = ['flip', 'mirrored pictures', 'regularisation', { flip: 0.5 }];
const SCALE_JITTER: Step = ['scale-jitter', 'scale jitter', 'regularisation', { cropMode: 'scale' }];
const GROUP_NORM: Step = ['group-norm', 'group norm in the heads', 'architecture', { headNorm: 'group' }];

/** What each task's recipe has more than a plain one; each step can be taken alone. Our choice: the paper has no such table. */
const PLAIN: Readonly<Record<string, Plain>> = {
  detect: {
    name: 'plain RetinaNet',
    settings: { flip: 0, cropMode: 'none', focalGamma: 0, headNorm: 'none' },
    steps: [
      FLIP,
      SCALE_JITTER,
      ['focal-loss', 'focal loss', 'training', { focalGamma: 2 }],
      ['giou', 'GIoU as the loss of boxes', 'training', { boxLoss: 'giou' }],
      GROUP_NORM,
    ],
  },
  segment: {
    name: 'plain FCN',
    settings: { flip: 0, cropMode: 'none', headNorm: 'batch', decoder: 'fcn', outputStride: 16, auxWeight: 0 },
    steps: [
      FLIP,
      SCALE_JITTER,
      ['label-smoothing', 'label smoothing', 'regularisation', { labelSmoothing: 0.1 }],
      ['aux-loss', 'loss of a second head', 'training', { auxWeight: 0.5 }],
      ['aspp', 'ASPP (DeepLabV3)', 'architecture', { decoder: 'deeplabv3' }],
      ['output-stride', 'output stride 8', 'architecture', { outputStride: 8 }],
      GROUP_NORM,
    ],
  },
  depth: {
    name: 'plain FPN',
    settings: { flip: 0, headNorm: 'batch', depthFocus: 0 },
    steps: [
      FLIP,
      ['scale-invariant', 'scale-invariant loss', 'training', { depthFocus: 0.85 }],
      ['less-decay', 'a tenth of the weight decay', 'regularisation', { weightDecay: 1e-3 }],
      GROUP_NORM,
    ],
  },
};

/**
 * What an additive study begins with and adds: for classes the paper's Table 1, for boxes, masks and depth what their recipes are made of.
 * @param options.model of the task's own by default
 */
export function ladderOf(task: string | undefined, { model, epochs, longEpochs }: Partial<LadderOptions>): Ladder {
  if (task === undefined) return paperLadder({ model: model!, epochs, longEpochs });
  const { recipe, network } = taskNamed(task);
  const plain = PLAIN[task];
  if (plain === undefined || recipe === undefined || network === undefined)
    throw new UsageError(
      `Expected a task to study of classify, ${Object.keys(PLAIN).join(', ')} but received "${task}", which has no table of steps.`,
    );
  const short = epochs ?? EPOCHS;
  const step = ([key, name, group, settings]: Step): Ingredient => ({ key, name, group, settings, modelOptions: {} });
  const ofTrunk = (key: string, name: string, modelOptions: Ingredient['modelOptions']): Ingredient => ({
    ...{ key, name, group: 'architecture', settings: {}, modelOptions },
  });
  return {
    base: {
      name: plain.name,
      recipe,
      model: classic(model ?? network.model),
      settings: { epochs: short, schedule: 'constant', averaging: 'none', ...plain.settings },
      modelOptions: {},
    },
    steps: [
      step(['cosine', 'cosine decay', 'training', { schedule: 'cosine' }]),
      step(['epochs', 'more epochs', 'training', { epochs: longEpochs ?? longerThan(short) }]),
      step(['ema', 'EMA of weights', 'training', { averaging: 'ema' }]),
      ...plain.steps.map(step),
      ofTrunk('squeeze-excite', 'squeeze-excite', { seRatio: 0.25 }),
      ofTrunk('resnet-d', 'ResNet-D', { stem: 'deep', stemPool: 'conv', avgDown: true }),
    ],
  };
}

/** Tasks with steps of their own. */
export const LADDER_TASKS = ['classify', ...Object.keys(PLAIN)];

/** @throws UsageError for a step of another task, which says whose it is */
export function checkSteps(task: string | undefined, names: readonly string[]): void {
  const keysOf = (one: string): string[] =>
    ladderOf(one === 'classify' ? undefined : one, { model: 'resnet-rs-26' }).steps.flatMap(({ key, name }) => [
      key,
      name.toLowerCase(),
    ]);
  const own = task ?? 'classify';
  for (const name of names) {
    const wanted = name.trim().toLowerCase();
    const others = LADDER_TASKS.filter((one) => one !== own && keysOf(one).includes(wanted));
    if (!keysOf(own).includes(wanted) && others.length > 0)
      throw new UsageError(
        `Expected a step of the task ${own} but received "${name.trim()}", which is one of ${others.join(', ')}. ` +
          `Known: ${ladderOf(task, { model: 'resnet-rs-26' })
            .steps.map(({ key }) => key)
            .join(', ')}.`,
      );
  }
}
