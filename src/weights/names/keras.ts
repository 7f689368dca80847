import type { Transform } from './transforms.js';

/** A key of timm's models and how the variable's values get there. */
export interface MappedName {
  key: string;
  transform: Transform;
}

/** Families whose TensorFlow and Keras names are known. */
export type ModelFamily = 'resnet-rs' | 'efficientnet';

/** What Keras and TensorFlow call the tensors of a layer. */
const suffixes = new Map<string, { suffix: string; transform: Transform }>([
  ['kernel', { suffix: 'weight', transform: 'conv' }],
  ['depthwise_kernel', { suffix: 'weight', transform: 'depthwise' }],
  ['bias', { suffix: 'bias', transform: 'none' }],
  ['gamma', { suffix: 'weight', transform: 'none' }],
  ['beta', { suffix: 'bias', transform: 'none' }],
  ['moving_mean', { suffix: 'running_mean', transform: 'none' }],
  ['moving_variance', { suffix: 'running_var', transform: 'none' }],
]);

/** `layer` in timm's names, and the variable's own name: `kernel`, `gamma`. */
export function mappedTensor(layer: string, variable: string, dense = false): MappedName | undefined {
  const found = suffixes.get(variable);
  return (
    found && {
      key: `${layer}.${found.suffix}`,
      transform: dense && found.transform === 'conv' ? 'dense' : found.transform,
    }
  );
}

export type BlockPart =
  | 'expand'
  | 'expandNorm'
  | 'depthwise'
  | 'depthwiseNorm'
  | 'seReduce'
  | 'seExpand'
  | 'project'
  | 'projectNorm';

/**
 * timm's name of an EfficientNet block's layer. Blocks of stage 0 do not expand (timm: DepthwiseSeparableConv), so what
 * is their second batch norm is the third one of all others.
 */
export function efficientNetLayer(stage: number, block: number, part: BlockPart): string {
  const plain = stage === 0;
  const names = {
    expand: 'conv_pw',
    expandNorm: 'bn1',
    depthwise: 'conv_dw',
    depthwiseNorm: plain ? 'bn1' : 'bn2',
    seReduce: 'se.conv_reduce',
    seExpand: 'se.conv_expand',
    project: plain ? 'conv_pw' : 'conv_pwl',
    projectNorm: plain ? 'bn2' : 'bn3',
  };
  return `blocks.${stage}.${block}.${names[part]}`;
}

/**
 * The key of a variable that keras.applications names, `layer/variable:0` (the group above it does not matter);
 * undefined for any other.
 *
 * Source: keras/applications/resnet_rs.py (Conv2DFixedPadding, STEM, SE, BottleneckBlock, BlockGroup; the first batch
 * norm of a block really has one underscore less than the others) and keras/applications/efficientnet.py (block).
 */
export function kerasName(name: string, family: ModelFamily): MappedName | undefined {
  const match = /^(?:.*\/)?([^/]+)\/([^/:]+)(?::0)?$/.exec(name);
  if (match === null) return undefined;
  const [, layer = '', variable = ''] = match;
  if (layer === 'predictions') return mappedTensor(classifiers[family], variable, true);
  const target = family === 'resnet-rs' ? resNetRsLayer(layer) : efficientNetName(layer);
  return target === undefined ? undefined : mappedTensor(target, variable);
}

/** timm's name of the last layer. Keras calls it "predictions" and TensorFlow "dense" in both families. */
export const classifiers: Readonly<Record<ModelFamily, string>> = { 'resnet-rs': 'fc', efficientnet: 'classifier' };

/** Which of the two families a Keras file holds, by its layers' names. */
export function kerasFamily(names: Iterable<string>): ModelFamily | undefined {
  for (const name of names) {
    if (/(^|\/)BlockGroup2__block_0_/.test(name)) return 'resnet-rs';
    if (/(^|\/)block1a_dwconv\//.test(name)) return 'efficientnet';
  }
  return undefined;
}

/** Stem layers 1 to 4: three convolutions, and the one in the place of the max pool. */
const stemConvs = ['conv1.0', 'conv1.3', 'conv1.6', 'maxpool.0'];
const stemNorms = ['conv1.1', 'conv1.4', 'bn1', 'maxpool.1'];

const blockParts = new Map([
  ['projection_conv', 'downsample.1'],
  ['projection_batch_norm', 'downsample.2'],
  ['se_se_reduce', 'se.fc1'],
  ['se_se_expand', 'se.fc2'],
]);

function resNetRsLayer(layer: string): string | undefined {
  const stem = /^stem_\d+_stem_(conv|batch_norm)_([1-4])$/.exec(layer);
  if (stem !== null) return (stem[1] === 'conv' ? stemConvs : stemNorms)[Number(stem[2]) - 1];
  const block = /^BlockGroup([2-5])__block_(\d+)__?(.+)$/.exec(layer);
  if (block === null) return undefined;
  const [, group, index, part = ''] = block;
  const numbered = /^(conv|batch_norm)_([1-3])$/.exec(part);
  const target = numbered !== null ? `${numbered[1] === 'conv' ? 'conv' : 'bn'}${numbered[2]}` : blockParts.get(part);
  return target === undefined ? undefined : `layer${Number(group) - 1}.${Number(index)}.${target}`;
}

const outerLayers = new Map([
  ['stem_conv', 'conv_stem'],
  ['stem_bn', 'bn1'],
  ['top_conv', 'conv_head'],
  ['top_bn', 'bn2'],
]);
const efficientNetParts = new Map([
  ['expand_conv', 'expand'],
  ['expand_bn', 'expandNorm'],
  ['dwconv', 'depthwise'],
  ['bn', 'depthwiseNorm'],
  ['se_reduce', 'seReduce'],
  ['se_expand', 'seExpand'],
  ['project_conv', 'project'],
  ['project_bn', 'projectNorm'],
] as const);

function efficientNetName(layer: string): string | undefined {
  const outer = outerLayers.get(layer);
  if (outer !== undefined) return outer;
  const [, stage, block, name] = /^block([1-7])([a-z])_(\w+)$/.exec(layer) ?? [];
  const part = (efficientNetParts as ReadonlyMap<string | undefined, BlockPart>).get(name);
  return part === undefined ? undefined : efficientNetLayer(Number(stage) - 1, block!.charCodeAt(0) - 97, part);
}
