import { UsageError } from '../errors.js';
import { knownNames } from '../suggest.js';
import {
  COMPARED_NAMES,
  type ComparedFacts,
  comparedFacts,
  createCompared,
  type ResNeSt,
  type ResNeStFacts,
  type ResNeStOptions,
  type TResNet,
  type TResNetFacts,
  type TResNetOptions,
} from './compared/index.js';
import { EfficientNet, type EfficientNetOptions } from './efficientnet.js';
import type { ImageModel, NamedFacts } from './model.js';
import { checkOptions } from './options.js';
import { PUBLISHED_EFFICIENTNET, publishedResNetRs } from './published.js';
import { LAYOUTS, ResNet, type ResNetOptions } from './resnet.js';

import {
  createVideoModel,
  type ResNet3dOptions,
  VIDEO_NAMES,
  type VideoFacts,
  type VideoModel,
  type VideoResNetOptions,
  videoFacts,
} from './video/index.js';

const COMMON = { classes: 1000, channels: 3, width: 1, dropout: 0, stochasticDepth: 0 };

/** ResNet v1.5: the stride stands on the 3x3 convolution, as in torchvision and timm. */
const RESNET = {
  ...COMMON,
  stem: 'plain',
  stemPool: 'max',
  stemStride: 4,
  avgDown: false,
  seRatio: 0,
  activation: 'relu',
  stochasticDepthRule: 'stage',
  zeroInitLastGamma: true,
  init: 'tf',
} satisfies Partial<ResNetOptions>;

/** Source: paper section 4 and Table 1; tensorflow/tpu resnet_model.py. */
const RESNET_RS = {
  ...RESNET,
  stem: 'deep',
  stemPool: 'conv',
  avgDown: true,
  seRatio: 0.25,
} satisfies Partial<ResNetOptions>;

/** Source: tensorflow/tpu models/official/efficientnet/efficientnet_builder.py. */
const EFFICIENTNET = {
  ...COMMON,
  padding: 'same',
  normEpsilon: 1e-3,
  stemStride: 2,
  seRatio: 0.25,
  stochasticDepth: 0.2,
  init: 'efficientnet',
} satisfies Partial<EfficientNetOptions>;

export type Family =
  | 'resnet'
  | 'resnet-rs'
  | 'efficientnet'
  | 'efficientnet-rs'
  | ComparedFacts['family']
  | VideoFacts['family'];

export interface ResNetFacts extends NamedFacts {
  kind: 'resnet';
  family: 'resnet' | 'resnet-rs';
  depth: number;
  options: ResNetOptions;
}
export interface EfficientNetFacts extends NamedFacts {
  kind: 'efficientnet';
  family: 'efficientnet' | 'efficientnet-rs';
  variant: string;
  options: EfficientNetOptions;
}
export type ModelFacts = ResNetFacts | EfficientNetFacts | ComparedFacts | VideoFacts;

/** Options of any kind of model; one that the model does not have is an error. */
export type ModelOverrides =
  | Partial<ResNetOptions>
  | Partial<EfficientNetOptions>
  | Partial<TResNetOptions>
  | Partial<ResNeStOptions>
  | Partial<ResNet3dOptions>
  | Partial<VideoResNetOptions>;

const NAMES: readonly string[] = [
  ...Object.keys(LAYOUTS).map((depth) => `resnet-${depth}`),
  ...Object.keys(LAYOUTS)
    .filter((depth) => !isBasic(Number(depth)))
    .map((depth) => `resnet-rs-${depth}`),
  ...PUBLISHED_EFFICIENTNET.map(({ variant }) => `efficientnet-${variant}`),
  ...PUBLISHED_EFFICIENTNET.map(({ variant }) => `efficientnet-rs-${variant}`),
  ...COMPARED_NAMES,
];

function isBasic(depth: number): boolean {
  return depth === 18 || depth === 34;
}

/** Every name of a model of pictures that `createModel` knows, or of one of clips, without the `@size`. */
export function modelNames(of: 'pictures' | 'clips' = 'pictures'): string[] {
  return of === 'pictures' ? [...NAMES] : [...VIDEO_NAMES];
}

/**
 * Facts of a model by name: `resnet-50`, `resnet-rs-50` (its published size; the smallest where there are several),
 * `resnet-rs-101@192`, `efficientnet-b0`. An `efficientnet-rs-b4@320` is the same network at a size lower than its own
 * (paper section 7.2); the paper's sizes are not public as numbers, so it has none by default. Models of clips take frames as well:
 * `resnet3d-50@8x112`.
 * @throws UsageError for an unknown name, with the nearest one, an option that the model does not have, or a value out
 * of its range
 */
export function modelFacts(name: `resnet-${string}`, overrides?: Partial<ResNetOptions>): ResNetFacts;
export function modelFacts(name: `efficientnet-${string}`, overrides?: Partial<EfficientNetOptions>): EfficientNetFacts;
export function modelFacts(name: `tresnet-${string}`, overrides?: Partial<TResNetOptions>): TResNetFacts;
export function modelFacts(name: `resnest-${string}`, overrides?: Partial<ResNeStOptions>): ResNeStFacts;
export function modelFacts(name: string, overrides?: ModelOverrides): ModelFacts;
export function modelFacts(name: string, overrides: ModelOverrides = {}): ModelFacts {
  const [base = '', sizeText, ...rest] = name.split('@');
  if (VIDEO_NAMES.includes(base)) {
    const facts = videoFacts(name);
    checkOptions(base, facts.kind, Object.keys(facts.options), overrides);
    Object.assign(facts.options, overrides);
    return facts;
  }
  if (!NAMES.includes(base))
    throw new UsageError(
      `Expected a model name but received "${name}".${knownNames(base, [...NAMES, ...VIDEO_NAMES], 'rescaled models')}; ` +
        '"@192" behind a name picks the input size.',
    );
  const size = sizeText === undefined ? undefined : Number(sizeText);
  if (rest.length > 0 || (size !== undefined && !(/^\d+$/.test(sizeText!) && size >= 1 && size <= 8192)))
    throw new UsageError(`Expected an input size in pixels behind the @ of "${name}", as in ${base}@192.`);
  if (COMPARED_NAMES.includes(base)) {
    const facts = comparedFacts(name, base, size);
    checkOptions(base, facts.kind, Object.keys(facts.options), overrides);
    Object.assign(facts.options, overrides);
    return facts;
  }
  const [, family, variant] = /^(.+)-([^-]+)$/.exec(base) as unknown as [
    string,
    ResNetFacts['family'] | EfficientNetFacts['family'],
    string,
  ];
  const facts =
    family === 'resnet' || family === 'resnet-rs'
      ? resNet(name, family, Number(variant), size)
      : efficientNet(name, family, variant, size);
  checkOptions(base, facts.kind, Object.keys(facts.options), overrides);
  Object.assign(facts.options, overrides);
  return facts;
}

/** The family of one of `modelNames`. */
export const familyOf = (name: string): Family =>
  /^(tresnet|resnest)-/.test(name) ? (/^[^-]+/.exec(name)![0] as Family) : (name.replace(/-[^-]+$/, '') as Family);

function resNet(name: string, family: 'resnet' | 'resnet-rs', depth: number, asked: number | undefined): ResNetFacts {
  const row = family === 'resnet-rs' ? publishedResNetRs(depth, asked) : undefined;
  return {
    kind: 'resnet',
    name,
    family,
    depth,
    head: 'fc',
    size: asked ?? row?.resolution ?? 224,
    source:
      row === undefined
        ? 'a ResNet has none'
        : `tensorflow/tpu resnet_rs/configs/*.yaml: the row of ResNet-RS-${row.depth} at ${row.resolution}`,
    options: {
      ...(family === 'resnet' ? RESNET : RESNET_RS),
      layers: LAYOUTS[depth]!,
      block: isBasic(depth) ? 'basic' : 'bottleneck',
      ...(row === undefined ? {} : { dropout: row.dropout, stochasticDepth: row.stochasticDepth }),
    },
  };
}

function efficientNet(
  name: string,
  family: 'efficientnet' | 'efficientnet-rs',
  variant: string,
  asked: number | undefined,
): EfficientNetFacts {
  const row = PUBLISHED_EFFICIENTNET.find((other) => other.variant === variant)!;
  if (family === 'efficientnet-rs' && !(asked !== undefined && asked <= row.resolution))
    throw new UsageError(
      `Expected a size of at most ${row.resolution} behind efficientnet-rs-${variant}, ` +
        `such as efficientnet-rs-${variant}@${Math.round((row.resolution * 0.75) / 32) * 32}: ` +
        `an EfficientNet-RS is EfficientNet-${variant.toUpperCase()} below its own ${row.resolution} pixels.`,
    );
  return {
    kind: 'efficientnet',
    name,
    family,
    variant,
    head: 'classifier',
    size: asked ?? row.resolution,
    source: 'tensorflow/tpu models/official/efficientnet/efficientnet_builder.py',
    options: { ...EFFICIENTNET, width: row.width, depth: row.depth, dropout: row.dropout },
  };
}

/** Builds a model with freshly initialised weights. */
export function createModel(name: `resnet-${string}`, overrides?: Partial<ResNetOptions>, seed?: number): ResNet;
export function createModel(
  name: `efficientnet-${string}`,
  overrides?: Partial<EfficientNetOptions>,
  seed?: number,
): EfficientNet;
export function createModel(name: `tresnet-${string}`, overrides?: Partial<TResNetOptions>, seed?: number): TResNet;
export function createModel(name: `resnest-${string}`, overrides?: Partial<ResNeStOptions>, seed?: number): ResNeSt;
export function createModel(
  name: `resnet3d-${string}`,
  overrides?: Partial<ResNet3dOptions>,
  seed?: number,
): VideoModel;
export function createModel(name: string, overrides?: ModelOverrides, seed?: number): ImageModel;
export function createModel(name: string, overrides: ModelOverrides = {}, seed = 0): ImageModel {
  const facts = modelFacts(name, overrides);
  if (facts.kind === 'resnet3d' || facts.kind === 'video-resnet') return createVideoModel(facts, seed);
  if (facts.kind === 'resnet') return new ResNet(facts.options, seed);
  return facts.kind === 'efficientnet' ? new EfficientNet(facts.options, seed) : createCompared(facts, seed);
}
