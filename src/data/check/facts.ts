import { createHash } from 'node:crypto';
import { type Pixels, pixelsOf } from '../../augment/pixels.js';
import { FactsFile } from '../cache/facts-file.js';
import { cacheFolder } from '../cache/folder.js';
import { folderKey } from '../sources/disk-key.js';
import { COLOUR, LOW, LUMA, Thumbs } from './thumbs.js';

/** Raised when a record is made or laid out differently. */
const VERSION = 1;

/** With a shorter side below, the same thing twice and two like things look alike. */
export const LEAST_SIDE = 32;
/** Shorter side to which larger pictures are reduced before they are looked at, or somewhat more. */
const SMALL = 64;
/** Values that differ by no more are the same colour, as encoders write it. */
const ONE_COLOUR = 6;

/** A decoded picture, and its size before any reduction. */
export interface Seen {
  pixels: Pixels;
  width: number;
  height: number;
  /** The file's, where it is one. */
  bytes?: Uint8Array;
}

// A record: state and flags, 4 bytes; width, height (uint32), contrast (float32); signs (2 x int32); sha256 of the file and of the
// pixels; then the thumbnail. Of a broken picture: state, length of the reason (uint16 at 2), the reason in UTF-8.
const BROKEN = 2;
const [WIDTH, HEIGHT, CONTRAST, SIGNS, FILE, PIXELS, THUMB] = [4, 8, 12, 16, 24, 56, 88];
export const RECORD = THUMB + LOW + COLOUR + LUMA;

const one = new Thumbs(1);

/** What is kept of a picture: all that a check needs to know of it. */
export function recordOf({ pixels, width, height, bytes }: Seen): Buffer {
  const small = reduced(pixels);
  const record = Buffer.alloc(RECORD);
  const compared = Math.min(width, height) >= LEAST_SIDE;
  record[0] = 1;
  record[1] = (isPlain(small) ? 1 : 0) | (compared ? 2 : 0) | (bytes === undefined ? 0 : 4);
  record.writeUInt32LE(width, WIDTH);
  record.writeUInt32LE(height, HEIGHT);
  if (bytes !== undefined) record.set(createHash('sha256').update(bytes).digest(), FILE);
  record.set(createHash('sha256').update(`${width} ${height} `).update(small.data).digest(), PIXELS);
  if (!compared) return record;
  one.set(0, small);
  record.writeFloatLE(one.contrast[0]!, CONTRAST);
  record.writeInt32LE(one.signs[0]!, SIGNS);
  record.writeInt32LE(one.signs[1]!, SIGNS + 4);
  record.set(new Uint8Array(one.low.buffer), THUMB);
  record.set(one.colour, THUMB + LOW);
  record.set(one.luma, THUMB + LOW + COLOUR);
  return record;
}

export function brokenRecord(reason: string): Buffer {
  const record = Buffer.alloc(RECORD);
  record[0] = BROKEN;
  record.writeUInt16LE(record.write(reason, 4), 2);
  return record;
}

export const isBroken = (record: Uint8Array): boolean => record[0] === BROKEN;

/** What a record says of a picture. */
export interface Facts {
  width: number;
  height: number;
  plain: boolean;
  /** Whether it is large enough to be told from others like it. */
  compared: boolean;
  /** sha256 of the file, where it is one, and of its size and pixels, reduced if large; base64. */
  file: string | undefined;
  pixels: string;
}

/** @returns the reason of a broken picture */
export function readRecord(given: Uint8Array, i: number, thumbs: Thumbs): Facts | string {
  const record = Buffer.from(given.buffer, given.byteOffset, given.length);
  if (isBroken(record)) return record.toString('utf8', 4, 4 + record.readUInt16LE(2));
  const flags = record[1]!;
  const compared = (flags & 2) !== 0;
  if (compared) {
    thumbs.contrast[i] = record.readFloatLE(CONTRAST);
    thumbs.signs[2 * i] = record.readInt32LE(SIGNS);
    thumbs.signs[2 * i + 1] = record.readInt32LE(SIGNS + 4);
    thumbs.low.set(new Int8Array(record.buffer, record.byteOffset + THUMB, LOW), LOW * i);
    thumbs.colourOf(i).set(record.subarray(THUMB + LOW, THUMB + LOW + COLOUR));
    thumbs.lumaOf(i).set(record.subarray(THUMB + LOW + COLOUR));
  }
  return {
    width: record.readUInt32LE(WIDTH),
    height: record.readUInt32LE(HEIGHT),
    plain: (flags & 1) !== 0,
    compared,
    file: (flags & 4) === 0 ? undefined : record.toString('base64', FILE, PIXELS),
    pixels: record.toString('base64', PIXELS, THUMB),
  };
}

/** The facts of pictures below one folder, kept beside the decoded pixels; see `cacheFolder`. */
export class KnownFacts {
  readonly #file: FactsFile;

  private constructor(
    readonly root: string,
    folder: string,
  ) {
    this.#file = FactsFile.open(folder, folderKey(root, `facts ${VERSION}`), RECORD);
  }

  /** undefined where the cache is switched off. */
  static of(root: string): KnownFacts | undefined {
    const folder = cacheFolder();
    return folder === undefined ? undefined : new KnownFacts(root, folder);
  }

  find(stamp: string | undefined): Uint8Array | undefined {
    return stamp === undefined ? undefined : this.#file.find(stamp);
  }

  add(stamp: string | undefined, record: Uint8Array): void {
    if (stamp !== undefined) this.#file.add(stamp, record);
  }

  /** @param all see `FactsFile` */
  save({ all }: { all: boolean }): void {
    this.#file.save(all);
  }
}

/** The mean of boxes of pixels, as many as leave a shorter side of 64 or somewhat more. */
function reduced(pixels: Pixels): Pixels {
  const { data, width, height } = pixels;
  const times = Math.floor(Math.min(width, height) / SMALL);
  if (times < 2) return pixels;
  const [w, h] = [Math.floor(width / times), Math.floor(height / times)];
  const columns = Uint32Array.from({ length: w + 1 }, (_, x) => 3 * Math.floor((x * width) / w));
  const out = new Uint8Array(3 * w * h);
  for (let y = 0, p = 0; y < h; y++) {
    const [top, bottom] = [Math.floor((y * height) / h), Math.floor(((y + 1) * height) / h)];
    for (let x = 0; x < w; x++, p += 3) {
      const [left, right] = [columns[x]!, columns[x + 1]!];
      let [r, g, b] = [0, 0, 0];
      for (let v = top; v < bottom; v++)
        for (let q = 3 * width * v + left, end = 3 * width * v + right; q < end; q += 3) {
          r += data[q]!;
          g += data[q + 1]!;
          b += data[q + 2]!;
        }
      const n = ((bottom - top) * (right - left)) / 3;
      out[p] = Math.round(r / n);
      out[p + 1] = Math.round(g / n);
      out[p + 2] = Math.round(b / n);
    }
  }
  return pixelsOf(out, w, h);
}

function isPlain({ data }: Pixels): boolean {
  for (let i = 3; i < data.length; i++) if (Math.abs(data[i]! - data[i % 3]!) > ONE_COLOUR) return false;
  return true;
}
