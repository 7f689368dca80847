export { loadCheckpoint, loadInto, saveWeights, type RunState } from './checkpoint.js';
export * from './config.js';
export { evaluate, type Evaluation, type Mistake } from './evaluate.js';
export type { Scores, TrainEvent } from './events.js';
export { Normaliser } from './input.js';
export { readEvents, RunLog } from './logs.js';
export { openRunData, openTrainingData, trainLoop, type LoopOptions } from './loop.js';
export { parseSetting, presetNames, resolveRecipe, type Recipe, type SourcedRecipe } from './recipe.js';
export { resumeTraining, train } from './train.js';
