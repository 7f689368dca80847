import { RescaledError } from '../errors.js';
import { CLASSIFIERS } from './facts.js';
import { type FloatDType, fromFloat32, type SafeDType, toFloat32 } from './formats/dtypes.js';
import type { TensorToWrite } from './formats/safetensors.js';
import { quote, type WeightsFile } from './formats/weights-file.js';
import type { KeyPlan } from './names/plan.js';
import { transformed } from './names/transforms.js';
import { type KeyMatch, matchKeys } from './report.js';

const isFloat = (dtype: SafeDType): boolean =>
  dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';

/**
 * The planned tensors for `encodeSafetensors`, each read when its turn to be written comes.
 * @param dtype for floating point tensors; as they are without it. Whole numbers always stay.
 * @param keys only these
 */
export function* convertedTensors(
  file: WeightsFile,
  plan: KeyPlan,
  dtype?: FloatDType,
  keys: ReadonlySet<string> = new Set(plan.tensors.keys()),
): Generator<TensorToWrite> {
  for (const [name, { source, transform, shape }] of plan.tensors) {
    if (!keys.has(name)) continue;
    const entry = file.entries.get(source)!;
    const target = dtype !== undefined && isFloat(entry.dtype) ? dtype : undefined;
    const bytes = (): Uint8Array => {
      const read = transformed(transform, file.read(source), entry.dtype, entry.shape);
      if (target === undefined || target === entry.dtype) return read;
      try {
        return fromFloat32(toFloat32(read, entry.dtype), target);
      } catch (error) {
        throw new RescaledError(
          `Cannot store ${quote(source)} as ${target}: ${(error as Error).message}. Use --dtype F32 or BF16.`,
          { cause: error },
        );
      }
    };
    yield { name, dtype: target ?? entry.dtype, shape, bytes };
  }
}

/**
 * Compares planned keys and shapes with a model's. A classifier for another number of classes is no misfit: the model
 * is meant with that number.
 * @returns the match, and the number of classes where it differs
 */
export function matchModel(
  model: ReadonlyMap<string, readonly number[]>,
  plan: KeyPlan,
): { match: KeyMatch; classes?: number } {
  const found = new Map([...plan.tensors].map(([key, tensor]) => [key, tensor.shape]));
  const expected = new Map(model);
  for (const layer of CLASSIFIERS) {
    const [weight, bias] = [found.get(`${layer}.weight`), found.get(`${layer}.bias`)];
    const inputs = expected.get(`${layer}.weight`)?.[1];
    if (weight === undefined || inputs === undefined || weight[0] === expected.get(`${layer}.weight`)![0]) continue;
    const [classes] = weight;
    if (
      classes === undefined ||
      weight.length !== 2 ||
      weight[1] !== inputs ||
      bias?.length !== 1 ||
      bias[0] !== classes
    )
      continue;
    expected.set(`${layer}.weight`, weight).set(`${layer}.bias`, bias);
    return { match: matchKeys(expected, found), classes };
  }
  return { match: matchKeys(expected, found) };
}
