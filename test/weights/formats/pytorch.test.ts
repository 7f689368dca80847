import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RescaledError } from '../../../src/errors.js';
import type { WeightsFile } from '../../../src/weights/formats/weights-file.js';
import { openWeights } from '../../../src/weights/open.js';
import { checkpoint, op, tensor, type ZipEntry, zip } from '../../fixtures/crafted.js';
import { fixturePath } from '../../fixtures/open.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-pytorch-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const target = join(folder, 'file.pth');

async function reading<T>(path: string, use: (file: WeightsFile) => T, select?: string): Promise<T> {
  const file = await openWeights(path, select === undefined ? {} : { select });
  try {
    return use(file);
  } finally {
    file.close();
  }
}

const reads = <T>(content: Uint8Array, use: (file: WeightsFile) => T): Promise<T> => {
  writeFileSync(target, content);
  return reading(target, use);
};

async function refuses(content: Uint8Array, pattern: RegExp): Promise<void> {
  writeFileSync(target, content);
  await assert.rejects(openWeights(target), (error) => {
    assert.ok(error instanceof RescaledError, String(error));
    assert.ok(error.message.includes(target), `the file is not named: ${error.message}`);
    assert.match(error.message, pattern);
    assert.ok(error.message.length < 1200 + 2 * target.length);
    return true;
  });
}

describe('checkpoints that PyTorch wrote', () => {
  for (const version of ['1.13', '2'])
    for (const name of ['plain', 'everything', 'parallel', 'nested'])
      test(`PyTorch ${version}, ${name}: every tensor, type and shape`, async () => {
        const path = fixturePath(`weights/torch-${version}-${name}`);
        const expected = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Record<
          string,
          { dtype: string; shape: number[]; hex: string }
        >;
        await reading(`${path}.pth`, (file) => {
          assert.equal(file.format, 'pytorch');
          assert.deepEqual([...file.entries.keys()], Object.keys(expected));
          for (const [key, { dtype, shape, hex }] of Object.entries(expected)) {
            const entry = file.entries.get(key)!;
            assert.deepEqual([entry.dtype, entry.shape], [dtype, shape], key);
            assert.equal(Buffer.from(file.read(key)).toString('hex'), hex, key);
          }
        });
      });

  test('values as float32, by hand', async () => {
    await reading(fixturePath('weights/torch-2-everything.pth'), (file) => {
      assert.deepEqual([...file.readFloat32('view.strided')], [4, 6, 8, 10, 16, 18, 20, 22]);
      assert.deepEqual([...file.readFloat32('view.half')], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
      assert.deepEqual([...file.readFloat32('view.offset')], [5, 6, 7, 8, 9, 10]);
      assert.deepEqual([...file.readFloat32('scalar')], [7.5]);
      assert.deepEqual([...file.readFloat32('empty')], []);
      for (const [key, value] of [
        ['F64', 100],
        ['BF16', 100],
        ['I8', 100],
        ['BOOL', 1],
      ] as const)
        assert.deepEqual(file.readFloat32(`type.${key}`)[2], value);
    });
  });

  test('a training checkpoint: EMA first, another on request, scalars beside, the rest named', async () => {
    const path = fixturePath('weights/torch-2-nested.pth');
    const ema = await reading(path, (file) => {
      const { epoch, best_acc, arch, done, big, selected, choices } = file.metadata;
      assert.deepEqual([epoch, best_acc, arch, done, big], ['12', '78.25', 'resnetrs50', 'true', String(2n ** 70n)]);
      assert.deepEqual([selected, choices], ['state_dict_ema', 'state_dict, state_dict_ema']);
      assert.deepEqual([...file.ignored.keys()], ['history', 'steps', 'state_dict', 'optimizer', 'scheduler']);
      assert.match(file.ignored.get('state_dict')!, /--select/);
      return file.readFloat32('1.running_var');
    });
    await reading(
      path,
      (file) => {
        assert.equal(file.metadata['strippedPrefix'], 'module.');
        assert.deepEqual(
          [...file.readFloat32('1.running_var')].map((value) => value * 2),
          [...ema],
        );
      },
      'state_dict',
    );
    await assert.rejects(
      openWeights(path, { select: 'state_dict_emma' }),
      /Did you mean "state_dict_ema"\?.*"state_dict", "state_dict_ema"/,
    );
    await assert.rejects(openWeights(path, { select: 'optimizer' }), /no|none/);
  });

  test('one byte less, or half of it, is refused', async () => {
    const whole = readFileSync(fixturePath('weights/torch-2-plain.pth'));
    await refuses(whole.subarray(0, -1), /cut short/);
    await refuses(whole.subarray(0, whole.length / 2), /cut short/);
  });

  test('a closed file is not read', async () => {
    const file = await openWeights(fixturePath('weights/torch-2-plain.pth'));
    file.close();
    file.close();
    assert.throws(() => file.read('0.bias'), /closed/);
    assert.throws(() => file.read('0.bais'), /"0.bais".*Did you mean "0.bias"/);
  });
});

describe('what is picked', () => {
  const good = tensor();
  test('the only dictionary of tensors, whatever its name', async () => {
    assert.equal(
      await reads(
        checkpoint(op.dict(op.text('my_net'), op.dict(op.text('w'), good))),
        (file) => file.metadata['selected'],
      ),
      'my_net',
    );
  });
  test('two of unknown names: none is guessed', async () => {
    await refuses(
      checkpoint(op.dict(op.text('a'), op.dict(op.text('w'), good), op.text('b'), op.dict(op.text('w'), good))),
      /several.*--select: "a", "b"/,
    );
  });
  test('a known name before tensors beside it', async () => {
    const value = op.dict(op.text('loss'), good, op.text('model'), op.dict(op.text('w'), good));
    assert.deepEqual(await reads(checkpoint(value), (file) => [...file.entries.keys()]), ['w']);
  });
  test('a prefix that not all keys have stays', async () => {
    const value = op.dict(op.text('module.w'), good, op.text('v'), good);
    assert.deepEqual(await reads(checkpoint(value), (file) => [...file.entries.keys()]), ['module.w', 'v']);
  });
  test('both wrappers, one in the other', async () => {
    const value = op.dict(op.text('module._orig_mod.w'), good, op.text('module._orig_mod.v'), good);
    assert.deepEqual(
      await reads(checkpoint(value), (file) => [[...file.entries.keys()], file.metadata['strippedPrefix']]),
      [['w', 'v'], 'module._orig_mod.'],
    );
  });
  test('a list, a tensor, an empty dictionary', async () => {
    await refuses(checkpoint(Buffer.from(']')), /a list of 0.*state_dict/);
    await refuses(checkpoint(good), /one tensor/);
    await refuses(checkpoint(op.dict()), /its keys: none/);
    await refuses(checkpoint(op.dict(op.text('epoch'), op.int(1))), /its keys: "epoch"/);
  });
  test('names like __proto__ are names', async () => {
    const value = op.dict(op.text('__proto__'), good, op.text('constructor'), op.int(4));
    assert.deepEqual(
      await reads(checkpoint(value), (file) => [[...file.entries.keys()], Object.entries(file.metadata)]),
      [['__proto__'], [['constructor', '4']]],
    );
  });
});

describe('hostile pickles', () => {
  const state = (value: Buffer): Buffer => checkpoint(op.dict(op.text('w'), value));
  const many = (text: string, count: number): Buffer => Buffer.alloc(count, text);
  const system = op.global('posix', 'system');
  const cases: [name: string, content: Buffer, pattern: RegExp][] = [
    [
      'os.system, the classic',
      checkpoint(op.reduce(system, op.tuple(op.text('touch /tmp/owned')))),
      /at byte 2: it asks for "posix.system"/,
    ],
    [
      'eval by its Python 2 module',
      checkpoint(op.reduce(op.global('__builtin__', 'eval'), op.tuple(op.text('1')))),
      /"__builtin__.eval"/,
    ],
    [
      'a function that PyTorch once allowed',
      state(op.reduce(op.global('torch.storage', '_load_from_bytes'), op.tuple(op.text('')))),
      /"torch.storage._load_from_bytes"/,
    ],
    [
      'getattr of what runs code',
      state(op.reduce(op.global('builtins', 'getattr'), op.tuple(system))),
      /"posix.system"/,
    ],
    ['loads of another pickle', state(op.global('_pickle', 'loads')), /"_pickle.loads".*nothing was run/],
    [
      'an object with control characters in its name',
      checkpoint(op.reduce(op.global('\x1b[31m', 'x'.repeat(500)), op.tuple())),
      /object of .*\\u001b/,
    ],
    ['a whole number without end', state(Buffer.from([0x8b, 0, 0, 1, 0])), /over 1024 bytes/],
    ['bytes without end', state(Buffer.from([0x8e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0])), /in the middle/],
    [
      'an object of a string',
      checkpoint(Buffer.concat([op.text('x'), Buffer.from(')\x81', 'latin1')])),
      /class for NEWOBJ/,
    ],
    ['a name without an end', checkpoint(Buffer.from(`c${'a'.repeat(2000)}`)), /in the middle of a name/],
    [
      'STACK_GLOBAL of protocol 4',
      checkpoint(Buffer.concat([op.text('os'), op.text('system'), Buffer.from([0x93])])),
      /"os.system"/,
    ],
    ['STACK_GLOBAL of numbers', checkpoint(Buffer.concat([op.int(1), op.int(2), Buffer.from([0x93])])), /two strings/],
    ['INST', checkpoint(Buffer.from('(ios\nsystem\n')), /instruction 0x69 \("i"\)/],
    ['OBJ', checkpoint(Buffer.from('(o')), /0x6f/],
    ['EXT1, the extension registry', checkpoint(Buffer.from([0x82, 1])), /0x82/],
    ['an instruction that does not exist', checkpoint(Buffer.from([0xff])), /0xff/],
    ['a call of a string', state(op.reduce(op.text('eval'), op.tuple())), /REDUCE/],
    ['a call without a tuple', state(op.reduce(op.global('collections', 'OrderedDict'), op.int(1))), /REDUCE/],
    [
      'OrderedDict of numbers',
      state(op.reduce(op.global('collections', 'OrderedDict'), op.tuple(op.int(1)))),
      /called with nothing or a dictionary/,
    ],
    ['BUILD of a tensor', state(Buffer.concat([tensor(), op.dict(), Buffer.from('b')])), /BUILD/],
    ['BUILD with a list', checkpoint(Buffer.concat([op.dict(), Buffer.from(']b')])), /BUILD/],
    [
      'items of a number',
      checkpoint(Buffer.concat([op.int(1), Buffer.from('('), op.int(1), op.int(2), Buffer.from('u')])),
      /dictionary to set/,
    ],
    [
      'a key without a value',
      checkpoint(Buffer.concat([Buffer.from('}('), op.int(1), Buffer.from('u')])),
      /as many values/,
    ],
    ['append to a number', checkpoint(Buffer.concat([op.int(1), op.int(2), Buffer.from('a')])), /list to append/],
    ['a stack that is empty', checkpoint(Buffer.from('R')), /stack is empty/],
    ['a mark in the place of a value', checkpoint(Buffer.from('(R')), /mark stands/],
    ['no mark', checkpoint(Buffer.from('t')), /no mark/],
    ['values left over', checkpoint(Buffer.concat([op.int(1), op.dict()])), /left over/],
    ['a value that was never stored', checkpoint(op.get(7)), /recalls value 7/],
    [
      'an end in a string',
      zip([{ name: 'a/data.pkl', data: Buffer.from('\x80\x02X\xff\xff\xff\x7fabc', 'latin1') }]),
      /in the middle/,
    ],
    ['no end', zip([{ name: 'a/data.pkl', data: Buffer.from('\x80\x02N', 'latin1') }]), /in the middle/],
    ['an empty pickle', zip([{ name: 'a/data.pkl', data: Buffer.alloc(0) }]), /in the middle/],
    [
      'protocol 0',
      zip([{ name: 'a/data.pkl', data: Buffer.from('\x80\x00N.', 'latin1') }]),
      /protocol 2 to 5 but found 0/,
    ],
    ['text protocol', zip([{ name: 'a/data.pkl', data: Buffer.from('(dp0\n.') }]), /0x64/],
    ['marks without end', checkpoint(many('(', 100_000)), /nested deeper/],
    ['a stack without end', checkpoint(many('N', 2_000_000)), /stack grows/],
    ['objects without end', checkpoint(Buffer.concat([Buffer.from(']'), many('}a', 6_000_000)])), /builds over/],
    [
      'a memo without end',
      checkpoint(Buffer.concat([Buffer.from('}'), Buffer.alloc(2_500_000, 0x94)])),
      /remembers over/,
    ],
    [
      'an id that is no tuple',
      state(
        op.reduce(
          op.global('torch._utils', '_rebuild_tensor_v2'),
          op.tuple(Buffer.concat([op.text('storage'), Buffer.from('Q')]), op.int(0), op.tuple(), op.tuple()),
        ),
      ),
      /"w": expected a storage/,
    ],
    [
      'a parameter of a parameter',
      state(
        op.reduce(
          op.global('torch._utils', '_rebuild_parameter'),
          op.tuple(op.reduce(op.global('torch._utils', '_rebuild_parameter'), op.tuple(tensor())), op.false),
        ),
      ),
      /parameter of a tensor/,
    ],
    [
      'no arguments',
      state(op.reduce(op.global('torch._utils', '_rebuild_tensor_v2'), op.tuple())),
      /expected a storage/,
    ],
  ];
  for (const [name, content, pattern] of cases) test(name, () => refuses(content, pattern));

  test('a dictionary inside itself is not followed', async () => {
    const loop = Buffer.concat([
      Buffer.from('}'),
      op.put(0),
      Buffer.from('('),
      op.text('self'),
      op.get(0),
      op.text('w'),
      tensor(),
      Buffer.from('u'),
    ]);
    // It is a dictionary of tensors under the key "self" and at the top: the same one.
    assert.deepEqual(await reads(checkpoint(loop), (file) => [...file.entries.keys()]), ['w']);
  });

  test('65 MB of pickle are not read', async () => {
    await refuses(zip([{ name: 'a/data.pkl', data: Buffer.alloc(65 * 2 ** 20) }]), /more than 67108864/);
  });
});

describe('hostile tensors', () => {
  const state = (value: Buffer, more?: ZipEntry[]): Buffer => checkpoint(op.dict(op.text('w'), value), more);
  const big = op.long(2n ** 40n);
  const cases: [name: string, content: Buffer, pattern: RegExp][] = [
    [
      'more elements than the storage has',
      state(tensor({ size: [op.int(7)], stride: [op.int(1)] })),
      /"w".*reach past the 6 elements/,
    ],
    ['an offset past the end', state(tensor({ offset: op.int(1) })), /reach past/],
    [
      'an offset at the end, one element',
      state(tensor({ offset: op.int(6), size: [op.int(1)], stride: [op.int(1)] })),
      /reach past/,
    ],
    ['a negative offset', state(tensor({ offset: op.int(-1) })), /whole numbers >= 0/],
    ['a negative side', state(tensor({ size: [op.int(-2), op.int(-3)] })), /whole numbers >= 0/],
    ['a negative stride', state(tensor({ stride: [op.int(-3), op.int(1)] })), /whole numbers >= 0/],
    [
      'a fractional side',
      state(tensor({ size: [Buffer.concat([Buffer.from('G'), Buffer.from('4000000000000001', 'hex')]), op.int(1)] })),
      /whole numbers/,
    ],
    ['fewer strides than sides', state(tensor({ stride: [op.int(1)] })), /whole numbers/],
    ['a stride past 2^53', state(tensor({ stride: [op.long(2n ** 60n), op.int(1)] })), /whole numbers/],
    ['strides that step out', state(tensor({ stride: [big, op.int(1)] })), /reach past/],
    [
      'a bomb of stride 0',
      state(tensor({ size: [big, big], stride: [op.int(0), op.int(0)] })),
      /more elements than its storage/,
    ],
    [
      'a small bomb of stride 0',
      state(tensor({ size: [op.int(7), op.int(1)], stride: [op.int(0), op.int(0)] })),
      /contiguous\(\)/,
    ],
    [
      'elements that the entry does not have',
      state(tensor({ elements: op.int(7) })),
      /claims 7 elements of 4 bytes but has 24/,
    ],
    ['elements without end', state(tensor({ elements: op.long(2n ** 52n) })), /claims/],
    [
      'a wider type than the entry has bytes for',
      state(tensor({ type: 'DoubleStorage' })),
      /claims 6 elements of 8 bytes/,
    ],
    ['a type that is not known', state(tensor({ type: 'ComplexFloatStorage' })), /"torch.ComplexFloatStorage"/],
    ['a storage that is not there', state(tensor({ key: '9' })), /no storage "9"/],
    ['a storage outside', state(tensor({ key: '../../etc/passwd' })), /no storage "..\/..\/etc\/passwd"/],
    [
      '17 axes',
      state(
        tensor({
          size: Array.from({ length: 17 }, () => op.int(1)),
          stride: Array.from({ length: 17 }, () => op.int(1)),
        }),
      ),
      /whole numbers/,
    ],
  ];
  for (const [name, content, pattern] of cases) test(name, () => refuses(content, pattern));

  test('an axis of one element may have any stride', async () => {
    assert.deepEqual(
      await reads(state(tensor({ size: [op.int(1), op.int(6)], stride: [op.int(77), op.int(1)] })), (file) => [
        ...file.readFloat32('w'),
      ]),
      [1, 2, 3, 4, 5, 6],
    );
  });
  test('repeated elements within the size of the storage', async () => {
    assert.deepEqual(
      await reads(state(tensor({ size: [op.int(3), op.int(2)], stride: [op.int(0), op.int(1)] })), (file) => [
        ...file.readFloat32('w'),
      ]),
      [1, 2, 1, 2, 1, 2],
    );
  });
  test('no elements, whatever the strides', async () => {
    assert.equal(
      await reads(state(tensor({ size: [op.int(0), big], stride: [big, big] })), (file) => file.read('w').length),
      0,
    );
  });

  test('the byte order of the machine that wrote it', async () => {
    const swapped = Buffer.from(new Float32Array([1, 2, 3, 4, 5, 6]).buffer).swap32();
    const data = { name: 'archive/data/0', data: swapped };
    const order = (text: string): ZipEntry[] => [data, { name: 'archive/byteorder', data: Buffer.from(text) }];
    assert.deepEqual(
      await reads(state(tensor({ stride: [op.int(1), op.int(2)] }), order('big')), (file) => [
        ...file.readFloat32('w'),
      ]),
      [1, 3, 5, 2, 4, 6],
    );
    await refuses(state(tensor(), order('middle')), /"little" or "big" but found "middle"/);
  });
});

describe('zips that are no checkpoint', () => {
  const pickle = { name: 'a/data.pkl', data: Buffer.concat([op.proto(), op.dict(op.text('w'), tensor()), op.stop]) };
  const storage = { name: 'a/data/0', data: Buffer.alloc(24) };
  const cases: [name: string, entries: ZipEntry[], pattern: RegExp][] = [
    [
      'TorchScript',
      [pickle, storage, { name: 'a/code/__torch__.py', data: Buffer.alloc(1) }],
      /TorchScript program.*state_dict/,
    ],
    ['TorchScript, by its constants', [pickle, { name: 'a/constants.pkl', data: Buffer.alloc(1) }], /TorchScript/],
    ['two pickles', [pickle, { ...pickle, name: 'b/data.pkl' }], /2 data.pkl/],
    ['no pickle', [storage], /0 data.pkl/],
    ['a pickle further down', [{ ...pickle, name: 'a/b/data.pkl' }], /0 data.pkl/],
    [
      'a Keras archive',
      [
        { name: 'model.weights.h5', data: Buffer.alloc(1) },
        { name: 'config.json', data: Buffer.alloc(1) },
      ],
      /Keras archive/,
    ],
    ['a NumPy archive', [{ name: 'x.npy', data: Buffer.alloc(1) }], /NumPy/],
    ['one name twice', [pickle, storage, storage], /names "a\/data\/0" twice/],
    ['two names that differ in nothing but their bytes', [pickle, pickle], /twice/],
    ['a compressed pickle', [{ ...pickle, method: 8 }, storage], /"a\/data.pkl" is compressed/],
    ['a compressed storage', [pickle, { ...storage, method: 8 }], /"a\/data\/0" is compressed/],
    ['an encrypted storage', [pickle, { ...storage, encrypted: true }], /encrypted/],
    ['a size past the end', [pickle, { ...storage, claims: 100_000 }], /past the end|damaged|cut short/],
    ['a name that climbs', [pickle, storage, { name: '../../x', data: Buffer.alloc(1) }], /invalid relative path/],
  ];
  for (const [name, entries, pattern] of cases) test(name, () => refuses(zip(entries), pattern));

  test('an entry whose place is past the file', async () => {
    const content = zip([pickle, storage]);
    content.writeUInt32LE(0x7fffffff, content.length - 22 - 8 - 4); // local header's offset in the last directory record
    await refuses(content, /damaged|cut short/);
  });
  test('sizes and places in 64 bits are read, and checked as well', async () => {
    const entries = [pickle, storage].map((entry) => ({ ...entry, zip64: true }));
    assert.equal(await reads(zip(entries), (file) => file.read('w').length), 24);
    await refuses(zip([pickle, { ...storage, zip64: true, claims: 4_000_000_000 }]), /past the end|damaged|cut short/);
  });
  test('a directory that claims 2^64 entries by zip64', async () => {
    const content = zip([pickle, storage]);
    content.writeUInt16LE(0xffff, content.length - 22 + 10);
    await refuses(content, /damaged|cut short/);
  });
});
