import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { crc32c, maskedCrc32c } from '../../../src/crc32c.js';
import { RescaledError } from '../../../src/errors.js';
import { convertedTensors } from '../../../src/weights/convert.js';
import { planKeys } from '../../../src/weights/names/plan.js';
import { openWeights } from '../../../src/weights/open.js';
import { fixturePath } from '../../fixtures/open.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-tf-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The foreign file's tensors under timm's keys, against what NumPy transposed. */
async function assertValues(path: string, json: string, keys: number): Promise<void> {
  const expected = JSON.parse(readFileSync(fixturePath(`weights/${json}`), 'utf8')) as Record<
    string,
    { shape: number[]; values: number[] }
  >;
  const file = await openWeights(path);
  try {
    const plan = planKeys(file);
    assert.deepEqual(plan.unknown, []);
    assert.deepEqual([...plan.tensors.keys()].sort(), Object.keys(expected).sort());
    assert.equal(plan.tensors.size, keys);
    for (const { name, shape, bytes } of convertedTensors(file, plan)) {
      assert.deepEqual(shape, expected[name]!.shape, name);
      const read = typeof bytes === 'function' ? bytes() : bytes;
      assert.deepEqual([...new Float32Array(read.buffer as ArrayBuffer)], expected[name]!.values, name);
    }
  } finally {
    file.close();
  }
}

describe('TensorFlow checkpoints', () => {
  const index = fixturePath('weights/tensorflow.index');
  test('values, by the index, by the name TensorFlow uses, by a data file', async () => {
    for (const path of [
      index,
      fixturePath('weights/tensorflow'),
      fixturePath('weights/tensorflow.data-00000-of-00002'),
    ])
      await assertValues(path, 'tensorflow.json', 311);
  });

  test('scalars of 64 bits, strings left with the reason', async () => {
    const file = await openWeights(index);
    assert.deepEqual(
      [file.format, file.entries.get('global_step')?.dtype, file.entries.get('global_step')?.shape],
      ['tensorflow', 'I64', []],
    );
    assert.deepEqual([...file.readFloat32('global_step')], [218949]);
    assert.match(file.ignored.get('_CHECKPOINTABLE_OBJECT_GRAPH')!, /strings/);
    file.close();
    assert.throws(() => file.read('global_step'), /closed/);
  });

  /** A copy whose index or data was changed. */
  function copy(change: (parts: { index: Buffer; data: [Buffer, Buffer | undefined] }) => void): string {
    const parts: Parameters<typeof change>[0] = {
      index: readFileSync(index),
      data: [0, 1].map((i) => readFileSync(fixturePath(`weights/tensorflow.data-0000${i}-of-00002`))) as [
        Buffer,
        Buffer,
      ],
    };
    change(parts);
    const path = join(folder, 'model.ckpt-1');
    writeFileSync(`${path}.index`, parts.index);
    rmSync(`${path}.data-00001-of-00002`, { force: true });
    for (const [i, data] of parts.data.entries())
      if (data !== undefined) writeFileSync(`${path}.data-0000${i}-of-00002`, data);
    return path;
  }
  const refuses = (path: string, pattern: RegExp): Promise<void> =>
    assert.rejects(
      openWeights(path),
      (error) => error instanceof RescaledError && pattern.test(error.message) && error.message.includes(folder),
    );

  test('a data file that is missing or cut short', async () => {
    await refuses(
      copy((parts) => (parts.data[1] = undefined)),
      /Expected .*data-00001-of-00002/,
    );
    await refuses(
      copy((parts) => (parts.data[0] = parts.data[0].subarray(0, -1))),
      /are not there.*cut short/,
    );
  });
  test('one changed bit of the data is noticed when it is read', async () => {
    const file = await openWeights(copy((parts) => (parts.data[0][parts.data[0].length - 1]! ^= 1)));
    const bad = [...file.entries.keys()].filter((name) => {
      try {
        file.read(name);
        return false;
      } catch (error) {
        assert.match((error as Error).message, /checksum of .* is wrong/);
        return true;
      }
    });
    assert.equal(bad.length, 1);
    file.close();
  });
  test('any changed bit of the index is noticed', async () => {
    const { length } = readFileSync(index);
    for (let at = 3; at < length - 48; at += 997)
      await refuses(
        copy((parts) => (parts.index[at]! ^= 4)),
        /checksum|compressed/,
      );
  });
  test('an index cut short, a handle past the end, sizes without end', async () => {
    await refuses(
      copy((parts) => (parts.index = parts.index.subarray(0, -1))),
      /none of them/,
    );
    await refuses(
      copy((parts) => (parts.index = parts.index.subarray(-48))),
      /past the end/,
    );
    await refuses(
      copy((parts) => parts.index.fill(0xff, parts.index.length - 48, parts.index.length - 8)),
      /too large/,
    );
    await refuses(
      copy((parts) => parts.index.fill(0, parts.index.length - 48, parts.index.length - 8)),
      /cannot be read as the index/,
    );
  });

  /** A table of one block with these keys and values, its checksum right. */
  function table(pairs: [string, Buffer][]): Buffer {
    const block = (entries: [Buffer, Buffer][]): Buffer => {
      const body = Buffer.concat([
        ...entries.flatMap(([key, value]) => [Buffer.from([0]), varint(key.length), varint(value.length), key, value]),
        Buffer.from([0, 0, 0, 0, 1, 0, 0, 0]),
      ]);
      const trailer = Buffer.alloc(5);
      trailer.writeUInt32LE(maskedCrc32c(body, trailer.subarray(0, 1)), 1);
      return Buffer.concat([body, trailer]);
    };
    const data = block(pairs.map(([key, value]) => [Buffer.from(key), value]));
    const handle = (offset: number, whole: Buffer): Buffer => Buffer.concat([varint(offset), varint(whole.length - 5)]);
    const top = block([[Buffer.from('z'), handle(0, data)]]);
    const footer = Buffer.alloc(48);
    Buffer.concat([handle(0, data), handle(data.length, top)]).copy(footer);
    footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40);
    return Buffer.concat([data, top, footer]);
  }
  const varint = (value: number): Buffer => {
    const bytes: number[] = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
    return Buffer.from([...bytes, value]);
  };
  const header = (shards: number, endian = 0): [string, Buffer] => [
    '',
    Buffer.concat([Buffer.from([8]), varint(shards), Buffer.from([16, endian])]),
  ];
  /** BundleEntryProto: type, one axis, offset, size. */
  const entry = (dtype: number, side: number, offset: number, size: number, more = ''): Buffer => {
    const dim = Buffer.concat([Buffer.from([8]), varint(side)]);
    const shape = Buffer.concat([Buffer.from([0x12]), varint(dim.length), dim]);
    return Buffer.concat([
      Buffer.from([8, dtype, 0x12]),
      varint(shape.length),
      shape,
      Buffer.from([0x20]),
      varint(offset),
      Buffer.from([0x28]),
      varint(size),
      Buffer.from(more, 'hex'),
    ]);
  };
  const cases: [name: string, pairs: [string, Buffer][], pattern: RegExp][] = [
    ['no header', [['w', entry(1, 1, 0, 4)]], /no header/],
    ['a big-endian machine', [header(2, 1)], /big-endian/],
    ['no data files', [header(0)], /claims 0 data files/],
    ['a million data files', [header(1_000_000)], /claims 1000000 data files/],
    ['bytes behind the data file', [header(2), ['w', entry(1, 1, 10 ** 9, 4)]], /are not there/],
    ['an offset past 2^53', [header(2), ['w', entry(1, 1, 2 ** 60, 4)]], /are not there/],
    [
      'another size than the shape',
      [header(2), ['w', entry(1, 2, 0, 4)]],
      /expected 8 bytes for F32 \[2\] but found 4/,
    ],
    ['a side without end', [header(2), ['w', entry(1, 2 ** 60, 0, 4)]], /but found 4/],
    ['slices', [header(2), ['w', entry(1, 1, 0, 4, '3a00')]], /slices/],
    ['a broken message', [header(2), ['w', Buffer.from([0x12, 0x7f, 1])]], /cannot be read as the index/],
    ['one name twice', [header(2), ['w', entry(1, 1, 0, 4)], ['w', entry(1, 1, 0, 4)]], /"w" comes twice/],
  ];
  for (const [name, pairs, pattern] of cases)
    test(name, () =>
      refuses(
        copy((parts) => (parts.index = table(pairs))),
        pattern,
      ),
    );

  test('crafted like this, a good one is read', async () => {
    const file = await openWeights(
      copy((parts) => (parts.index = table([header(2), ['w', entry(1, 2, 0, 8)], ['c', entry(8, 1, 0, 8)]]))),
    );
    assert.deepEqual(
      [[...file.entries.keys()], [...file.ignored]],
      [['w'], [['c', "no tensor of a known element type (TensorFlow's number 8)"]]],
    );
    assert.throws(() => file.read('w'), /checksum/); // 0 was stored
    file.close();
  });

  test("CRC-32C's check value", () => {
    assert.equal(crc32c(Buffer.from('1234'), Buffer.from('56789')), 0xe3069283);
  });
});

describe('Keras weights', () => {
  const path = (name: string): string => fixturePath(`weights/${name}.h5`);
  test('ResNet-RS: values', () => assertValues(path('keras-resnet-rs'), 'keras-resnet-rs.json', 65));
  test('EfficientNet in a whole model: values', () =>
    assertValues(path('keras-efficientnet'), 'keras-efficientnet.json', 45));
  test('what stands beside the weights', async () => {
    const file = await openWeights(path('keras-efficientnet'));
    assert.deepEqual([file.format, { ...file.metadata }], ['keras', { keras_version: '2.8.0', backend: 'tensorflow' }]);
    assert.deepEqual([...file.ignored.keys()], ['optimizer_weights']);
    assert.equal(file.readFloat32('stem_bn/stem_bn/gamma:0').length, 4);
    file.close();
    file.close();
    assert.throws(() => file.read('stem_bn/stem_bn/gamma:0'), /closed/);
  });
  test('links to other files are not followed', async () => {
    const file = await openWeights(path('keras-links'));
    assert.deepEqual(
      [[...file.entries.keys()], [...file.ignored.keys()].sort()],
      [['stem_conv/stem_conv/kernel:0'], ['elsewhere', 'text']],
    );
    file.close();
  });
  for (const [name, pattern] of [
    ['keras-3.weights', /layout of Keras 3/],
    ['keras-huge', /claims more bytes than the file has/],
    ['keras-compressed', /compressed or virtual/],
    ['keras-virtual', /compressed or virtual/],
    ['keras-loop', /nested deeper/],
  ] as const)
    test(name, () =>
      assert.rejects(openWeights(path(name)), (error) => error instanceof RescaledError && pattern.test(error.message)),
    );
  test('data that lies in another file of the machine is not read', async () => {
    const other = '/tmp/rescaled-external.bin'; // the path that the fixture names
    writeFileSync(other, Buffer.alloc(16, 1));
    try {
      const file = await openWeights(path('keras-external'));
      assert.throws(
        () => file.read('stem_conv/stem_conv/kernel:0'),
        (error) => error instanceof RescaledError && /lies in another file/.test(error.message),
      );
      assert.deepEqual([...file.readFloat32('scalar')], [2.5]);
      file.close();
    } finally {
      rmSync(other);
    }
  });
  test('two files at a time, one of them twice', async () => {
    const [a, b, c] = [
      await openWeights(path('keras-links')),
      await openWeights(path('keras-links')),
      await openWeights(path('keras-efficientnet')),
    ];
    a.close();
    assert.equal(b.readFloat32('stem_conv/stem_conv/kernel:0').length, 4);
    assert.equal(c.readFloat32('stem_bn/stem_bn/beta:0').length, 4);
    b.close();
    c.close();
  });
  test('cut short anywhere: an error that names the file, and no lines of the library', async () => {
    const whole = readFileSync(path('keras-resnet-rs'));
    const target = join(folder, 'cut.h5');
    for (const share of [0.001, 0.1, 0.5, 0.99]) {
      writeFileSync(target, whole.subarray(0, Math.floor(whole.length * share)));
      await assert.rejects(
        openWeights(target),
        (error) => error instanceof RescaledError && error.message.includes(target),
      );
    }
    copyFileSync(path('keras-resnet-rs'), target);
  });
});
