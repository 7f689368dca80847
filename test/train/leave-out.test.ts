import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { leakText, shareWithout } from '../../src/report/run/leaks.js';
import { wilson } from '../../src/report/statistics.js';
import { loadConfig } from '../../src/run/config.js';
import type { TrainEvent } from '../../src/run/events.js';
import { loadCopies, loadPictures } from '../../src/run/pictures.js';
import { METRICS } from '../../src/tasks/classify/metrics.js';
import { openRunData, resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { finishRun } from '../../src/trained/finish.js';
import { Run } from '../../src/trained/run.js';
import { scene } from '../data/check/scenes.js';
import { temporaryFolder, writeTree } from '../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = join(root, 'cache');

/** 12 training pictures, one of which is in the test part and one nearly in the validation part, one twice, one under two classes. */
async function pictures(folder: string): Promise<string> {
  let seed = 1;
  const some = async (part: string, each: number): Promise<void> => {
    for (const name of ['cat', 'dog'])
      for (let i = 0; i < each; i++) writeTree(folder, { [`${part}/${name}/${i}.jpg`]: await scene(seed++) });
  };
  await some('train', 6);
  await some('val', 4);
  await some('test', 4);
  const read = (path: string): Buffer => readFileSync(join(folder, path));
  writeTree(folder, {
    'train/cat/leaked.jpg': read('test/cat/0.jpg'),
    'train/dog/near.jpg': await sharp(read('val/dog/1.jpg')).resize(150).flop().jpeg({ quality: 80 }).toBuffer(),
    'train/dog/twice.jpg': read('train/dog/3.jpg'),
    'train/cat/wrong.jpg': read('train/dog/5.jpg'),
  });
  return folder;
}

const data = await pictures(join(root, 'pictures'));
const options = (out: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  data,
  model: 'resnet-rs-14',
  width: 0.125,
  recipe: 'quick',
  size: 32,
  threads: 1,
  workers: 1,
  settings: { epochs: 2, batch: 4 },
  out: join(root, out),
  ...more,
});

async function told(
  events: AsyncGenerator<TrainEvent>,
  stop?: { after: number; abort: AbortController },
): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of events) {
    if (event.type === 'advice') texts.push(event.text);
    if (event.type === 'step' && event.step === stop?.after) stop.abort.abort();
  }
  return texts.filter((text) => /leave-out|left out/.test(text));
}

test('a training names pictures to measure on that stand in it too, and its report says what they make of the figure', async () => {
  const run = join(root, 'named');
  const [text, ...more] = await told(train(options('named')));
  assert.deepEqual(more, []);
  assert.match(
    text!,
    /^1 of 8 validation pictures \(nearly the same\) and 1 of 8 test pictures also stand in training/,
  );
  assert.match(text!, /test\/cat\/0\.jpg = train\/cat\/leaked\.jpg \(the same file\)/);
  assert.match(text!, /--leave-out leaks/);
  assert.equal(loadConfig(run).trainImages, 16);
  assert.equal(loadConfig(run).leftOut, undefined);
  assert.deepEqual(loadCopies(run), {
    val: [{ path: 'val/dog/1.jpg', match: 'near' }],
    test: [{ path: 'test/cat/0.jpg', match: 'file' }],
  });
  const { leaked, scores } = await finishRun(run, () => undefined);
  assert.equal(leaked!.exact, 1);
  assert.equal(leaked!.near, 0);
  const { without } = leaked!;
  assert.equal(without!.images, 7);
  const right = Math.round(8 * scores['top1']!);
  assert.ok([right, right - 1].includes(Math.round(7 * without!.score)));
  assert.match(
    readFileSync(join(run, 'report.html'), 'utf8'),
    /1 of 8 test pictures also stands in training \(exactly\): top-1 without it is/,
  );
  assert.deepEqual(JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')).leaked, leaked);
});

test('what is left out is told, kept in the run and left out by a resume too', async () => {
  const leaveOut = ['duplicates', 'leaks', 'conflicts'];
  const texts = await told(train(options('whole', { leaveOut })));
  assert.deepEqual(
    texts.map((text) => /^\d+ training pictures? left out \(--leave-out [a-z-]+\)/.exec(text)?.[0]),
    [
      '2 training pictures left out (--leave-out leaks)',
      '2 training pictures left out (--leave-out conflicts)',
      '1 training picture left out (--leave-out duplicates)',
    ],
  );
  const config = loadConfig(join(root, 'whole'));
  assert.deepEqual(config.leftOut, {
    leaks: ['train/cat/leaked.jpg', 'train/dog/near.jpg'],
    conflicts: ['train/cat/wrong.jpg', 'train/dog/5.jpg'],
    duplicates: ['train/dog/twice.jpg'],
  });
  assert.equal(config.trainImages, 11);
  const gone = new Set(Object.values(config.leftOut!).flat());
  const trained = loadPictures(join(root, 'whole'))!.train;
  assert.equal(trained.length, 11);
  assert.ok(trained.every((path) => !gone.has(path)));
  assert.equal((await openRunData(config)).train!.length, 11);
  assert.deepEqual(loadCopies(join(root, 'whole')), { val: [], test: [] });

  const abort = new AbortController();
  await told(train(options('stopped', { leaveOut }), { signal: abort.signal }), { after: 2, abort });
  await told(resumeTraining(join(root, 'stopped')));
  const weights = (run: string): Buffer => readFileSync(join(root, run, 'weights.safetensors'));
  assert.ok(weights('stopped').equals(weights('whole')));
  const figures = await finishRun(join(root, 'whole'), () => undefined);
  assert.deepEqual(figures.leftOut, { leaks: 2, conflicts: 2, duplicates: 1 });
  assert.equal(figures.leaked, undefined);

  const { images, notes } = await Run.open(join(root, 'whole')).evaluate({ split: 'train' });
  assert.equal(images, 11);
  assert.match(
    notes.join(),
    /were trained on: .*; 5 training pictures that it left out \(--leave-out leaks,conflicts,duplicates\) are not among them/,
  );
});

test('what a training allowed of broken pictures, its parts may have when they are measured', async () => {
  const folder = await pictures(join(root, 'broken'));
  writeTree(folder, { 'test/dog/1.jpg': 'no picture' });
  const some = options('some', { data: folder, maxBroken: 0.05, limitTrain: 8, settings: { epochs: 1, batch: 4 } });
  await told(train(some));
  const run = Run.open(join(root, 'some'));
  assert.equal((await run.evaluate({ split: 'train' })).images, 8, 'those that it was limited to');
  const { images, broken } = await run.evaluate({ split: 'test' });
  assert.deepEqual([images, broken.length], [7, 1]);
  const refused =
    /^1 of 8 pictures cannot be read, more than the allowed 10 % \(--max-broken\)\. The first: .*dog\/1\.jpg: /;
  await assert.rejects(run.evaluate({ split: 'test', maxBroken: 0.1 }), ({ message }) => refused.test(message));
  await assert.rejects(run.evaluate({ data: folder, split: 'test' }), /more than the allowed 1 %/);
  await assert.rejects(run.evaluate({ maxBroken: 10 }), /a number from 0 to 1 for --max-broken but received 10/);
});

test('without a cache nothing is said, but what is asked for is done', async () => {
  const before = process.env['RESCALED_CACHE'];
  process.env['RESCALED_CACHE'] = 'off';
  try {
    const once = { settings: { epochs: 1, batch: 4 } };
    assert.deepEqual(await told(train(options('silent', once))), []);
    assert.equal(loadCopies(join(root, 'silent')), undefined);
    await told(train(options('asked', { ...once, leaveOut: ['leaks'] })));
    assert.deepEqual(loadConfig(join(root, 'asked')).leftOut, {
      leaks: ['train/cat/leaked.jpg', 'train/dog/near.jpg'],
    });
  } finally {
    process.env['RESCALED_CACHE'] = before;
  }
});

test('names that are no kinds, and a class of which nothing is left, are refused', async () => {
  await assert.rejects(told(train(options('no', { leaveOut: ['leak'] }))), /received "leak"\. Did you mean "leaks"\?/);
  await assert.rejects(told(train(options('no', { leaveOut: ['broken'] }))), /always left out/);
  const folder = join(root, 'empty');
  const [a, b, c] = [await scene(81), await scene(82), await scene(83)];
  writeTree(folder, {
    'train/a/1.jpg': a,
    'train/b/1.jpg': b,
    'train/b/2.jpg': c,
    'val/a/1.jpg': a,
    'val/b/1.jpg': await scene(84),
  });
  await assert.rejects(
    told(train(options('no', { data: folder, leaveOut: ['leaks'], settings: { epochs: 1, batch: 2 } }))),
    /training pictures of each class but --leave-out leaves none of "a"/,
  );
});

test('the figure without leaked pictures, by hand', () => {
  const { low, high } = wilson(70, 90)!;
  assert.deepEqual(shareWithout({ images: 100, score: 0.79 }, { images: 10, score: 0.9 }), {
    images: 90,
    score: 70 / 90,
    low,
    high,
  });
  assert.equal(shareWithout({ images: 10, score: 1 }, { images: 10, score: 1 }), undefined);
  const leaked = {
    part: 'val',
    images: 100,
    exact: 4,
    near: 6,
    without: { images: 90, score: 0.5, low: 0.4, high: 0.6 },
  } as const;
  assert.equal(
    leakText(leaked, METRICS[0]).replaceAll('\u00a0', ' '),
    '10 of 100 validation pictures also stand in training (4 exactly, 6 nearly): top-1 without them is 50.00 % (95 % interval 40.0 % to 60.0 %).',
  );
});
