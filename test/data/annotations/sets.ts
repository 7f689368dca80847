// Small data sets with annotations, written as other tools write them.
import { deflateSync } from 'node:zlib';
import { gradientSharp, writeTree } from '../helpers.js';

export interface Drawn {
  name: string;
  /** As the file says them. */
  box: readonly (number | string)[];
  difficult?: boolean;
}

export function vocXml(filename: string, width: number, height: number, objects: readonly Drawn[]): string {
  const all = objects.map(
    ({ name, box: [x0, y0, x1, y1], difficult = false }) =>
      `<object><name>${name}</name><difficult>${difficult ? 1 : 0}</difficult>` +
      `<bndbox><xmin>${x0}</xmin><ymin>${y0}</ymin><xmax>${x1}</xmax><ymax>${y1}</ymax></bndbox></object>`,
  );
  return (
    `<?xml version="1.0"?><annotation><filename>${filename}</filename>` +
    `<size><width>${width}</width><height>${height}</height><depth>3</depth></size>${all.join('')}</annotation>`
  );
}

export const jpeg = (width: number, height: number, blue = 128): Promise<Buffer> =>
  gradientSharp(width, height, blue).jpeg().toBuffer();

export const png = (width: number, height: number, blue = 128): Promise<Buffer> =>
  gradientSharp(width, height, blue).png().toBuffer();

/** Pictures a0, a1, ... of 40 x 30 with one box each, of class cat or dog in turn, in Pascal VOC's folders. */
export async function vocSet(folder: string, parts: Readonly<Record<string, number>>): Promise<string> {
  const files: Record<string, Uint8Array | string> = {};
  let i = 0;
  for (const [part, count] of Object.entries(parts)) {
    const names = Array.from({ length: count }, () => `a${i++}`);
    files[`ImageSets/Main/${part}.txt`] = names.map((name) => `${name}\n`).join('');
    for (const name of names) {
      const k = Number(name.slice(1));
      files[`JPEGImages/${name}.jpg`] = await jpeg(40, 30, 5 * k);
      files[`Annotations/${name}.xml`] = vocXml(`${name}.jpg`, 40, 30, [
        { name: k % 2 === 0 ? 'cat' : 'dog', box: [1 + k, 2, 11 + k, 22] },
      ]);
    }
  }
  return writeTree(folder, files);
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = CRC[(crc ^ byte) & 255]! ^ (crc >>> 8);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** A PNG of these numbers as they are: grey, or with a palette of red, green, blue. */
export function pngOf(
  width: number,
  values: readonly number[],
  { bits = 8, palette }: { bits?: 1 | 2 | 4 | 8 | 16; palette?: readonly (readonly number[])[] } = {},
): Buffer {
  const height = values.length / width;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, palette === undefined ? 0 : 3], 8);
  const row = Math.ceil((width * bits) / 8);
  const raw = Buffer.alloc((row + 1) * height);
  for (const [i, value] of values.entries()) {
    const [x, start] = [i % width, Math.floor(i / width) * (row + 1) + 1];
    if (bits === 16) raw.writeUInt16BE(value, start + 2 * x);
    else raw[start + ((x * bits) >> 3)]! |= value << (8 - bits - ((x * bits) & 7));
  }
  const colours = palette === undefined ? [] : [chunk('PLTE', Uint8Array.from(palette.flat()))];
  const sign = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    ...[sign, chunk('IHDR', header), ...colours],
    ...[chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))],
  ]);
}

/** Pictures of 40 x 30 in train/, val/ and test/ with a map beside each: masks of three classes, or depth in millimetres. */
export async function mapSet(
  folder: string,
  kind: 'masks' | 'depth',
  parts: Readonly<Record<string, number>>,
): Promise<string> {
  const files: Record<string, Uint8Array | string> = kind === 'masks' ? { 'classes.txt': 'sky\nroad\ncar\n' } : {};
  const pixels = Array.from({ length: 40 * 30 }, (_, i) => i);
  for (const [part, count] of Object.entries(parts))
    for (let k = 0; k < count; k++)
      if (kind === 'masks') {
        files[`${part}/${k}.png`] = await png(40, 30, 5 * k);
        files[`${part}annot/${k}.png`] = pngOf(
          40,
          pixels.map((i) => (i + k) % 3),
        );
      } else {
        files[`${part}/frame-${k}.color.jpg`] = await jpeg(40, 30, 5 * k);
        files[`${part}/frame-${k}.depth.png`] = pngOf(
          40,
          pixels.map((i) => 1000 + 100 * (i % 9)),
          { bits: 16 },
        );
      }
  return writeTree(folder, files);
}
