export { modelCost, type CostOptions, type LayerCost, type ModelCost } from './cost.js';
export { QuickCosts, type QuickCost } from './quick-cost.js';
export { EfficientNet, roundFilters, type EfficientNetOptions } from './efficientnet.js';
export { ImageModel, type Features, type ModelOptions } from './model.js';
export { OPTION_RULES } from './options.js';
export {
  PUBLISHED_EFFICIENTNET,
  PUBLISHED_RESNET_RS,
  publishedResNetRs,
  randAugmentMagnitudeAt,
  type PublishedEfficientNet,
  type PublishedResNetRs,
} from './published.js';
export { createModel, modelFacts, modelNames, type Family, type ModelFacts, type ModelOverrides } from './registry.js';
export { modelShapes } from './shapes.js';
export { LAYOUTS, ResNet, type ResNetOptions } from './resnet.js';
