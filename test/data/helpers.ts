import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { gzipSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** A fresh folder that goes when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-data-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files, given as path -> content, below a folder. */
export function writeTree(folder: string, files: Record<string, Uint8Array | string>): string {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
  return folder;
}

/** A smooth RGB picture: red rises to the right, green downwards, blue is `blue`. */
export function gradient(width: number, height: number, blue = 128): Buffer {
  const data = Buffer.alloc(3 * width * height);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      data[o] = Math.round((255 * x) / Math.max(1, width - 1));
      data[o + 1] = Math.round((255 * y) / Math.max(1, height - 1));
      data[o + 2] = blue;
    }
  }
  return data;
}

export function gradientSharp(width: number, height: number, blue = 128): Sharp {
  return sharp(gradient(width, height, blue), { raw: { width, height, channels: 3 } });
}

/** PNG pictures of one colour each, as class folders: { 'train/cat': 3 } writes train/cat/0.png .. 2.png. */
export async function writeClasses(folder: string, counts: Record<string, number>, side = 12): Promise<string> {
  let blue = 0;
  for (const [path, count] of Object.entries(counts)) {
    mkdirSync(join(folder, path), { recursive: true });
    for (let i = 0; i < count; i++) {
      writeFileSync(
        join(folder, path, `${i}.png`),
        await gradientSharp(side, side, (blue += 7) % 256)
          .png()
          .toBuffer(),
      );
    }
  }
  return folder;
}

/** JPEGs of several sizes, small enough to be kept whole at 16 pixels (60), and larger (90). */
export async function photos(folder: string, counts: Record<string, number>): Promise<string> {
  let i = 0;
  for (const [path, count] of Object.entries(counts)) {
    mkdirSync(join(folder, path), { recursive: true });
    for (let k = 0; k < count; k++, i++) {
      const [width, height] = [
        [60, 50],
        [90, 120],
        [64, 70],
        [30, 31],
      ][i % 4]! as [number, number];
      await gradientSharp(width, height, (37 * i) % 256)
        .jpeg()
        .toFile(join(folder, path, `${k}.jpg`));
    }
  }
  return folder;
}

/** Bytes of an IDX file of unsigned bytes. */
export function idxBytes(shape: number[], data: Uint8Array, magic = 0x0800 + shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  shape.forEach((n, i) => header.writeUInt32BE(n, 4 + 4 * i));
  return Buffer.concat([header, data]);
}

/** An MNIST-like part: picture i is filled with i and has label i % classes. */
export function idxPart(
  stem: string,
  count: number,
  classes: number,
  side = 4,
  zip = true,
): Record<string, Uint8Array> {
  const pixels = Uint8Array.from({ length: count * side * side }, (_, i) => Math.floor(i / (side * side)));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classes);
  const pack = (bytes: Buffer) => (zip ? gzipSync(bytes) : bytes);
  const end = zip ? '.gz' : '';
  return {
    [`${stem}-images-idx3-ubyte${end}`]: pack(idxBytes([count, side, side], pixels)),
    [`${stem}-labels-idx1-ubyte${end}`]: pack(idxBytes([count], labels)),
  };
}

/** The promise must reject with one line that matches, and this exit code. */
export async function rejectsWith(promise: Promise<unknown>, exitCode: 1 | 2, pattern: RegExp): Promise<void> {
  await assert.rejects(promise, (error: Error & { exitCode?: number }) => {
    assert.match(error.message, pattern);
    assert.equal(error.exitCode, exitCode, error.message);
    assert.ok(!error.message.includes('\n'), 'one line');
    return true;
  });
}
