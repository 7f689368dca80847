import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { withCache } from '../../../src/data/cached.js';
import { checkData } from '../../../src/data/check/check.js';
import { openClips } from '../../../src/data/clips/dataset.js';
import { parseCsv } from '../../../src/data/clips/list.js';
import { whichVideo } from '../../../src/data/clips/which.js';
import { LABELS } from '../../../src/data/loading/labels.js';
import { BatchLoader } from '../../../src/data/loading/loader.js';
import { lookAt } from '../../../src/data/look.js';
import { pathsOf } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { animation, frameFolder, square } from '../video/helpers.js';

const root = temporaryFolder();
const SIDE = 16;
const data = join(root, 'moves');
for (const [part, count] of [
  ['train', 3],
  ['val', 2],
  ['test', 2],
] as const)
  for (let i = 0; i < count; i++) {
    await animation(join(data, part, 'right', `${i}.gif`), square(6, SIDE, 2, i), SIDE, 40);
    await frameFolder(join(data, part, 'left', `clip ${i}`), square(6, SIDE, -2, 12 - i), SIDE);
  }
writeTree(data, { 'train/right/notes.txt': 'words' });
await animation(join(data, 'train/right/alone.webp'), square(1, SIDE, 0), SIDE, 40);

const clip = { frames: 4, stride: 1, rule: 'garden' } as const;
const preprocess = preprocessOptions({ size: 8, evalCrop: 1, flip: 0.5, clip });

async function withCacheIn<T>(name: string, body: () => Promise<T>): Promise<T> {
  const before = process.env['RESCALED_CACHE'];
  process.env['RESCALED_CACHE'] = name === 'off' ? name : join(root, name);
  try {
    return await body();
  } finally {
    if (before === undefined) delete process.env['RESCALED_CACHE'];
    else process.env['RESCALED_CACHE'] = before;
  }
}

test('class folders: animations and folders of pictures are clips, in their parts', async () => {
  const dataset = await openClips(data);
  assert.deepEqual(dataset.classes, ['left', 'right']);
  assert.deepEqual([dataset.train!.length, dataset.val.length, dataset.test!.length], [7, 4, 4]);
  assert.deepEqual(
    pathsOf(dataset.train!)!.sort(),
    ['left/clip 0', 'left/clip 1', 'left/clip 2', 'right/0.gif', 'right/1.gif', 'right/2.gif', 'right/alone.webp'].map(
      (path) => `train/${path}`,
    ),
  );
  assert.deepEqual(dataset.ignoredEndings, { '.txt': 1 });
  const one = writeTree(join(root, 'loose'), { 'a/1.png': 'x', 'b/1.png': 'x' });
  await rejectsWith(
    openClips(one),
    2,
    /2 pictures or videos lie outside of a clip's place.*folders of numbered pictures/,
  );
  await rejectsWith(openClips(join(root, 'nowhere')), 2, /no folder|there is none/i);
});

test('lists: labels, columns by name, start and end; a wrong line is named', async () => {
  assert.deepEqual(parseCsv('a,"b ""c"", d"\n\n"e\nf",g\r\n'), [
    { cells: ['a', 'b "c", d'], line: 1 },
    { cells: ['e\nf', 'g'], line: 3 },
  ]);
  writeTree(data, {
    'lists/train.csv':
      'label,path,start\n10,../train/right/0.gif,0.1\n2,../train/left/clip 0,\n2,../train/left/clip 1\n',
    'lists/val.csv': '../val/right/0.gif,10\n../val/right/gone.gif,2\n',
    'wrong.csv': 'a.gif,1\nb.gif\n',
    'away.csv': 'https://example.org/a.mp4,1\n',
  });
  const dataset = await openClips(join(data, 'lists'));
  assert.deepEqual(dataset.classes, ['2', '10']);
  assert.deepEqual([...dataset.train!.labels], [1, 0, 0]);
  const { pixels } = await dataset.train!.examine!(0, { targetSize: 8 });
  assert.equal(new DataView(pixels.data.buffer).getUint32(4, true), 3);
  await rejectsWith(openClips(join(data, 'wrong.csv')), 2, /line 2 of .*wrong\.csv but received "b\.gif"/);
  await rejectsWith(openClips(join(data, 'away.csv')), 2, /address https:\/\/example\.org/);
});

test('decoded once, the broken named, and batches the same with and without the cache, whatever the workers', async () => {
  const broken = join(data, 'train/right/broken.gif');
  writeFileSync(broken, readFileSync(join(data, 'train/right/0.gif')).subarray(0, 200));
  const batchesOf = async (source: Parameters<typeof batches>[0], workers: number) => batches(source, workers);
  async function batches(source: NonNullable<Awaited<ReturnType<typeof openClips>>['train']>, workers: number) {
    const common = { source, targets: LABELS, preprocess, seed: 5, workers };
    const made = [];
    for (const mode of ['train', 'eval'] as const) {
      const loader = new BatchLoader({ ...common, mode, batch: 3 });
      for (const epoch of mode === 'train' ? [0, 1] : [0])
        for await (const { images, indices, n, targets } of loader.batches(epoch))
          made.push({
            images: Buffer.from(images).toString('base64'),
            indices: [...indices],
            n,
            labels: [...targets.labels],
          });
      assert.deepEqual([...loader.broken.values()].length, 1);
      await loader.close();
    }
    return made;
  }
  const dataset = await openClips(data);
  const plain = await withCacheIn('off', () => batchesOf(dataset.train!, 0));
  const [first] = plain;
  assert.equal(Buffer.from(first!.images, 'base64').length, first!.n * 4 * 8 * 8 * 3);
  await withCacheIn('cache', async () => {
    const looking = lookAt(dataset, 8, {});
    let turn = await looking.next();
    while (turn.done !== true) turn = await looking.next();
    assert.deepEqual([...turn.value.keys()], [broken]);
    assert.match(turn.value.get(broken)!, /cut off/);
    const again = withCache(dataset, 8);
    const { done, value } = await again.next();
    assert.equal(done, true, 'something was decoded again');
    const cached = value as typeof dataset;
    // Ready without a decoder, the test part too.
    for (const source of [cached.train!, cached.val, cached.test!])
      for (let i = 0; i < source.length; i++)
        assert.equal(source.ready(i, 8) === undefined, source.describe(i) === broken, source.describe(i));
    // Nor is the broken one tried again.
    const at = Array.from({ length: cached.train!.length }, (_, i) => i).filter((i) => cached.train!.unreadable!(i));
    assert.deepEqual(
      at.map((i) => cached.train!.describe(i)),
      [broken],
    );
    assert.equal(cached.train!.ready(0, 16), undefined);
    assert.deepEqual(await batchesOf(cached.train!, 2), plain);
  });
});

test('a check finds the broken and the copies of a list', async () => {
  copyFileSync(join(data, 'train/right/1.gif'), join(data, 'copy.gif'));
  writeTree(data, { 'all.csv': 'train/right/0.gif,1\ntrain/right/1.gif,1\ncopy.gif,2\ntrain/right/gone.gif,2\n' });
  await withCacheIn('checked', async () => {
    const checking = checkData(join(data, 'all.csv'));
    let turn = await checking.next();
    while (turn.done !== true) turn = await checking.next();
    const { broken, groups, pictures } = turn.value;
    assert.equal(pictures, 4);
    assert.deepEqual(
      broken.map(({ path, reason }) => [path, reason]),
      [['train/right/gone.gif', 'no such file']],
    );
    assert.deepEqual(
      groups.map((group) => [group.kinds, group.pictures.map(({ path }) => path).sort()]),
      [
        [
          ['conflicts', 'duplicates'],
          ['copy.gif', 'train/right/1.gif'],
        ],
      ],
    );
  });
});

test('stopped on the way, decoding goes on where it was', async () => {
  const dataset = await openClips(data);
  await withCacheIn('stopped', async () => {
    const readyIn = ({ train, val, test: tested }: typeof dataset): number =>
      [train!, val, tested!].reduce(
        (sum, source) =>
          sum +
          Array.from({ length: source.length }, (_, i) => i).filter((i) => source.ready(i, 8) !== undefined).length,
        0,
      );
    const run = async (signal?: AbortSignal): Promise<typeof dataset> => {
      const decoding = withCache(dataset, 8, signal);
      let turn = await decoding.next();
      while (turn.done !== true) turn = await decoding.next();
      return turn.value;
    };
    // Asked to stop after the first clip: what is decoded by then is kept.
    const stop = new AbortController();
    const examine = dataset.train!.examine!;
    let decoded = 0;
    Object.assign(dataset.train!, {
      examine: (...given: Parameters<typeof examine>) => {
        if (++decoded > 8) stop.abort();
        return examine(...given);
      },
    });
    const kept = readyIn(await run(stop.signal));
    assert.ok(kept > 0 && kept < 15, `${kept} of 15`);
    assert.equal(readyIn(await run()), 15);
  });
});

test('videos are told by their files and by animations that have frames, pictures beside them by their number', async () => {
  const of = (name: string, files: Record<string, string>): Promise<string | undefined> =>
    whichVideo(writeTree(join(root, 'told', name), files));
  assert.equal(await of('videos', { 'train/a/1.mp4': '', 'train/a/1.jpg': '' }), 'train/a/1.mp4 is a video file');
  assert.equal(await of('stray', { 'a/1.mp4': '', 'a/1.jpg': '', 'b/2.jpg': '' }), undefined);
  assert.match((await of('list', { 'train.csv': 'path,label\n"x/1.mp4",a\n' }))!, /train\.csv is a list of videos$/);
  assert.equal(await of('table', { 'train.csv': 'id,label\n17,a\n' }), undefined);
  assert.match((await whichVideo(join(data, 'all.csv')))!, /is a list$/);
  // Frames in folders could be pictures; so could animations beside them.
  assert.equal(await whichVideo(data), undefined);
  const moving = join(root, 'told', 'moving');
  for (const name of ['a', 'b']) await animation(join(moving, name, '1.gif'), square(6, SIDE, 2), SIDE, 40);
  assert.equal(await whichVideo(moving), 'a/1.gif has 6 frames');
  await animation(join(moving, 'c/1.webp'), square(1, SIDE, 2), SIDE, 40);
  assert.equal(await whichVideo(moving), undefined);
});

test('a check sees clips where it is told to, as a training does', async () => {
  await withCacheIn('told', async () => {
    const turns = checkData(data, { task: 'video' });
    let turn = await turns.next();
    while (turn.done !== true) turn = await turns.next();
    const { train, val, test } = await openClips(data);
    assert.deepEqual(
      [turn.value.kind, turn.value.task, turn.value.pictures],
      ['clips', 'video', train!.length + val.length + test!.length],
    );
    await rejectsWith(checkData(data, { task: 'detect' as 'video' }).next(), 2, /Expected classify or video/);
  });
});
