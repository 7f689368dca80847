export { leavableKinds } from './copies.js';
export {
  type EvaluateOnOptions,
  epochsBetween,
  evaluate,
  evaluateOn,
  evaluationBatch,
  evaluationsLeft,
  FASTER_THAN_TRAINING,
} from './evaluate.js';
export {
  checkRange,
  type RatePoint,
  type RateRange,
  type RateSuggestions,
  startingRate,
  suggestRates,
} from './find-rate/curve.js';
export type { RateEvent, RateTest } from './find-rate/find.js';
export { evaluationViews, finalViews, learnedFrom, trainingLoader } from './learner.js';
export { type LoopOptions, trainLoop } from './loop.js';
export { asRunData, checkClasses, checkDevice, withUnlabelled } from './open.js';
export { checkLearnOptions, type LearnOptions, settingsIn, type TrainOptions } from './options.js';
export { architectureOf, modelOf, preprocessOf, resolveConfig, stemStrideAt } from './resolve.js';
export type { RunScores } from './score.js';
export { loadStart, openStart, titlesOf, weightsOf } from './start.js';
export { Normaliser } from './step/input.js';
export { learningRates } from './step/rate.js';
export type { Evaluation, Task } from './task.js';
export { type Measured, type MeasureOptions, measureModel, type Spread } from './timing/measure.js';
export { checkOut } from './train.js';
