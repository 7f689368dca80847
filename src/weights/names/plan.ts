import { RescaledError, UsageError } from '../../errors.js';
import { quote, type WeightsFile } from '../formats/weights-file.js';
import { clipKeys } from './clips.js';
import { kerasFamily, kerasName, type ModelFamily } from './keras.js';
import { mapTensorFlow } from './tensorflow.js';
import { type Transform, transformedShape } from './transforms.js';
import { tresnetKeys } from './tresnet.js';

/** A tensor of the file under timm's name. */
export interface PlannedTensor {
  /** Name in the file. */
  readonly source: string;
  readonly transform: Transform;
  /** Shape after the transform. */
  readonly shape: readonly number[];
}

/** What becomes of every tensor of a file. */
export interface KeyPlan {
  /** Known only for files that name their layers as TensorFlow or Keras do. */
  family?: ModelFamily;
  /** By timm's key, in the order of the file. */
  tensors: Map<string, PlannedTensor>;
  /** Left out on purpose: name in the file, reason. */
  ignored: Map<string, string>;
  /** Names that no rule knows. */
  unknown: string[];
  /** Whether averaged weights were taken in the place of raw ones. */
  ema: boolean;
}

/**
 * Gives every tensor its key. PyTorch and safetensors files have timm's keys already, but for those of pytorchvideo, SlowFast and
 * Alibaba-MIIL's TResNet; these, Keras's and TensorFlow's names are mapped.
 * @param prefix only names that begin with it are taken, and it is taken off (PyTorch and safetensors)
 * @throws RescaledError when two tensors would get one key
 */
export function planKeys(file: WeightsFile, prefix = ''): KeyPlan {
  const plan: KeyPlan = {
    tensors: new Map(),
    ignored: new Map(file.ignored),
    unknown: [],
    ema: /(^|_)ema(_|$)/.test(file.metadata['selected'] ?? ''),
  };
  const add = (key: string, source: string, transform: Transform): void => {
    const other = plan.tensors.get(key);
    if (other !== undefined)
      throw new RescaledError(`Both ${quote(other.source)} and ${quote(source)} in ${file.path} are ${quote(key)}.`);
    plan.tensors.set(key, {
      source,
      transform,
      shape: transformedShape(transform, file.entries.get(source)!.shape, source),
    });
  };
  if (file.format === 'tensorflow') {
    const names = mapTensorFlow(new Map([...file.entries].map(([name, entry]) => [name, entry.shape])));
    for (const [source, { key, transform }] of names.mapped) add(key, source, transform);
    for (const [source, reason] of names.ignored) plan.ignored.set(source, reason);
    plan.unknown = names.unknown;
    plan.ema = names.ema;
    return { ...plan, ...(names.family === undefined ? {} : { family: names.family }) };
  }
  if (file.format === 'keras') {
    const family = kerasFamily(file.entries.keys());
    for (const source of file.entries.keys()) {
      const mapped = family === undefined ? undefined : kerasName(source, family);
      if (mapped !== undefined) add(mapped.key, source, mapped.transform);
      else if (/(^|\/)normalization[^/]*\//.test(source))
        plan.ignored.set(source, 'normalisation of the input; the weights are given with its mean and std');
      else plan.unknown.push(source);
    }
    return { ...plan, ...(family === undefined ? {} : { family }) };
  }
  const tresnet = tresnetKeys(file.entries);
  const clips = clipKeys(file.entries.keys());
  const keyOf = (source: string): { key: string; transform: Transform } | undefined =>
    tresnet === undefined
      ? { key: clips?.(source) ?? source.slice(prefix.length), transform: 'none' }
      : tresnet(source);
  for (const source of file.entries.keys()) {
    if (!source.startsWith(prefix)) plan.ignored.set(source, `not under the prefix ${quote(prefix)}`);
    else if (source.endsWith('.num_batches_tracked')) plan.ignored.set(source, 'a counter of the training');
    else {
      const found = keyOf(source);
      if (found === undefined) plan.ignored.set(source, 'the kernel of a blur, which is fixed');
      else add(found.key, source, found.transform);
    }
  }
  if (plan.tensors.size === 0 && prefix !== '')
    throw new UsageError(`Expected names that begin with ${quote(prefix)} in ${file.path} but there are none.`);
  return plan;
}
