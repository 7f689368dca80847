/** The public interface of Rescaled. */
export { RescaledError, UsageError } from './errors.js';
export * from './models/index.js';
export { resumeTraining, train, type RunConfig, type TrainEvent, type TrainOptions } from './train/index.js';
export { Predictor, type PictureResult, type Prediction } from './deploy/predictor.js';
export { openDataset, type Dataset } from './data/dataset.js';
export * as torch from './torch/index.js';
export { augment, augmentPlan, type AugmentPlan } from './augment/policies/plan.js';
export { pixelsOf, type Pixels } from './augment/pixels.js';
export { Random } from './augment/random.js';
export { openWeights, type WeightsFile } from './weights/open.js';
