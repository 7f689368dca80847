import type { ImageModel, NamedFacts } from '../model.js';
import { PUBLISHED_COMPARED } from './published.js';
import { RESNESTS, ResNeSt, type ResNeStOptions } from './resnest.js';
import { TRESNETS, TResNet, type TResNetOptions } from './tresnet.js';

interface Facts extends NamedFacts {
  variant: string;
  /** Layers with weights, from stem to classifier, without those of shortcuts and attention. */
  depth: number;
}
export interface TResNetFacts extends Facts {
  kind: 'tresnet';
  family: 'tresnet';
  options: TResNetOptions;
}
export interface ResNeStFacts extends Facts {
  kind: 'resnest';
  family: 'resnest';
  options: ResNeStOptions;
}
/** Families that the ResNet-RS paper names as ones that came with training tricks of their own. */
export type ComparedFacts = TResNetFacts | ResNeStFacts;

const COMMON = {
  classes: 1000,
  channels: 3,
  stemStride: 4,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRule: 'block',
  zeroInitLastGamma: true,
} as const;

/** The variants of each family, as behind its name. */
export const COMPARED_VARIANTS = {
  tresnet: Object.keys(TRESNETS) as (keyof typeof TRESNETS)[],
  resnest: Object.keys(RESNESTS) as (keyof typeof RESNESTS)[],
} as const satisfies Readonly<Record<ComparedFacts['family'], readonly string[]>>;

export const COMPARED_NAMES: readonly string[] = Object.entries(COMPARED_VARIANTS).flatMap(([family, variants]) =>
  variants.map((variant) => `${family}-${variant}`),
);

/** Facts of one of `COMPARED_NAMES`. @param name with what stood behind it @param asked the size that was asked for */
export function comparedFacts(name: string, base: string, asked: number | undefined): ComparedFacts {
  const [, family, variant] = /^(tresnet|resnest)-(.+)$/.exec(base) as unknown as [
    string,
    ComparedFacts['family'],
    string,
  ];
  const size = asked ?? PUBLISHED_COMPARED.find((row) => row.name === base)!.size;
  const common = { name, variant, size };
  if (family === 'tresnet') {
    const member = TRESNETS[variant as keyof typeof TRESNETS];
    const [a, b, c, d] = member.layers;
    return {
      ...{ ...common, kind: 'tresnet', family, head: 'head.fc' },
      depth: 2 + (member.block === 'basic' ? 2 : 3) * (a + b) + 3 * (c + d),
      source: 'Alibaba-MIIL/TResNet has none in its models',
      options: { ...COMMON, seRatio: 0.25, ...member, layers: [...member.layers], init: 'tresnet' },
    };
  }
  const member = RESNESTS[variant as keyof typeof RESNESTS];
  return {
    ...{ ...common, kind: 'resnest', family, head: 'fc', depth: Number.parseInt(variant, 10) },
    source: 'zhanghang1989/ResNeSt scripts/gluon: dropout 0.2 for 200 and 269 layers',
    options: {
      ...COMMON,
      ...{ width: 1, ...member, layers: [...member.layers], init: 'resnest' },
      dropout: variant === '200e' || variant === '269e' ? 0.2 : 0,
    },
  };
}

/** Builds a model with freshly initialised weights. */
export const createCompared = (facts: ComparedFacts, seed: number): ImageModel =>
  facts.kind === 'tresnet' ? new TResNet(facts.options, seed) : new ResNeSt(facts.options, seed);
