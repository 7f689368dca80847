import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RescaledError, UsageError } from '../../../src/errors.js';
import { writeFileAtomic } from '../../../src/files.js';
import {
  encodeSafetensors,
  type SafeDType,
  SafetensorsFile,
  type TensorToWrite,
} from '../../../src/weights/formats/safetensors.js';
import { fixturePath, openFixture } from '../../fixtures/open.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-weights-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const target = join(folder, 'file.safetensors');

const floats = (...values: number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

function write(tensors: readonly TensorToWrite[], metadata?: Record<string, string>): Buffer {
  writeFileAtomic(target, encodeSafetensors(tensors, metadata));
  return readFileSync(target);
}

describe('a file written by another program', () => {
  interface Case {
    dtype: SafeDType;
    shape: number[];
    hex: string;
    values: (number | string)[];
  }
  const cases = JSON.parse(readFileSync(fixturePath('dtypes.json'), 'utf8')) as Record<string, Case>;

  test('every element type: entry, bytes and values as float32', () => {
    const file = openFixture('dtypes.safetensors');
    assert.deepEqual({ ...file.metadata }, { format: 'pt', note: 'written by hand' });
    assert.deepEqual([...file.entries.keys()].sort(), Object.keys(cases).sort());
    for (const [name, { dtype, shape, hex, values }] of Object.entries(cases)) {
      const { begin, end, ...rest } = file.entries.get(name)!;
      assert.deepEqual(rest, { dtype, shape }, name);
      assert.equal(end - begin, hex.length / 2, name);
      assert.equal(Buffer.from(file.read(name)).toString('hex'), hex, name);
      const expected = values.map((value) =>
        value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Math.fround(Number(value)),
      );
      assert.deepEqual([...file.readFloat32(name)], expected, name);
    }
    file.close();
  });

  test('not-a-number stays one in the half types', () => {
    write([
      { name: 'half', dtype: 'F16', shape: [1], bytes: Uint8Array.of(0x01, 0x7e) },
      { name: 'brain', dtype: 'BF16', shape: [1], bytes: Uint8Array.of(0xc1, 0x7f) },
    ]);
    const file = SafetensorsFile.open(target);
    assert.ok(Number.isNaN(file.readFloat32('half')[0]) && Number.isNaN(file.readFloat32('brain')[0]));
    file.close();
  });
});

describe('writing', () => {
  test('reads back equal, the data aligned whatever the order given', () => {
    const tensors = [
      { name: 'u8', dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) },
      { name: 'b', dtype: 'F32', shape: [2, 1], bytes: floats(1.5, -2) },
      { name: '__proto__', dtype: 'F32', shape: [], bytes: floats(7) },
      { name: 'é "quoted"\n', dtype: 'I64', shape: [1], bytes: new Uint8Array(new BigInt64Array([-5n]).buffer) },
      { name: '7', dtype: 'F32', shape: [0, 4], bytes: new Uint8Array(0) },
    ] as const;
    for (const order of [tensors, [...tensors].reverse()]) {
      const bytes = write(order, { state: '{"step":3}', empty: '' });
      assert.equal(bytes.readBigUInt64LE() % 8n, 0n);
      const file = SafetensorsFile.open(target);
      assert.deepEqual({ ...file.metadata }, { state: '{"step":3}', empty: '' });
      assert.equal(file.entries.size, tensors.length);
      for (const { name, dtype, shape, bytes: given } of tensors) {
        const entry = file.entries.get(name)!;
        assert.deepEqual([entry.dtype, entry.shape], [dtype, shape]);
        assert.deepEqual(Buffer.from(file.read(name)), Buffer.from(given));
        assert.equal(entry.begin % { U8: 1, F32: 4, I64: 8 }[dtype], 0, name);
      }
      file.close();
    }
  });

  test('the exact bytes of a small file', () => {
    const header = '{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    const bytes = write([{ name: 'x', dtype: 'F32', shape: [1], bytes: floats(1) }], { a: 'b' });
    assert.equal(
      bytes.subarray(8).toString('latin1'),
      header.padEnd(Math.ceil(header.length / 8) * 8) + '\x00\x00\x80\x3f',
    );
  });

  test('bytes may come from a function, called when their turn comes', () => {
    let calls = 0;
    const parts = encodeSafetensors([{ name: 'x', dtype: 'F32', shape: [1], bytes: () => (calls++, floats(1)) }]);
    parts.next();
    assert.equal(calls, 0);
    assert.deepEqual(parts.next().value, floats(1));
  });

  test('no tensors and no metadata is a valid file', () => {
    write([]);
    const file = SafetensorsFile.open(target);
    assert.equal(file.entries.size, 0);
    file.close();
  });

  test('refuses what it could not read back', () => {
    const one = { name: 'x', dtype: 'F32', shape: [2], bytes: floats(1, 2) } as const;
    const refuse = (tensors: TensorToWrite[], pattern: RegExp): void => {
      assert.throws(
        () => [...encodeSafetensors(tensors)],
        (error) => error instanceof RescaledError && pattern.test(error.message),
      );
    };
    refuse([one, one], /"x" .*twice/);
    refuse([{ ...one, name: '__metadata__' }], /"__metadata__"/);
    refuse([{ ...one, shape: [3] }], /"x" of F32\[3\] .*came with 8/);
    refuse([{ ...one, shape: [-1] }], /"x".*F32\[-1\]/);
    refuse([{ ...one, dtype: 'F8' as SafeDType }], /"x".*F8/);
  });
});

describe('hostile or broken files', () => {
  const tensor = (dtype: unknown, shape: unknown, offsets: unknown): string =>
    JSON.stringify({ dtype, shape, data_offsets: offsets });
  const good = tensor('F32', [1], [0, 4]);

  function refuse(content: Uint8Array, pattern: RegExp): void {
    writeFileSync(target, content);
    assert.throws(
      () => SafetensorsFile.open(target),
      (error) => {
        assert.ok(error instanceof RescaledError, String(error));
        assert.ok(error.message.includes(target), `the file is not named: ${error.message}`);
        assert.match(error.message, pattern);
        return true;
      },
    );
  }
  function withHeader(header: string | Uint8Array, dataBytes = 4, length?: bigint): Uint8Array {
    const json = Buffer.from(header);
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(length ?? BigInt(json.length));
    return Buffer.concat([start, json, Buffer.alloc(dataBytes)]);
  }
  const cases: [name: string, content: Uint8Array, pattern: RegExp][] = [
    ['an empty file', new Uint8Array(0), /at least 8 bytes.* 0\b/],
    ['a header longer than the file', withHeader('{}', 0, 3n), /header claims 3 bytes/],
    ['a header over 100 MB', withHeader('{}', 0, 100_000_001n), /header claims 100000001 bytes/],
    ['a header length near 2^64', withHeader('{}', 0, 2n ** 64n - 1n), /header claims 18446744073709551615 bytes/],
    [
      'a PyTorch checkpoint',
      Buffer.from('PK\x03\x04\x00\x00\x08\x08archive/data.pkl', 'latin1'),
      /PyTorch checkpoint.*weights convert/,
    ],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['a header of no bytes', withHeader(''), /header/],
    ['a header that is an array', withHeader('[]', 0), /JSON object/],
    ['leading spaces, which the format forbids', withHeader(' {}', 0), /JSON object/],
    ['a byte order mark', withHeader('\ufeff{}', 0), /JSON object/],
    ['broken JSON', withHeader('{"x":'), /not (UTF-8 )?JSON/],
    ['an unended string', withHeader('{"x'), /not (UTF-8 )?JSON/],
    ['something behind the JSON', withHeader('{}}', 0), /not (UTF-8 )?JSON/],
    ['broken UTF-8', withHeader(Buffer.from('{"\xff":1}', 'latin1')), /not UTF-8/],
    ['a key twice', withHeader(`{"x":${good},"x":${good}}`), /names "x" twice/],
    ['a key twice, once escaped', withHeader(`{"x":${good},"\\u0078" :${good}}`), /names "x" twice/],
    [
      'a key twice, with spaces before the colon',
      withHeader(`{"x":${good},"x"${' '.repeat(40)}:${good}}`),
      /names "x" twice/,
    ],
    [
      'a key twice in a tensor',
      withHeader('{"x":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}'),
      /names "shape" twice/,
    ],
    ['deep nesting', withHeader(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 0), /nested deeper/],
    ['metadata that is not an object', withHeader('{"__metadata__":["a"]}', 0), /__metadata__.* object/],
    ['metadata of a number', withHeader('{"__metadata__":{"step":3}}', 0), /__metadata__.*"step".* string/],
    ['a tensor that is null', withHeader('{"x":null}', 0), /"x".* object/],
    ['an unknown type', withHeader(`{"x":${tensor('C64', [1], [0, 8])}}`, 8), /"x".* dtype.*"C64"/],
    ['a type that is an inherited name', withHeader(`{"x":${tensor('toString', [1], [0, 4])}}`), /"x".* dtype/],
    ['no type', withHeader('{"x":{"shape":[1],"data_offsets":[0,4]}}'), /"x".* dtype/],
    ['a shape that is a number', withHeader(`{"x":${tensor('F32', 1, [0, 4])}}`), /"x".* shape/],
    ['a negative side', withHeader(`{"x":${tensor('F32', [-1, -1], [0, 4])}}`), /"x".* shape/],
    ['a fractional side', withHeader(`{"x":${tensor('F32', [0.5, 2], [0, 4])}}`), /"x".* shape/],
    ['a side in a string', withHeader(`{"x":${tensor('F32', ['1'], [0, 4])}}`), /"x".* shape/],
    ['a product that overflows', withHeader(`{"x":${tensor('F32', [2 ** 32, 2 ** 32], [0, 4])}}`), /"x".* byte/],
    [
      'a product that overflows 64 bits to 1',
      withHeader(`{"x":${tensor('F32', [2 ** 31, 2 ** 31, 4, 1], [0, 4])}}`),
      /"x".* byte/,
    ],
    ['one offset', withHeader(`{"x":${tensor('F32', [1], [4])}}`), /"x".* (data_)?offsets/],
    ['a negative offset', withHeader(`{"x":${tensor('F32', [1], [-4, 0])}}`), /"x".* (data_)?offsets/],
    ['a fractional offset', withHeader(`{"x":${tensor('F32', [1], [0.5, 4.5])}}`), /"x".* (data_)?offsets/],
    [
      'an offset above 2^53',
      withHeader('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]}}'),
      /"x".* (data_)?offsets/,
    ],
    ['falling offsets', withHeader(`{"x":${tensor('F32', [1], [4, 0])}}`), /"x".* (data_)?offsets/],
    ['an end behind the file', withHeader(`{"x":${tensor('F32', [2], [0, 8])}}`), /"x".*\b4 (data )?bytes/],
    ['fewer bytes than the shape', withHeader(`{"x":${tensor('F32', [2], [0, 4])}}`), /"x".*\b8 bytes.*hold 4/],
    ['more bytes than the shape', withHeader(`{"x":${tensor('U8', [], [0, 4])}}`), /"x".*\b1 bytes.*hold 4/],
    ['an overlap', withHeader(`{"x":${good},"y":${tensor('U8', [3], [2, 5])}}`, 5), /"y".* overlaps/],
    ['the same bytes twice', withHeader(`{"x":${good},"y":${good}}`), /"y".*overlaps/],
    ['a hole', withHeader(`{"x":${good},"y":${tensor('U8', [1], [5, 6])}}`, 6), /"y".* belong to none/],
    ['a hole at the start', withHeader(`{"x":${tensor('F32', [1], [1, 5])}}`, 5), /"x".* belong to none/],
    ['bytes behind the last tensor', withHeader(`{"x":${good}}`, 5), /belong to no tensor/],
    ['bytes without a tensor', withHeader('{}', 1), /belong to no tensor/],
  ];
  for (const [name, content, pattern] of cases) test(name, () => refuse(content, pattern));

  test('messages stay short and escape control characters', () => {
    writeFileSync(target, withHeader(JSON.stringify({ ['\x1b[31m' + 'n'.repeat(10_000)]: 1 })));
    assert.throws(
      () => SafetensorsFile.open(target),
      (error: Error) => error.message.length < 500 + target.length && !error.message.includes('\x1b'),
    );
  });

  test('tensors may stand in the header in any order', () => {
    writeFileSync(target, withHeader(`{"y":${tensor('U8', [1], [4, 5])},"x":${good}}   `, 5));
    const file = SafetensorsFile.open(target);
    assert.deepEqual(new Set(file.entries.keys()), new Set(['x', 'y']));
    assert.equal(file.entries.get('x')?.begin, 0);
    file.close();
  });

  test('no such file, a folder, no such tensor', () => {
    assert.throws(() => SafetensorsFile.open(join(folder, 'none')), UsageError);
    assert.throws(() => SafetensorsFile.open(folder), UsageError);
    write([{ name: 'layer1.weight', dtype: 'F32', shape: [1], bytes: floats(1) }]);
    const file = SafetensorsFile.open(target);
    assert.throws(() => file.read('layer1.weigth'), /"layer1.weigth"/);
    file.close();
  });

  test('a file cut while it is open', () => {
    const whole = write([{ name: 'x', dtype: 'F32', shape: [1], bytes: floats(1) }]);
    const file = SafetensorsFile.open(target);
    writeFileSync(target, whole.subarray(0, -1));
    assert.throws(() => file.read('x'), /became shorter/);
    file.close();
  });

  test('a closed file is not read, not even where another file has its descriptor by now', () => {
    write([{ name: 'x', dtype: 'F32', shape: [1], bytes: floats(1) }]);
    const file = SafetensorsFile.open(target);
    file.close();
    file.close();
    const other = SafetensorsFile.open(target);
    assert.throws(() => file.read('x'), /is closed/);
    other.close();
  });
});
