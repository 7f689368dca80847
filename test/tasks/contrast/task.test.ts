// Pre-training by contrast as a run: what it writes, that it resumes, and what is trained from it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { loadConfig } from '../../../src/run/config.js';
import type { TrainEvent } from '../../../src/run/events.js';
import { resumeTraining, train } from '../../../src/tasks/runs.js';
import type { TrainOptions } from '../../../src/train/index.js';
import { loadModel, measure } from '../../../src/trained/load.js';
import { SafetensorsFile } from '../../../src/weights/formats/safetensors.js';
import { photos, rejectsWith, temporaryFolder } from '../../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';
const data = await photos(join(root, 'photos'), { 'train/a': 16, 'train/b': 16, 'val/a': 6, 'val/b': 6 });

/** Without classes, in folders of any depth. */
const heap = join(root, 'heap');
for (const [k, place] of ['2019/may', '2020', '.'].entries()) {
  mkdirSync(join(heap, place), { recursive: true });
  for (let i = 0; i < 8; i++)
    await sharp({
      create: { width: 24, height: 20, channels: 3, noise: { type: 'gaussian', mean: 40 + 60 * k, sigma: 30 } },
    } as never)
      .png()
      .toFile(join(heap, place, `${i}.png`));
}

const options = (out: string, given: Partial<TrainOptions> = {}): TrainOptions => ({
  task: 'contrast',
  data,
  model: 'resnet-rs-14',
  width: 0.125,
  recipe: 'simclr',
  size: 16,
  seed: 3,
  threads: 1,
  workers: 0,
  out: join(root, out),
  ...given,
  settings: { epochs: 3, batch: 8, projectionOutputs: 16, ...given.settings },
});
async function whole(events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
const weights = ({ out }: TrainOptions): Buffer => readFileSync(join(out, 'weights.safetensors'));

test('stopped and resumed, and with any number of workers, the weights have the same bytes', async () => {
  const calm = options('calm');
  const events = await whole(train(calm));
  const epochs = events.filter((event) => event.type === 'epoch');
  assert.equal(epochs.length, 3);
  for (const epoch of epochs) {
    const told = epoch as unknown as Record<string, number>;
    assert.ok(told['trainMatched']! >= 0 && told['trainGauge']! <= 1);
    assert.ok(Math.abs(told['trainPositive']!) <= 1.001 && Math.abs(told['trainNegative']!) <= 1.001);
  }
  const { raw } = epochs.at(-1) as { raw: Record<string, number> };
  assert.deepEqual(Object.keys(raw).sort(), [
    ...['alignment', 'gauge', 'images', 'knn', 'loss', 'matched', 'spread', 'uniformity'],
  ]);
  assert.equal(raw['images'], 12);
  const shaken = options('shaken', { workers: 2 });
  let stops = 0;
  for (let ended = false; !ended; stops++) {
    assert.ok(stops < 20, 'it does not end');
    const stop = new AbortController();
    let steps = 0;
    const going = stops === 0 ? train(shaken, stop) : resumeTraining(shaken.out, { signal: stop.signal });
    for await (const event of going) {
      if (event.type === 'step' && ++steps === 3) stop.abort();
      ended = event.type === 'end';
    }
  }
  assert.ok(stops > 2, `${stops} stops`);
  assert.ok(weights(shaken).equals(weights(calm)), 'the weights differ');
});

test('the weights are a trunk with its own names, a projection and a gauge, and say how pixels become numbers', async () => {
  const file = SafetensorsFile.open(join(root, 'calm', 'weights.safetensors'));
  try {
    const keys = [...file.entries.keys()];
    assert.ok(keys.includes('layer1.0.conv1.weight') && !keys.some((key) => key.startsWith('fc.')));
    assert.deepEqual(
      keys.filter((key) => /^(projection|gauge)\./.test(key)),
      [
        ...['projection.layers.0.linear.weight', 'projection.layers.0.linear.bias'],
        ...['projection.layers.1.linear.weight', 'projection.layers.1.linear.bias', 'gauge.weight', 'gauge.bias'],
      ],
    );
    assert.equal(file.metadata['task'], 'contrast');
    assert.equal(file.metadata['mean'], '[0,0,0]');
    assert.equal(file.metadata['gauge'], '["a","b"]');
    assert.equal(file.metadata['classes'], undefined);
  } finally {
    file.close();
  }
});

test('measured again from the file, the scores are those of the last epoch', async () => {
  const loaded = await loadModel(join(root, 'calm'));
  try {
    const { openDataset } = await import('../../../src/data/dataset.js');
    const { val } = await openDataset(data);
    const { scores } = await measure(loaded, val, { batch: 32, workers: 0 });
    const epoch = (await import('../../../src/run/logs.js'))
      .readEvents(join(root, 'calm'))
      .findLast((event) => event.type === 'epoch') as unknown as { raw: Record<string, number> };
    for (const name of ['matched', 'knn', 'gauge', 'spread']) assert.equal(scores[name], epoch.raw[name], name);
  } finally {
    loaded.model.dispose();
  }
});

test('a classifier starts from the trunk, with a head of its own and the pixels that the trunk knows', async () => {
  const tuned: TrainOptions = {
    ...options('tuned'),
    ...{ task: 'classify', recipe: 'quick', from: join(root, 'calm'), settings: { epochs: 1, batch: 8 } },
  };
  const events = await whole(train(tuned));
  const loaded = events.find((event) => event.type === 'loaded');
  assert.deepEqual(loaded?.match.renewed, ['fc.weight', 'fc.bias']);
  assert.deepEqual(loaded?.match.missing, []);
  assert.deepEqual(loadConfig(tuned.out).input.mean, [0, 0, 0]);
});

test('a heap of any depth is learned from without classes, v2 head and all', async () => {
  const run = options('of-heap', { data: heap, recipe: 'simclrv2' });
  const events = await whole(train(run));
  const start = events.find((event) => event.type === 'start');
  assert.deepEqual([start?.trainImages, start?.valImages], [22, 2]);
  const { raw } = events.findLast((event) => event.type === 'epoch') as { raw: Record<string, number> };
  assert.equal(raw['knn'], undefined);
  assert.ok(Number.isFinite(raw['matched']) && Number.isFinite(raw['loss']));
  const again = await whole(resumeTraining(run.out));
  assert.ok(again.some((event) => event.type === 'end'));
});

test("SimCLRv2's fine-tuning keeps the first layer of the head, and its classifier is exported", async () => {
  const tuned: TrainOptions = {
    ...options('tuned-v2'),
    ...{ task: 'classify', recipe: 'quick', from: join(root, 'of-heap') },
    settings: { epochs: 1, batch: 8, fromProjection: 1 },
  };
  const events = await whole(train(tuned));
  const loaded = events.find((event) => event.type === 'loaded');
  assert.ok(loaded?.match.loaded.includes('projection.layers.0.norm.bias'));
  assert.deepEqual(loaded?.match.renewed, ['fc.weight', 'fc.bias']);
  const model = await loadModel(tuned.out);
  try {
    const { openDataset } = await import('../../../src/data/dataset.js');
    const { exportModel } = await import('../../../src/trained/export.js');
    const { parity } = await exportModel(model, join(root, 'v2.onnx'), {}, await openDataset(data));
    assert.ok(parity!.maxAbsDiff < 1e-4, String(parity!.maxAbsDiff));
  } finally {
    model.model.dispose();
  }
  const again = { ...tuned, out: join(root, 'y'), settings: { ...tuned.settings, fromProjection: 3 } };
  await rejectsWith(whole(train(again)), 2, /more than 3 layers with fromProjection=3 but received one of 3/);
  const { from: _, ...fresh } = { ...tuned, out: join(root, 'y') };
  await rejectsWith(whole(train(fresh)), 2, /Expected --from with weights of "rescaled pretrain"/);
});

test('pre-training goes on from pre-training: the projection head stays where it fits, the gauge where its classes do', async () => {
  const begun = async (name: string, from: string, given: Partial<TrainOptions>) => {
    const settings = { epochs: 1, batch: 8, projectionOutputs: 16 };
    const events = await whole(train({ ...options(name, given), from: join(root, from), settings }));
    return events.find((event) => event.type === 'loaded')!.match;
  };
  const gauge = ['gauge.weight', 'gauge.bias'];
  const same = await begun('on-same', 'calm', {});
  assert.deepEqual([same.renewed, same.renewedWhy], [[], undefined]);
  assert.ok(['projection.layers.0.linear.weight', ...gauge].every((key) => same.loaded.includes(key)));
  const onHeap = await begun('on-heap', 'calm', { data: heap });
  assert.deepEqual(onHeap.renewed, []);
  assert.ok(onHeap.loaded.includes('projection.layers.0.linear.weight'));
  const onClasses = await begun('on-classes', 'of-heap', { recipe: 'simclrv2' });
  assert.deepEqual([onClasses.renewed, onClasses.renewedWhy], [gauge, 'the file has no gauge']);
  assert.ok(onClasses.loaded.includes('projection.layers.2.linear.weight'));
  const otherHead = await begun('other-head', 'of-heap', { data: heap });
  assert.match(otherHead.renewedWhy!, /projection head has other layers/);
  assert.ok(otherHead.renewed.every((key) => key.startsWith('projection.')) && otherHead.renewed.length === 4);
  const ofClassifier = await begun('of-classifier', 'tuned', { data: heap });
  assert.deepEqual([ofClassifier.renewed.length, ofClassifier.renewedWhy], [4, 'the file has no head']);
});

test('an empty folder, and a share that is none, are told as they are', async () => {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  await rejectsWith(whole(train(options('x', { data: empty }))), 2, /Expected pictures in .*empty but found none/);
  for (const path of [heap, data])
    await rejectsWith(whole(train(options('x', { data: path, valSplit: 2 }))), 2, /between 0 and 1 .* but received 2/);
});

test('recipes and tasks that do not go together are named', async () => {
  await rejectsWith(whole(train(options('x', { recipe: 'quick' }))), 2, /task contrast, such as simclr,/);
  await rejectsWith(
    whole(train({ ...options('x'), task: 'classify' })),
    2,
    /task classify but received one for contrast/,
  );
  await rejectsWith(
    whole(train(options('x', { settings: { accumulate: 2 } }))),
    2,
    /accumulate=1 with the task contrast/,
  );
});
