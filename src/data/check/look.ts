import { createHash } from 'node:crypto';
import type { Pixels } from '../../augment/pixels.js';
import { BrokenPicture, decodeFile, examineFile } from '../sources/decode.js';
import type { Pictures } from './opened.js';
import { Thumbs } from './thumbs.js';

/** What a look at each picture leaves. */
export interface Looked {
  /** Reasons by number. */
  broken: Map<number, string>;
  width: Uint32Array;
  height: Uint32Array;
  /** sha256 of the file; undefined of broken pictures and of those that are no files. */
  files: (string | undefined)[];
  /** sha256 of the size and the pixels, reduced if large; undefined of broken pictures. */
  pixels: (string | undefined)[];
  /** Whether a picture is of one colour. */
  plain: Uint8Array;
  /** Of the pictures in `compared`. */
  thumbs: Thumbs;
  /** Whether a picture is large enough to be told from others like it. */
  compared: Uint8Array;
}

/** Shorter sides of more than 64 pixels are reduced to that while decoding, which makes it quick; see `decodeFile`. */
const DECODED_FOR = 16;
/** With a shorter side below, the same thing twice and two like things look alike. */
export const LEAST_SIDE = 32;
/** Decoded at a time: more than libuv has threads by default. */
const AT_ONCE = 8;
/** Values that differ by no more are the same colour, as encoders write it. */
const ONE_COLOUR = 6;
/** Between two events of progress. */
const TELL_MS = 200;

interface Seen {
  pixels: Pixels;
  width: number;
  height: number;
  file?: string;
}

/** Reads and decodes every picture once. */
export async function* look(pictures: Pictures, signal?: AbortSignal): AsyncGenerator<number, Looked> {
  const n = pictures.length;
  const looked: Looked = {
    broken: new Map(),
    width: new Uint32Array(n),
    height: new Uint32Array(n),
    files: new Array(n),
    pixels: new Array(n),
    plain: new Uint8Array(n),
    thumbs: new Thumbs(n),
    compared: new Uint8Array(n),
  };
  const inFlight: Promise<Seen | string>[] = [];
  let next = 0;
  let told = performance.now();
  for (let i = 0; i < n; i++) {
    while (next < Math.min(n, i + AT_ONCE)) {
      const promise = see(pictures, next++);
      promise.catch(() => undefined); // heard when its turn comes
      inFlight.push(promise);
    }
    const seen = await inFlight.shift()!;
    if (typeof seen === 'string') looked.broken.set(i, seen);
    else note(looked, i, seen);
    signal?.throwIfAborted();
    if (performance.now() - told < TELL_MS) continue;
    told = performance.now();
    yield i + 1;
  }
  return looked;
}

/** @returns the reason where it is broken */
async function see(pictures: Pictures, i: number): Promise<Seen | string> {
  const path = pictures.file(i);
  if (path === undefined) return pictures.ready(i);
  try {
    const { bytes, ...seen } = await examineFile(path, { targetSize: DECODED_FOR });
    return { ...seen, file: digest([bytes]) };
  } catch (error) {
    if (error instanceof BrokenPicture) return error.reason;
    throw error;
  }
}

function note(looked: Looked, i: number, { pixels, width, height, file }: Seen): void {
  looked.width[i] = width;
  looked.height[i] = height;
  looked.files[i] = file;
  looked.pixels[i] = digest([`${width} ${height} `, pixels.data]);
  looked.plain[i] = isPlain(pixels) ? 1 : 0;
  if (Math.min(width, height) < LEAST_SIDE) return;
  looked.compared[i] = 1;
  looked.thumbs.set(i, pixels);
}

function isPlain({ data }: Pixels): boolean {
  for (let i = 3; i < data.length; i++) if (Math.abs(data[i]! - data[i % 3]!) > ONE_COLOUR) return false;
  return true;
}

function digest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('base64');
}

/** Whether two files have the same pixels, decoded as a whole. */
export async function samePixels(a: string, b: string): Promise<boolean> {
  const [first, second] = [await decodeFile(a), await decodeFile(b)];
  return (
    first.width === second.width &&
    first.height === second.height &&
    Buffer.from(first.data.buffer, first.data.byteOffset, first.data.length).equals(second.data)
  );
}
