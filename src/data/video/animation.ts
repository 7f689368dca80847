import { BrokenPicture, loadSharp, readFileLimited } from '../decoding/decode.js';
import { CLIP_LIMITS, type ClipRequest, type DecodedClip } from './limits.js';

/** A frame that says it is shown for no time is shown for this long, as browsers do it. */
const LEAST_MS = 20;
const USUAL_MS = 100;

/**
 * Decodes an animated GIF or WebP with sharp. Times are those of its frames' delays; transparency is laid on white.
 * @throws BrokenPicture
 */
export async function decodeAnimation(path: string, request: ClipRequest): Promise<DecodedClip> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  const bytes = await readFileLimited(path);
  if (isCut(bytes)) throw new BrokenPicture(path, 'it is an animation that is cut off');
  const sharp = await loadSharp();
  try {
    const input = { limitInputPixels: false, failOn: 'error' as const };
    const {
      pages = 1,
      pageHeight,
      width = 0,
      height = 0,
      delay,
    } = await sharp(bytes, { ...input, pages: -1 }).metadata();
    const own = { width, height: pageHeight ?? height };
    if (own.width * own.height > limits.pixels)
      throw new BrokenPicture(
        path,
        `its ${own.width} x ${own.height} pixels are more than the limit of ${limits.pixels}`,
      );
    const begins = [0];
    for (let k = 0; k < pages; k++) begins.push(begins[k]! + shownFor(delay?.[k]) / 1000);
    const { start = 0, end = Number.POSITIVE_INFINITY } = request;
    const inside = begins.slice(0, pages).flatMap((time, k) => (time >= start && time < end ? [k] : []));
    if (inside.length === 0) throw new BrokenPicture(path, `it has no frames from ${start} s on`);
    const cut = inside.length > limits.frames;
    const first = inside[0]! + (cut ? (inside.length - limits.frames) >> 1 : 0);
    const count = Math.min(limits.frames, inside.length);
    const factor = Math.min(1, request.side / Math.min(own.width, own.height));
    const sides = [own.width, own.height].map((side) => Math.max(1, Math.round(side * factor))) as [number, number];
    if (count * sides[0] * sides[1] * 3 > limits.bytes)
      throw new BrokenPicture(path, `its frames take more than ${limits.bytes} bytes`);
    const data = new Uint8Array(count * sides[0] * sides[1] * 3);
    // Some at a time: the frames in their own size may be many times as large.
    const together = Math.max(1, Math.floor(limits.pixels / (own.width * own.height)));
    for (let done = 0; done < count; done += together) {
      const part = Math.min(together, count - done);
      let pipeline = sharp(bytes, { ...input, page: first + done, pages: part });
      if (factor < 1) pipeline = pipeline.resize({ width: sides[0], height: sides[1], fit: 'fill' });
      const { data: raw, info } = await pipeline
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      if (info.width !== sides[0] || info.height !== part * sides[1])
        throw new BrokenPicture(
          path,
          `its frames came as ${info.width} x ${info.height} pixels, not ${sides.join(' x ')}`,
        );
      data.set(info.channels === 1 ? coloured(raw) : raw, done * sides[0] * sides[1] * 3);
    }
    const times = begins.slice(first, first + count);
    return { data, width: sides[0], height: sides[1], times, cut };
  } catch (error) {
    if (error instanceof BrokenPicture) throw error;
    const text = String((error as Error).message ?? error)
      .replace(/\s+/g, ' ')
      .slice(0, 160);
    throw new BrokenPicture(path, `it is an animation that is damaged or cut off (${text})`, { cause: error });
  }
}

/** Frames of a GIF or WebP, by its header; 0 where it cannot be read. */
export async function framesOf(path: string): Promise<number> {
  try {
    const sharp = await loadSharp();
    return (await sharp(path, { limitInputPixels: false, pages: -1 }).metadata()).pages ?? 1;
  } catch {
    return 0; // told when it is its turn
  }
}

/** A GIF ends with a mark, a WebP says how long it is; decoders take what there is of a shorter one. */
function isCut(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.toString('latin1', 0, 3) === 'GIF') return view.at(view.findLastIndex((byte) => byte !== 0)) !== GIF_END;
  return view.toString('latin1', 8, 12) === 'WEBP' && view.readUInt32LE(4) + 8 > view.length;
}
const GIF_END = 0x3b;

const shownFor = (ms: number | undefined): number => (ms === undefined || ms < LEAST_MS ? USUAL_MS : ms);

function coloured(grey: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * grey.length);
  for (let i = 0; i < out.length; i++) out[i] = grey[Math.floor(i / 3)]!;
  return out;
}
