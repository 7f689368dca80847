import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import type { Pixels } from '../../../src/augment/pixels.js';
import { BrokenPicture, decodeFile } from '../../../src/data/decoding/decode.js';
import { gradient, gradientSharp, temporaryFolder, writeTree } from '../helpers.js';

const folder = temporaryFolder();

async function decoded(name: string, bytes: Uint8Array | string, options = {}): Promise<Pixels> {
  writeTree(folder, { [name]: bytes });
  return decodeFile(join(folder, name), options);
}

function at({ data, width }: Pixels, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

/** Mean absolute difference from the 60 x 40 gradient. */
function distance(pixels: Pixels, expected: Uint8Array = gradient(60, 40)): number {
  assert.deepEqual([pixels.width, pixels.height, pixels.data.length], [60, 40, 7200]);
  return pixels.data.reduce((sum, byte, i) => sum + Math.abs(byte - expected[i]!), 0) / 7200;
}

test('lossless formats give the exact bytes', async () => {
  const picture = gradientSharp(60, 40);
  for (const [name, bytes] of [
    ['a.png', await picture.clone().png().toBuffer()],
    ['a.tiff', await picture.clone().tiff({ compression: 'lzw' }).toBuffer()],
    ['a.webp', await picture.clone().webp({ lossless: true }).toBuffer()],
  ] as const) {
    assert.equal(distance(await decoded(name, bytes)), 0, name);
  }
});

test('JPEG, WebP, AVIF and a GIF are read, whatever their names say', async () => {
  const picture = gradientSharp(60, 40);
  assert.ok(distance(await decoded('a.jpg', await picture.clone().jpeg({ quality: 95 }).toBuffer())) < 2);
  assert.ok(distance(await decoded('b.webp', await picture.clone().webp({ quality: 95 }).toBuffer())) < 3);
  assert.ok(distance(await decoded('a.avif', await picture.clone().avif({ quality: 90 }).toBuffer())) < 3);
  assert.ok(distance(await decoded('a.gif', await picture.clone().gif().toBuffer())) < 12);
  assert.equal(distance(await decoded('really-a-png.jpg', await picture.clone().png().toBuffer())), 0);
});

test('EXIF orientation 6 is turned upright: the stored left edge becomes the top', async () => {
  // Stored 60 x 40, red rising to the right. Orientation 6 asks for a quarter turn clockwise: upright, red rises
  // downwards.
  const bytes = await gradientSharp(60, 40).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
  const pixels = await decoded('turned.jpg', bytes);
  assert.deepEqual([pixels.width, pixels.height], [40, 60]);
  assert.ok(at(pixels, 20, 2)[0]! < 25 && at(pixels, 20, 57)[0]! > 230);
  assert.ok(at(pixels, 2, 30)[1]! > 230 && at(pixels, 37, 30)[1]! < 25, 'the stored bottom is on the left');
});

test('CMYK becomes sRGB', async () => {
  const bytes = await gradientSharp(60, 40).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  assert.equal((await sharp(bytes).metadata()).space, 'cmyk');
  const pixels = await decoded('cmyk.jpg', bytes);
  // A printer's gamut is smaller: near, not equal.
  assert.ok(distance(pixels) < 40, `${distance(pixels)}`);
  assert.ok(at(pixels, 58, 2)[0]! > 180 && at(pixels, 1, 2)[0]! < 90);
});

test('16-bit pictures become 8-bit, grey becomes three equal channels', async () => {
  const deep = await gradientSharp(60, 40).toColourspace('rgb16').png().toBuffer();
  assert.equal((await sharp(deep).metadata()).depth, 'ushort');
  assert.ok(distance(await decoded('deep.png', deep)) < 1);
  const grey = sharp(Buffer.from(Array.from({ length: 2400 }, (_, i) => i % 256)), {
    raw: { width: 60, height: 40, channels: 1 },
  });
  for (const [name, bytes] of [
    ['grey.png', await grey.clone().toColourspace('b-w').png().toBuffer()],
    ['grey16.png', await grey.clone().toColourspace('grey16').png().toBuffer()],
  ] as const) {
    const pixels = await decoded(name, bytes);
    assert.deepEqual(at(pixels, 59, 0), [59, 59, 59], name);
    assert.deepEqual(at(pixels, 0, 39), [2340 % 256, 2340 % 256, 2340 % 256], name);
  }
});

test('transparency is laid on white', async () => {
  const rgba = Buffer.from([10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128, 255, 0, 0, 64]);
  const pixels = await decoded(
    'alpha.png',
    await sharp(rgba, { raw: { width: 4, height: 1, channels: 4 } })
      .png()
      .toBuffer(),
  );
  assert.deepEqual(at(pixels, 0, 0), [10, 20, 30]);
  assert.deepEqual(at(pixels, 1, 0), [255, 255, 255]);
  for (const [byte, expected] of at(pixels, 2, 0).map((v) => [v, 127] as const))
    assert.ok(Math.abs(byte - expected) <= 1);
  const light = at(pixels, 3, 0);
  assert.ok(light[0] === 255 && Math.abs(light[1]! - 191) <= 1 && Math.abs(light[2]! - 191) <= 1, `${light}`);
});

test('an animated GIF gives its first frame', async () => {
  const frames = Buffer.concat([Buffer.alloc(300, 255), Buffer.alloc(300, 0)]);
  const bytes = await sharp(frames, { raw: { width: 10, height: 20, channels: 3, pageHeight: 10 } })
    .gif({ delay: [50, 50] })
    .toBuffer();
  assert.equal((await sharp(bytes, { animated: true }).metadata()).pages, 2);
  const pixels = await decoded('moving.gif', bytes);
  assert.deepEqual([pixels.width, pixels.height], [10, 10]);
  assert.deepEqual(at(pixels, 5, 5), [255, 255, 255]);
});

test('a large picture is reduced to a shorter side of 4 x the target, a smaller one is not', async () => {
  const bytes = await gradientSharp(900, 600).jpeg({ quality: 95 }).toBuffer();
  const reduced = await decoded('large.jpg', bytes, { targetSize: 32 });
  assert.deepEqual([reduced.width, reduced.height], [192, 128]);
  const middle = at(reduced, 96, 64);
  assert.ok(Math.abs(middle[0]! - 128) < 4 && Math.abs(middle[1]! - 128) < 4, `${middle}`);
  for (const targetSize of [150, 224, undefined]) {
    const whole = await decodeFile(join(folder, 'large.jpg'), targetSize === undefined ? {} : { targetSize });
    assert.deepEqual([whole.width, whole.height], [900, 600]);
  }
  // Orientation and reduction together.
  const turned = await gradientSharp(900, 600).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const upright = await decoded('large-turned.jpg', turned, { targetSize: 32 });
  assert.deepEqual([upright.width, upright.height], [128, 192]);
});

test('every kind of broken file is a BrokenPicture of exit code 1 with a one-line reason', async () => {
  // Noise, so that the cut falls into the picture's data and not its header.
  const noise = Buffer.from(Array.from({ length: 3 * 200 * 200 }, (_, i) => (i * 7919 + (i >> 3) * 104729) & 255));
  const picture = sharp(noise, { raw: { width: 200, height: 200, channels: 3 } });
  const cut = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length * 0.7));
  const cases: [string, Uint8Array | string, RegExp][] = [
    ['cut.jpg', cut(await picture.clone().jpeg().toBuffer()), /premature end/i],
    ['cut.png', cut(await picture.clone().png().toBuffer()), /png/i],
    ['cut.webp', cut(await picture.clone().webp().toBuffer()), /webp/i],
    ['cut.tiff', cut(await picture.clone().tiff({ compression: 'none' }).toBuffer()), /^it is a TIFF that is damaged/],
    ['cut.gif', cut(await picture.clone().gif().toBuffer()), /gif/i],
    ['cut.avif', cut(await picture.clone().avif().toBuffer()), /^it is an AVIF that is damaged/],
    ['empty.jpg', '', /^the file is empty \(0 bytes\)$/],
    ['text.jpg', 'these are words\n', /^it is a text file, not a picture/],
    [
      'drawing.png',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      /^it is an SVG drawing, which is not read here: draw it to a PNG\. Read are JPEG, PNG/,
    ],
  ];
  for (const [name, bytes, pattern] of cases) {
    await assert.rejects(decoded(name, bytes), (error: unknown) => {
      assert.ok(error instanceof BrokenPicture, `${name}: ${String(error)}`);
      assert.match(error.reason, pattern, name);
      assert.ok(!error.message.includes('\n') && error.message.length < 400, name);
      assert.equal(error.exitCode, 1);
      assert.ok(error.message.includes(join(folder, name)));
      return true;
    });
  }

  // Whatever fails beside it, each is told its own reason.
  const reasons = (): Promise<string[]> =>
    Promise.all(
      cases.map(([name]) => decodeFile(join(folder, name)).then(String, ({ reason }: BrokenPicture) => reason)),
    );
  const [first, ...others] = [await reasons(), await reasons(), await reasons(), await reasons(), await reasons()];
  for (const [i, [name, , pattern]] of cases.entries()) assert.match(first![i]!, pattern, name);
  for (const again of others) assert.deepEqual(again, first);
});

test('missing files, folders and unreadable files are named as such', async () => {
  await assert.rejects(decodeFile(join(folder, 'nowhere.jpg')), /nowhere.jpg: no such file$/);
  mkdirSync(join(folder, 'folder.jpg'));
  await assert.rejects(decodeFile(join(folder, 'folder.jpg')), /folder.jpg: it is a folder$/);
  if (process.getuid?.() !== 0) {
    writeTree(folder, { 'secret.png': 'x' });
    chmodSync(join(folder, 'secret.png'), 0);
    await assert.rejects(decodeFile(join(folder, 'secret.png')), /permission denied/);
  }
});

test('pixel and byte limits hold before the picture is decoded', async () => {
  const bytes = await gradientSharp(100, 100).png().toBuffer();
  await assert.rejects(
    decoded('limit.png', bytes, { limits: { pixels: 9999 } }),
    /its 100 x 100 pixels, 10000 in all, are more than the limit of 9999/,
  );
  assert.equal((await decoded('limit.png', bytes, { limits: { pixels: 10000 } })).width, 100);
  await assert.rejects(
    decoded('limit.png', bytes, { limits: { bytes: bytes.length - 1 } }),
    /bytes exceed the limit of/,
  );
  // A small file whose header promises 65500 x 65500 pixels: start of frame, then length, precision, height and width.
  const jpeg = await gradientSharp(100, 100).jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(65500, frame + 5);
  jpeg.writeUInt16BE(65500, frame + 7);
  await assert.rejects(decoded('bomb.jpg', jpeg), /its 65500 x 65500 pixels, 4290250000 in all, .* limit of 268402689/);
});
