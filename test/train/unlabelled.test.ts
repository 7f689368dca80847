import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TrainEvent } from '../../src/run/events.js';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { photos, rejectsWith, temporaryFolder } from '../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';
const data = await photos(join(root, 'photos'), { 'train/a': 12, 'train/b': 12, 'val/a': 4, 'val/b': 4 });
const heap = await photos(join(root, 'heap'), { some: 20, more: 9 });

const options = (out: string, given: Partial<TrainOptions> = {}): TrainOptions => ({
  data,
  unlabelled: [heap],
  model: 'resnet-rs-14',
  width: 0.125,
  recipe: 'fixmatch',
  size: 16,
  seed: 3,
  threads: 1,
  workers: 0,
  out: join(root, out),
  ...given,
  settings: { epochs: 4, batch: 6, unlabelledRatio: 1.5, confidence: 0.5, ...given.settings },
});
async function whole(events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
const weights = ({ out }: TrainOptions): Buffer => readFileSync(join(out, 'weights.safetensors'));

test('stopped and resumed, and with any number of workers and with the cache, the weights have the same bytes', async () => {
  const calm = options('calm');
  const events = await whole(train(calm));
  const start = events.find((event) => event.type === 'start');
  assert.deepEqual([start?.trainImages, start?.unlabelledImages], [24, 29]);
  const shaken = options('shaken', { workers: 2 });
  let stops = 0;
  for (let ended = false; !ended; stops++) {
    assert.ok(stops < 20, 'it does not end');
    const stop = new AbortController();
    process.env['RESCALED_CACHE'] = stops === 1 ? join(root, 'cache') : 'off';
    let steps = 0;
    const going = stops === 0 ? train(shaken, stop) : resumeTraining(shaken.out, { signal: stop.signal });
    for await (const event of going) {
      if (event.type === 'step' && ++steps === 5) stop.abort();
      ended = event.type === 'end';
    }
  }
  assert.ok(stops > 2, `${stops} stops`);
  // The labelled folder and the heap, each in its own size and reduced.
  assert.ok(readdirSync(join(root, 'cache')).filter((name) => name.endsWith('.pixels')).length >= 4);
  assert.ok(weights(shaken).equals(weights(calm)), 'the weights differ');
});

test('what is learned of them is logged: both losses, agreement, the share that is believed', async () => {
  const rows = readFileSync(join(root, 'calm', 'metrics.csv'), 'utf8')
    .trim()
    .split('\n');
  const names = rows[0]!.split(',');
  const last = Object.fromEntries(
    rows
      .at(-1)!
      .split(',')
      .map((value, i) => [names[i], Number(value)]),
  );
  const { trainLoss, trainLabelledLoss, trainUnlabelledLoss, trainAgreement, trainConfident } = last;
  assert.ok(Math.abs(trainLoss! - trainLabelledLoss! - trainUnlabelledLoss!) < 1e-4 * trainLoss!);
  for (const share of [trainAgreement!, trainConfident!]) assert.ok(share >= 0 && share <= 1, `${share}`);
});

test('a picture of the heap that cannot be read is told once and left out', async () => {
  const broken = join(heap, 'some', 'broken.jpg');
  writeFileSync(broken, 'no picture');
  try {
    const events = await whole(train(options('broken', { maxBroken: 0.1, settings: { epochs: 8 } })));
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'broken' ? [event.path] : [])),
      [broken],
    );
    assert.equal(events.at(-1)?.type, 'end');
  } finally {
    rmSync(broken);
  }
});

test('computed in parts, views of a picture stay together', async () => {
  const events = await whole(train(options('parts', { settings: { accumulate: 2, epochs: 1 } })));
  assert.equal(events.at(-1)?.type, 'end');
});

test('a heap that has changed is refused when the run goes on, and its path is named', async () => {
  const one = options('changed');
  const stop = new AbortController();
  for await (const event of train(one, stop)) if (event.type === 'step') stop.abort();
  const more = join(heap, 'some', 'new.jpg');
  writeFileSync(more, readFileSync(join(heap, 'some', '0.jpg')));
  try {
    await rejectsWith(
      whole(resumeTraining(one.out)),
      1,
      /pictures without labels that the run began with, but .*heap has changed/,
    );
  } finally {
    rmSync(more);
  }
  renameSync(heap, `${heap}-moved`);
  try {
    await rejectsWith(
      whole(resumeTraining(one.out)),
      2,
      /without labels at .*heap.* as its run\.json says\. Put them back/,
    );
  } finally {
    renameSync(`${heap}-moved`, heap);
  }
});

test('what is missing or too much is said before anything is written', async () => {
  const refused = (given: Partial<TrainOptions>, text: RegExp): Promise<void> =>
    rejectsWith(whole(train(options('refused', given))), 2, text);
  await refused({ unlabelled: undefined }, /Expected --unlabelled with .*unlabelledRatio=1.5/);
  await refused({ recipe: 'quick' }, /Expected --labels with --unlabelled/);
  await refused({ unlabelled: [join(root, 'nowhere')] }, /Expected pictures without labels at .*nowhere/);
  await refused({ unlabelled: undefined, labels: heap }, /Expected --unlabelled with --labels/);
  assert.ok(!readdirSync(root).includes('refused'));
});
