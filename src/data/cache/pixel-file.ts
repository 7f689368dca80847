import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { fromGrey, type Pixels, pixelsOf } from '../../augment/pixels.js';
import { RescaledError } from '../../errors.js';
import { addon, engineLoaded } from '../../torch/addon.js';

/**
 * A file of decoded pictures, little-endian:
 *
 *     0   'rescaled pixels1'
 *     16  channels (uint32: 1 or 3), number of pictures (uint32), bytes of the file (float64)
 *     32  sha256 of the 32 bytes above and the index
 *     64  index, 16 bytes a picture: where it begins (float64), width, height (uint32)
 *         then the pictures, [height, width, channels], one byte a value
 *
 * A picture that begins at 0 is not there; at -1, it could not be read when its turn came.
 */
export const MAGIC = 'rescaled pixels1';
export const HEADER = 64;
export const ENTRY = 16;
export const UNREADABLE = -1;

/** What a worker thread needs to read the file that the main thread opened. */
export interface PixelFileSpec {
  readonly path: string;
  /** Threads of a process share descriptors, so that a file removed meanwhile is still there. */
  readonly descriptor: number;
  readonly bytes: number;
  readonly channels: number;
  readonly count: number;
  /** The index, read and checked once for all threads. */
  readonly index: SharedArrayBuffer;
}

/** Closes files whose last source has gone. */
const registry = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/** Header and index as they stand in a file, for its checksum. */
export function checksum(head: Uint8Array, index: Uint8Array): Buffer {
  return createHash('sha256').update(head.subarray(0, 32)).update(index).digest();
}

/**
 * Decoded pictures in a file: mapped into memory where the engine is there, so that all processes and threads share one
 * copy, else read one by one. Structured-cloneable as its spec: what is private stays behind, and `of` makes a file of
 * it again.
 */
export class PixelFile implements PixelFileSpec {
  readonly path: string;
  readonly descriptor: number;
  readonly bytes: number;
  readonly channels: number;
  readonly count: number;
  readonly index: SharedArrayBuffer;
  readonly #starts: Float64Array;
  readonly #sides: Uint32Array;
  /** From the first picture on; null when it cannot be. */
  #map: ArrayBuffer | null | undefined;

  private constructor({ path, descriptor, bytes, channels, count, index }: PixelFileSpec) {
    this.path = path;
    this.descriptor = descriptor;
    this.bytes = bytes;
    this.channels = channels;
    this.count = count;
    this.index = index;
    this.#starts = new Float64Array(index);
    this.#sides = new Uint32Array(index);
  }

  /** Opens a file that is whole; one that is damaged is removed. @returns undefined when there is none */
  static open(path: string): PixelFile | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch {
      return undefined;
    }
    const spec = checked(path, descriptor);
    if (spec === undefined) {
      closeSync(descriptor);
      rmSync(path, { force: true });
      return undefined;
    }
    const file = new PixelFile(spec);
    registry.register(file, descriptor);
    return file;
  }

  /** The file of a spec, which its opener keeps open. */
  static of(spec: PixelFileSpec): PixelFile {
    return spec instanceof PixelFile ? spec : new PixelFile(spec);
  }

  /** Whether picture i is there, could not be read, or has not been asked for yet. */
  state(i: number): 'there' | 'unreadable' | 'missing' {
    const start = this.#starts[2 * i]!;
    return start > 0 ? 'there' : start === UNREADABLE ? 'unreadable' : 'missing';
  }

  width(i: number): number {
    return this.#sides[4 * i + 2]!;
  }
  height(i: number): number {
    return this.#sides[4 * i + 3]!;
  }

  /** Picture i as RGB; undefined when it is not there. Not to be written to. */
  pixels(i: number): Pixels | undefined {
    const start = this.#starts[2 * i]!;
    if (!(start > 0)) return undefined;
    const [width, height] = [this.width(i), this.height(i)];
    const length = width * height * this.channels;
    if (this.#map === undefined) this.#map = mapped(this);
    const data = this.#map === null ? read(this, start, length) : new Uint8Array(this.#map, start, length);
    return this.channels === 1 ? fromGrey(data, width, height) : pixelsOf(data, width, height);
  }
}

/** The spec that a file's header gives, when header, index and size agree. */
function checked(path: string, descriptor: number): PixelFileSpec | undefined {
  const bytes = fstatSync(descriptor).size;
  if (bytes < HEADER) return undefined;
  const file = { path, descriptor, bytes };
  const head = Buffer.from(read(file, 0, HEADER).buffer);
  const [channels, count] = [head.readUInt32LE(16), head.readUInt32LE(20)];
  const fits =
    head.toString('latin1', 0, 16) === MAGIC &&
    (channels === 1 || channels === 3) &&
    head.readDoubleLE(24) === bytes &&
    HEADER + ENTRY * count <= bytes;
  if (!fits) return undefined;
  const entries = read(file, HEADER, ENTRY * count);
  if (!checksum(head, entries).equals(head.subarray(32, HEADER))) return undefined;
  const index = new SharedArrayBuffer(entries.length);
  new Uint8Array(index).set(entries);
  return { ...file, channels, count, index };
}

/**
 * Never loads the engine for this alone: commands that do not train go without. (A loader's threads start when it has
 * been loaded.)
 */
function mapped({ descriptor, bytes }: PixelFileSpec): ArrayBuffer | null {
  if (isMainThread && !engineLoaded()) return null;
  try {
    return addon().mapFile(descriptor, bytes);
  } catch {
    return null; // An older engine, or a system without: reading is as right, and a little slower.
  }
}

function read(
  { path, descriptor }: Pick<PixelFileSpec, 'path' | 'descriptor'>,
  position: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(descriptor, bytes, done, length - done, position + done);
    if (got === 0)
      throw new RescaledError(
        `Expected ${length} bytes at ${position} of ${path} but it has become shorter. Delete it, and it is made anew.`,
      );
    done += got;
  }
  return bytes;
}
