// Small data sets with annotations, written as other tools write them.
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
