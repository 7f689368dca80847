/** The public interface of Rescaled. */

import './cli/check-node.js';

export { type Pixels, pixelsOf } from './augment/pixels.js';
export { type AugmentPlan, augment, augmentPlan } from './augment/policies/plan.js';
export { Random } from './augment/random.js';
export { writeCheckPage } from './checked/page.js';
export type { Checked, CheckedGroup, CheckedPicture, CheckKind } from './checked.js';
export { type FindRateOptions, type FoundRate, findRate } from './choice/rate.js';
export { type Alternative, type Asked, type Choice, chooseRun, isChoosing, withChoice } from './choice/run.js';
export type { Rung } from './choice/rungs.js';
export { type CheckProgress, checkData } from './data/check/check.js';
export { type Dataset, openDataset } from './data/dataset.js';
export { type InspectedShards, type InspectOptions, inspectShards } from './data/inspect.js';
export { type PackEvent, type Packed, type PackOptions, packShards } from './data/pack.js';
export { openPool, type Pool } from './data/pool.js';
export type { Pictures } from './deploy/inputs.js';
export type { LatePicture, Picture } from './deploy/picture.js';
export { type PredictOptions, Predictor } from './deploy/predictor.js';
export type { SessionOptions } from './deploy/session.js';
export {
  type ClassShare,
  type DepthPrediction,
  type MaskPrediction,
  type PictureResult,
  type Prediction,
  UNSURE,
} from './deploy/told.js';
export type { FramesInMemory, Video, Videos } from './deploy/video/inputs.js';
export { type VideoOptions, VideoPredictor } from './deploy/video/predictor.js';
export type { StripFrame, VideoResult, WindowPrediction } from './deploy/video/told.js';
export type { Span } from './deploy/video/windows.js';
export { RescaledError, UsageError } from './errors.js';
export type { LabelCounts } from './labels/counts.js';
export type { Manifest as LabelManifest, Teacher } from './labels/format.js';
export { type PseudoLabels, readPseudoLabels } from './labels/read.js';
export type { SelectRule } from './labels/rule.js';
export { type SelectOptions, selectLabels } from './labels/select.js';
export type { Selection } from './labels/selection.js';
export * from './models/index.js';
export { openRecipe } from './recipe/file.js';
export {
  type NamedRecipe,
  presetNames,
  type Recipe,
  type RecipeKey,
  resolveRecipe,
  type SourcedRecipe,
} from './recipe/recipe.js';
export type { RunConfig } from './run/config.js';
export type { TrainEvent } from './run/events.js';
export { type PseudoLabelEvent, type PseudoLabelOptions, pseudoLabel } from './semi/label.js';
export { type LabelPlan, planLabels } from './semi/plan.js';
export type { Disagreement, Round, RoundLabels } from './semi/rounds.js';
export type { SelfTrainPlan } from './semi/rounds-plan.js';
export { type SelfTrainEvent, type SelfTrainOptions, selfTrain } from './semi/self-train.js';
export { type AblationEnd, ablate } from './studied/ablation.js';
export { type AblationOptions, type AblationPlan, planAblation } from './studied/ablation-plan.js';
export type { TrialState } from './studied/results.js';
export { Study, type StudyOptions, type StudyTrial } from './studied/study.js';
export type { StudyEnd, TrialsEnd, TrialsOptions } from './studied/trials.js';
export type { Advice } from './study/advice/advise.js';
export type { BudgetPick } from './study/advice/budget.js';
export type { StudyPoint } from './study/analysis/points.js';
export type { StudyFile } from './study/plan/file.js';
export type { TrialEvent } from './study/trials/run.js';
export { resumeTraining } from './tasks/runs.js';
export * as torch from './torch/index.js';
export type { TrainOptions } from './train/options.js';
export type { Exported } from './trained/export.js';
export type { ExportedInt8, Int8Options } from './trained/files/int8.js';
export type { RunFigures } from './trained/finish.js';
export type { MeasureOptions } from './trained/measured.js';
export { Run, type RunEvaluation, type RunEvent, type TrainingOptions, trainRun as train } from './trained/run.js';
export type { GridName, Method, TransferPlan } from './transfer/plan.js';
export type { TransferEvent } from './transfer/run.js';
export type { TransferTable } from './transfer/table.js';
export {
  planTransfer,
  type TransferEnd,
  type TransferHow,
  type TransferOptions,
  transfer,
} from './transfer/transfer.js';
export { fetchWeights, weightsHere } from './weights/hub/fetch.js';
export { NAMED_WEIGHTS as namedWeights, type NamedWeights } from './weights/hub/table.js';
export { openWeights, type WeightsFile } from './weights/open.js';
