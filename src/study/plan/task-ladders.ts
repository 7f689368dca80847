import { UsageError } from '../../errors.js';
import { modelFacts } from '../../models/index.js';
import { taskNamed } from '../../tasks/index.js';
import { classic, type Ingredient, type Ladder, type LadderOptions, type Published, paperLadder } from './ladder.js';

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
 * Paper Table 6: a 3D-ResNet-50 by the methods of training first, then with the architecture's two. Section 7.5 gives three of its values, on
 * Kinetics-400; the other rows and their order are not recovered, so that the order is ours. Values: tensorflow/models, the yaml of
 * 3D-ResNet-RS-50, and for the base its factory's.
 */
function videoLadder({
  model,
  epochs = EPOCHS,
  longEpochs = longerThan(epochs),
}: { [key in keyof LadderOptions]?: LadderOptions[key] | undefined }): Ladder {
  const { recipe, network } = taskNamed('video');
  const of = (accuracy: number): Published => ({ '3D-ResNet-50': accuracy });
  const crop = (cropAreaMin: number, clipAspect: number) => ({ cropMode: 'inception', cropAreaMin, clipAspect });
  const step = (key: string, name: string, group: Group, more: Partial<Ingredient>): Ingredient => ({
    ...{ key, name, group, settings: {}, modelOptions: {} },
    ...more,
  });
  return {
    base: {
      name: 'baseline 3D-ResNet',
      recipe: recipe!,
      model: classicClips(model ?? network!.model),
      settings: {
        ...{ epochs, averaging: 'none', labelSmoothing: 0, stochasticDepth: 0, dropout: 0 },
        ...crop(0.49, 4 / 3),
      },
      modelOptions: {},
      paper: of(73.4),
    },
    steps: [
      step('epochs', 'more epochs', 'training', { settings: { epochs: longEpochs } }),
      step('scale-jitter', 'scale jitter', 'regularisation', { settings: crop(0.08, 2) }),
      step('label-smoothing', 'label smoothing', 'regularisation', { settings: { labelSmoothing: 0.1 } }),
      step('stochastic-depth', 'stochastic depth', 'regularisation', { settings: { stochasticDepth: 0.1 } }),
      step('ema', 'EMA of weights', 'training', { settings: { averaging: 'ema' } }),
      step('dropout', 'dropout on FC', 'regularisation', { settings: { dropout: 0.5 }, paper: of(77.4) }),
      step('squeeze-excite', 'squeeze-excite', 'architecture', { modelOptions: { seRatio: 0.25 } }),
      step('resnet-d', 'ResNet-D (the stem)', 'architecture', { modelOptions: { stem: 'deep' }, paper: of(78.2) }),
    ],
  };
}

/** The baseline of a 3-D ResNet's depth. */
function classicClips(model: string): string {
  const facts = modelFacts(model);
  if (facts.kind !== 'resnet3d' || facts.family === 'slow')
    throw new UsageError(
      `Expected a 3-D ResNet to study, such as resnet3d-50, but received ${model}: the paper's steps are those from it to 3D-ResNet-RS. ` +
        'For another model, give --order FILE with a base of your own.',
    );
  return model.replace(/^resnet3d-rs-/, 'resnet3d-');
}

/**
 * What an additive study begins with and adds: for classes the paper's Table 1, for videos its Table 6, for boxes, masks and
 * depth what their recipes are made of.
 * @param options.model of the task's own by default
 */
export function ladderOf(task: string | undefined, { model, epochs, longEpochs }: Partial<LadderOptions>): Ladder {
  if (task === undefined) return paperLadder({ model: model!, epochs, longEpochs });
  if (task === 'video') return videoLadder({ model, epochs, longEpochs });
  const { recipe, network } = taskNamed(task);
  const plain = PLAIN[task];
  if (plain === undefined || recipe === undefined || network === undefined)
    throw new UsageError(
      `Expected a task to study of ${LADDER_TASKS.join(', ')} but received "${task}", which has no table of steps.`,
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
export const LADDER_TASKS = ['classify', ...Object.keys(PLAIN), 'video'];

/** The steps of a task's study, `classify` included. */
export const stepsOf = (task: string): readonly Ingredient[] =>
  ladderOf(task === 'classify' ? undefined : task, task === 'classify' ? { model: 'resnet-rs-26' } : {}).steps;

/** @throws UsageError for a step of another task, which says whose it is */
export function checkSteps(task: string | undefined, names: readonly string[]): void {
  const keysOf = (one: string): string[] => stepsOf(one).flatMap(({ key, name }) => [key, name.toLowerCase()]);
  const own = task ?? 'classify';
  for (const name of names) {
    const wanted = name.trim().toLowerCase();
    const others = LADDER_TASKS.filter((one) => one !== own && keysOf(one).includes(wanted));
    if (!keysOf(own).includes(wanted) && others.length > 0)
      throw new UsageError(
        `Expected a step of the task ${own} but received "${name.trim()}", which is one of ${others.join(', ')}. ` +
          `Known: ${stepsOf(own)
            .map(({ key }) => key)
            .join(', ')}.`,
      );
  }
}
