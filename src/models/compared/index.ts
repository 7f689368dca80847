export {
  COMPARED_NAMES,
  COMPARED_VARIANTS,
  type ComparedFacts,
  comparedFacts,
  createCompared,
  type ResNeStFacts,
  type TResNetFacts,
} from './facts.js';
export { COMPARED_SOURCES, PUBLISHED_COMPARED, type PublishedCompared } from './published.js';
export { ResNeSt, type ResNeStOptions } from './resnest.js';
export { TResNet, type TResNetOptions } from './tresnet.js';
