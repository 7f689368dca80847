import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeFile, headerProblem } from '../../../src/data/decoding/decode.js';
import { gradient, temporaryFolder, writeTree } from '../helpers.js';

const folder = temporaryFolder();

/** What is wrong with a file, from its header and from all of it. */
async function problems(name: string, bytes: Uint8Array | string): Promise<[string | undefined, string | undefined]> {
  writeTree(folder, { [name]: bytes });
  const path = join(folder, name);
  const whole = await decodeFile(path).then(
    () => undefined,
    (error: { reason: string }) => error.reason,
  );
  return [await headerProblem(path), whole];
}

const box = (brand: string, ...more: string[]): Buffer => {
  const text = `ftyp${brand}\0\0\0\0${more.join('')}`;
  const size = Buffer.alloc(4);
  size.writeUInt32BE(text.length + 4);
  return Buffer.concat([size, Buffer.from(text, 'latin1'), Buffer.alloc(40)]);
};

test('what a file is, is told by its content, in the same words from its header and from all of it', async () => {
  for (const [name, bytes, pattern] of [
    ['phone.jpg', box('heic', 'mif1', 'heic'), /^it is an HEIC .* convert it to JPEG, for example with "heif-convert/],
    ['other.heic', box('mif1', 'mif1'), /^it is an HEIF, which is not read here/],
    ['short.jpg', Buffer.from('\0\0\0\x10ftypmif3heic\0\0\0\x20mini', 'latin1'), /^it is an HEIC/],
    ['film.jpg', box('isom', 'mp41'), /^it is a video/],
    ['page.jpg', '<!DOCTYPE html><html>', /^it is a web page \(HTML\), not a picture/],
    ['page.png', '\n<html><body>', /^it is a web page/],
    ['words.jpg', 'Not found — really\n', /^it is a text file, not a picture/],
    ['lfs.jpg', 'version https://git-lfs.github.com/spec/v1\n', /^it is a pointer of Git LFS, .*git lfs pull/],
    ['photo.jpg', '8BPS\0\x01', /^it is a Photoshop picture/],
    ['icon.png', '\0\0\x01\0\x01\0', /^it is a Windows icon/],
    ['noise.jpg', Buffer.from([1, 2, 3, 4, 5, 200, 0, 9]), /^it is of no kind that is known.*expected JPEG, PNG/],
    ['empty.bmp', '', /^the file is empty/],
  ] as const) {
    const [header, whole] = await problems(name, bytes);
    assert.match(header ?? 'read', pattern, name);
    assert.equal(whole, header, name);
  }
});

test('floating point has no black and white of its own', async () => {
  // A TIFF by hand: 2 x 1, one 32-bit floating point sample a pixel.
  const entry = (tag: number, type: number, value: number): number[] => [tag, type, 1, value];
  const entries = [
    ...[entry(256, 3, 2), entry(257, 3, 1), entry(258, 3, 32), entry(259, 3, 1), entry(262, 3, 1)],
    ...[entry(273, 4, 200), entry(277, 3, 1), entry(278, 3, 1), entry(279, 4, 8), entry(339, 3, 3)],
  ];
  const tiff = Buffer.alloc(208);
  tiff.write('II*\0', 0, 'latin1');
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, count, value], i) => {
    tiff.writeUInt16LE(tag!, 10 + 12 * i);
    tiff.writeUInt16LE(type!, 12 + 12 * i);
    tiff.writeUInt32LE(count!, 14 + 12 * i);
    tiff.writeUInt32LE(value!, 18 + 12 * i);
  });
  tiff.writeFloatLE(0.5, 200);
  tiff.writeFloatLE(1, 204);
  for (const problem of await problems('float.tif', tiff))
    assert.match(problem ?? 'read', /^its values are 32-bit floating point.*choose a range/);
});

/** A bitmap with the given header fields; rows from the bottom up. */
function bitmap(
  width: number,
  height: number,
  bits: number,
  pixels: Uint8Array,
  { palette = Buffer.alloc(0), compression = 0 }: { palette?: Buffer; compression?: number } = {},
): Buffer {
  const head = Buffer.alloc(54);
  head.write('BM', 0, 'latin1');
  head.writeUInt32LE(54 + palette.length + pixels.length, 2);
  head.writeUInt32LE(54 + palette.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(width, 18);
  head.writeInt32LE(height, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(bits, 28);
  head.writeUInt32LE(compression, 30);
  head.writeUInt32LE(palette.length / 4, 46);
  return Buffer.concat([head, palette, pixels]);
}

async function pixelsOf(name: string, bytes: Uint8Array): Promise<number[]> {
  writeTree(folder, { [name]: bytes });
  return [...(await decodeFile(join(folder, name))).data];
}

test('bitmaps: 24 and 32 bits, top down, palettes of odd widths, runs, also reduced', async () => {
  const rgb = gradient(5, 3);
  const rows = (flip: boolean): Buffer => {
    const data = Buffer.alloc(16 * 3);
    for (let y = 0; y < 3; y++)
      for (let x = 0; x < 5; x++)
        for (let c = 0; c < 3; c++) data[16 * (flip ? 2 - y : y) + 3 * x + c] = rgb[3 * (5 * y + x) + 2 - c]!;
    return data;
  };
  assert.deepEqual(await pixelsOf('up.bmp', bitmap(5, 3, 24, rows(true))), [...rgb]);
  assert.deepEqual(await pixelsOf('down.jpg', bitmap(5, -3, 24, rows(false))), [...rgb]);
  // Blue, green, red, unused.
  assert.deepEqual(await pixelsOf('a.bmp', bitmap(1, 1, 32, Buffer.from([1, 2, 3, 0]))), [3, 2, 1]);
  const palette = Buffer.from([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0]);
  const [red, green, blue] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ] as const;
  const four = bitmap(3, 2, 4, Buffer.from([0x21, 0x00, 0, 0, 0x01, 0x20, 0, 0]), { palette });
  assert.deepEqual(await pixelsOf('four.bmp', four), [red, green, blue, blue, green, red].flat());
  // Two of green, then blue and red as they stand (padded), end.
  const runs = bitmap(4, 1, 8, Buffer.from([2, 1, 1, 2, 1, 0, 0, 1]), { palette, compression: 1 });
  assert.deepEqual(await pixelsOf('runs.bmp', runs), [green, green, blue, red].flat());
  const sixteen = bitmap(2, 1, 16, Buffer.from([0x00, 0x7c, 0xff, 0x7f]));
  assert.deepEqual(await pixelsOf('sixteen.bmp', sixteen), [255, 0, 0, 255, 255, 255]);
  writeTree(folder, { 'large.bmp': bitmap(400, 200, 24, Buffer.alloc(1200 * 200, 90)) });
  const { width, height, data } = await decodeFile(join(folder, 'large.bmp'), { targetSize: 8 });
  assert.deepEqual([width, height, data.every((value) => value === 90)], [64, 32, true]);
});

test('bitmaps that are damaged or rare say so', async () => {
  for (const [name, bytes, pattern] of [
    ['cut.bmp', bitmap(5, 3, 24, Buffer.alloc(20)), /it ends too early/],
    [
      'wide.bmp',
      bitmap(3_000_000, 2_000_000, 24, Buffer.alloc(20)),
      /3000000 x 2000000 pixels, 6000000000000 in all, are more than the limit of 268402689/,
    ],
    [
      'index.bmp',
      bitmap(1, 1, 8, Buffer.from([3, 0, 0, 0]), { palette: Buffer.alloc(8) }),
      /colour 3 of a palette of 2/,
    ],
    [
      'run.bmp',
      bitmap(1, 1, 8, Buffer.from([2, 0, 0, 1]), { palette: Buffer.alloc(8), compression: 1 }),
      /leaves the picture/,
    ],
    ['jpeg.bmp', bitmap(1, 1, 24, Buffer.alloc(4), { compression: 4 }), /compression 4 are not read/],
  ] as const) {
    const [, whole] = await problems(name, bytes);
    assert.match(whole ?? 'read', pattern, name);
  }
});
