export { PUBLISHED_RESNET_RS, type PublishedResNetRs } from './published.js';
export { createModel, modelFacts, modelNames, type ModelFacts } from './registry.js';
export { LAYOUTS, ResNet, type ResNetOptions } from './resnet.js';
