import { UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { PUBLISHED_RESNET_RS } from './published.js';
import { LAYOUTS, ResNet, type ResNetOptions } from './resnet.js';

const COMMON = {
  classes: 1000,
  channels: 3,
  width: 1,
  stemStride: 4,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRule: 'stage',
  zeroInitLastGamma: true,
  init: 'tf',
} satisfies Partial<ResNetOptions>;

/** The switches that make a family. Source: paper section 4 and Table 1; tensorflow/tpu resnet_model.py. */
const FAMILIES = {
  resnet: { ...COMMON, stem: 'plain', stemPool: 'max', avgDown: false, seRatio: 0 },
  'resnet-rs': { ...COMMON, stem: 'deep', stemPool: 'conv', avgDown: true, seRatio: 0.25 },
} satisfies Record<string, Omit<ResNetOptions, 'layers' | 'block'>>;

export interface ModelFacts {
  name: string;
  family: keyof typeof FAMILIES;
  depth: number;
  /** Default input side in pixels. */
  size: number;
  options: ResNetOptions;
}

/** Every name that `createModel` knows, without the `@size`. */
export function modelNames(): string[] {
  const names: string[] = [];
  for (const family of Object.keys(FAMILIES))
    for (const depth of Object.keys(LAYOUTS)) if (family === 'resnet' || (depth !== '18' && depth !== '34')) names.push(`${family}-${depth}`);
  return names;
}

/**
 * Facts of a model by name: `resnet-50`, `resnet-rs-50` (its published size; the smallest where there are several), `resnet-rs-101@192`.
 * @throws UsageError for an unknown name, with the nearest one.
 */
export function modelFacts(name: string, overrides: Partial<ResNetOptions> = {}): ModelFacts {
  const match = /^(resnet(?:-rs)?)-(\d+)(?:@(\d+))?$/.exec(name);
  const base = name.replace(/@.*$/, '');
  if (match === null || !modelNames().includes(base)) {
    throw new UsageError(`Expected a model name but received "${name}".${didYouMean(base, modelNames())} Known: ${modelNames().join(', ')}; "@192" behind a name picks the input size.`);
  }
  const family = match[1] as keyof typeof FAMILIES;
  const depth = Number(match[2]);
  const published = family === 'resnet-rs' ? PUBLISHED_RESNET_RS.filter((row) => row.depth === depth) : [];
  const size = match[3] !== undefined ? Number(match[3]) : (published[0]?.resolution ?? 224);
  const row = published.find(({ resolution }) => resolution === size) ?? published.at(0);
  const options: ResNetOptions = {
    ...FAMILIES[family],
    layers: LAYOUTS[depth]!,
    block: depth === 18 || depth === 34 ? 'basic' : 'bottleneck',
    ...(row === undefined ? {} : { dropout: row.dropout, stochasticDepth: row.stochasticDepth }),
    ...overrides,
  };
  return { name, family, depth, size, options };
}

/** Builds a model with freshly initialised weights. */
export function createModel(name: string, overrides: Partial<ResNetOptions> = {}, seed = 0): ResNet {
  return new ResNet(modelFacts(name, overrides).options, seed);
}
