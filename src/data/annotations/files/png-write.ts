import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';

/** Numbers on a picture's grid, row by row. */
interface Grid<T> {
  readonly data: T;
  readonly width: number;
  readonly height: number;
}

/** Texts of a file by keyword, in Latin-1. */
type Texts = Readonly<Record<string, string>>;

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Signature and IHDR. */
const HEAD_BYTES = 33;
const compress = promisify(deflate);

/**
 * A PNG of 8 bits whose pixels are numbers of a palette: programs read the numbers, people see the colours. (Encoders of pictures choose
 * palettes of their own.)
 * @param colours up to 256, by number; no two alike, since some readers see colours alone
 */
export const palettePng = (
  { data, width, height }: Grid<Uint8Array>,
  colours: readonly (readonly [red: number, green: number, blue: number])[],
  texts: Texts = {},
): Promise<Buffer> => {
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return png(width, height, [8, 3], [chunk('PLTE', Buffer.from(colours.flat())), ...textChunks(texts)], rows);
};

/** A grey PNG of 16 bits. */
export const grey16Png = ({ data, width, height }: Grid<Uint16Array>, texts: Texts = {}): Promise<Buffer> => {
  const line = 2 * width + 1;
  const rows = Buffer.alloc(line * height);
  for (let y = 0; y < height; y++) {
    // Filter 1: each byte less the one of the pixel before, which packs smooth numbers well.
    rows[y * line] = 1;
    let [before, at] = [0, y * line + 1];
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x]!;
      rows[at++] = (value >> 8) - (before >> 8);
      rows[at++] = value - before;
      before = value;
    }
  }
  return png(width, height, [16, 0], textChunks(texts), rows);
};

/** The PNG with texts more. */
export const withTexts = (bytes: Uint8Array, texts: Texts): Buffer =>
  Buffer.concat([bytes.subarray(0, HEAD_BYTES), ...textChunks(texts), bytes.subarray(HEAD_BYTES)]);

/** The texts that stand before the pixels of a PNG; none of what is no PNG. @param bytes its beginning */
export function textsOf(bytes: Uint8Array): Record<string, string> {
  const found: Record<string, string> = {};
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!view.subarray(0, 8).equals(SIGNATURE)) return found;
  for (let at = 8; at + 8 <= view.length; ) {
    const [length, name] = [view.readUInt32BE(at), view.toString('latin1', at + 4, at + 8)];
    if (name === 'IDAT') break;
    if (name === 'tEXt' && at + 8 + length <= view.length) {
      const [keyword, text = ''] = view.toString('latin1', at + 8, at + 8 + length).split('\0');
      found[keyword!] = text;
    }
    at += 12 + length;
  }
  return found;
}

async function png(
  width: number,
  height: number,
  [bits, colour]: readonly [bits: number, colour: number],
  chunks: readonly Buffer[],
  rows: Buffer,
): Promise<Buffer> {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([bits, colour], 8);
  return Buffer.concat([
    ...[SIGNATURE, chunk('IHDR', head), ...chunks],
    ...[chunk('IDAT', await compress(rows)), chunk('IEND', Buffer.alloc(0))],
  ]);
}

const textChunks = (texts: Texts): Buffer[] =>
  Object.entries(texts).map(([keyword, text]) => chunk('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1')));

/** Length, name, data and checksum of name and data. */
function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
