/** A released ResNet-RS model. Latencies are training steps of the paper's Table 7 conditions: V100 float32, TPUv3 bfloat16. */
export interface PublishedResNetRs {
  depth: number;
  /** Training and evaluation resolution in pixels. */
  resolution: number;
  parameters: number;
  /** Multiply-adds of convolutions, squeeze-excite and classifier, in 1e9; the paper's FLOPs are twice this. */
  gmacs: number;
  /** ImageNet top-1 in percent at `resolution`, EMA weights. */
  top1: number;
  v100Seconds: number;
  tpuMilliseconds: number;
  dropout: number;
  stochasticDepth: number;
  randAugmentMagnitude: number;
}

/**
 * The eleven ResNet-RS models. Source: tensorflow/tpu models/official/resnet/resnet_rs/README.md (accuracy, latency) and its
 * configs/*.yaml (regularisation); parameters are counted and equal timm's; gmacs are counted.
 */
export const PUBLISHED_RESNET_RS: readonly PublishedResNetRs[] = [
  { depth: 50, resolution: 160, parameters: 35691912, gmacs: 2.28, top1: 78.8, v100Seconds: 0.31, tpuMilliseconds: 70, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 10 },
  { depth: 101, resolution: 160, parameters: 63618696, gmacs: 4.18, top1: 80.3, v100Seconds: 0.48, tpuMilliseconds: 120, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 10 },
  { depth: 101, resolution: 192, parameters: 63618696, gmacs: 6.01, top1: 81.2, v100Seconds: 0.7, tpuMilliseconds: 170, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 15 },
  { depth: 152, resolution: 192, parameters: 86621576, gmacs: 8.75, top1: 82.0, v100Seconds: 0.99, tpuMilliseconds: 240, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 15 },
  { depth: 152, resolution: 224, parameters: 86621576, gmacs: 11.9, top1: 82.2, v100Seconds: 1.48, tpuMilliseconds: 320, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 15 },
  { depth: 152, resolution: 256, parameters: 86621576, gmacs: 15.53, top1: 83.0, v100Seconds: 1.76, tpuMilliseconds: 410, dropout: 0.25, stochasticDepth: 0, randAugmentMagnitude: 15 },
  { depth: 200, resolution: 256, parameters: 93209992, gmacs: 20.09, top1: 83.4, v100Seconds: 2.86, tpuMilliseconds: 570, dropout: 0.25, stochasticDepth: 0.1, randAugmentMagnitude: 15 },
  { depth: 270, resolution: 256, parameters: 129861448, gmacs: 26.95, top1: 83.8, v100Seconds: 3.76, tpuMilliseconds: 780, dropout: 0.25, stochasticDepth: 0.1, randAugmentMagnitude: 15 },
  { depth: 350, resolution: 256, parameters: 163956168, gmacs: 34.38, top1: 84.0, v100Seconds: 4.72, tpuMilliseconds: 1100, dropout: 0.25, stochasticDepth: 0.1, randAugmentMagnitude: 15 },
  { depth: 350, resolution: 320, parameters: 163956168, gmacs: 53.68, top1: 84.2, v100Seconds: 8.48, tpuMilliseconds: 1630, dropout: 0.4, stochasticDepth: 0.1, randAugmentMagnitude: 15 },
  { depth: 420, resolution: 320, parameters: 191891656, gmacs: 63.94, top1: 84.4, v100Seconds: 10.16, tpuMilliseconds: 2090, dropout: 0.4, stochasticDepth: 0.1, randAugmentMagnitude: 15 },
];
