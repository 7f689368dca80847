import { checkOptions, type OptionKinds, shown, wholeOption } from '../checks.js';
import type { Dataset } from '../data/dataset.js';
import { UsageError } from '../errors.js';
import { lastName, placeOf } from '../files.js';
import { modelTitle } from '../models/index.js';
import type { Recipe } from '../recipe/recipe.js';
import {
  additive,
  leaveOneOut,
  planStudy,
  type StudyKind,
  type StudyPlan,
  weightDecay,
} from '../study/plan/ablation.js';
import { type Ladder, pickSteps } from '../study/plan/ladder.js';
import { readLadder } from '../study/plan/ladder-file.js';
import { studiedTask } from '../study/plan/studied-task.js';
import { checkSteps, ladderOf } from '../study/plan/task-ladders.js';
import { taskNamed } from '../tasks/index.js';
import { openTrainingData } from '../tasks/runs.js';
import type { StudyFacts } from './ablation-page.js';
import type { NamedTrials } from './speed.js';

/** What an ablation trains. */
export interface AblationOptions {
  /** Pictures, as for a training. */
  data: string;
  /** What is learned; by default what the data ask for: boxes, masks, depth or videos, else classes. */
  task?: string;
  /**
   * A ResNet-RS; the study begins at the classic ResNet of its depth. `resnet-rs-26` by default, of boxes, masks and depth `resnet-18`, of videos
   * `resnet3d-14`.
   */
  model?: string;
  /** Width multiplier; 0.25 by default, of other tasks 0.5. */
  width?: number;
  /** Side of the pictures, in pixels. */
  size?: number;
  /** Total stride of the stem; half the usual up to 64 pixels. */
  stemStride?: 1 | 2 | 4;
  /** Before the step "more epochs"; 90 by default, of other tasks 20. */
  epochs?: number;
  /** From that step on; 350/90 of `epochs` by default, of other tasks three times as many. */
  longEpochs?: number;
  /** Trainings of each row; 3 by default. */
  seeds?: number;
  /** At most so many training pictures; all by default. */
  limitTrain?: number;
  /** At most so many pictures to measure on; all by default. */
  limitVal?: number;
  /** Share of the training pictures that is set aside to measure on, where the data has no part for it; 0.2 by default. */
  valSplit?: number;
  /** 'cpu' by default, 'cuda:0' or 'auto'. */
  device?: string;
  /** Of every row. */
  settings?: Partial<Recipe>;
  /**
   * Which rows: each step added to the ones before it (`additive`, paper Table 1), all steps together and then without each one
   * (`leave-one-out`), or two weight decays with and without regularisation (`weight-decay`, paper Table 2).
   */
  kind?: StudyKind;
  /** Only these steps, in this order. */
  steps?: readonly string[];
  /** A file with base and steps of one's own. */
  order?: string;
}

const ABLATION_OPTIONS: OptionKinds<Required<AblationOptions>> = {
  data: 'path',
  task: 'text',
  model: 'text',
  width: 'number',
  size: 'number',
  stemStride: 'number',
  epochs: 'number',
  longEpochs: 'number',
  seeds: 'number',
  limitTrain: 'number',
  limitVal: 'number',
  valSplit: 'number',
  device: 'text',
  settings: 'object',
  kind: 'text',
  steps: 'texts',
  order: 'path',
};

/** An ablation that is laid out: its rows with their trials, and what its page says of it. */
export interface AblationPlan extends StudyPlan {
  facts: Omit<StudyFacts, 'command'>;
  dataset: Dataset;
  ladder: Ladder;
}

/** Small enough for a few thousand pictures on a desk, deep enough for stochastic depth to have blocks to drop. */
export const ABLATED = { model: 'resnet-rs-26', width: 0.25, epochs: 90, seeds: 3 } as const;

const ROWS = { additive, 'leave-one-out': leaveOneOut, 'weight-decay': weightDecay };

const TITLES: Record<StudyKind, string> = {
  additive: 'What each step is worth on',
  'leave-one-out': 'What is lost without each step on',
  'weight-decay': 'Weight decay and regularisation on',
};

/** The paper's tables, by the task whose steps they add. */
const TABLE_OF: Readonly<Record<string, 1 | 6>> = { classify: 1, video: 6 };

/** Lays the rows of an ablation out. Nothing is trained or written. @throws UsageError for options that no run can have */
export async function planAblation(options: AblationOptions): Promise<AblationPlan> {
  checkOptions('ablate', options, ABLATION_OPTIONS, ['data']);
  wholeOption('seeds', options.seeds, 1, 1000);
  const { data, limitVal, settings = {}, kind = 'additive', model, order } = options;
  const { size, stemStride, limitTrain, valSplit, device } = options;
  if (!Object.hasOwn(ROWS, kind))
    throw new UsageError(
      `Expected ${Object.keys(ROWS).join(', ')} as the kind of an ablation but received ${shown(kind)}.`,
    );
  const chosen = [options.steps, order, kind === 'weight-decay' ? kind : undefined].filter((one) => one !== undefined);
  if (chosen.length > 1)
    throw new UsageError('Expected one of steps, order and the weight-decay table but received more than one of them.');
  const task = await studiedTask(data, options.task);
  const { network = ABLATED } = taskNamed(task);
  const width = options.width ?? network.width;
  if (task !== undefined && kind === 'weight-decay')
    throw new UsageError(
      `Expected classes for the table of weight decays but ${data} is for the task ${task}: its rows are regularisers of classes.`,
    );
  if (options.steps !== undefined) checkSteps(task, options.steps);
  const own = ladderOf(task, {
    model: model ?? network.model,
    epochs: options.epochs,
    longEpochs: options.longEpochs,
  });
  let ladder = own;
  if (order !== undefined) {
    ladder = await readLadder(order, own);
    if (model !== undefined && ladder.base.model !== own.base.model)
      throw new UsageError(`Expected the model in ${order} or as --model but received both.`);
  }
  // A published accuracy belongs to the published order.
  if (options.steps !== undefined)
    ladder = {
      base: own.base,
      steps: pickSteps(own.steps, options.steps).map(({ paper: _other, ...step }) => step),
    };
  const title = modelTitle(ladder.base.model, { ...ladder.base.modelOptions, width });
  const rows = ROWS[kind](ladder, title);
  const table = kind === 'weight-decay' ? 2 : ladder === own ? TABLE_OF[task ?? 'classify'] : undefined;
  const learned = task === undefined ? {} : { task };
  const dataset = await openTrainingData({ ...learned, data, valSplit, limitTrain, limitVal });
  const seeds = Array.from({ length: options.seeds ?? ABLATED.seeds }, (_, i) => i + 1);
  const plan = await planStudy(
    kind,
    rows,
    seeds,
    {
      ...learned,
      data: placeOf(data),
      width,
      size,
      stemStride,
      limitTrain,
      testPictures: limitVal,
      valSplit,
      device,
      settings,
    },
    dataset,
  );
  return {
    ...plan,
    dataset,
    ladder,
    facts: {
      title: `${TITLES[kind]} ${lastName(data)}`,
      data: {
        name: dataset.name,
        classes: taskNamed(task).counts(taskNamed(task).settings(dataset)).classes ?? 0,
        trainPictures: dataset.train?.length ?? 0,
        testPictures: dataset.val.length,
        part: dataset.measured,
      },
      place: data,
      model: title,
      size: plan.size,
      common: [
        { key: 'Seeds', value: seeds.join(', ') },
        ...Object.entries(settings).map(([key, value]) => ({ key, value: String(value) })),
      ],
      ...(table === undefined ? {} : { table }),
    },
  };
}

/** Each trial once, with the name of the first row that it serves. */
export function trialsOfRows({ variants }: Pick<StudyPlan, 'variants'>): NamedTrials {
  const unique: Map<string, { trial: (typeof variants)[0]['trials'][0]; name: string }> = new Map();
  // Seed by seed, so that a study that is stopped early has every row.
  const seeds = Math.max(0, ...variants.map(({ trials }) => trials.length));
  for (let i = 0; i < seeds; i++)
    for (const { name, trials } of variants) {
      const trial = trials[i]!;
      if (!unique.has(trial.id)) unique.set(trial.id, { trial, name });
    }
  return unique;
}
