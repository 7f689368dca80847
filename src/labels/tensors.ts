import { endianness } from 'node:os';
import { UsageError } from '../errors.js';
import type { SafeDType } from '../weights/formats/dtypes.js';
import type { SafetensorsFile, TensorToWrite } from '../weights/formats/safetensors.js';

/** Whole numbers as a tensor [n] or [n, columns], little-endian: of 16 bits where all of `below` fit, else of 32. */
export function intTensor(name: string, values: ArrayLike<number>, below = Infinity, columns?: number): TensorToWrite {
  const narrow = below <= 2 ** 15;
  const own = narrow ? Int16Array.from(values) : Int32Array.from(values);
  const bytes = new Uint8Array(own.buffer);
  swapped(bytes, own.BYTES_PER_ELEMENT);
  const shape = columns === undefined ? [own.length] : [own.length / columns, columns];
  return { name, dtype: narrow ? 'I16' : 'I32', shape, bytes };
}

/** A tensor of whole numbers that `intTensor` wrote. */
export function readInts(file: SafetensorsFile, name: string): Int16Array | Int32Array {
  const dtype = file.entries.get(name)?.dtype;
  if (dtype !== 'I16' && dtype !== 'I32') throw foreign(file.path, name, dtype);
  const bytes = file.read(name);
  swapped(bytes, dtype === 'I16' ? 2 : 4);
  return dtype === 'I16' ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
}

/** Floating-point numbers of any width. */
export function readFloats(file: SafetensorsFile, name: string): Float32Array {
  const dtype = file.entries.get(name)?.dtype;
  if (dtype !== 'F16' && dtype !== 'F32') throw foreign(file.path, name, dtype);
  return file.readFloat32(name);
}

export const foreign = (path: string, name: string, found: SafeDType | undefined): UsageError =>
  new UsageError(
    `Expected pseudo-labels in ${path} but its "${name}" is ${found ?? 'missing'}: it holds something else. ` +
      'Remove that file and label its part again.',
  );

function swapped(bytes: Uint8Array, width: number): void {
  if (endianness() === 'LE') return;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) view.swap16();
  else view.swap32();
}
