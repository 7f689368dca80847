import { UsageError } from '../../errors.js';
import {
  COMPARED_VARIANTS,
  type ComparedFacts,
  type ModelOverrides,
  modelFacts,
  modelNames,
  QuickCosts,
} from '../../models/index.js';
import { openRecipe } from '../../recipe/file.js';
import { type NamedRecipe, resolveRecipe } from '../../recipe/recipe.js';
import { stemStrideAt } from '../../train/index.js';
import { halvingPlan } from '../analysis/halving.js';
import type { Grid, StudyFile } from './file.js';
import { PAPER_RULES } from './presets.js';
import type { Rule } from './rule.js';
import type { TrialOptions } from './trial.js';

/** A model at a size, trained for so many epochs: what a study compares. */
export interface Configuration {
  /** `resnet-rs-26 x0.5 @28 for 20 epochs`: unique in the study. */
  name: string;
  family: Grid['family'];
  /** As in the registry, without a size. */
  model: string;
  depth: number;
  width: number;
  size: number;
  epochs: number;
  parameters: number;
  /** Of one picture; FLOPs are twice this. */
  multiplyAdds: number;
  /** Pictures in a training step. */
  batch: number;
  /** Predicted peak memory of a training step. */
  predictedBytes: number;
  /**
   * Of the whole trial: 3 times a forward pass (the backward pass is two) for each picture of each epoch, 2 for a
   * multiply-add.
   */
  trainFlops: number;
  options: TrialOptions;
  /** Of the model, for its cost. */
  overrides: ModelOverrides;
  /** Settings that a rule chose, with the rule's source. */
  ruled: Readonly<Record<string, string>>;
}

export interface LeftOut {
  name: string;
  reason: string;
}

/** What is known of the pictures when a grid is laid out. */
export interface GridData {
  trainPictures: number;
  classes: number;
  path: string;
}

/**
 * The regimes as the study lists them, shortest first; with successive halving the epochs of its rungs, up to the
 * largest that it lists.
 */
export function epochsOf({ epochs, halving }: Pick<StudyFile, 'epochs' | 'halving'>): number[] {
  if (halving === undefined) return [...epochs].sort((a, b) => a - b);
  return halvingPlan({
    configurations: 1,
    epochs: Math.max(...epochs),
    first: halving.from,
    eta: halving.eta,
  }).rungs.map((rung) => rung.epochs);
}

/**
 * Every configuration of a study, smallest first, with its cost from shapes alone; those beyond the limits or too small
 * for the model's strides are left out by name.
 * @param where the study comes from, for the messages: its file
 * @throws UsageError for models, sizes or settings that nothing can be made of
 */
export async function layOut(
  study: StudyFile,
  data: GridData,
  where = study.name,
): Promise<{ configurations: Configuration[]; leftOut: LeftOut[] }> {
  const recipes = new Map<string, NamedRecipe>();
  for (const recipe of [study.recipe, ...study.models.flatMap((grid) => grid.recipe ?? [])])
    recipes.set(recipe, await ofStudy(where, () => openRecipe(recipe)));
  const costs = new QuickCosts();
  const configurations = new Map<string, Configuration>();
  const leftOut: LeftOut[] = [];
  for (const grid of study.models)
    for (const member of await ofStudy(where, () => membersOf(grid, study)))
      for (const epochs of epochsOf(study)) {
        const name =
          `${member.model}${hasWidth(member) ? ` x${member.width}` : ''} @${member.size} for ` +
          `${epochs} epoch${epochs === 1 ? '' : 's'}`;
        const { settings, ruled } = settingsFor(study, grid, { ...member, epochs });
        const recipe = grid.recipe ?? study.recipe;
        const { values } = await ofStudy(where, () =>
          resolveRecipe(recipes.get(recipe)!, member.named, member.size, { ...settings, epochs }, data.trainPictures),
        );
        const { batch } = values;
        // The name says how many frames a clip has, for all that counts and times the model.
        const model = clips(member.named) ? `${member.named}@${values.frames}x${member.size}` : member.named;
        const stemStride = grid.stemStride ?? stemStrideAt(modelFacts(member.named), member.size);
        const overrides = {
          ...grid.modelOptions,
          classes: data.classes,
          ...(hasWidth(member) ? { width: member.width } : {}),
          stemStride,
        } as ModelOverrides;
        let cost: ReturnType<typeof costs.of>;
        try {
          cost = costs.of(model, { size: member.size, batch, overrides });
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          leftOut.push({ name, reason: error.message });
          continue;
        }
        const beyond = beyondLimits(study.limits, cost);
        if (beyond !== undefined) {
          leftOut.push({ name, reason: beyond });
          continue;
        }
        if (configurations.has(name))
          throw new UsageError(
            `Expected each configuration once in ${where} but ${name} comes from two of its models.`,
          );
        const { limitTrain, limitTest: testPictures, valSplit, device } = study;
        configurations.set(name, {
          name,
          family: member.family,
          model: member.model,
          depth: member.depth,
          width: member.width,
          size: member.size,
          epochs,
          parameters: cost.parameters,
          multiplyAdds: cost.multiplyAdds,
          batch,
          predictedBytes: cost.trainMemoryBytes,
          trainFlops: 6 * cost.multiplyAdds * data.trainPictures * epochs,
          options: {
            data: data.path,
            model,
            size: member.size,
            recipe,
            settings: { ...settings, epochs },
            ...(hasWidth(member) ? { width: member.width } : {}),
            ...(grid.modelOptions === undefined ? {} : { modelOptions: grid.modelOptions }),
            ...(grid.stemStride === undefined ? {} : { stemStride: grid.stemStride }),
            ...defined({ limitTrain, testPictures, valSplit, device }),
          },
          overrides,
          ruled,
        });
      }
  return {
    configurations: [...configurations.values()].sort(
      (a, b) => a.epochs - b.epochs || a.multiplyAdds - b.multiplyAdds || (a.name < b.name ? -1 : 1),
    ),
    leftOut,
  };
}

/** An error of what stands in a study names the study: a recipe's own says which setting, and not where it is. */
export async function ofStudy<T>(where: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UsageError) || error.message.includes(where)) throw error;
    throw new UsageError(`In ${where}: ${error.message}`, { cause: error });
  }
}

const clips = (model: string): boolean => modelFacts(model).frames !== undefined;

const defined = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

interface Member {
  family: Grid['family'];
  model: string;
  /** As a run asks for it: an EfficientNet-RS is known by its size. */
  named: string;
  depth: number;
  width: number;
  size: number;
}

/** An EfficientNet's width is that of its variant. */
const hasWidth = ({ family }: Member): boolean => !family.startsWith('efficientnet');

const isCompared = (grid: Grid): grid is Extract<Grid, { family: ComparedFacts['family'] }> =>
  Object.hasOwn(COMPARED_VARIANTS, grid.family);

function membersOf(grid: Grid, study: StudyFile): Member[] {
  if ('depths' in grid)
    return grid.depths.flatMap((depth) =>
      grid.widths.flatMap((width) =>
        grid.sizes.map((size) => ({
          family: grid.family,
          model: `${grid.family}-${depth}`,
          named: checked(`${grid.family}-${depth}`),
          depth,
          width,
          size,
        })),
      ),
    );
  if (isCompared(grid)) {
    const { family } = grid;
    return grid.variants.flatMap((variant) => {
      const model = `${family}-${variant}`;
      const { depth, size: usual, options } = modelFacts(model) as ComparedFacts;
      return (grid.widths ?? [options.width]).flatMap((width) =>
        (grid.sizes ?? [usual]).map((size) => ({ family, model, named: model, depth, width, size })),
      );
    });
  }
  return grid.variants.flatMap((variant) => {
    const own = modelFacts(`efficientnet-${variant}`);
    const { width, depth } = own.options;
    const below = grid.family === 'efficientnet-rs';
    if (below && grid.sizes === undefined)
      throw new UsageError(
        `Expected the sizes of the EfficientNet-RS models in ${study.name}: what makes them is a size below ` +
          'the published one.',
      );
    const sizes = (grid.sizes ?? [own.size]).filter((size) => !below || size < own.size);
    const model = `${grid.family}-${variant}`;
    return sizes.map((size) => ({
      family: grid.family,
      model,
      named: below ? `${model}@${size}` : model,
      depth,
      width,
      size,
    }));
  });
}

/** @throws UsageError for a depth that no model has */
function checked(name: string): string {
  const known = [...modelNames(), ...modelNames('clips')];
  const family = name.replace(/-\d+$/, '');
  if (!known.includes(name))
    throw new UsageError(
      `Expected a depth of ${family} but received ${name.slice(family.length + 1)}. Known: ${known
        .filter(
          (other) => other.startsWith(`${family}-`) && /-\d+$/.test(other) && other.replace(/-\d+$/, '') === family,
        )
        .map((other) => other.slice(family.length + 1))
        .join(', ')}.`,
    );
  return name;
}

function beyondLimits(
  { memoryGB = Infinity, multiplyAddsM = Infinity }: StudyFile['limits'],
  cost: { multiplyAdds: number; trainMemoryBytes: number },
): string | undefined {
  if (cost.multiplyAdds > multiplyAddsM * 1e6)
    return `${(cost.multiplyAdds / 1e6).toPrecision(3)} M multiply-adds, above the limit of ${multiplyAddsM} M`;
  if (cost.trainMemoryBytes > memoryGB * 1e9)
    return (
      `${(cost.trainMemoryBytes / 1e9).toPrecision(3)} GB predicted for a training step, above the limit of ` +
      `${memoryGB} GB`
    );
  return undefined;
}

const holds = (value: number, from = -Infinity, upTo = Infinity): boolean => value >= from && value <= upTo;
const applies = (rule: Rule, at: Pick<Configuration, 'epochs' | 'depth' | 'width' | 'size'>): boolean =>
  holds(at.epochs, rule.epochsFrom, rule.epochsUpTo) &&
  holds(at.depth, rule.depthFrom, rule.depthUpTo) &&
  holds(at.width, rule.widthFrom, rule.widthUpTo) &&
  holds(at.size, rule.sizeFrom, rule.sizeUpTo);

/** The study's settings, those of the grid over them, and what the rules say where neither speaks. */
function settingsFor(
  study: StudyFile,
  grid: Grid,
  at: Pick<Configuration, 'epochs' | 'depth' | 'width' | 'size'>,
): { settings: Record<string, unknown>; ruled: Record<string, string> } {
  const fixed = { ...study.settings, ...grid.settings };
  // The paper's rules are of ResNets; an EfficientNet keeps what its recipe has.
  const rules =
    study.regularisation === 'recipe'
      ? []
      : study.regularisation !== 'paper'
        ? study.regularisation
        : grid.family.startsWith('resnet')
          ? PAPER_RULES
          : [];
  const ruled: Record<string, string> = {};
  const settings: Record<string, unknown> = {};
  for (const rule of rules.filter((each) => applies(each, at)))
    for (const [key, value] of Object.entries(rule.settings)) {
      if (Object.hasOwn(fixed, key)) continue;
      settings[key] = value;
      ruled[key] = rule.source ?? `rule of ${study.name}`;
    }
  return { settings: { ...settings, ...fixed }, ruled };
}
