import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import type { Checked, CheckedGroup } from '../../../src/checked.js';
import { checkData } from '../../../src/data/check/check.js';
import { packageRoot } from '../../../src/package-root.js';
import { idxBytes, rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { scene } from './scenes.js';

async function check(data: string): Promise<Checked> {
  const checking = checkData(data);
  for (let turn = await checking.next(); ; turn = await checking.next()) if (turn.done === true) return turn.value;
}

/** Scenes in a training, a validation and a test part of two classes. */
async function scenes(folder: string, each = 4): Promise<string> {
  let seed = 1;
  for (const part of ['train', 'val', 'test'])
    for (const name of ['cat', 'dog'])
      for (let i = 0; i < each; i++) writeTree(folder, { [`${part}/${name}/${i}.jpg`]: await scene(seed++) });
  return folder;
}

const groupOf = ({ groups }: Checked, path: string): CheckedGroup | undefined =>
  groups.find(({ pictures }) => pictures.some((one) => one.path === path));
const pathsOf = (group: CheckedGroup | undefined): string[] => group?.pictures.map(({ path }) => path) ?? [];

test('nothing is found of different pictures but that they are few', async () => {
  const checked = await check(await scenes(temporaryFolder()));
  assert.deepEqual(
    Object.entries(checked.found).filter(([, n]) => n > 0),
    [['few', 3]],
  );
  assert.deepEqual(checked.parts, [
    { part: 'train', pictures: 8, byClass: [4, 4] },
    { part: 'val', pictures: 8, byClass: [4, 4] },
    { part: 'test', pictures: 8, byClass: [4, 4] },
  ]);
  assert.deepEqual(checked.measured, {
    part: 'test',
    pictures: 8,
    split: false,
    fewOf: [
      { class: 'cat', pictures: 4 },
      { class: 'dog', pictures: 4 },
    ],
  });
  assert.equal(checked.exactOnly, 0);
});

test('copies are found: the same file, the same pixels, and each change of a picture', async () => {
  const folder = await scenes(temporaryFolder(), 6);
  const train = (name: string): string => join(folder, 'train', 'cat', name);
  const cut = { left: 0, top: 5, width: 190, height: 152 };
  copyFileSync(train('0.jpg'), train('copy.jpg'));
  await sharp(train('1.jpg')).png().toFile(train('png.png'));
  const changes = {
    're-encoded': await sharp(train('2.jpg')).jpeg({ quality: 50 }).toBuffer(),
    rescaled: await sharp(train('3.jpg')).resize(120).toBuffer(),
    cropped: await sharp(train('4.jpg')).extract(cut).toBuffer(),
    mirrored: await sharp(train('5.jpg')).flop().toBuffer(),
  };
  for (const [name, bytes] of Object.entries(changes)) writeFileSync(train(`${name}.jpg`), bytes);
  const checked = await check(folder);
  const found = (name: string) => {
    const { match, mirrored, kinds, pictures } = groupOf(checked, `train/cat/${name}`)!;
    return [match, mirrored, kinds.join(), pictures.map(({ path }) => path.replace('train/cat/', '')).join()];
  };
  assert.deepEqual(found('copy.jpg'), ['file', false, 'duplicates', '0.jpg,copy.jpg']);
  assert.deepEqual(found('png.png'), ['pixels', false, 'duplicates', '1.jpg,png.png']);
  assert.deepEqual(found('re-encoded.jpg'), ['near', false, 'near-duplicates', '2.jpg,re-encoded.jpg']);
  assert.deepEqual(found('rescaled.jpg'), ['near', false, 'near-duplicates', '3.jpg,rescaled.jpg']);
  assert.deepEqual(found('cropped.jpg'), ['near', false, 'near-duplicates', '4.jpg,cropped.jpg']);
  assert.deepEqual(found('mirrored.jpg'), ['near', true, 'near-duplicates', '5.jpg,mirrored.jpg']);
  assert.equal(checked.groups.length, 6);
  assert.deepEqual([checked.found.duplicates, checked.found['near-duplicates']], [2, 4]);
});

test('a picture in two parts is a leak, under two classes a conflict, and both at once both', async () => {
  const folder = await scenes(temporaryFolder());
  const at = (path: string): string => join(folder, path);
  copyFileSync(at('train/cat/0.jpg'), at('test/cat/leak.jpg'));
  writeFileSync(at('val/cat/leak.jpg'), await sharp(at('train/cat/1.jpg')).jpeg({ quality: 60 }).toBuffer());
  copyFileSync(at('train/cat/2.jpg'), at('train/dog/conflict.jpg'));
  copyFileSync(at('train/dog/0.jpg'), at('test/cat/both.jpg'));
  const checked = await check(folder);
  assert.deepEqual(
    checked.groups.map((group) => [group.kinds.join(' '), group.match, pathsOf(group).join(' ')]),
    [
      ['leaks conflicts duplicates', 'file', 'test/cat/both.jpg train/dog/0.jpg'],
      ['leaks duplicates', 'file', 'test/cat/leak.jpg train/cat/0.jpg'],
      ['leaks near-duplicates', 'near', 'val/cat/leak.jpg train/cat/1.jpg'],
      ['conflicts duplicates', 'file', 'train/cat/2.jpg train/dog/conflict.jpg'],
    ],
  );
  const { leaks, conflicts, duplicates } = checked.found;
  assert.deepEqual([leaks, conflicts, duplicates], [3, 2, 3]);
});

test('broken pictures are told with the reason that train gives, and files that are passed over by ending', async () => {
  const folder = await scenes(temporaryFolder());
  const whole = readFileSync(join(folder, 'train/cat/0.jpg'));
  writeTree(folder, {
    'train/cat/cut.jpg': whole.subarray(0, whole.length >> 1),
    'train/dog/empty.jpg': '',
    'train/dog/page.png': '<!doctype html><title>404</title>',
    'train/dog/notes.txt': 'x',
    'train/dog/phone.heic': 'x',
  });
  const { broken, ignored, found } = await check(folder);
  assert.deepEqual(
    broken.map(({ path, part, class: name }) => [path, part, name]),
    [
      ['train/cat/cut.jpg', 'train', 'cat'],
      ['train/dog/empty.jpg', 'train', 'dog'],
      ['train/dog/page.png', 'train', 'dog'],
    ],
  );
  assert.match(broken[0]!.reason, /a JPEG that is damaged, cut off/);
  assert.equal(broken[1]!.reason, 'the file is empty (0 bytes)');
  assert.match(broken[2]!.reason, /web page \(HTML\), not a picture/);
  assert.deepEqual(ignored, { '.txt': 1, '.heic': 1 });
  assert.deepEqual([found.broken, found.ignored], [3, 2]);
});

test('folders: alike names, loose pictures, nested classes, what systems leave, single pictures', async () => {
  const folder = await scenes(temporaryFolder());
  const picture = readFileSync(join(folder, 'train/cat/0.jpg'));
  writeTree(folder, {
    'train/Cat /1.jpg': await scene(90),
    'train/loose.jpg': picture,
    'train/dog/cat/1.jpg': await scene(91),
    'train/dog/@eaDir/1.jpg': await scene(92),
  });
  const { folders, absent, ignored } = await check(folder);
  assert.deepEqual(folders, [
    { trap: 'loose', text: '1 picture lies directly in train/ and in no class (loose.jpg): not used' },
    { trap: 'single', text: 'the class folder train/Cat / holds one picture alone' },
    {
      trap: 'alike',
      text: '"Cat " and "cat" are different classes, but their names differ by case, spaces or punctuation alone',
    },
    { trap: 'system', text: '1 picture of train/dog/ lies in @eaDir/, which a system or program left' },
    { trap: 'nested', text: '1 picture in train/dog/cat/ counts as "dog", not as "cat"' },
  ]);
  assert.deepEqual(absent, [
    { class: 'Cat ', part: 'val' },
    { class: 'Cat ', part: 'test' },
  ]);
  assert.deepEqual(ignored, {}, 'loose pictures are told of once');
});

test('what train refuses is checked all the same, with its words', async () => {
  const folder = await scenes(temporaryFolder());
  writeTree(folder, { 'test/bird/0.jpg': readFileSync(join(folder, 'train/cat/0.jpg')) });
  mkdirSync(join(folder, 'train', 'empty'));
  const checked = await check(folder);
  assert.equal(checked.folders[0]!.trap, 'refused');
  assert.match(checked.folders[0]!.text, /Expected pictures in every class folder of .*train but "empty" has none/);
  assert.ok(checked.folders.some(({ trap, text }) => trap === 'empty' && /train\/empty\//.test(text)));
  assert.deepEqual(checked.classes, ['cat', 'dog', 'bird']);
  assert.deepEqual(checked.groups[0]!.kinds, ['leaks', 'conflicts', 'duplicates']);
  assert.ok(checked.absent.some((one) => one.class === 'bird' && one.part === 'train'));
});

test('one folder of classes: copies within, nothing of parts; balance and odd pictures', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 20; i++) writeTree(folder, { [`many/${i}.jpg`]: await scene(200 + i) });
  for (let i = 0; i < 2; i++) writeTree(folder, { [`few/${i}.jpg`]: await scene(300 + i) });
  const colour = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: '#456' } });
  writeTree(folder, {
    'many/copy.jpg': readFileSync(join(folder, 'many/0.jpg')),
    'many/plain.jpg': await colour(100, 90).jpeg().toBuffer(),
    'many/long.jpg': await scene(400, 400, 60),
    'many/tiny.png': await sharp(await scene(401))
      .resize(9, 9)
      .png()
      .toBuffer(),
  });
  const checked = await check(folder);
  assert.deepEqual(checked.parts, [{ part: 'all', pictures: 26, byClass: [2, 24] }]);
  assert.deepEqual(checked.balance, {
    part: 'all',
    largest: { class: 'many', pictures: 24 },
    smallest: { class: 'few', pictures: 2 },
  });
  assert.deepEqual(
    checked.odd.map(({ path, odd, width, height }) => [path, odd, width, height]),
    [
      ['many/long.jpg', 'long', 400, 60],
      ['many/plain.jpg', 'plain', 100, 90],
      ['many/tiny.png', 'small', 9, 9],
    ],
  );
  const { imbalance, leaks, duplicates } = checked.found;
  assert.deepEqual([imbalance, leaks, duplicates, checked.exactOnly], [1, 0, 1, 1]);
  assert.equal(checked.measured!.split, true);
});

test('IDX files: copies and conflicts by pixels', async () => {
  const folder = temporaryFolder();
  const pixels = Uint8Array.from({ length: 5 * 16 }, (_, i) => (i * 37) % 251);
  pixels.copyWithin(4 * 16, 0, 16); // picture 4 is picture 0
  const test = pixels.slice(16, 48); // pictures 1 and 2
  writeTree(folder, {
    'train-images-idx3-ubyte': idxBytes([5, 4, 4], pixels),
    'train-labels-idx1-ubyte': idxBytes([5], Uint8Array.from([0, 1, 0, 1, 1])),
    't10k-images-idx3-ubyte': idxBytes([2, 4, 4], test),
    't10k-labels-idx1-ubyte': idxBytes([2], Uint8Array.from([1, 1])),
  });
  const checked = await check(folder);
  assert.deepEqual(
    checked.groups.map((group) => [group.kinds.join(' '), group.match, pathsOf(group).join(' ')]),
    [
      ['leaks conflicts duplicates', 'pixels', 't10k-images-idx3-ubyte#1 train-images-idx3-ubyte#2'],
      ['leaks duplicates', 'pixels', 't10k-images-idx3-ubyte#0 train-images-idx3-ubyte#1'],
      ['conflicts duplicates', 'pixels', 'train-images-idx3-ubyte#0 train-images-idx3-ubyte#4'],
    ],
  );
  assert.equal(checked.exactOnly, 7);
});

test('look-alikes are no copies: other views of a thing, its colour, blood smears', async () => {
  const folder = temporaryFolder();
  const base = await scene(500);
  writeTree(folder, {
    'a/base.jpg': base,
    // Moved within its frame by a fifth, and in other colours.
    'a/moved.jpg': await sharp(base).extract({ left: 40, top: 0, width: 160, height: 160 }).toBuffer(),
    'a/other.jpg': await sharp(base)
      .recomb([
        [0, 0, 1],
        [0, 1, 0],
        [1, 0, 0],
      ])
      .toBuffer(),
    'b/x.jpg': await scene(501),
    'b/y.jpg': await scene(502),
  });
  // Microscope pictures, all alike to the eye.
  const cells = join(packageRoot, 'test', 'fixtures', 'bccd');
  const smears = readdirSync(cells, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.png'));
  mkdirSync(join(folder, 'b'), { recursive: true });
  for (const [i, name] of smears.entries()) symlinkSync(join(cells, name), join(folder, 'b', `smear-${i}.png`));
  const { groups } = await check(folder);
  assert.deepEqual(groups.map(pathsOf), []);
});

test('wrong paths are refused with the words of train', async () => {
  const folder = temporaryFolder();
  await rejectsWith(check(join(folder, 'none')), 2, /Expected a folder at .*none but there is none/);
  writeTree(folder, { '1.jpg': await scene(1) });
  await rejectsWith(check(folder), 2, /1 picture lies directly in/);
});

test('an aborted signal is thrown', async () => {
  const stop = new AbortController();
  stop.abort();
  const checking = checkData(await scenes(temporaryFolder()), { signal: stop.signal });
  await assert.rejects(
    async () => {
      for await (const _ of checking);
    },
    { name: 'AbortError' },
  );
});
