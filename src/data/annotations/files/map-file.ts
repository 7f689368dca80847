import { BrokenPicture, loadSharp, readFileLimited } from '../../decoding/decode.js';
import { type PngHead, paletteOf, pngHead } from './png.js';

/** No class is asked for there. */
export const IGNORED = 255;
/** The number is none of the classes'. */
const UNKNOWN = 254;
/** Classes that a mask can tell apart. */
export const MOST_CLASSES = 254;

/** Which class a number or colour of a mask stands for. Structured-cloneable. */
export interface MaskRule {
  /** By number, 0 to 255: a class, `IGNORED` or none of them. */
  readonly table: Uint8Array;
  /** By colour, where a list of classes says colours. */
  readonly colours?: ReadonlyMap<number, number>;
}

/** @param classes the numbers of the classes in their order */
export function maskRule(
  classes: readonly { readonly value: number; readonly colour?: number }[],
  ignored: readonly { readonly value: number; readonly colour?: number }[],
): MaskRule {
  const table = new Uint8Array(256).fill(UNKNOWN);
  const colours = new Map<number, number>();
  for (const [list, of] of [
    [classes, (i: number) => i],
    [ignored, () => IGNORED],
  ] as const)
    for (const [i, { value, colour }] of list.entries()) {
      if (value < 256) table[value] = of(i);
      if (colour !== undefined) colours.set(colour, of(i));
    }
  return { table, ...(colours.size > 0 && { colours }) };
}

/** Numbers on a picture's grid, row by row. */
export interface MapOf<T extends Uint8Array | Uint16Array> {
  readonly data: T;
  readonly width: number;
  readonly height: number;
}

/** A PNG's head, or why it is no map of this kind, as the end of a sentence. */
export function maskProblem(head: PngHead | string): string | undefined {
  if (typeof head === 'string') return `it is ${head}; masks are PNG`;
  if (head.bits === 16) return 'its numbers have 16 bits; expected a class a pixel in 8 bits';
  return undefined;
}

export function depthProblem(head: PngHead | string): string | undefined {
  if (typeof head === 'string')
    return `it is ${head}, which is not read as depth: write PNG with 16 bits, millimetres for example`;
  if (head.bits !== 16 || head.colour !== 'grey')
    return `it is a PNG of ${head.bits} bits ${head.colour}; expected 16 bits grey`;
  return undefined;
}

/**
 * The numbers of a mask as they stand in the file: grey values, numbers of a palette; with colours, the class of each.
 * @throws BrokenPicture
 */
export async function readMask(path: string, rule: MaskRule): Promise<MapOf<Uint8Array>> {
  const bytes = await readFileLimited(path);
  const head = pngHead(bytes);
  const problem = maskProblem(head);
  if (problem !== undefined || typeof head === 'string') throw new BrokenPicture(path, problem!);
  const sharp = await loadSharp();
  const { data, info } = await decoded(path, () =>
    sharp(bytes, { failOn: 'error' }).raw().toBuffer({ resolveWithObject: true }),
  );
  const { width, height, channels } = info;
  const out = new Uint8Array(width * height);
  const grey = head.colour === 'grey' || head.colour === 'grey-alpha';
  if (!grey && (head.colour === 'palette' || rule.colours !== undefined))
    byColour(data, channels, out, classesOf(bytes, rule));
  else {
    if (!grey && !sameChannels(data, channels))
      throw new BrokenPicture(
        path,
        'its pixels have colours, and no list of classes says what they mean (classes.txt: name 128 0 64)',
      );
    // The decoder spreads values of few bits over a byte.
    const spread = 255 / (2 ** Math.min(8, head.bits) - 1);
    for (let i = 0, o = 0; i < out.length; i++, o += channels) out[i] = rule.table[data[o]! / spread]!;
  }
  for (let i = 0; i < out.length; i++)
    if (out[i] === UNKNOWN) throw new BrokenPicture(path, unknownText(data, channels, i, width, grey, head));
  return { data: out, width, height };
}

function unknownText(
  data: Uint8Array,
  channels: number,
  i: number,
  width: number,
  grey: boolean,
  head: PngHead,
): string {
  const at = `at column ${i % width}, row ${Math.floor(i / width)}`;
  const spread = 255 / (2 ** Math.min(8, head.bits) - 1);
  const what = grey
    ? `the number ${data[i * channels]! / spread}`
    : `the colour ${Array.from(data.subarray(i * channels, i * channels + 3)).join(',')}`;
  return `${what} ${at} is none of the classes`;
}

/** Class by colour: of the list of classes, else of a palette by its numbers. */
function classesOf(bytes: Uint8Array, { table, colours: listed }: MaskRule): ReadonlyMap<number, number> {
  if (listed !== undefined) return listed;
  const found = new Map<number, number>();
  for (const [i, colour] of paletteOf(bytes).entries()) if (!found.has(colour)) found.set(colour, table[i]!);
  return found;
}

function byColour(data: Uint8Array, channels: number, out: Uint8Array, classes: ReadonlyMap<number, number>): void {
  if (channels < 3) {
    // A palette of greys comes as grey.
    for (let i = 0, o = 0; i < out.length; i++, o += channels) out[i] = classes.get(data[o]! * 0x010101) ?? UNKNOWN;
    return;
  }
  let [last, lastClass] = [-1, UNKNOWN];
  for (let i = 0, o = 0; i < out.length; i++, o += channels) {
    const colour = (data[o]! << 16) | (data[o + 1]! << 8) | data[o + 2]!;
    if (colour !== last) [last, lastClass] = [colour, classes.get(colour) ?? UNKNOWN];
    out[i] = lastClass;
  }
}

function sameChannels(data: Uint8Array, channels: number): boolean {
  if (channels < 3) return true;
  for (let o = 0; o + 2 < data.length; o += channels)
    if (data[o] !== data[o + 1] || data[o] !== data[o + 2]) return false;
  return true;
}

/** The numbers of a depth map as they stand in the file. @throws BrokenPicture */
export async function readDepth(path: string): Promise<MapOf<Uint16Array>> {
  const bytes = await readFileLimited(path);
  const problem = depthProblem(pngHead(bytes));
  if (problem !== undefined) throw new BrokenPicture(path, problem);
  const sharp = await loadSharp();
  const { data, info } = await decoded(path, () =>
    sharp(bytes, { failOn: 'error' })
      .toColourspace('grey16')
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true }),
  );
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const { width, height, channels } = info;
  if (channels === 1) return { data: values, width, height };
  return { data: Uint16Array.from({ length: width * height }, (_, i) => values[i * channels]!), width, height };
}

async function decoded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const text = (error as Error).message.split('\n')[0]!.slice(0, 120);
    throw new BrokenPicture(path, `it is a PNG that is damaged or cut off (${text})`, { cause: error });
  }
}
