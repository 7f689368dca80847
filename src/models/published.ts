/**
 * A released ResNet-RS model. Latencies are training steps of the paper's Table 7 conditions: V100 float32, TPUv3
 * bfloat16.
 */
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
 * The eleven ResNet-RS models. Source: tensorflow/tpu models/official/resnet/resnet_rs/README.md (accuracy, latency)
 * and its configs/*.yaml (regularisation); parameters are counted and equal timm's; gmacs are counted.
 */
export const PUBLISHED_RESNET_RS: readonly PublishedResNetRs[] = [
  {
    depth: 50,
    resolution: 160,
    parameters: 35691912,
    gmacs: 2.28,
    top1: 78.8,
    v100Seconds: 0.31,
    tpuMilliseconds: 70,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 10,
  },
  {
    depth: 101,
    resolution: 160,
    parameters: 63618696,
    gmacs: 4.18,
    top1: 80.3,
    v100Seconds: 0.48,
    tpuMilliseconds: 120,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 10,
  },
  {
    depth: 101,
    resolution: 192,
    parameters: 63618696,
    gmacs: 6.01,
    top1: 81.2,
    v100Seconds: 0.7,
    tpuMilliseconds: 170,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 15,
  },
  {
    depth: 152,
    resolution: 192,
    parameters: 86621576,
    gmacs: 8.75,
    top1: 82.0,
    v100Seconds: 0.99,
    tpuMilliseconds: 240,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 15,
  },
  {
    depth: 152,
    resolution: 224,
    parameters: 86621576,
    gmacs: 11.9,
    top1: 82.2,
    v100Seconds: 1.48,
    tpuMilliseconds: 320,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 15,
  },
  {
    depth: 152,
    resolution: 256,
    parameters: 86621576,
    gmacs: 15.53,
    top1: 83.0,
    v100Seconds: 1.76,
    tpuMilliseconds: 410,
    dropout: 0.25,
    stochasticDepth: 0,
    randAugmentMagnitude: 15,
  },
  {
    depth: 200,
    resolution: 256,
    parameters: 93209992,
    gmacs: 20.09,
    top1: 83.4,
    v100Seconds: 2.86,
    tpuMilliseconds: 570,
    dropout: 0.25,
    stochasticDepth: 0.1,
    randAugmentMagnitude: 15,
  },
  {
    depth: 270,
    resolution: 256,
    parameters: 129861448,
    gmacs: 26.95,
    top1: 83.8,
    v100Seconds: 3.76,
    tpuMilliseconds: 780,
    dropout: 0.25,
    stochasticDepth: 0.1,
    randAugmentMagnitude: 15,
  },
  {
    depth: 350,
    resolution: 256,
    parameters: 163956168,
    gmacs: 34.38,
    top1: 84.0,
    v100Seconds: 4.72,
    tpuMilliseconds: 1100,
    dropout: 0.25,
    stochasticDepth: 0.1,
    randAugmentMagnitude: 15,
  },
  {
    depth: 350,
    resolution: 320,
    parameters: 163956168,
    gmacs: 53.68,
    top1: 84.2,
    v100Seconds: 8.48,
    tpuMilliseconds: 1630,
    dropout: 0.4,
    stochasticDepth: 0.1,
    randAugmentMagnitude: 15,
  },
  {
    depth: 420,
    resolution: 320,
    parameters: 191891656,
    gmacs: 63.94,
    top1: 84.4,
    v100Seconds: 10.16,
    tpuMilliseconds: 2090,
    dropout: 0.4,
    stochasticDepth: 0.1,
    randAugmentMagnitude: 15,
  },
];

/**
 * The row of a ResNet-RS of this depth: at `resolution` where there is one, else the one of the smallest resolution.
 */
export function publishedResNetRs(depth: number, resolution?: number): PublishedResNetRs | undefined {
  const rows = PUBLISHED_RESNET_RS.filter((row) => row.depth === depth);
  return rows.find((row) => row.resolution === resolution) ?? rows[0];
}

/** A released EfficientNet. */
export interface PublishedEfficientNet {
  variant: string;
  /** Coefficients of width and depth. */
  width: number;
  depth: number;
  /** Training and evaluation resolution in pixels. */
  resolution: number;
  dropout: number;
  parameters: number;
  /** Multiply-adds in 1e9, counted; Tan and Le 2019 print 4.2 for B4 and 9.9 for B5. */
  gmacs: number;
  /** ImageNet top-1 in percent with AutoAugment. */
  top1: number;
  /** With RandAugment, where it was released: the figure that the paper's Table 3 uses for B7. */
  top1RandAugment?: number;
  /** Training latency under the conditions of the ResNet-RS rows, where the paper prints it (Tables 3 and 4). */
  v100Seconds?: number;
  tpuMilliseconds?: number;
}

/**
 * EfficientNet B0 to B7. Source: tensorflow/tpu models/official/efficientnet/efficientnet_builder.py (coefficients) and
 * README.md (accuracy), paper Tables 3 and 4 (latency); parameters and gmacs are counted, and the parameters equal
 * timm's.
 */
export const PUBLISHED_EFFICIENTNET: readonly PublishedEfficientNet[] = [
  { variant: 'b0', width: 1, depth: 1, resolution: 224, dropout: 0.2, parameters: 5288548, gmacs: 0.386, top1: 77.1 },
  { variant: 'b1', width: 1, depth: 1.1, resolution: 240, dropout: 0.2, parameters: 7794184, gmacs: 0.687, top1: 79.1 },
  {
    variant: 'b2',
    width: 1.1,
    depth: 1.2,
    resolution: 260,
    dropout: 0.3,
    parameters: 9109994,
    gmacs: 0.994,
    top1: 80.1,
  },
  {
    variant: 'b3',
    width: 1.2,
    depth: 1.4,
    resolution: 300,
    dropout: 0.3,
    parameters: 12233232,
    gmacs: 1.827,
    top1: 81.6,
  },
  {
    variant: 'b4',
    width: 1.4,
    depth: 1.8,
    resolution: 380,
    dropout: 0.4,
    parameters: 19341616,
    gmacs: 4.394,
    top1: 82.9,
  },
  {
    variant: 'b5',
    width: 1.6,
    depth: 2.2,
    resolution: 456,
    dropout: 0.4,
    parameters: 30389784,
    gmacs: 10.266,
    top1: 83.6,
    top1RandAugment: 83.7,
    v100Seconds: 8.16,
    tpuMilliseconds: 1510,
  },
  {
    variant: 'b6',
    width: 1.8,
    depth: 2.6,
    resolution: 528,
    dropout: 0.5,
    parameters: 43040704,
    gmacs: 19.068,
    top1: 84.0,
    v100Seconds: 15.7,
    tpuMilliseconds: 3000,
  },
  {
    variant: 'b7',
    width: 2,
    depth: 3.1,
    resolution: 600,
    dropout: 0.5,
    parameters: 66347960,
    gmacs: 37.746,
    top1: 84.3,
    top1RandAugment: 84.7,
    v100Seconds: 29.9,
    tpuMilliseconds: 6000,
  },
];

/**
 * RandAugment magnitude of an EfficientNet-RS: 10 up to 224 pixels, 20 above 320, else 15. Source: paper section 7.2.
 */
export const randAugmentMagnitudeAt = (resolution: number): number =>
  resolution <= 224 ? 10 : resolution > 320 ? 20 : 15;
