import { endianness } from 'node:os';

/** Element types of the safetensors format that Rescaled reads and writes. */
export type SafeDType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Bytes of one element, by type. */
export const itemSizes: Readonly<Record<SafeDType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

export function isSafeDType(value: unknown): value is SafeDType {
  return typeof value === 'string' && Object.hasOwn(itemSizes, value);
}

/**
 * Bytes that a tensor of this type and shape takes: `product(shape) x item size`, 1 item for a scalar (`[]`).
 * Undefined when the shape is not whole numbers of at least 0, or the product leaves the range of exact integers.
 */
export function byteLength(dtype: SafeDType, shape: readonly unknown[]): number | undefined {
  let total = itemSizes[dtype];
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
    total *= size;
    if (!Number.isSafeInteger(total)) return undefined;
  }
  return total;
}

/**
 * Little-endian elements as float32. F64 is rounded to nearest, whole numbers likewise; F16 and BF16 are exact.
 * `bytes` must start its own ArrayBuffer (as `SafetensorsFile.read` returns it); F32 shares that memory.
 */
export function toFloat32(bytes: Uint8Array, dtype: SafeDType): Float32Array {
  toHostOrder(bytes, itemSizes[dtype]);
  const { buffer } = bytes;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F64':
      return new Float32Array(new Float64Array(buffer));
    case 'F16':
      return halfToFloat32(new Uint16Array(buffer));
    case 'BF16':
      return bfloatToFloat32(new Uint16Array(buffer));
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer), Number);
    case 'I32':
      return new Float32Array(new Int32Array(buffer));
    case 'I16':
      return new Float32Array(new Int16Array(buffer));
    case 'I8':
      return new Float32Array(new Int8Array(buffer));
    case 'U8':
    case 'BOOL':
      return new Float32Array(bytes);
  }
}

/** bfloat16 is the upper half of a float32. */
function bfloatToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function halfToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  const floats = new Float32Array(words.buffer);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0)
      floats[i] = (sign ? -1 : 1) * fraction * 2 ** -24; // zero or subnormal
    else words[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  return floats;
}

/** The format is little-endian; on a big-endian host the elements are turned in place. */
function toHostOrder(bytes: Uint8Array, itemSize: number): void {
  if (endianness() === 'LE' || itemSize === 1) return;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (itemSize === 2) view.swap16();
  else if (itemSize === 4) view.swap32();
  else view.swap64();
}

/** Element types that weights can be stored in. */
export type FloatDType = 'F32' | 'F16' | 'BF16';

/**
 * float32 values as little-endian elements of a narrower type, rounded to nearest, ties to even.
 * @throws RangeError when a finite value becomes infinite: float16 ends at 65504
 */
export function fromFloat32(values: Float32Array, dtype: FloatDType): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bytes = new Uint8Array(values.length * itemSizes[dtype]);
  const out = dtype === 'F32' ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    out[i] = dtype === 'F32' ? word : dtype === 'BF16' ? toBfloat(word) : toHalf(word);
    if (
      dtype !== 'F32' &&
      Number.isFinite(values[i]) &&
      (out[i]! & (dtype === 'F16' ? 0x7c00 : 0x7f80)) === (dtype === 'F16' ? 0x7c00 : 0x7f80)
    )
      throw new RangeError(`${values[i]} is too large for ${dtype}`);
  }
  toHostOrder(bytes, itemSizes[dtype]);
  return bytes;
}

function toBfloat(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40; // stays not-a-number
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/** The bits of the float16 nearest to a float32, ties to even; infinite from 65520 on. */
export function float16Bits(value: number): number {
  oneFloat[0] = value;
  return toHalf(oneWord[0]!);
}

function toHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00; // not-a-number
  if (size >= 0x47800000) return sign | 0x7c00; // 2^16 and above
  // Below 2^-14 a half is a whole number of 2^-24.
  if (size < 0x38800000) {
    const float = new Float32Array(new Uint32Array([size]).buffer)[0]! * 2 ** 24;
    const floor = Math.floor(float);
    const rest = float - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
  }
  const rebased = size - (112 << 23);
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}
