import { open } from 'node:fs/promises';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { fromGrey, type Pixels, pixelsOf } from '../../augment/pixels.js';
import { RescaledError } from '../../errors.js';
import { alone, beside } from './alone.js';
import { bmpHeader, decodeBmp } from './bmp.js';
import { jpegDecoder } from './jpeg-decoder.js';
import { type FileKind, KIND_BYTES, kindOf, READ_KINDS } from './kind.js';
import { isDecoders, reasonOf } from './reason.js';

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
  '.bmp',
  '.dib',
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
let loading: Promise<(input: Uint8Array | string, options: SharpOptions) => Sharp> | undefined;
export const loadSharp = () =>
  (loading ??= import('sharp').then(({ default: sharp }) => {
    // One thread a picture and no cache of operations, since no picture comes twice soon.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  }));

/**
 * Reads a picture file as 8-bit sRGB: JPEG, PNG, WebP, GIF (first frame), TIFF (first page), AVIF, BMP. The kind is told
 * by content, not name.
 *
 * - EXIF orientation is applied.
 * - Grey becomes three equal channels; CMYK and pictures with an embedded colour profile are converted to sRGB; 16 bits
 * become 8.
 * - Transparency is laid on white. (Pillow's convert('RGB'), which timm uses, drops the alpha channel instead and shows
 *   whatever colour hides under transparent pixels, often black.)
 * - A picture whose shorter side exceeds 4 x targetSize is first reduced so that this side is 4 x targetSize (Lanczos;
 *   JPEG by shrink-on-load). The smallest training crop, 8 % of the area, then still has 0.08 x (4 S)^2 = 1.28 S^2
 *   pixels, so no crop is enlarged more than it would have to be anyway.
 * - Floating point and other values without a known range are an error, not a black picture.
 * - A damaged or cut-off file is an error, not a picture with a grey part.
 *
 * @throws BrokenPicture for anything that keeps the file from being read whole.
 */
export async function decodeFile(path: string, options: DecodeOptions = {}): Promise<Pixels> {
  return (await examineFile(path, options)).pixels;
}

/** A picture file: its pixels as `decodeFile` gives them, its bytes, and its size as it is looked at, before any reduction. */
export interface Examined {
  pixels: Pixels;
  bytes: Uint8Array;
  width: number;
  height: number;
}

/** As `decodeFile`, with what else there is to know of the file. */
export async function examineFile(path: string, options: DecodeOptions = {}): Promise<Examined> {
  let bytes: Uint8Array | undefined;
  return named(
    path,
    async () => {
      bytes = await readLimited(path, limitsOf(options).bytes);
      return { ...(await decode(bytes, path, options)), bytes };
    },
    () => bytes,
  );
}

/** As `decodeFile`, for an encoded picture in memory; `name` stands for it in messages. */
export async function decodeBytes(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Pixels> {
  return (await examineBytes(bytes, name, options)).pixels;
}

/** As `examineFile`, for an encoded picture in memory; `name` stands for it in messages. */
export async function examineBytes(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Examined> {
  const work = async (): Promise<Examined> => {
    checkBytes(bytes.length, name, limitsOf(options).bytes);
    return { ...(await decode(bytes, name, options)), bytes };
  };
  return named(name, work, () => bytes);
}

const limitsOf = (options: DecodeOptions): Required<DecodeLimits> => ({ ...DEFAULT_LIMITS, ...options.limits });

/** Most bytes of a file. */
export const mostBytes = (options: DecodeOptions): number => limitsOf(options).bytes;

/** Width and height of a JPEG that the engine's decoder reads, and gives in its own size; see `openJpeg`. */
export function plainSides(bytes: Uint8Array, options: DecodeOptions): [width: number, height: number] | undefined {
  const most = limitsOf(options);
  const sides = bytes.length <= most.bytes ? jpegDecoder(bytes)?.jpegSides(bytes) : undefined;
  if (sides === undefined || sides[0] * sides[1] > most.pixels) return undefined;
  return options.targetSize === undefined || isWhole(...sides, options.targetSize) ? sides : undefined;
}

/** Decoded by the engine, to the same bytes; undefined where sharp has to. */
async function decodePlain(bytes: Uint8Array, options: DecodeOptions): Promise<Omit<Examined, 'bytes'> | undefined> {
  const sides = plainSides(bytes, options);
  if (sides === undefined) return undefined;
  const [width, height] = sides;
  const data = new Uint8Array(3 * width * height);
  if (!(await jpegDecoder(bytes)!.jpegWhole(bytes, data))) return undefined;
  return { pixels: pixelsOf(data, width, height), width, height };
}

/** Turns whatever goes wrong into a BrokenPicture with the picture's name. Not to be nested. @param bytes its content, to tell its kind */
async function named<T>(name: string, work: () => Promise<T>, bytes: () => Uint8Array | undefined): Promise<T> {
  const told = (error: unknown): BrokenPicture =>
    error instanceof BrokenPicture ? error : new BrokenPicture(name, reasonOf(error, bytes()), { cause: error });
  try {
    return await beside(work);
  } catch (error) {
    // Whether this decoder said it of this picture is known when nothing else is decoded.
    if (!isDecoders(error)) throw told(error);
  }
  return alone(work).catch((error: unknown) => {
    throw told(error);
  });
}

function checkBytes(size: number, name: string, limit: number): void {
  if (size > limit) throw new BrokenPicture(name, `its ${size} bytes exceed the limit of ${limit}`);
  if (size === 0) throw new BrokenPicture(name, 'the file is empty (0 bytes)');
}

/** The bytes of a picture file. @throws BrokenPicture */
export const readFileLimited = (path: string, options: DecodeOptions = {}): Promise<Uint8Array> =>
  named(
    path,
    () => readLimited(path, limitsOf(options).bytes),
    () => undefined,
  );

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

async function decode(bytes: Uint8Array, path: string, options: DecodeOptions): Promise<Omit<Examined, 'bytes'>> {
  const plain = await decodePlain(bytes, options);
  if (plain !== undefined) return plain;
  const limit = limitsOf(options).pixels;
  const kind = readable(bytes, path);
  const sharp = await loadSharp();
  let opened: Sharp;
  let header: Pick<Metadata, 'width' | 'height' | 'hasAlpha'>;
  let own: { width: number; height: number };
  if (kind?.name === BMP) {
    const { width, height } = bmpHeader(bytes);
    checkPixels(width, height, limit);
    const { data, channels } = decodeBmp(bytes);
    opened = sharp(data, { raw: { width, height, channels }, limitInputPixels: limit });
    header = { width, height, hasAlpha: channels === 4 };
    own = { width, height };
  } else {
    const found = await sharp(bytes, HEADER).metadata();
    checkHeader(found, path, limit);
    opened = sharp(bytes, { ...HEADER, limitInputPixels: limit }).autoOrient();
    header = found;
    own = found.autoOrient;
  }
  let pipeline = opened;
  const side = reducedSide(header, options.targetSize);
  if (side !== undefined)
    pipeline = pipeline.resize({ width: side, height: side, fit: 'outside', withoutEnlargement: true });
  if (header.hasAlpha) pipeline = pipeline.flatten({ background: '#ffffff' });
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const view = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (info.channels === 1)
    return { pixels: fromGrey(view, info.width, info.height), width: own.width, height: own.height };
  if (info.channels !== 3)
    throw new BrokenPicture(path, `it has ${info.channels} channels; expected grey or colour. Write it as RGB`);
  return { pixels: pixelsOf(view, info.width, info.height), width: own.width, height: own.height };
}

/** Of a header all is read, so that what is too large is told with its size. */
const HEADER = { limitInputPixels: false, failOn: 'error', pages: 1 } as const;
const BMP = 'a BMP';

/** @throws BrokenPicture for a kind that is not read here */
function readable(head: Uint8Array, path: string): FileKind | undefined {
  const kind = kindOf(head);
  if (kind === undefined || kind.is === 'read') return kind;
  const { name, is, convert = 'convert it to PNG or JPEG' } = kind;
  throw new BrokenPicture(
    path,
    is === 'picture'
      ? `it is ${name}, which is not read here: ${convert}. Read are ${READ_KINDS}`
      : `it is ${name}, not a picture: ${convert}`,
  );
}

/** What a header says that keeps the picture from being read as it is meant. */
function checkHeader(header: Metadata, path: string, limit: number): void {
  const { format, depth, width = 0, height = 0 } = header;
  if (!FORMATS.has(format ?? ''))
    throw new BrokenPicture(path, `its format is ${format ?? 'unknown'}; expected ${READ_KINDS}`);
  checkPixels(width, height, limit);
  if (depth !== undefined && depth !== 'uchar' && depth !== 'ushort')
    throw new BrokenPicture(
      path,
      `its values are ${DEPTHS[depth] ?? depth}, and nothing says which of them are black and white: ` +
        'choose a range and write it with 8 or 16 bits',
    );
}

const DEPTHS: Readonly<Record<string, string>> = {
  float: '32-bit floating point',
  double: '64-bit floating point',
  complex: 'complex numbers',
  dpcomplex: 'complex numbers',
  char: '8-bit numbers with a sign',
  short: '16-bit numbers with a sign',
  int: '32-bit numbers with a sign',
  uint: '32-bit whole numbers',
};

function checkPixels(width: number, height: number, limit: number): void {
  if (width * height > limit)
    throw new RescaledError(
      `its ${width} x ${height} pixels, ${width * height} in all, are more than the limit of ${limit}: reduce it`,
    );
}

/**
 * Looks at a picture without decoding it: whether it is there, of a kind that is read here, and of a size and depth that
 * are. What is damaged further on only `decodeFile` finds.
 * @returns what is wrong, in the words of `BrokenPicture`; undefined when nothing is
 */
export async function headerProblem(path: string, options: DecodeOptions = {}): Promise<string | undefined> {
  const { bytes: most, pixels } = limitsOf(options);
  let head: Uint8Array | undefined;
  const look = async (): Promise<void> => {
    const file = await open(path, 'r');
    let kind: FileKind | undefined;
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new BrokenPicture(path, 'it is a folder');
      checkBytes(stat.size, path, most);
      const { buffer, bytesRead } = await file.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
      head = buffer.subarray(0, bytesRead);
      kind = readable(head, path);
    } finally {
      await file.close();
    }
    if (kind?.name === BMP) {
      const { width, height } = bmpHeader(head);
      return checkPixels(width, height, pixels);
    }
    const sharp = await loadSharp();
    checkHeader(await sharp(path, HEADER).metadata(), path, pixels);
  };
  return problemOf(named(path, look, () => head));
}

/**
 * Width and height of a picture as it is looked at, upright and before any reduction, from its header.
 * @throws BrokenPicture
 */
export const sidesOf = (path: string): Promise<{ width: number; height: number }> =>
  named(
    path,
    async () => {
      const sharp = await loadSharp();
      try {
        const { autoOrient } = await sharp(path, HEADER).metadata();
        return { width: autoOrient.width, height: autoOrient.height };
      } catch (error) {
        const bytes = await readLimited(path, DEFAULT_LIMITS.bytes);
        if (readable(bytes, path)?.name !== BMP) throw error;
        const { width, height } = bmpHeader(bytes);
        return { width, height };
      }
    },
    () => undefined,
  );

/**
 * As `headerProblem`, for the first bytes of a picture in memory.
 * @param size bytes of the whole picture
 */
export async function headerProblemOf(
  head: Uint8Array,
  name: string,
  size: number,
  options: DecodeOptions = {},
): Promise<string | undefined> {
  const { bytes: most, pixels } = limitsOf(options);
  const look = async (): Promise<void> => {
    checkBytes(size, name, most);
    if (readable(head, name)?.name === BMP) {
      const { width, height } = bmpHeader(head);
      return checkPixels(width, height, pixels);
    }
    const sharp = await loadSharp();
    checkHeader(await sharp(head, HEADER).metadata(), name, pixels);
  };
  return problemOf(named(name, look, () => head));
}

async function problemOf(looking: Promise<unknown>): Promise<string | undefined> {
  try {
    await looking;
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPicture) return error.reason;
    throw error;
  }
}

/** 4 x targetSize when the shorter side is longer than that. */
function reducedSide(
  { width = 0, height = 0 }: Pick<Metadata, 'width' | 'height'>,
  targetSize?: number,
): number | undefined {
  return targetSize === undefined || isWhole(width, height, targetSize) ? undefined : 4 * targetSize;
}

/** Whether a picture of this size is decoded in its own size; see `decodeFile` on reduction. */
export const isWhole = (width: number, height: number, targetSize: number): boolean =>
  Math.min(width, height) <= 4 * targetSize;
