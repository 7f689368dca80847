import { BrokenPicture, loadSharp, readFileLimited } from '../decoding/decode.js';
import { CLIP_LIMITS, type ClipLimits, type ClipRequest, type DecodedClip, type VideoFrame } from './limits.js';

/** A frame that says it is shown for no time is shown for this long, as browsers do it. */
const LEAST_MS = 20;
const USUAL_MS = 100;

/**
 * Decodes an animated GIF or WebP with sharp. Times are those of its frames' delays; transparency is laid on white.
 * @throws BrokenPicture
 */
export async function decodeAnimation(path: string, request: ClipRequest): Promise<DecodedClip> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  const animation = await openAnimation(path, request);
  const { width, height, pages } = animation;
  const cut = pages.length > limits.frames;
  const from = cut ? (pages.length - limits.frames) >> 1 : 0;
  const kept = pages.slice(from, from + limits.frames);
  if (kept.length * width * height * 3 > limits.bytes)
    throw new BrokenPicture(path, `its frames take more than ${limits.bytes} bytes`);
  const data = new Uint8Array(kept.length * width * height * 3);
  const times: number[] = [];
  for await (const frame of framesOf(path, { ...animation, pages: kept }, limits)) {
    data.set(frame.data, frame.data.length * times.length);
    times.push(frame.time!);
  }
  return { data, width, height, times, cut };
}

/** The same frame by frame. */
export async function* animationFrames(path: string, request: ClipRequest): AsyncGenerator<VideoFrame> {
  yield* framesOf(path, await openAnimation(path, request), { ...CLIP_LIMITS, ...request.limits });
}

interface Animation {
  bytes: Uint8Array;
  /** Of a frame as it is wanted, and in the file. */
  width: number;
  height: number;
  own: { width: number; height: number };
  /** Those that lie within the request: their places and begins in seconds. */
  pages: { page: number; time: number }[];
}

const INPUT = { limitInputPixels: false, failOn: 'error' } as const;

async function openAnimation(path: string, request: ClipRequest): Promise<Animation> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  const bytes = await readFileLimited(path);
  if (isCut(bytes)) throw new BrokenPicture(path, 'it is an animation that is cut off');
  const sharp = await loadSharp();
  const {
    pages = 1,
    pageHeight,
    width = 0,
    height = 0,
    delay,
  } = await sharp(bytes, { ...INPUT, pages: -1 })
    .metadata()
    .catch((error: unknown) => {
      throw damaged(path, error);
    });
  const own = { width, height: pageHeight ?? height };
  if (own.width * own.height > limits.pixels)
    throw new BrokenPicture(
      path,
      `its ${own.width} x ${own.height} pixels are more than the limit of ${limits.pixels}`,
    );
  const { start = 0, end = Number.POSITIVE_INFINITY } = request;
  const inside: Animation['pages'] = [];
  let time = 0;
  for (let page = 0; page < pages; page++) {
    if (time >= start && time < end) inside.push({ page, time });
    time += shownFor(delay?.[page]) / 1000;
  }
  if (inside.length === 0) throw new BrokenPicture(path, `it has no frames from ${start} s on`);
  const factor = Math.min(1, request.side / Math.min(own.width, own.height));
  const side = (length: number): number => Math.max(1, Math.round(length * factor));
  return { bytes, width: side(own.width), height: side(own.height), own, pages: inside };
}

async function* framesOf(
  path: string,
  { bytes, width, height, own, pages }: Animation,
  limits: ClipLimits,
): AsyncGenerator<VideoFrame> {
  const sharp = await loadSharp();
  // Some at a time: the frames in their own size may be many times as large.
  const together = Math.max(1, Math.floor(limits.pixels / (own.width * own.height)));
  const each = 3 * width * height;
  for (let done = 0; done < pages.length; done += together) {
    const some = pages.slice(done, done + together);
    let pipeline = sharp(bytes, { ...INPUT, page: some[0]!.page, pages: some.length });
    if (width !== own.width || height !== own.height) pipeline = pipeline.resize({ width, height, fit: 'fill' });
    const { data: raw, info } = await pipeline
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
      .catch((error: unknown) => {
        throw damaged(path, error);
      });
    if (info.width !== width || info.height !== some.length * height)
      throw new BrokenPicture(
        path,
        `its frames came as ${info.width} x ${info.height} pixels, not ${width} x ${height}`,
      );
    const data = info.channels === 1 ? coloured(raw) : raw;
    for (const [i, { time }] of some.entries())
      yield { data: data.subarray(i * each, (i + 1) * each), width, height, time };
  }
}

function damaged(path: string, error: unknown): BrokenPicture {
  const text = String((error as Error).message ?? error)
    .replace(/\s+/g, ' ')
    .slice(0, 160);
  return new BrokenPicture(path, `it is an animation that is damaged or cut off (${text})`, { cause: error });
}

/** Frames of a GIF or WebP, by its header; 0 where it cannot be read. */
export async function pagesOf(path: string): Promise<number> {
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
