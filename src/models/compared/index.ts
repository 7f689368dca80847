export {
  COMPARED_NAMES,
  COMPARED_VARIANTS,
  type ComparedFacts,
  comparedFacts,
  comparedFamily,
  createCompared,
  type ResNeStFacts,
  type TResNetFacts,
} from './facts.js';
export { LambdaResNet, type LambdaResNetOptions } from './lambda-resnet.js';
export { NfNet, type NfNetOptions } from './nfnet.js';
export { COMPARED_SOURCES, PUBLISHED_COMPARED, type PublishedCompared } from './published.js';
export { ResNeSt, type ResNeStOptions } from './resnest.js';
export { TResNet, type TResNetOptions } from './tresnet.js';
