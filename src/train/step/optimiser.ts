import { UsageError } from '../../errors.js';
import type { ImageModel } from '../../models/index.js';
import { BatchNorm, Linear, SelfGate } from '../../nn/index.js';
import {
  AdamW,
  type AgcOptions,
  decayGroups,
  Lamb,
  Lars,
  type Optimiser,
  type ParameterGroup,
  RmsProp,
  Sgd,
  scaleDecays,
  scaleRates,
  splitPlain,
} from '../../optim/index.js';
import type { Recipe } from '../../recipe/recipe.js';

/** Of a decoder of pixels: models/segment. */
const SECOND_HEAD = 'aux_classifier';

/** The optimiser of a recipe over the parameters of a model that are not frozen. */
export function buildOptimiser(recipe: Recipe, model: ImageModel): Optimiser {
  const groups = parameterGroups(recipe, model);
  const { momentum, nesterov, squareDecay, epsilon, weightDecayMode: decayMode } = recipe;
  const { trustCoefficient, momentumRate } = recipe;
  switch (recipe.optimiser) {
    case 'sgd':
      return new Sgd(groups, { momentum, nesterov, decayMode });
    case 'rmsprop':
      return new RmsProp(groups, { momentum, squareDecay, epsilon, decayMode });
    case 'adamw':
      return new AdamW(groups, { momentum, squareDecay, epsilon });
    case 'lamb':
      return new Lamb(groups, { momentum, squareDecay, epsilon });
    case 'lars':
      return new Lars(splitPlain(groups, classLayer(model)), { momentum, nesterov, trustCoefficient, momentumRate });
  }
}

/** Adaptive gradient clipping by the recipe; undefined for none. */
export function agcOf({ agc: factor, agcRule: rule }: Recipe, model: ImageModel): AgcOptions | undefined {
  if (factor === 0) return undefined;
  const except = [...classLayer(model)].filter((key) => rule === 'timm' || !key.endsWith('.bias'));
  return { factor, rule, except: new Set(except) };
}

/** Keys of the layer whose rows are the classes: google-research/simclr leaves it out of LARS (`head_supervised`). */
function classLayer(model: ImageModel): ReadonlySet<string> {
  const modules = new Map(model.modules());
  return new Set(
    [model.head, 'gauge'].flatMap((name) => {
      const layer = modules.get(name);
      return layer instanceof Linear ? [...layer.parameters().keys()].map((key) => `${name}.${key}`) : [];
    }),
  );
}

function parameterGroups(recipe: Recipe, model: ImageModel): ParameterGroup[] {
  const { weightDecay, decayRule, layerDecay, headRate, headDecay, auxRate } = recipe;
  const batchNormKeys = new Set<string>();
  const selfGates = new Set<string>();
  for (const [path, module] of model.modules()) {
    if (module instanceof SelfGate) for (const key of module.parameters().keys()) selfGates.add(`${path}.${key}`);
    if (module instanceof BatchNorm) batchNormKeys.add(`${path}.weight`).add(`${path}.bias`);
  }
  const trained = new Map([...model.parameters()].filter(([, parameter]) => parameter.requiresGrad));
  if (trained.size === 0)
    throw new UsageError(
      'Expected something to train but every parameter is frozen. Use --set freeze=trunk to train the head alone.',
    );
  const within = (part: string) => (key: string) => key === part || key.startsWith(`${part}.`);
  const [inHead, inSecond] = [within(model.head), within(`${model.head}.${SECOND_HEAD}`)];
  let groups = decayGroups(trained, batchNormKeys, weightDecay, decayRule, selfGates);
  if (headDecay !== 1) groups = scaleDecays(groups, (key) => (inHead(key) ? headDecay : 1));
  if (headRate !== 1) groups = scaleRates(groups, (key) => (inHead(key) ? headRate : 1));
  if (auxRate !== 1) groups = scaleRates(groups, (key) => (inSecond(key) ? auxRate : 1));
  if (layerDecay === 1) return groups;
  const depths = stageDepths(model);
  const last = Math.max(...depths.values());
  return scaleRates(groups, (key) => layerDecay ** (last - depths.get(key)!));
}

/**
 * Number of the stage that each parameter belongs to, the stem's being 0 and the head's the highest. A stage is a field
 * of the model; one that is a list (EfficientNet's blocks, NFNet's stages) or a body of stages (TResNet's) is as many.
 */
export function stageDepths(model: ImageModel): Map<string, number> {
  const depths = new Map<string, number>();
  const stages: string[] = [];
  for (const key of model.parameters().keys()) {
    const stage = /^((?:blocks|stages)\.\d+|body\.[^.]+|[^.]+)/.exec(key)![1]!;
    // A norm belongs to the convolution before it, and so does what stands for the stem's pooling.
    const name = /^(bn\d+|maxpool)$/.test(stage) && stages.length > 0 ? stages.at(-1)! : stage;
    if (stages.at(-1) !== name) stages.push(name);
    depths.set(key, stages.length - 1);
  }
  return depths;
}

/**
 * Freezes what the recipe says: `trunk` is everything but the head, anything else the beginning of a state key
 * (`conv1`, `layer1.0`). Frozen parameters get no gradient.
 * @returns the beginnings, whose modules stay in evaluation mode so that their batch-norm statistics stay too
 * @throws UsageError when nothing has such a key
 */
export function freeze(model: ImageModel, parts: readonly string[]): (key: string) => boolean {
  const within = (key: string, part: string): boolean =>
    part === 'trunk'
      ? key !== model.head && !key.startsWith(`${model.head}.`)
      : key === part || key.startsWith(`${part}.`);
  const frozen = (key: string): boolean => parts.some((part) => within(key, part));
  const keys = [...model.parameters().keys()];
  for (const part of parts) {
    if (keys.some((key) => within(key, part))) continue;
    const tops = [...new Set(keys.map((key) => key.split('.')[0]!))];
    throw new UsageError(
      `Expected trunk or the beginning of a parameter's key for freeze but received "${part}". The model's first parts: ${tops.join(', ')}.`,
    );
  }
  for (const [key, parameter] of model.parameters()) if (frozen(key)) parameter.requiresGrad = false;
  return frozen;
}

/** Training mode for all but the frozen modules. */
export function trainUnfrozen(model: ImageModel, frozen: (key: string) => boolean): void {
  model.train();
  for (const [path, module] of model.modules()) if (path !== '' && frozen(path)) module.training = false;
}
