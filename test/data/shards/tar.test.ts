import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readSamples, type Sample } from '../../../src/data/shards/samples.js';
import { BrokenShard, readTar, type ShardBytes, TAR_LIMITS } from '../../../src/data/shards/tar.js';
import { tarHeader } from '../../../src/data/shards/tar-writer.js';
import { packageRoot } from '../../../src/package-root.js';

interface Fixture {
  good: Record<string, { tar: string; files: { name: string; offset: number; size: number; sha256: string }[] }>;
  bad: Record<string, string>;
}

const fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/shards.json'), 'utf8')) as Fixture;
const unpacked = (text: string): Buffer => gunzipSync(Buffer.from(text, 'base64'));

/** Bytes in memory, read as few at a time as a test asks for. */
function bytesOf(content: Buffer, window = 512): ShardBytes {
  return {
    name: 'x.tar',
    size: content.length,
    window,
    read: async (offset, length) => {
      assert.ok(offset + length <= content.length, `bytes up to ${offset + length} asked of ${content.length}`);
      return content.subarray(offset, offset + length);
    },
  };
}

const entry = (name: string, content: string | Buffer): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([tarHeader(name, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
};
const archive = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, Buffer.alloc(1024)]);

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

const samplesOf = (content: Buffer, ignored: Record<string, number> = {}): Promise<Sample[]> =>
  collect(readSamples(bytesOf(content), ignored));

for (const [name, { tar, files }] of Object.entries(fixture.good))
  test(`${name}: files lie where Python's tarfile finds them`, async () => {
    const content = unpacked(tar);
    for (const window of [512, 1 << 16]) {
      const found = [];
      for await (const one of readTar(bytesOf(content, window))) {
        const sha256 = createHash('sha256')
          .update(await one.read())
          .digest('hex');
        found.push({ name: one.name, offset: one.offset, size: one.size, sha256 });
      }
      // tarfile leaves "./" where tar wrote it.
      assert.deepEqual(
        found,
        files.map((file) => ({ ...file, name: file.name.replace(/^\.\//, '') })),
      );
    }
  });

const REASONS: Readonly<Record<string, RegExp>> = {
  'symbolic link': /byte 1024 is a symbolic link \("000001.jpg"\); shards hold regular files alone/,
  'hard link': /is a hard link/,
  'long link': /is a link with a long name/,
  'pax link': /is a symbolic link/,
  'character device': /is a character device/,
  pipe: /is a pipe/,
  'out of the archive': /leads out of the archive: "\.\.\/000001.jpg"/,
  'out of the archive, long': /leads out of the archive/,
  absolute: /absolute name: "\/etc\/000001.jpg"/,
  'absolute, Windows': /absolute name/,
  'control characters': /name with control characters: "0000\\u001b/,
  'NUL in a pax name': /NUL character/,
  'sparse, gnu': /is a sparse file/,
  'sparse, pax': /is a sparse file/,
  'pax bomb': /extended header of 10000\d\d bytes; at most 65536/,
  'pax size': /cut off: the entry at byte \d+ does not end within/,
  'pax size, no number': /impossible size "-7"/,
  'pax path for all': /header for all entries that sets their path/,
  'name too long': /name of 2004 bytes; at most 1024/,
  'not UTF-8': /name that is not UTF-8|checksum/,
  'joined as plain files': /goes on behind its end mark at byte 1024/,
};

test('what is not plain is refused, each in its words', async (t) => {
  assert.deepEqual(Object.keys(fixture.bad).sort(), Object.keys(REASONS).sort());
  for (const [name, tar] of Object.entries(fixture.bad))
    await t.test(name, () =>
      assert.rejects(collect(readTar(bytesOf(unpacked(tar)))), (error: unknown) => {
        assert.ok(error instanceof BrokenShard);
        assert.match(error.message, /^Cannot read the shard x\.tar: /);
        assert.match(error.message, REASONS[name]!);
        assert.doesNotMatch(error.message, /[\0-\x1f]/);
        return true;
      }),
    );
});

test('an archive that is cut off anywhere is refused', async () => {
  const whole = archive(entry('0.jpg', 'x'.repeat(700)), entry('0.cls', '1'));
  assert.equal((await samplesOf(whole)).length, 1);
  for (let length = 0; length < whole.length; length += 256)
    await assert.rejects(samplesOf(whole.subarray(0, length)), /is cut off|is empty \(0 bytes\)/, `${length} bytes`);
});

test('a damaged header, and what is no archive, are told apart', async () => {
  const damaged = archive(entry('0.jpg', 'x'), entry('1.jpg', 'y'));
  damaged[1024 + 5]! ^= 1;
  await assert.rejects(samplesOf(damaged), /the entry at byte 1024 has a checksum that does not fit: it is damaged/);
  await assert.rejects(samplesOf(Buffer.alloc(2048, 'GIF8')), /it is no tar archive/);
  const packed = Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(2048, 7)]);
  await assert.rejects(samplesOf(packed), /it is packed with gzip; expected a plain tar. Unpack it with "gunzip"/);
  assert.deepEqual(await samplesOf(Buffer.alloc(2048)), [], 'an archive without entries');
  const hidden = entry('0.jpg', 'x');
  hidden.write('.exe', 50);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : hidden[i]!;
  hidden.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  await assert.rejects(samplesOf(archive(hidden)), /name with a NUL character in it/);
});

test('limits on entries and names hold', async () => {
  const many = archive(...Array.from({ length: 5 }, (_, i) => entry(`${i}.jpg`, 'x')));
  await assert.rejects(collect(readTar(bytesOf(many), { ...TAR_LIMITS, entries: 4 })), /more than 4 entries/);
  assert.equal((await collect(readTar(bytesOf(many), { ...TAR_LIMITS, entries: 5 }))).length, 5);
});

test('a header says that it is 8 GiB, and the file is not', async () => {
  const large = entry('0.jpg', 'x');
  large.write('\x80\0\0\0\0\0\0\x02\0\0\0\0', 124, 'latin1');
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : large[i]!;
  large.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  await assert.rejects(samplesOf(archive(large)), /is cut off/);
});

test('samples: the picture, and its class from .cls or .json', async () => {
  const ignored: Record<string, number> = {};
  const tar = archive(
    entry('a/0.cls', ' 7 \n'),
    entry('a/0.JPG', 'x'),
    entry('a/0.json', '{"label": 3}'),
    entry('b.png', 'y'),
    entry('b.txt', 'a caption'),
    entry('c.json', '{"class": "cat", "path": "x"}'),
    entry('c.webp', 'z'),
    entry('d.left.jpg', 'z'),
    entry('d.mask.png', 'z'),
    entry('d.jpg', 'picture'),
    entry('d.cls', 'dog'),
    entry('e.json', '{"cls": "12"}'),
    entry('e.tar.jpg', 'only one'),
    entry('._f.jpg', 'of macOS'),
    entry('g.cls', '1'),
    entry('README', 'none'),
  );
  const found = (await samplesOf(tar, ignored)).map(({ name, size, label }) => [name, size, label]);
  assert.deepEqual(found, [
    ['a/0.JPG', 1, 7],
    ['b.png', 1, undefined],
    ['c.webp', 1, 'cat'],
    ['d.jpg', 7, 'dog'],
    ['e.tar.jpg', 8, 12],
  ]);
  assert.deepEqual(ignored, { '.txt': 1, '.jpg': 2, '.png': 1, '.cls': 1, '': 1 });
});

test('samples that two readers might understand differently are refused', async () => {
  const cases: [RegExp, Buffer[]][] = [
    [
      /the key "0" comes twice, at byte 2048 and before/,
      [entry('0.jpg', 'x'), entry('1.jpg', 'x'), entry('0.cls', '1')],
    ],
    [/"0.jpg" is there twice/, [entry('0.jpg', 'x'), entry('0.jpg', 'y')]],
    [/"0.cls" is there twice/, [entry('0.cls', '1'), entry('0.jpg', 'x'), entry('0.cls', '2')]],
    [/the sample "0" has 2 pictures \(\.jpg, \.png\)/, [entry('0.jpg', 'x'), entry('0.png', 'y')]],
    [/the sample "0" has 2 pictures \(\.a\.jpg, \.b\.jpg\)/, [entry('0.a.jpg', 'x'), entry('0.b.jpg', 'y')]],
    [/"0.json" is no JSON/, [entry('0.jpg', 'x'), entry('0.json', '{')]],
    [/the label \[1\]; expected a class number or name/, [entry('0.jpg', 'x'), entry('0.json', '{"label": [1]}')]],
    [/the label -1; expected/, [entry('0.jpg', 'x'), entry('0.json', '{"label": -1}')]],
    [/"0.cls" is empty/, [entry('0.jpg', 'x'), entry('0.cls', ' \n')]],
    [/"0.cls" is not UTF-8/, [entry('0.jpg', 'x'), entry('0.cls', Buffer.from([0xff, 0xfe]))]],
    [/"0.json" is not UTF-8/, [entry('0.jpg', 'x'), entry('0.json', Buffer.from('{"cls": "caf\xe9"}', 'latin1'))]],
    [/"0.cls" has 5000 bytes/, [entry('0.jpg', 'x'), entry('0.cls', '1'.repeat(5000))]],
  ];
  for (const [reason, entries] of cases) await assert.rejects(samplesOf(archive(...entries)), reason);
});
