import type { ImageModel, NamedFacts } from '../model.js';
import { LAMBDA_RESNETS, LambdaResNet, type LambdaResNetOptions } from './lambda-resnet.js';
import { NFNETS, NfNet, type NfNetOptions } from './nfnet.js';
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
export interface NfNetFacts extends Facts {
  kind: 'nfnet';
  family: keyof typeof NFNETS;
  options: NfNetOptions;
}
export interface LambdaResNetFacts extends Facts {
  kind: 'lambda-resnet';
  family: 'lambda-resnet';
  options: LambdaResNetOptions;
}
/** Families that the ResNet-RS paper names as ones that came with training tricks of their own. */
export type ComparedFacts = TResNetFacts | ResNeStFacts | NfNetFacts | LambdaResNetFacts;

const COMMON = {
  classes: 1000,
  channels: 3,
  stemStride: 4,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRule: 'block',
  zeroInitLastGamma: true,
} as const;

const namesOf = <T extends object>(members: T): (keyof T & string)[] => Object.keys(members) as (keyof T & string)[];
/** The variants of each family, as behind its name. */
export const COMPARED_VARIANTS = {
  tresnet: namesOf(TRESNETS),
  resnest: namesOf(RESNESTS),
  nfnet: namesOf(NFNETS.nfnet),
  'dm-nfnet': namesOf(NFNETS['dm-nfnet']),
  'eca-nfnet': namesOf(NFNETS['eca-nfnet']),
  'nf-resnet': namesOf(NFNETS['nf-resnet']),
  'nf-seresnet': namesOf(NFNETS['nf-seresnet']),
  'nf-ecaresnet': namesOf(NFNETS['nf-ecaresnet']),
  'lambda-resnet': namesOf(LAMBDA_RESNETS),
} as const satisfies Readonly<Record<ComparedFacts['family'], readonly string[]>>;

const FAMILY_OF = new Map<string, ComparedFacts['family']>(
  Object.entries(COMPARED_VARIANTS).flatMap(([family, variants]) =>
    variants.map((variant) => [`${family}-${variant}`, family as ComparedFacts['family']]),
  ),
);
export const COMPARED_NAMES: readonly string[] = [...FAMILY_OF.keys()];

/** The family of one of `COMPARED_NAMES`; undefined of any other name. */
export const comparedFamily = (name: string): ComparedFacts['family'] | undefined => FAMILY_OF.get(name);

/** Facts of one of `COMPARED_NAMES`. @param name with what stood behind it @param asked the size that was asked for */
export function comparedFacts(name: string, base: string, asked: number | undefined): ComparedFacts {
  const family = FAMILY_OF.get(base)!;
  const variant = base.slice(family.length + 1);
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
  if (family === 'lambda-resnet') {
    const member = LAMBDA_RESNETS[variant as keyof typeof LAMBDA_RESNETS];
    return {
      ...{ ...common, kind: 'lambda-resnet', family, head: 'head.fc', depth: Number.parseInt(variant, 10) },
      source: 'timm byoanet.py has none',
      options: {
        ...{ ...COMMON, width: 1, ...member, init: 'lambda', positionSize: Math.max(256, size) },
        ...{ layers: [...member.layers], lambdaEvery: [...member.lambdaEvery] },
      },
    };
  }
  if (family !== 'resnest') {
    const member = Object.entries(NFNETS[family]).find(([name]) => name === variant)![1];
    const { stem, secondConv, finalWidth, layers, stageWidths } = member;
    const blocks = layers.reduce((sum, count) => sum + count, 0);
    return {
      ...{ ...common, kind: 'nfnet', family, head: 'head.fc' },
      depth: (stem === 'deep' ? 4 : 1) + (secondConv ? 4 : 3) * blocks + (finalWidth > 0 ? 1 : 0) + 1,
      source: 'deepmind-research nfnets/nfnet.py: dropout of F0 to F7; stochastic depth in its experiment_nfnets.py',
      options: {
        ...{ ...COMMON, width: 1, ...member, init: 'nfnet' },
        ...{ layers: [...layers], stageWidths: [...stageWidths] },
      },
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
export function createCompared(facts: ComparedFacts, seed: number): ImageModel {
  switch (facts.kind) {
    case 'tresnet':
      return new TResNet(facts.options, seed);
    case 'resnest':
      return new ResNeSt(facts.options, seed);
    case 'nfnet':
      return new NfNet(facts.options, seed);
    case 'lambda-resnet':
      return new LambdaResNet(facts.options, seed);
  }
}
