import { classifiers, efficientNetLayer, type MappedName, type ModelFamily, mappedTensor } from './keras.js';

const emaSuffix = '/ExponentialMovingAverage';

export interface TensorFlowNames {
  family: ModelFamily | undefined;
  /** By the variable's name in the file. */
  mapped: Map<string, MappedName>;
  ignored: Map<string, string>;
  unknown: string[];
  /** Whether averaged values were there and taken. */
  ema: boolean;
}

/**
 * The keys of the variables of a training checkpoint of tensorflow/tpu, models/official/resnet (ResNet-RS) and
 * models/official/efficientnet. Of a variable that has an averaged shadow (`.../ExponentialMovingAverage`) the shadow
 * is taken: published accuracies are measured with it.
 *
 * ResNet-RS layers have no names but numbers in the order in which they are first called, so the shapes must tell which
 * block is where: each 3x3 convolution behind the stem is one block, and a new number of channels begins a stage.
 * @param variables shapes by name
 */
export function mapTensorFlow(variables: ReadonlyMap<string, readonly number[]>): TensorFlowNames {
  const result: TensorFlowNames = { family: undefined, mapped: new Map(), ignored: new Map(), unknown: [], ema: false };
  const chosen = new Map<string, string>(); // plain name -> name in the file
  for (const name of variables.keys()) {
    const plain = name.endsWith(emaSuffix) ? name.slice(0, -emaSuffix.length) : name;
    if (plain === name && variables.has(name + emaSuffix)) result.ignored.set(name, 'its moving average is taken');
    else if (/\/(Momentum|RMSProp(_\d+)?|Adam(_\d+)?)$/.test(plain)) result.ignored.set(name, 'state of the optimizer');
    else if (/(^|\/)(global_step|beta[12]_power)$/.test(plain)) result.ignored.set(name, 'a counter of the training');
    else {
      chosen.set(plain, name);
      result.ema ||= plain !== name;
    }
  }
  const shapes = new Map([...chosen].map(([plain, name]) => [plain, variables.get(name)!]));
  const blocks = [...shapes.keys()].some((name) => /(^|\/)blocks_0\/depthwise_conv2d\//.test(name))
    ? efficientNetStages(shapes.keys())
    : undefined;
  const layers = blocks === undefined ? resNetRsLayers(shapes) : undefined;
  if (blocks !== undefined) result.family = 'efficientnet';
  else if (layers !== undefined) result.family = 'resnet-rs';
  for (const [plain, name] of chosen) {
    const mapped =
      blocks !== undefined
        ? efficientNetName(plain, blocks)
        : layers !== undefined
          ? resNetRsName(plain, layers)
          : undefined;
    if (mapped === undefined) result.unknown.push(name);
    else result.mapped.set(name, mapped);
  }
  return result;
}

/**
 * `conv2d_7/kernel` -> ['conv2d', 7, 'kernel']; the first of a kind has no number. What stands before it is the scope.
 */
function numbered(name: string): [layer: string, index: number, variable: string] | undefined {
  const match = /^(?:.*\/)?([a-z][a-z0-9_]*?)(?:_(\d+))?\/([a-z_]+)$/.exec(name);
  return match === null ? undefined : [match[1]!, Number(match[2] ?? 0), match[3]!];
}
const isNorm = (layer: string): boolean => layer === 'batch_normalization' || layer === 'tpu_batch_normalization';

interface NumberedLayers {
  convs: string[];
  norms: string[];
}

/**
 * timm's names of `conv2d`, `conv2d_1`, ... and of `batch_normalization`, ...; undefined when the shapes are not those
 * of a ResNet-RS. Order of the calls: tensorflow/tpu models/official/resnet/resnet_model.py (resnet_generator: the
 * stem, the convolution in the place of the max pool; bottleneck_block: shortcut first, then the three convolutions)
 * and resnet_layers.py (squeeze_excitation: reduce, expand).
 */
function resNetRsLayers(shapes: ReadonlyMap<string, readonly number[]>): NumberedLayers | undefined {
  const kernels: (readonly number[])[] = [];
  let normCount = 0;
  for (const [name, shape] of shapes) {
    const [layer, index, variable] = numbered(name) ?? [];
    if (layer === 'conv2d' && variable === 'kernel' && index !== undefined) kernels[index] = shape;
    else if (layer !== undefined && isNorm(layer) && variable === 'gamma') normCount++;
  }
  const convs = ['conv1.0', 'conv1.3', 'conv1.6', 'maxpool.0'];
  const norms = ['conv1.1', 'conv1.4', 'bn1', 'maxpool.1'];
  let stage = 0;
  let block = 0;
  let width: number | undefined;
  for (let i = convs.length; i < kernels.length; i++) {
    const [height, , , out] = kernels[i] ?? [];
    if (height !== 3) continue;
    const first = out !== width;
    if (first) [stage, block] = [stage + 1, 0];
    const at = `layer${stage}.${block++}`;
    if (first) {
      convs.push(`${at}.downsample.1`);
      norms.push(`${at}.downsample.2`);
    }
    convs.push(`${at}.conv1`, `${at}.conv2`, `${at}.conv3`, `${at}.se.fc1`, `${at}.se.fc2`);
    norms.push(`${at}.bn1`, `${at}.bn2`, `${at}.bn3`);
    width = out;
  }
  return stage === 4 && convs.length === kernels.length && norms.length === normCount ? { convs, norms } : undefined;
}

function resNetRsName(name: string, { convs, norms }: NumberedLayers): MappedName | undefined {
  const [layer, index, variable] = numbered(name) ?? [];
  if (layer === undefined || index === undefined || variable === undefined) return undefined;
  if (layer === 'dense' && index === 0) return mappedTensor(classifiers['resnet-rs'], variable, true);
  const target = layer === 'conv2d' ? convs[index] : isNorm(layer) ? norms[index] : undefined;
  return target === undefined ? undefined : mappedTensor(target, variable);
}

/**
 * Blocks of each stage of EfficientNet-B0, and the depth coefficients of B0 to B8 and L2. Source:
 * models/official/efficientnet/efficientnet_builder.py.
 */
const repeats = [1, 2, 2, 3, 3, 4, 1];
const depths = [1, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1, 3.6, 5.3];

/**
 * [stage, block] by the number of the block, all stages counted on; undefined when no EfficientNet has that many
 * blocks.
 */
function efficientNetStages(names: Iterable<string>): [number, number][] | undefined {
  let last = -1;
  for (const name of names) last = Math.max(last, Number(/(?:^|\/)blocks_(\d+)\//.exec(name)?.[1] ?? -1));
  for (const depth of depths) {
    const stages = repeats.map((count) => Math.ceil(depth * count));
    const places = stages.flatMap((count, stage) =>
      Array.from({ length: count }, (_, block): [number, number] => [stage, block]),
    );
    if (places.length === last + 1) return places;
  }
  return undefined;
}

/**
 * Layers are numbered inside the scopes stem, blocks_N, blocks_N/se and head, in the order of the calls in
 * tensorflow/tpu models/official/efficientnet/efficientnet_model.py (MBConvBlock.call, Model.call).
 */
function efficientNetName(name: string, blocks: readonly [number, number][]): MappedName | undefined {
  const [layer, index, variable] = numbered(name) ?? [];
  const scope = /(?:^|\/)(stem|head|blocks_(\d+))(\/se)?\/[^/]+\/[^/]+$/.exec(name);
  if (layer === undefined || index === undefined || variable === undefined || scope === null) return undefined;
  const [, part, number, se] = scope;
  if (number === undefined) {
    const stem = part === 'stem';
    const target =
      index > 0
        ? undefined
        : layer === 'conv2d'
          ? stem
            ? 'conv_stem'
            : 'conv_head'
          : isNorm(layer)
            ? stem
              ? 'bn1'
              : 'bn2'
            : undefined;
    if (layer === 'dense' && !stem && index === 0) return mappedTensor(classifiers.efficientnet, variable, true);
    return target === undefined ? undefined : mappedTensor(target, variable);
  }
  const place = blocks[Number(number)];
  if (place === undefined) return undefined;
  const expands = place[0] > 0;
  const kinds =
    se !== undefined
      ? layer === 'conv2d'
        ? (['seReduce', 'seExpand'] as const)
        : []
      : layer === 'depthwise_conv2d'
        ? (['depthwise'] as const)
        : layer === 'conv2d'
          ? expands
            ? (['expand', 'project'] as const)
            : (['project'] as const)
          : isNorm(layer)
            ? expands
              ? (['expandNorm', 'depthwiseNorm', 'projectNorm'] as const)
              : (['depthwiseNorm', 'projectNorm'] as const)
            : [];
  const kind = kinds[index];
  return kind === undefined ? undefined : mappedTensor(efficientNetLayer(...place, kind), variable);
}
