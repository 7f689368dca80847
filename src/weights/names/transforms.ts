import { RescaledError } from '../../errors.js';
import { itemSizes, type SafeDType } from '../formats/dtypes.js';
import { gather } from '../formats/strided.js';

/**
 * How a TensorFlow variable becomes a PyTorch tensor:
 * - `conv`: [height, width, in, out] -> [out, in, height, width]
 * - `depthwise`: [height, width, channels, multiplier] -> [channels x multiplier, 1, height, width]
 * - `dense`: [in, out] -> [out, in]
 */
export type Transform = 'none' | 'conv' | 'depthwise' | 'dense';

const ranks: Readonly<Record<Transform, number | undefined>> = { none: undefined, conv: 4, depthwise: 4, dense: 2 };

interface View {
  shape: number[];
  strides: number[];
}

/** The same elements in the order of the new axes; undefined when the rank is not that of the transform. */
function view(transform: Transform, shape: readonly number[]): View | undefined {
  if (transform === 'none') return { shape: [...shape], strides: [] };
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

/** The elements after the transform, in a buffer of their own or, for `none`, as they came. */
export function transformed(
  transform: Transform,
  bytes: Uint8Array<ArrayBuffer>,
  dtype: SafeDType,
  shape: readonly number[],
): Uint8Array<ArrayBuffer> {
  const result = view(transform, shape);
  if (transform === 'none' || result === undefined) return bytes;
  return gather(bytes, itemSizes[dtype] as 1 | 2 | 4 | 8, result.shape, result.strides);
}
