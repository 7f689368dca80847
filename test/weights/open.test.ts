import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { RescaledError, UsageError } from '../../src/errors.js';
import { type FloatDType, fromFloat32, toFloat32 } from '../../src/weights/formats/dtypes.js';
import { openWeights } from '../../src/weights/open.js';
import { fixturePath } from '../fixtures/open.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-open-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the content says the format, not the name', () => {
  for (const [file, format] of [
    ['dtypes.safetensors', 'safetensors'],
    ['weights/torch-2-plain.pth', 'pytorch'],
    ['weights/keras-resnet-rs.h5', 'keras'],
  ] as const)
    test(format, async () => {
      const path = join(folder, 'weights.bin');
      copyFileSync(fixturePath(file), path);
      const opened = await openWeights(path);
      assert.equal(opened.format, format);
      opened.close();
    });

  const tar = Buffer.alloc(1024);
  tar.write('ustar', 257);
  const cases: [name: string, content: Buffer | string, pattern: RegExp][] = [
    ['nothing', '', /is empty/],
    ['a web page', '\n<!DOCTYPE html><title>404</title>', /web page/],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /git lfs pull/],
    ['gzip', gzipSync('x'), /gunzip/],
    ['tar', tar, /tar archive/],
    ['NumPy', '\x93NUMPY\x01\x00', /NumPy/],
    [
      'PyTorch before 1.6',
      Buffer.from('80028a0a6cfc9c46f9206aa85019 2e80024de9032e'.replace(' ', ''), 'hex'),
      /before version 1.6/,
    ],
    ['a bare pickle', Buffer.from('\x80\x04\x95\x00', 'latin1'), /bare pickle.*never loaded/],
    ['ONNX', Buffer.from('\x08\x07\x12\x08rescaled', 'latin1'), /ONNX/],
    ['an empty zip', Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1'), /empty zip/],
    ['text', 'these are no weights at all', /none of them/],
    ['one byte', '{', /none of them/],
  ];
  for (const [name, content, pattern] of cases)
    test(name, async () => {
      const path = join(folder, 'weights.safetensors');
      writeFileSync(path, content, typeof content === 'string' ? 'latin1' : undefined);
      await assert.rejects(
        openWeights(path),
        (error) =>
          error instanceof RescaledError &&
          error.exitCode === 1 &&
          pattern.test(error.message) &&
          error.message.includes(path),
      );
    });

  test('no file, a folder', async () => {
    await assert.rejects(openWeights(join(folder, 'none')), UsageError);
    await assert.rejects(openWeights(folder), UsageError);
  });
});

describe('float32 to narrower types', () => {
  const bits = (values: number[], dtype: FloatDType): string[] =>
    [...new Uint16Array(fromFloat32(Float32Array.from(values), dtype).buffer)].map((word) =>
      word.toString(16).padStart(4, '0'),
    );

  test('half, by hand: normal, largest, subnormal, ties to even, signed zero, infinities', () => {
    const values = [
      1,
      -2.5,
      65504,
      2 ** -14,
      2 ** -24,
      3 * 2 ** -24,
      2 ** -25,
      1.5 * 2 ** -24,
      2.5 * 2 ** -24,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      0,
      -0,
      Infinity,
      -Infinity,
      1e-30,
    ];
    const expected = [
      '3c00',
      'c100',
      '7bff',
      '0400',
      '0001',
      '0003',
      '0000',
      '0002',
      '0002',
      '3c00',
      '3c02',
      '0000',
      '8000',
      '7c00',
      'fc00',
      '0000',
    ];
    assert.deepEqual(bits(values, 'F16'), expected);
    assert.ok(Number.isNaN(toFloat32(fromFloat32(Float32Array.of(NaN), 'F16'), 'F16')[0]));
  });
  test('brain float: the upper half, rounded to nearest even', () => {
    assert.deepEqual(bits([1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, Infinity], 'BF16'), [
      '3f80',
      'c020',
      '3f80',
      '3f82',
      '3f81',
      '7f80',
    ]);
    assert.ok(Number.isNaN(toFloat32(fromFloat32(Float32Array.of(NaN), 'BF16'), 'BF16')[0]));
  });
  test('every half survives the way to float32 and back', () => {
    const all = new Uint16Array(65536)
      .map((_, i) => i)
      .filter((word) => (word & 0x7c00) !== 0x7c00 || (word & 0x3ff) === 0);
    const floats = toFloat32(new Uint8Array(all.slice().buffer), 'F16');
    assert.deepEqual(new Uint16Array(fromFloat32(floats, 'F16').buffer), all);
  });
  test('what would become infinite is an error', () => {
    assert.throws(() => fromFloat32(Float32Array.of(65520), 'F16'), /65520 is too large for F16/);
    assert.throws(() => fromFloat32(Float32Array.of(3.4e38), 'BF16'), /too large/);
    assert.deepEqual(bits([65519], 'F16'), ['7bff']);
  });
});
