import { BrokenPicture } from '../decoding/decode.js';
import { brokenRecord, isBroken, KnownFacts, readRecord, recordOf } from './facts.js';
import type { EncodedPicture, Pictures } from './opened.js';
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
/** Decoded at a time: more than libuv has threads by default. */
const AT_ONCE = 8;
/** Between two events of progress. */
const TELL_MS = 200;

function nothingSeen(n: number): Looked {
  return {
    broken: new Map(),
    width: new Uint32Array(n),
    height: new Uint32Array(n),
    files: new Array(n),
    pixels: new Array(n),
    plain: new Uint8Array(n),
    thumbs: new Thumbs(n),
    compared: new Uint8Array(n),
  };
}

/**
 * Looks at every picture, from what is known of it, or else decoding it, which is then known.
 * @param root the folder of the data
 */
export async function* look(
  pictures: Pictures,
  root: string,
  { all, signal }: { all: boolean; signal?: AbortSignal },
): AsyncGenerator<number, Looked> {
  const n = pictures.length;
  const looked = nothingSeen(n);
  const known = KnownFacts.of(root);
  const inFlight: Promise<Uint8Array>[] = [];
  let next = 0;
  let told = performance.now();
  try {
    for (let i = 0; i < n; i++) {
      while (next < Math.min(n, i + AT_ONCE)) {
        const promise = see(pictures, next++, known);
        promise.catch(() => undefined); // heard when its turn comes
        inFlight.push(promise);
      }
      note(looked, i, await inFlight.shift()!);
      signal?.throwIfAborted();
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      yield i + 1;
    }
  } catch (error) {
    known?.save({ all: false });
    throw error;
  }
  known?.save({ all });
  return looked;
}

/** What is known of all of them without decoding; undefined unless all are known. */
export function recall(pictures: Pictures, root: string): Looked | undefined {
  const known = KnownFacts.of(root);
  if (known === undefined) return undefined;
  const looked = nothingSeen(pictures.length);
  for (let i = 0; i < pictures.length; i++) {
    const record = known.find(pictures.encoded(i)?.stamp());
    if (record === undefined) return undefined;
    note(looked, i, record);
  }
  return looked;
}

async function see(pictures: Pictures, i: number, known: KnownFacts | undefined): Promise<Uint8Array> {
  const encoded = pictures.encoded(i);
  if (encoded === undefined) return recordOf(pictures.ready(i));
  const stamp = known && encoded.stamp();
  const found = known?.find(stamp);
  // What was broken may have been so for a moment, as on a network.
  if (found !== undefined && !isBroken(found)) return found;
  let record: Uint8Array;
  try {
    record = recordOf(await encoded.examine({ targetSize: DECODED_FOR }));
  } catch (error) {
    if (!(error instanceof BrokenPicture)) throw error;
    record = brokenRecord(error.reason);
  }
  known?.add(stamp, record);
  return record;
}

function note(looked: Looked, i: number, record: Uint8Array): void {
  const facts = readRecord(record, i, looked.thumbs);
  if (typeof facts === 'string') {
    looked.broken.set(i, facts);
    return;
  }
  looked.width[i] = facts.width;
  looked.height[i] = facts.height;
  looked.files[i] = facts.file;
  looked.pixels[i] = facts.pixels;
  looked.plain[i] = facts.plain ? 1 : 0;
  looked.compared[i] = facts.compared ? 1 : 0;
}

/** Whether two pictures that lie encoded have the same pixels, decoded as a whole. */
export async function samePixels(a: EncodedPicture, b: EncodedPicture): Promise<boolean> {
  const [{ pixels: first }, { pixels: second }] = [await a.examine({}), await b.examine({})];
  return (
    first.width === second.width &&
    first.height === second.height &&
    Buffer.from(first.data.buffer, first.data.byteOffset, first.data.length).equals(second.data)
  );
}
