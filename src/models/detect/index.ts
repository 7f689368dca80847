export { type AnchorOptions, type AnchorRule, anchorsOf, anchorsPerPlace, type Grid, gridsOf } from './anchors.js';
export { decodeBox, encodeBox, MOST_GROWTH, overlapOf, suppress } from './boxes.js';
export { anchorsFor, type Detector, detectorOn, HEAD } from './detector.js';
export { BACKGROUND, IGNORED, matchAnchors, matchPlaces } from './match.js';
export type { DetectorKind, DetectorOptions } from './options.js';
export {
  type Decoder,
  type Detections,
  type DetectorFacts,
  detectionsOf,
  outputsPerAnchor,
  type PredictOptions,
} from './predict.js';
export { detectorShape } from './shape.js';
