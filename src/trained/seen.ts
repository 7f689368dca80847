import { filmStrip } from '../augment/clips/strip.js';
import { POLICY_TITLES } from '../augment/policies/plan.js';
import type { Dataset } from '../data/dataset.js';
import type { Unlabelled } from '../data/unlabelled.js';
import { RescaledError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import type { SeenBatch } from '../report/seen.js';
import type { RunConfig } from '../run/config.js';
import { plural } from '../suggest.js';
import { openRunData } from '../tasks/runs.js';
import { learnedFrom, type Task, trainingLoader, withUnlabelled } from '../train/index.js';
import { SIDE, shown, thumbnail } from './shown.js';

/** So many pictures of the batch are shown. */
const SHOWN = 14;

/**
 * Pictures of the first batch of a run's first epoch as its network saw them: made again, since they are a function of (seed, epoch, index),
 * and mixed by the task where the recipe mixes. Without data, or where they have changed, it says so.
 */
export async function seenBatch(task: Task, config: RunConfig, data: Dataset | 'open'): Promise<SeenBatch> {
  const dataset = data === 'open' ? await openedOf(config) : data;
  if (dataset?.train === undefined)
    return { none: 'The training pictures no longer lie where they lay: what the network saw cannot be shown.' };
  if (dataset.fingerprint !== config.data.fingerprint)
    return { none: 'The data has changed since the training: what the network saw cannot be shown.' };
  const { values } = config.recipe;
  const { train } = learnedFrom(config, dataset);
  const unlabelled = await unlabelledOf(config, dataset);
  if (config.unlabelled !== undefined && unlabelled === undefined)
    return {
      none: 'The pictures without labels, or their labels, have changed: what the network saw cannot be shown.',
    };
  const loader = trainingLoader(task, config, train, 0, unlabelled);
  const objective = task.objective(config, train, unlabelled);
  try {
    // Partners may stand anywhere in the batch.
    const mixes = values.mixup > 0 || values.cutmix > 0;
    const batch = await loader.first(0, mixes ? undefined : SHOWN);
    if (batch.n < 2) return { none: 'The pictures of the first step cannot be read.' };
    const { size, input } = config;
    const step = objective.begin(batch, 0, 0);
    const n = Math.min(SHOWN, batch.n);
    const bytes = step.images.length / batch.n;
    const pictures = [];
    for (let k = 0; k < n; k++) {
      const image = step.images.subarray(k * bytes, (k + 1) * bytes);
      const picture = await (input.clip ? thumbnail(filmStrip(image, size, 4, 2), 2 * SIDE) : shown(image, size));
      pictures.push({ ...picture, caption: step.caption?.(k) ?? '' });
    }
    const of = loader.firstSize;
    const which = n < of ? `The first ${n} of the ${of} pictures` : `The ${n} pictures`;
    return { pictures, note: `${which} of the first step of epoch 1: ${augmentationWords(values)}.` };
  } finally {
    objective.dispose();
    await loader.close();
  }
}

const openedOf = (config: RunConfig): Promise<Dataset | undefined> => unlessGone(() => openRunData(config));

const unlabelledOf = (config: RunConfig, dataset: Dataset): Promise<Unlabelled | undefined> =>
  unlessGone(async () => (await withUnlabelled(config, dataset)).unlabelled);

async function unlessGone<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    // Gone, or no longer a data set: both are no fault of what is told here. Anything else is one of the program.
    if (error instanceof RescaledError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/** What a recipe does to training pictures, in words. */
export function augmentationWords(recipe: Recipe): string {
  const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;
  const crops = {
    inception: `a random crop of ${recipe.cropAreaMin < 1 ? `${percent(recipe.cropAreaMin)} to ` : ''}100 % of the area`,
    pad: `a shift of up to ${plural(recipe.padding, 'pixel')}`,
    none: recipe.fit === 'letterbox' ? 'the whole picture' : 'a centre crop',
    'short-side': `a random window of the shorter side at ${recipe.scaleMin} to ${recipe.scaleMax} of the window`,
    scale: `the picture at ${recipe.scaleMin} to ${recipe.scaleMax} of its size`,
  };
  const strengths: Partial<Record<Recipe['augment'], string>> = {
    randaugment: ` (${recipe.randAugmentLayers} operations at magnitude ${recipe.randAugmentMagnitude})`,
    simclr:
      ` (colours jittered by ${recipe.colourStrength} in ${percent(recipe.colourShare)}, grey in ` +
      `${percent(recipe.greyShare)}, blurred in ${percent(recipe.blur)})`,
  };
  return [
    crops[recipe.cropMode],
    ...(recipe.flip > 0 ? [`flipped in ${percent(recipe.flip)}`] : []),
    ...(recipe.augment === 'none' ? [] : [`${POLICY_TITLES[recipe.augment]}${strengths[recipe.augment] ?? ''}`]),
    ...(recipe.randomErasing > 0 ? [`a part erased in ${percent(recipe.randomErasing)}`] : []),
    ...(recipe.repeats > 1 ? [`each picture ${recipe.repeats} times in a row`] : []),
    ...(recipe.mixup > 0 ? [`mixup (alpha ${recipe.mixup})`] : []),
    ...(recipe.cutmix > 0 ? [`CutMix (alpha ${recipe.cutmix})`] : []),
    ...(recipe.labelSmoothing > 0 ? [`labels smoothed by ${recipe.labelSmoothing}`] : []),
  ].join(', ');
}
