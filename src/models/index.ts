export { activationMaps, hasActivationMaps } from './activation-maps.js';
export { beginningOf, candidateModel } from './candidate.js';
export {
  COMPARED_SOURCES,
  COMPARED_VARIANTS,
  type ComparedFacts,
  PUBLISHED_COMPARED,
  type PublishedCompared,
  ResNeSt,
  type ResNeStOptions,
  TResNet,
  type TResNetOptions,
} from './compared/index.js';
export { type CostOptions, type LayerCost, type ModelCost, modelCost } from './cost.js';
export { EfficientNet, type EfficientNetOptions, roundFilters } from './efficientnet.js';
export { type Features, ImageModel, type ModelOptions } from './model.js';
export { OPTION_RULES, STEM_STRIDES } from './options.js';
export {
  PUBLISHED_EFFICIENTNET,
  PUBLISHED_RESNET_RS,
  type PublishedEfficientNet,
  type PublishedResNetRs,
  publishedResNetRs,
  randAugmentMagnitudeAt,
} from './published.js';
export { type QuickCost, QuickCosts } from './quick-cost.js';
export {
  createModel,
  type Family,
  familyOf,
  type ModelFacts,
  type ModelOverrides,
  modelFacts,
  modelNames,
} from './registry.js';
export { LAYOUTS, ResNet, type ResNetOptions } from './resnet.js';
export { modelShapes } from './shapes.js';
export { modelTitle } from './title.js';
export {
  PUBLISHED_VIDEO,
  ResNet3d,
  type ResNet3dOptions,
  VIDEO_SOURCES,
  VideoModel,
  VideoResNet,
  type VideoResNetOptions,
} from './video/index.js';
