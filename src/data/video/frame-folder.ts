import { join } from 'node:path';
import { BrokenPicture, decodeFile, loadSharp } from '../decoding/decode.js';
import { CLIP_LIMITS, type ClipRequest, type DecodedClip, type VideoFrame } from './limits.js';

/** Decoded at a time. */
const AHEAD = 4;

/** `2.jpg` before `10.jpg`: runs of digits by their number, all else by code units. */
export function inOrder(a: string, b: string): number {
  const [first, second] = [a, b].map((name) => name.split(/(\d+)/));
  for (let i = 0; i < Math.min(first!.length, second!.length); i++) {
    const [x, y] = [first![i]!, second![i]!];
    if (x === y) continue;
    const difference = i % 2 === 1 ? Number(x) - Number(y) : 0;
    return difference !== 0 ? difference : x < y ? -1 : 1;
  }
  return first!.length - second!.length;
}

/**
 * Decodes the pictures of a folder as frames, in the order of their numbers; they have no times. One that has another size than the first is
 * brought to that.
 * @param names of the pictures, in any order
 * @throws BrokenPicture with the folder's path, for any picture that cannot be read
 */
export async function decodeFrames(
  folder: string,
  names: readonly string[],
  request: ClipRequest,
): Promise<DecodedClip> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  const cut = names.length > limits.frames;
  const from = cut ? (names.length - limits.frames) >> 1 : 0;
  const kept = [...names].sort(inOrder).slice(from, from + limits.frames);
  let sides = { width: 0, height: 0 };
  let data = new Uint8Array(0);
  let k = 0;
  for await (const { data: frame, width, height } of folderFrames(folder, kept, request)) {
    if (k === 0) {
      sides = { width, height };
      if (kept.length * frame.length > limits.bytes)
        throw new BrokenPicture(folder, `its frames take more than ${limits.bytes} bytes`);
      data = new Uint8Array(kept.length * frame.length);
    }
    data.set(frame, frame.length * k++);
  }
  return { data, ...sides, cut };
}

/** The same one by one. @param sorted names of the pictures */
export async function* folderFrames(
  folder: string,
  sorted: readonly string[],
  request: ClipRequest,
): AsyncGenerator<VideoFrame> {
  const limits = { ...CLIP_LIMITS, ...request.limits };
  if (request.start !== undefined || request.end !== undefined)
    throw new BrokenPicture(folder, 'its frames have no times, so that no start and end can be taken of it');
  if (sorted.length === 0) throw new BrokenPicture(folder, 'it has no pictures');
  const options = { targetSize: request.side / 4, limits: { pixels: limits.pixels } };
  let sides: { width: number; height: number } | undefined;
  for (let start = 0; start < sorted.length; start += AHEAD) {
    const some = sorted.slice(start, start + AHEAD);
    const decoded = await Promise.all(some.map((name) => decodeFile(join(folder, name), options))).catch((error) => {
      if (!(error instanceof BrokenPicture)) throw error;
      throw new BrokenPicture(folder, `${error.path.slice(folder.length + 1)}: ${error.reason}`, { cause: error });
    });
    for (const picture of decoded) {
      sides ??= { width: picture.width, height: picture.height };
      const same = picture.width === sides.width && picture.height === sides.height;
      yield { data: same ? picture.data : await fitted(picture, sides), ...sides };
    }
  }
}

async function fitted(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  to: { width: number; height: number },
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(Buffer.from(data.buffer, data.byteOffset, data.length), { raw: { width, height, channels: 3 } })
    .resize({ ...to, fit: 'fill' })
    .raw()
    .toBuffer();
}
