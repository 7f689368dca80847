import { RescaledError } from '../../errors.js';
import { type FloatDType, fromFloat32, itemSizes, type SafeDType, toFloat32 } from '../formats/dtypes.js';
import { gather } from '../formats/strided.js';

/**
 * How a tensor of a file becomes one of the model. A TensorFlow variable:
 * - `conv`: [height, width, in, out] -> [out, in, height, width]
 * - `depthwise`: [height, width, channels, multiplier] -> [channels x multiplier, 1, height, width]
 * - `dense`: [in, out] -> [out, in]
 *
 * `abn`: the weight of an InPlace-ABN, of which |weight| + 1e-5 is a batch norm's.
 */
export type Transform = 'none' | 'conv' | 'depthwise' | 'dense' | 'abn';

const ranks: Readonly<Record<Transform, number | undefined>> = {
  none: undefined,
  conv: 4,
  depthwise: 4,
  dense: 2,
  abn: undefined,
};
const ABN_EPSILON = 1e-5;

interface View {
  shape: number[];
  strides: number[];
}

/** The same elements in the order of the new axes; undefined when the rank is not that of the transform. */
function view(transform: Transform, shape: readonly number[]): View | undefined {
  if (transform === 'none' || transform === 'abn') return { shape: [...shape], strides: [] };
  if (shape.length !== ranks[transform]) return undefined;
  const [a, b, c = 1, d = 1] = shape as [number, number, number?, number?];
  switch (transform) {
    case 'conv':
      return { shape: [d, c, a, b], strides: [1, d, b * c * d, c * d] };
    case 'depthwise':
      return { shape: [c * d, 1, a, b], strides: [1, 1, b * c * d, c * d] };
    case 'dense':
      return { shape: [b, a], strides: [1, b] };
  }
}

/** The shape after the transform. @throws RescaledError when the rank does not fit */
export function transformedShape(transform: Transform, shape: readonly number[], name: string): number[] {
  const result = view(transform, shape);
  if (result === undefined)
    throw new RescaledError(`Expected ${ranks[transform]} axes for "${name}" but its shape is [${shape.join(', ')}].`);
  return result.shape;
}

const isFloat = (dtype: SafeDType): dtype is FloatDType => dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';

/** The elements after the transform, in a buffer of their own or, for `none`, as they came. */
export function transformed(
  transform: Transform,
  bytes: Uint8Array<ArrayBuffer>,
  dtype: SafeDType,
  shape: readonly number[],
): Uint8Array<ArrayBuffer> {
  const result = view(transform, shape);
  if (transform === 'none' || result === undefined) return bytes;
  if (transform === 'abn') {
    if (!isFloat(dtype))
      throw new RescaledError(
        `Expected float32, float16 or bfloat16 for the weight of an InPlace-ABN but it is ${dtype}.`,
      );
    return fromFloat32(
      toFloat32(bytes, dtype).map((value) => Math.abs(value) + ABN_EPSILON),
      dtype,
    );
  }
  return gather(bytes, itemSizes[dtype] as 1 | 2 | 4 | 8, result.shape, result.strides);
}
