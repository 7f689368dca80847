export type { Dataset } from '../data/dataset.js';
export { openRecipe } from '../recipe/file.js';
export { type ModelSwitches, modelSwitchesSchema } from '../recipe/model-switches.js';
export { PRESETS, presetNames, RECIPE_KEYS } from '../recipe/presets.js';
export {
  IMAGENET_PICTURES,
  type NamedRecipe,
  parseSetting,
  type Recipe,
  type RecipeKey,
  resolveRecipe,
  type SourcedRecipe,
} from '../recipe/recipe.js';
export { loadCheckpoint, type RunState, saveWeights } from '../run/checkpoint.js';
export * from '../run/config.js';
export type { TrainEvent } from '../run/events.js';
export { RunLog, readEvents } from '../run/logs.js';
export { type EvaluateOnOptions, evaluate, evaluateOn } from './evaluate.js';
export { type LoopOptions, trainLoop } from './loop.js';
export { checkDevice } from './open.js';
export type { TrainOptions } from './options.js';
export { architectureOf, modelOf, preprocessOf, resolveConfig, stemStrideAt } from './resolve.js';
export type { RunScores } from './score.js';
export { openStart, weightsOf } from './start.js';
export { Normaliser } from './step/input.js';
export { learningRates } from './step/rate.js';
export type { Evaluation, Task } from './task.js';
export { type Measured, type MeasureOptions, measureModel, type Spread } from './timing/measure.js';
