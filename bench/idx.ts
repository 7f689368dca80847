import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Fashion-MNIST's pictures, 28 x 28 bytes each, and classes, of `train` or `t10k`. */
export interface Pictures {
  pixels: Buffer;
  classOf: Buffer;
}

/** @param data folder of Fashion-MNIST's four files, packed with gzip */
export function readFashion(data: string, stem: 'train' | 't10k'): Pictures {
  const read = (name: string): Buffer => gunzipSync(readFileSync(join(data, `${name}.gz`)));
  return {
    pixels: read(`${stem}-images-idx3-ubyte`).subarray(16),
    classOf: read(`${stem}-labels-idx1-ubyte`).subarray(8),
  };
}

/** Writes some of the pictures as a pair of IDX files. @param renamed the class that a class becomes */
export function writeFashion(
  folder: string,
  stem: 'train' | 't10k',
  { pixels, classOf }: Pictures,
  list: readonly number[],
  renamed: (of: number) => number = (of) => of,
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${stem}-images-idx3-ubyte`),
    idx(
      [list.length, 28, 28],
      list.map((i) => pixels.subarray(784 * i, 784 * i + 784)),
    ),
  );
  writeFileSync(
    join(folder, `${stem}-labels-idx1-ubyte`),
    idx([list.length], [Buffer.from(list.map((i) => renamed(classOf[i]!)))]),
  );
}

function idx(shape: readonly number[], parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 + shape.length, 0);
  shape.forEach((n, i) => header.writeUInt32BE(n, 4 + 4 * i));
  return Buffer.concat([header, ...parts]);
}
