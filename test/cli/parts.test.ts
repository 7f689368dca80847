import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { writeClasses } from '../data/helpers.js';
import { cli, exited, start, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
const data = join(folder, 'three');
const run = join(folder, 'run');
const small = [
  '-m',
  'resnet-14',
  '--width',
  '0.125',
  '--size',
  '16',
  '--recipe',
  'quick',
  '-e',
  '1',
  '-b',
  '8',
  '--threads',
  '1',
];
type Figures = Record<string, never> & { images: number; part: string; notes: string[]; ignoredEndings: object };
const figures = async (...args: string[]): Promise<Figures> => {
  const done = await cli('eval', ...args, '--json');
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout) as Figures;
};

before(async () => {
  const each = (part: string, n: number) => ({ [`${part}/a`]: n, [`${part}/b`]: n, [`${part}/c`]: n });
  await writeClasses(data, { ...each('train', 8), ...each('valid', 3), ...each('Test', 4) });
  writeFileSync(join(data, 'train', 'a', 'phone.heic'), 'x');
  const done = await cli('train', data, ...small, '--out', run);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /24 training, 9 validation and 12 test pictures \(measured once, at the end\)/);
  assert.match(done.stderr, /note: 1 file was passed over.*1 \.heic\. HEIC is not read here/);
  assert.match(done.stdout, /on 12 test pictures, which decided nothing \(\d+\.\d+ % on 9 validation pictures\)/);
  assert.doesNotMatch(done.stdout, /top-5/);
});

test('the report names the parts, and the test part is measured once', () => {
  const report = JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(report['parts'], { train: 24, val: 9, test: 12 });
  assert.deepEqual([report['selectedOn'], report['measured'], report['testImages']], ['val', 'test', 12]);
  assert.equal((report['validation'] as { images: number }).images, 9);
  assert.ok('top5' in report);
  const page = readFileSync(join(run, 'report.html'), 'utf8');
  assert.match(page, /12 test pictures[^]*measured once, at the end[^]*9 validation pictures/);
  assert.match(page, /1 \.heic/);
  assert.doesNotMatch(page, /Top-5/);
  const events = readFileSync(join(run, 'events.jsonl'), 'utf8').trim().split('\n');
  const [told] = events
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type === 'data');
  assert.deepEqual([told!['ignoredEndings'], told!['selectedOn']], [{ '.heic': 1 }, 'val']);
});

test('with an average, the weights as trained are measured on the validation pictures, and the report says so', async () => {
  const averaged = join(folder, 'averaged');
  const done = await cli('train', data, ...small, '--set', 'averaging=ema', '--out', averaged);
  assert.equal(done.status, 0, done.stderr);
  const report = JSON.parse(readFileSync(join(averaged, 'report.json'), 'utf8')) as Record<string, unknown>;
  const validation = report['validation'] as Record<string, number>;
  assert.deepEqual([report['weights'], report['measured'], validation['images']], ['ema', 'test', 9]);
  const epochs = readFileSync(join(averaged, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; raw?: { top1: number }; ema?: { top1: number } });
  const last = epochs.findLast(({ type }) => type === 'epoch')!;
  assert.deepEqual([validation['top1Raw'], validation['top1']], [last.raw!.top1, last.ema!.top1]);
});

test('eval measures the test part, a part, all of a folder, some classes', async () => {
  assert.deepEqual([(await figures(run)).images, (await figures(run)).part], [12, 'test']);
  assert.equal((await figures(run, '--split', 'val')).images, 9);
  const trained = await figures(run, join(data, 'train'));
  assert.deepEqual([trained.images, trained.ignoredEndings], [24, { '.heic': 1 }]);
  assert.match(trained.notes.join(), /24 of the 24 pictures were trained on/);
  const some = await writeClasses(join(folder, 'some'), { c: 5, a: 2, b: 0 });
  const found = await figures(run, some);
  assert.equal(found.images, 7);
  assert.match(found.notes.join(), /knows 3 classes; there are no pictures of b/);
  const page = join(folder, 'page.html');
  const text = await cli('eval', run, some, '--report', page);
  assert.match(text.stdout, /^top-1 \d+\.\d+ % \(95 % interval \d+\.\d % to \d+\.\d %\), loss/);
  assert.match(text.stdout, /\nclass +pictures +right +95 % interval +precision\n/);
  assert.match(readFileSync(page, 'utf8'), /Confusion[^]*How it was measured/);
  const strange = await writeClasses(join(folder, 'strange'), { a: 2, d: 2 });
  const refused = await cli('eval', run, strange);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /classes that the model knows \(a, b, c\) but .* has d, which it does not know/);
});

test('files added to the folder: the own test pictures are found again', async () => {
  const changed = join(folder, 'changed');
  cpSync(data, changed, { recursive: true });
  renameSync(data, `${data}-aside`);
  cpSync(changed, data, { recursive: true });
  await writeClasses(data, { 'Test/new-a': 0 });
  cpSync(join(data, 'train', 'a', '0.png'), join(data, 'train', 'a', 'more.png'));
  cpSync(join(data, 'train', 'a', '0.png'), join(data, 'Test', 'a', 'more.png'));
  rmSync(join(data, 'Test', 'b', '0.png'));
  const { images, notes } = await figures(run);
  assert.equal(images, 11);
  assert.match(
    notes.join(),
    /has changed since the training \(2 pictures more, 1 of its 12 test pictures is gone\): measured are the 11/,
  );
  rmSync(data, { recursive: true });
  renameSync(`${data}-aside`, data);
});

test('a run whose data has moved says how to go on, and goes on', async () => {
  const moved = join(folder, 'moved');
  const second = join(folder, 'second');
  cpSync(run, second, { recursive: true });
  renameSync(data, moved);
  const lost = await cli('train', '--resume', second);
  assert.equal(lost.status, 2);
  assert.match(
    lost.stderr,
    /there is nothing\. If it lies elsewhere now: rescaled train --resume .* --data FOLDER\.\n$/,
  );
  const other = await cli('train', '--resume', second, '--data', join(moved, 'train'));
  assert.equal(other.status, 1);
  assert.match(other.stderr, /has changed since or is another/);
  const done = await cli('train', '--resume', second, '--data', moved);
  assert.equal(done.status, 0, done.stderr);
  assert.equal(
    (JSON.parse(readFileSync(join(second, 'run.json'), 'utf8')) as { data: { path: string } }).data.path,
    moved,
  );
  renameSync(moved, data);
});

test('broken pictures are all named, and a refused run leaves nothing', async () => {
  const broken = await writeClasses(join(folder, 'broken'), { a: 10, b: 10 });
  writeFileSync(join(broken, 'a', 'x.png'), 'words');
  const png = readFileSync(join(broken, 'b', '0.png'));
  writeFileSync(join(broken, 'b', 'cut.png'), png.subarray(0, 60));
  const out = join(folder, 'never');
  for (const [more, pattern] of [
    [[], /2 of 22 pictures cannot be read, more than the allowed 1\.0 %/],
    [['--strict'], /2 pictures cannot be read, and the run is strict/],
  ] as const) {
    const done = await cli('train', broken, ...small, '--out', out, ...more);
    assert.equal(done.status, 1);
    assert.match(done.stderr, pattern);
    assert.match(done.stderr, /x\.png: it is a text file[^]*cut\.png: it is a PNG that is damaged/);
    assert.ok(!existsSync(out));
  }
});

test('two trainings at once never share a folder', async () => {
  const pair = await writeClasses(join(folder, 'pair'), { a: 20, b: 20 });
  const runs = join(folder, 'own');
  mkdirSync(runs);
  const out = join(runs, 'same');
  const codes = await Promise.all(
    ['1', '2'].map((seed) => {
      const child = start('train', pair, ...small, '--seed', seed, '--out', out);
      child.stdout!.resume();
      child.stderr!.resume();
      return exited(child);
    }),
  );
  assert.deepEqual([...codes].sort(), [0, 2]);
  assert.deepEqual(readdirSync(runs), ['same']);
});
