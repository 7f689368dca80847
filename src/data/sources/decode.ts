import { open } from 'node:fs/promises';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { fromGrey, type Pixels, pixelsOf } from '../../augment/pixels.js';
import { RescaledError } from '../../errors.js';

/** Bounds that keep one hostile or mistaken file from taking the machine's memory. */
export interface DecodeLimits {
  /** Most pixels (width x height, before any reduction). Default 268,402,689, as sharp: 16383 x 16383. */
  pixels?: number;
  /** Most bytes of the file. Default 256 MiB. */
  bytes?: number;
}

export interface DecodeOptions {
  limits?: DecodeLimits;
  /** Side S of the network's input in pixels; see `decodeFile` on reduction. */
  targetSize?: number;
}

const DEFAULT_LIMITS: Required<DecodeLimits> = { pixels: 0x3fff ** 2, bytes: 256 * 2 ** 20 };

/** Names of sharp's formats that are pictures here. SVG and PDF, which can refer to other files, are not. */
const FORMATS = new Set<string>(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

/** File name endings that count as pictures, lower case. */
export const PICTURE_EXTENSIONS: ReadonlySet<string> = new Set([
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.avif',
]);

/** A picture that cannot be read or decoded. `reason` is one line without the path, `path` the file. Exit code 1. */
export class BrokenPicture extends RescaledError {
  constructor(
    readonly path: string,
    readonly reason: string,
    options: { cause?: unknown } = {},
  ) {
    super(`Cannot read the picture ${path}: ${reason}`, options);
    this.name = 'BrokenPicture';
  }
}

/** Loaded with the first picture: it takes a tenth of a second in each thread, and pictures at hand need none of it. */
let loading: Promise<(input: Uint8Array, options: SharpOptions) => Sharp> | undefined;
const loadSharp = () =>
  (loading ??= import('sharp').then(({ default: sharp }) => {
    // One thread a picture and no cache of operations, since no picture comes twice soon.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  }));

/**
 * Reads a picture file as 8-bit sRGB: JPEG, PNG, WebP, GIF (first frame), TIFF (first page), AVIF. The kind is told by
 * content, not name.
 *
 * - EXIF orientation is applied.
 * - Grey becomes three equal channels; CMYK and pictures with an embedded colour profile are converted to sRGB; 16 bits
 * become 8.
 * - Transparency is laid on white. (Pillow's convert('RGB'), which timm uses, drops the alpha channel instead and shows
 *   whatever colour hides under transparent pixels, often black.)
 * - A picture whose shorter side exceeds 4 x targetSize is first reduced so that this side is 4 x targetSize (Lanczos;
 *   JPEG by shrink-on-load). The smallest training crop, 8 % of the area, then still has 0.08 x (4 S)^2 = 1.28 S^2
 *   pixels, so no crop is enlarged more than it would have to be anyway.
 * - A damaged or cut-off file is an error, not a picture with a grey part.
 *
 * @throws BrokenPicture for anything that keeps the file from being read whole.
 */
export async function decodeFile(path: string, options: DecodeOptions = {}): Promise<Pixels> {
  return named(path, async () => decode(await readLimited(path, limitsOf(options).bytes), path, options));
}

/** As `decodeFile`, for an encoded picture in memory; `name` stands for it in messages. */
export async function decodeBytes(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Pixels> {
  return named(name, () => {
    checkBytes(bytes.length, name, limitsOf(options).bytes);
    return decode(bytes, name, options);
  });
}

const limitsOf = (options: DecodeOptions): Required<DecodeLimits> => ({ ...DEFAULT_LIMITS, ...options.limits });

/** Turns whatever goes wrong into a BrokenPicture with the picture's name. */
async function named(name: string, work: () => Promise<Pixels>): Promise<Pixels> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BrokenPicture) throw error;
    throw new BrokenPicture(name, reasonOf(error), { cause: error });
  }
}

function checkBytes(size: number, name: string, limit: number): void {
  if (size > limit) throw new BrokenPicture(name, `its ${size} bytes exceed the limit of ${limit}`);
  if (size === 0) throw new BrokenPicture(name, 'the file is empty (0 bytes)');
}

async function readLimited(path: string, limit: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new BrokenPicture(path, 'it is a folder');
    checkBytes(stat.size, path, limit);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function decode(bytes: Uint8Array, path: string, options: DecodeOptions): Promise<Pixels> {
  const input = { limitInputPixels: limitsOf(options).pixels, failOn: 'error' as const, pages: 1 };
  const sharp = await loadSharp();
  const header = await sharp(bytes, input).metadata();
  if (!FORMATS.has(header.format ?? '')) {
    throw new BrokenPicture(
      path,
      `its format is ${header.format ?? 'unknown'}; expected JPEG, PNG, WebP, GIF, TIFF or AVIF`,
    );
  }
  let pipeline = sharp(bytes, input).autoOrient();
  const side = reducedSide(header, options.targetSize);
  if (side !== undefined)
    pipeline = pipeline.resize({ width: side, height: side, fit: 'outside', withoutEnlargement: true });
  if (header.hasAlpha) pipeline = pipeline.flatten({ background: '#ffffff' });
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const view = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (info.channels === 1) return fromGrey(view, info.width, info.height);
  return pixelsOf(view, info.width, info.height);
}

/** 4 x targetSize when the shorter side is longer than that. */
function reducedSide({ width = 0, height = 0 }: Metadata, targetSize?: number): number | undefined {
  return targetSize === undefined || isWhole(width, height, targetSize) ? undefined : 4 * targetSize;
}

/** Whether a picture of this size is decoded in its own size; see `decodeFile` on reduction. */
export const isWhole = (width: number, height: number, targetSize: number): boolean =>
  Math.min(width, height) <= 4 * targetSize;

/** One line that says what is wrong, from a system or decoder error. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  // libvips repeats itself, one line a retry: each line once, and not more than a terminal can show.
  const lines = new Set(
    String(message ?? error)
      .split('\n')
      .map((line) => line.trim()),
  );
  return (
    [...lines]
      .filter((line) => line !== '')
      .join('; ')
      .slice(0, 200) || 'unknown error'
  );
}
