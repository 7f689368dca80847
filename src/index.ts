/** The public interface of Rescaled. */

export { type Pixels, pixelsOf } from './augment/pixels.js';
export { type AugmentPlan, augment, augmentPlan } from './augment/policies/plan.js';
export { Random } from './augment/random.js';
export { type Alternative, type Asked, type Choice, chooseRun, isChoosing, withChoice } from './choice/run.js';
export type { Rung } from './choice/rungs.js';
export { type Dataset, openDataset } from './data/dataset.js';
export type { Pictures } from './deploy/inputs.js';
export type { Picture } from './deploy/picture.js';
export { type PictureResult, type Prediction, type PredictOptions, Predictor, UNSURE } from './deploy/predictor.js';
export type { SessionOptions } from './deploy/session.js';
export { RescaledError, UsageError } from './errors.js';
export * from './models/index.js';
export type { RunConfig } from './run/config.js';
export type { TrainEvent } from './run/events.js';
export { resumeTraining, train } from './tasks/runs.js';
export * as torch from './torch/index.js';
export type { TrainOptions } from './train/options.js';
export { fetchWeights, weightsHere } from './weights/hub/fetch.js';
export { openWeights, type WeightsFile } from './weights/open.js';
