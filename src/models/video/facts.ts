import { UsageError } from '../../errors.js';
import type { NamedFacts } from '../model.js';
import { LAYOUTS } from '../resnet.js';
import type { VideoModel } from './model.js';
import { ResNet3d, type ResNet3dOptions } from './resnet3d.js';
import { VideoResNet, type VideoResNetOptions } from './torchvision.js';

interface ClipFacts extends NamedFacts {
  depth: number;
  frames: number;
}
export interface ResNet3dFacts extends ClipFacts {
  kind: 'resnet3d';
  family: 'resnet3d' | 'resnet3d-rs' | 'slow';
  options: ResNet3dOptions;
}
export interface VideoResNetFacts extends ClipFacts {
  kind: 'video-resnet';
  family: 'r3d' | 'mc3' | 'r2plus1d';
  options: VideoResNetOptions;
}
export type VideoFacts = ResNet3dFacts | VideoResNetFacts;

/** 400 classes: those of Kinetics-400. */
const COMMON = {
  classes: 400,
  channels: 3,
  width: 1,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRule: 'stage',
} as const;

/**
 * The baseline of the paper's section 7.5, the 3D-ResNet-50 of Qian et al. 2020 (CVRL). Source: tensorflow/models configs of its experiments
 * (video_classification, projects/video_ssl).
 */
const RESNET3D = {
  ...COMMON,
  stemStride: 4,
  temporal: 'late',
  stem: 'plain',
  stemFrames: 5,
  stemFrameStride: 2,
  poolFrameStride: 1,
  seRatio: 0,
  selfGate: false,
  headWindow: 0,
  activation: 'relu',
  zeroInitLastGamma: false,
  init: 'tf',
} satisfies Partial<ResNet3dOptions>;

/**
 * 3D-ResNet-RS. The released code gates the last block of each stage, the paper names ResNet-D (the stem, in 3-D) and squeeze-excite alone:
 * selfGate = false is what it describes. Source: tensorflow/models video_classification yaml of 3D-ResNet-RS-50.
 */
const RESNET3D_RS = {
  ...RESNET3D,
  stem: 'deep',
  seRatio: 0.25,
  selfGate: true,
  dropout: 0.5,
  stochasticDepth: 0.1,
} satisfies Partial<ResNet3dOptions>;

/** Source: pytorchvideo slow_r50 (8 frames, every 8th); SlowFast configs/Kinetics/SLOW_8x8_R50.yaml; SlowOnly of tensorflow/models. */
const SLOW = {
  ...RESNET3D,
  stemFrames: 1,
  stemFrameStride: 1,
  headWindow: 7,
  dropout: 0.5,
  zeroInitLastGamma: true,
  init: 'timm',
} satisfies Partial<ResNet3dOptions>;

/** Source: torchvision models/video/resnet.py. Its classifier starts normal of 0.01, ours uniform. */
const TORCHVISION = {
  ...COMMON,
  stemStride: 2,
  layers: [2, 2, 2, 2],
  zeroInitLastGamma: false,
  init: 'timm',
} satisfies Partial<VideoResNetOptions>;

const TORCHVISION_CONVOLUTIONS = { r3d: 'full', mc3: 'mixed', r2plus1d: 'factored' } as const;

/** The depths that 3-D ResNets of bottlenecks share with those of pictures. Source: tensorflow/models resnet_3d.py. */
const DEPTHS = [14, 26, 50, 101, 152, 200, 270, 300, 350];

/** Names of all models of clips. */
export const VIDEO_NAMES: readonly string[] = [
  ...DEPTHS.map((depth) => `resnet3d-${depth}`),
  ...DEPTHS.map((depth) => `resnet3d-rs-${depth}`),
  'slow-50',
  ...Object.keys(TORCHVISION_CONVOLUTIONS).map((family) => `${family}-18`),
];

/**
 * Facts of one of `VIDEO_NAMES`, behind which `@112` picks the side and `@8x112` frames and side.
 * @throws UsageError for anything else behind the @
 */
export function videoFacts(name: string): VideoFacts {
  const [base = '', sizes] = name.split(/@(.*)/s);
  const [, family, depth] = /^(.+)-([^-]+)$/.exec(base) as unknown as [string, VideoFacts['family'], string];
  const asked = sizes === undefined ? {} : sizesOf(base, name, sizes);
  const common = { name, depth: Number(depth), head: 'fc' } as const;
  if (family === 'r3d' || family === 'mc3' || family === 'r2plus1d') {
    const options: VideoResNetOptions = { ...TORCHVISION, convolution: TORCHVISION_CONVOLUTIONS[family] };
    return {
      ...{ kind: 'video-resnet', family, ...common, frames: 16, size: 112, source: 'torchvision has none', ...asked },
      options: { ...options, layers: [...options.layers] },
    };
  }
  const options = family === 'slow' ? SLOW : family === 'resnet3d' ? RESNET3D : RESNET3D_RS;
  const source = {
    resnet3d: 'the baseline of the paper has none that is known',
    'resnet3d-rs': 'tensorflow/models, the yaml of 3D-ResNet-RS-50',
    slow: 'SlowFast SLOW_8x8_R50.yaml',
  }[family];
  return {
    ...{ kind: 'resnet3d', family, ...common, frames: family === 'slow' ? 8 : 32, size: 224, source, ...asked },
    options: { ...options, layers: LAYOUTS[Number(depth)]! },
  };
}

/** What stands behind the @: S, or T x S. */
function sizesOf(base: string, name: string, text: string): { frames?: number; size: number } {
  const [, frames, side] = /^(?:(\d+)x)?(\d+)$/.exec(text) ?? [];
  const [t, size] = [Number(frames ?? 1), Number(side)];
  if (!(t >= 1 && t <= 8192 && size >= 1 && size <= 8192))
    throw new UsageError(
      `Expected an input size in pixels, or frames and pixels, behind the @ of "${name}", as in ${base}@112 or ${base}@8x112.`,
    );
  return frames === undefined ? { size } : { frames: t, size };
}

/** Builds a model of clips with freshly initialised weights. */
export const createVideoModel = (facts: VideoFacts, seed: number): VideoModel =>
  facts.kind === 'resnet3d' ? new ResNet3d(facts.options, seed) : new VideoResNet(facts.options, seed);
