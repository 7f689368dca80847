import { RescaledError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import type { SafeDType } from './dtypes.js';

export type WeightsFormat = 'safetensors' | 'pytorch' | 'keras' | 'tensorflow';

/** What a reader knows of a tensor before its bytes are read. */
export interface WeightsEntry {
  readonly dtype: SafeDType;
  readonly shape: readonly number[];
}

/**
 * Any weights file, open for reading: names, types and shapes are known, a tensor's bytes are read when asked for.
 * Close it after use.
 */
export interface WeightsFile {
  readonly path: string;
  readonly format: WeightsFormat;
  /** Free strings of the file, or the scalars that stood beside the weights. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, WeightsEntry>;
  /** What the file holds besides weights and why it was left out, by name. */
  readonly ignored: ReadonlyMap<string, string>;
  /** Little-endian, row-major, in a buffer of its own. */
  read(name: string): Uint8Array<ArrayBuffer>;
  /** As float32, converted from any dtype (rounded to nearest; BOOL gives 0 and 1). */
  readFloat32(name: string): Float32Array;
  close(): void;
}

/** The entry of that name. @throws RescaledError with the nearest name when there is none */
export function entryOf<T>(entries: ReadonlyMap<string, T>, name: string, path: string): T {
  const entry = entries.get(name);
  if (entry === undefined)
    throw new RescaledError(
      `Expected a tensor "${name}" in ${path} but it holds none of that name.${didYouMean(name, [...entries.keys()])}`,
    );
  return entry;
}

/**
 * A string of a file inside a message: control characters escaped, cut so that a hostile file cannot flood the
 * terminal.
 */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
