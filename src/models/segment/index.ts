export { type Beginning, begin, convNormRelu, HEAD_NORMS, type HeadNorm } from './blocks.js';
export { dilate, OUTPUT_STRIDES, type OutputStride } from './dilate.js';
export { FpnDecoder } from './fpn.js';
export { Aspp, type Decoded, Decoder, type DecoderOptions, FCN_DROPOUT, type Widths } from './heads.js';
export {
  asppRates,
  createDecoder,
  DECODERS,
  type DecoderFacts,
  type DecoderKind,
  type DenseModel,
  denseModel,
  LAST_LAYERS,
  segmentationModel,
} from './model.js';
