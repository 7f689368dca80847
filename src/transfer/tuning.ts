import { DETECT_KEYS } from '../recipe/detect-settings.js';
import { checkModelSwitches, modelSwitchesSchema } from '../recipe/model-switches.js';
import { DENSE_KEYS, DEPTH_KEYS } from '../recipe/pixels/settings.js';
import { type Recipe, type RecipeKey, resolveRecipe, type SourcedRecipe, settingKey } from '../recipe/recipe.js';
import { CONTRAST_KEYS } from '../recipe/simclr-augment.js';
import { taskNamed } from '../tasks/index.js';
import type { TrainOptions } from '../train/index.js';
import type { Setting, TransferAsk, Usual } from './plan.js';
import type { Start } from './starts.js';
import type { TargetFacts } from './targets.js';

/** What is to be trained. */
export interface Tuning {
  start: Start;
  target: Pick<TargetFacts, 'task' | 'path' | 'size'>;
  setting: Setting;
  seed: number;
}
type Ask = Pick<TransferAsk, 'epochs' | 'settings' | 'maxBroken'>;

/** The recipe of fine-tuning on a target: of other tasks than classify that of the task, which is made for random weights too. */
const recipeOf = ({ task }: Pick<TargetFacts, 'task'>): string => taskNamed(task).recipe ?? 'finetune';

/** Side of the pictures. */
const sideOf = ({ start, target }: Pick<Tuning, 'start' | 'target'>): number => target.size ?? start.size;

/** Pictures of up to so many pixels are padded and cropped where nothing else is said, which a letterbox cannot be. */
const PADDED = 64;

/** What start and user say, but for rate and decay. */
function settingsOf({ start, target }: Pick<Tuning, 'start' | 'target'>, { settings, epochs }: Ask): Partial<Recipe> {
  // Nothing is there to be kept: what is frozen would be random.
  const { freeze: _, layerDecay: __, ...ofScratch } = settings;
  return {
    ...(target.task === 'classify' && {
      evalCrop: start.evalCrop,
      ...(start.fit && { fit: start.fit, ...(start.size <= PADDED && { cropMode: 'scale' }) }),
    }),
    interpolation: start.input.interpolation,
    ...(start.kind === 'scratch' ? ofScratch : settings),
    ...(epochs !== undefined && { epochs }),
  };
}

/** @param pictures that are learned from */
function resolved(of: Pick<Tuning, 'start' | 'target'>, settings: Partial<Recipe>, pictures: number): SourcedRecipe {
  const { recipe, idleSettings } = taskNamed(of.target.task);
  const idle = recipe === undefined ? undefined : idleSettings;
  return resolveRecipe(recipeOf(of.target), of.start.model, sideOf(of), settings, pictures, undefined, idle);
}

/** How a start is fine-tuned. @param pictures that are learned from */
export function tuningOptions(tuning: Tuning, ask: Ask, pictures: number): Omit<TrainOptions, 'out'> {
  const { start, target, setting, seed } = tuning;
  const classes = target.task === 'classify';
  const settings: Partial<Recipe> = {
    ...settingsOf(tuning, ask),
    learningRate: setting.rate,
    weightDecay: classes ? Number((setting.decay / setting.rate).toPrecision(6)) : setting.decay,
  };
  // Twice the steps of fine-tuning, as SimCLR gives it (40,000 against 20,000).
  if (classes && start.kind === 'scratch')
    settings.epochs = Math.min(100_000, 2 * resolved(tuning, settings, pictures).values.epochs);
  const { width, stemStride } = start.modelOptions;
  const known = Object.keys(modelSwitchesSchema.shape);
  const switches = Object.fromEntries(Object.entries(start.modelOptions).filter(([key]) => known.includes(key)));
  return {
    ...{ data: target.path, task: target.task, model: start.model, size: sideOf(tuning), width, stemStride, seed },
    ...{ recipe: recipeOf(target), settings },
    modelOptions: checkModelSwitches(switches),
    maxBroken: ask.maxBroken,
    ...(start.path !== undefined && { from: start.path }),
  };
}

/** Epochs of such a training. */
export function epochsOf(tuning: Tuning, ask: Ask, pictures: number): number {
  const { settings = {} } = tuningOptions(tuning, ask, pictures);
  return resolved(tuning, settings, pictures).values.epochs;
}

/** What the recipe of another task than classify has, where the user sets no other; undefined of classes. */
export function usualOf(target: TargetFacts, start: Start, ask: Ask): Usual | undefined {
  if (target.task === 'classify') return undefined;
  const { learningRate, weightDecay } = resolved(
    { start, target },
    settingsOf({ start, target }, ask),
    target.train,
  ).values;
  return { rate: learningRate, decay: weightDecay };
}

/** What fine-tuning to classes has no use for. */
const OF_OTHERS: readonly RecipeKey[] = [...CONTRAST_KEYS, ...DETECT_KEYS, ...DENSE_KEYS, ...DEPTH_KEYS];

/** Settings that play no part in any of the targets. */
export function idleSettings(targets: readonly Pick<TargetFacts, 'task'>[], settings: Partial<Recipe>): string[] {
  const idle = targets.map(({ task }) => new Set<string>(taskNamed(task).idleSettings?.keys ?? OF_OTHERS));
  return Object.keys(settings).filter((key) => idle.every((keys) => keys.has(settingKey(key))));
}
