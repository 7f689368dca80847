// A detector as a run: what it writes, that it learns and resumes, and what is trained from it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { Random } from '../../../src/augment/random.js';
import { chooseRun } from '../../../src/choice/run.js';
import type { TrainEvent } from '../../../src/run/events.js';
import { taskNamed } from '../../../src/tasks/index.js';
import { resumeTraining, train } from '../../../src/tasks/runs.js';
import type { TrainOptions } from '../../../src/train/index.js';
import { loadModel, measure } from '../../../src/trained/load.js';
import { SafetensorsFile } from '../../../src/weights/formats/safetensors.js';
import { type Drawn, vocXml } from '../../data/annotations/sets.js';
import { rejectsWith, temporaryFolder, writeTree } from '../../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';

/** Pictures of 80 x 60 with one to three red or blue rectangles on noise, in Pascal VOC's folders. */
async function drawnSet(
  folder: string,
  parts: Readonly<Record<string, number>>,
  names = ['red', 'blue'],
): Promise<string> {
  const random = new Random(11);
  const files: Record<string, Uint8Array | string> = {};
  let i = 0;
  for (const [part, count] of Object.entries(parts)) {
    const list: string[] = [];
    for (let k = 0; k < count; k++) {
      const name = `p${i++}`;
      list.push(name);
      const pixels = Buffer.alloc(80 * 60 * 3);
      for (let at = 0; at < pixels.length; at++) pixels[at] = 100 + random.int(40);
      const drawn: Drawn[] = [];
      for (let n = 1 + random.int(3), b = 0; b < n; b++) {
        const [width, height] = [16 + random.int(16), 16 + random.int(12)];
        const [x, y] = [random.int(80 - width), random.int(60 - height)];
        const kind = random.int(2);
        for (let v = y; v < y + height; v++)
          for (let u = x; u < x + width; u++) pixels.set(kind === 0 ? [230, 40, 40] : [40, 40, 230], 3 * (80 * v + u));
        // Whole pixels from 1, the last one included.
        drawn.push({ name: names[kind]!, box: [x + 1, y + 1, x + width, y + height] });
      }
      files[`JPEGImages/${name}.png`] = await sharp(pixels, { raw: { width: 80, height: 60, channels: 3 } })
        .png()
        .toBuffer();
      files[`Annotations/${name}.xml`] = vocXml(`${name}.png`, 80, 60, drawn);
    }
    files[`ImageSets/Main/${part}.txt`] = `${list.join('\n')}\n`;
  }
  return writeTree(folder, files);
}

const data = await drawnSet(join(root, 'drawn'), { train: 48, val: 12 });

const options = (out: string, given: Partial<TrainOptions> = {}): TrainOptions => ({
  task: 'detect',
  data,
  model: 'resnet-18',
  width: 0.125,
  size: 64,
  seed: 3,
  threads: 1,
  workers: 0,
  out: join(root, out),
  ...given,
  settings: {
    ...{
      epochs: 3,
      warmupEpochs: 0.5,
      batch: 8,
      pyramidChannels: 16,
      headLayers: 1,
      learningRate: 0.02,
      emaDecay: 0.9,
    },
    ...given.settings,
  },
});
async function whole(events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
const weights = ({ out }: TrainOptions): Buffer => readFileSync(join(out, 'weights.safetensors'));

test('it learns to find rectangles, and what it told is measured again from its file', async () => {
  const run = options('calm', { settings: { epochs: 30, anchorSize: 2 } });
  const events = await whole(train(run));
  const epochs = events.filter((event) => event.type === 'epoch') as unknown as Record<string, number>[];
  const last = epochs.at(-1)!;
  assert.ok(last['trainClassLoss']! < epochs[0]!['trainClassLoss']! / 2, 'the class loss falls');
  assert.ok(last['trainBoxLoss']! < epochs[0]!['trainBoxLoss']!, 'the box loss falls');
  assert.ok(last['trainPositives']! > 1);
  const { ema } = last as unknown as { ema: Record<string, number> };
  assert.ok(ema['ap50']! > 0.5, `AP50 ${ema['ap50']}`);
  assert.equal(ema['images'], 12);
  const loaded = await loadModel(run.out);
  try {
    assert.equal(loaded.fit, 'letterbox');
    const { val } = await taskNamed('detect').openData(data, {});
    const { scores } = await measure(loaded, val, { batch: 32, workers: 0 });
    for (const name of ['ap', 'ap50', 'ar100']) assert.equal(scores[name], ema[name], name);
  } finally {
    loaded.model.dispose();
  }
});

test('its exported file finds the same boxes, in pixels of the picture', async () => {
  const loaded = await loadModel(join(root, 'calm'));
  const file = join(root, 'calm.onnx');
  try {
    const { exportModel } = await import('../../../src/trained/export.js');
    const dataset = await taskNamed('detect').openData(data, {});
    const { parity } = await exportModel(loaded, file, {}, dataset);
    assert.equal(parity!.pictures, 12);
    assert.ok(parity!.boxAgreement! > 0.99, `${parity!.boxAgreement} of the boxes`);
    assert.ok(parity!.maxAbsDiff < 1e-4, String(parity!.maxAbsDiff));
    const { Predictor } = await import('../../../src/deploy/predictor.js');
    const predictor = await Predictor.load(file);
    try {
      const { truthOf } = await import('../../../src/data/annotations/detection.js');
      const { val } = dataset;
      const paths = Array.from({ length: val.length }, (_, i) => val.describe(i));
      let [found, all] = [0, 0];
      let i = 0;
      for await (const { boxes, width, height } of predictor.predict(paths, { threshold: 0.2, batch: 5 })) {
        assert.deepEqual([width, height], [80, 60]);
        const truth = truthOf(val, i++);
        for (let k = 0; k < truth.classes.length; k++, all++) {
          const wanted = truth.boxes.subarray(4 * k, 4 * k + 4);
          const near = (box: readonly number[]): boolean =>
            box.every((edge, side) => Math.abs(edge - wanted[side]!) < 8);
          if (boxes!.some(({ index, box }) => index === truth.classes[k] && near(box))) found++;
        }
      }
      assert.ok(found > all / 2, `${found} of ${all} boxes`);
    } finally {
      await predictor.close();
    }
  } finally {
    loaded.model.dispose();
  }
});

for (const [recipe, settings] of Object.entries({
  'detect-quick': {},
  fcos: { averaging: 'ema', schedule: 'cosine', pyramidExtra: 'c5' } as const,
  'retinanet-tpu': { stepEpochs: [2] },
}))
  test(`${recipe}: stopped and resumed, and with any number of workers, the weights have the same bytes`, async () => {
    const calm = options(`${recipe}-calm`, { recipe, settings });
    await whole(train(calm));
    const shaken = options(`${recipe}-shaken`, { recipe, settings, workers: 2 });
    let stops = 0;
    for (let ended = false; !ended; stops++) {
      assert.ok(stops < 20, 'it does not end');
      const stop = new AbortController();
      let steps = 0;
      const going = stops === 0 ? train(shaken, stop) : resumeTraining(shaken.out, { signal: stop.signal });
      for await (const event of going) {
        if (event.type === 'step' && ++steps === 7) stop.abort();
        ended = event.type === 'end';
      }
    }
    assert.ok(stops > 2, `${stops} stops`);
    assert.ok(weights(shaken).equals(weights(calm)), 'the weights differ');
  });

test('the weights are a trunk with its own names and a detector, and say how anchors lie', () => {
  const file = SafetensorsFile.open(join(root, 'calm', 'weights.safetensors'));
  try {
    const keys = [...file.entries.keys()];
    assert.ok(keys.includes('layer1.0.conv1.weight') && !keys.some((key) => key.startsWith('fc.')));
    assert.ok(keys.includes('detector.classes.out.weight') && keys.includes('detector.fpn.extra_blocks.p7.bias'));
    assert.equal(file.metadata['task'], 'detect');
    assert.equal(file.metadata['classes'], '["blue","red"]');
    assert.equal(file.metadata['fit'], 'letterbox');
    assert.deepEqual((JSON.parse(file.metadata['detector']!) as { anchors: unknown }).anchors, {
      ...{ rule: 'torchvision', size: 2, scales: 3, ratios: [0.5, 1, 2] },
    });
  } finally {
    file.close();
  }
});

/** What became of the weights that a run of one epoch starts from. */
async function startedFrom(out: string, from: string, given: Partial<TrainOptions> = {}) {
  const run = options(out, { from: join(root, from), ...given, settings: { epochs: 1, ...given.settings } });
  const events = await whole(train(run));
  return events.find((event) => event.type === 'loaded')!.match;
}

test('a detector starts from another: whole with the same classes, else with a new layer of classes', async () => {
  const same = await startedFrom('same', 'calm');
  assert.deepEqual([same.renewed, same.missing, same.unexpected], [[], [], []]);
  const others = await drawnSet(join(root, 'others'), { train: 8, val: 4 }, ['apple', 'pear']);
  const other = await startedFrom('other', 'calm', { data: others });
  assert.deepEqual(other.renewed, ['detector.classes.out.weight', 'detector.classes.out.bias']);
});

test('a detector starts from the trunk of a classifier, and a classifier from that of a detector', async () => {
  const { photos } = await import('../../data/helpers.js');
  const classes = await photos(join(root, 'photos'), { 'train/a': 8, 'train/b': 8, 'val/a': 4, 'val/b': 4 });
  const classify = { data: classes, task: 'classify', recipe: 'quick' } as const;
  const settings = { epochs: 1, batch: 8, warmupEpochs: 0 };
  const back = await startedFrom('classifier', 'calm', { ...classify, settings });
  assert.deepEqual(back.renewed, ['fc.weight', 'fc.bias']);
  const forth = await startedFrom('tuned', 'classifier');
  assert.ok(forth.renewed.length > 10 && forth.renewed.every((key) => key.startsWith('detector.')));
  assert.deepEqual([forth.missing, forth.unexpected], [[], []]);
});

test('what does not go together is named', async () => {
  await rejectsWith(whole(train(options('x', { recipe: 'quick' }))), 2, /task detect, such as detect-quick,/);
  await rejectsWith(whole(train(options('x', { settings: { cropMode: 'pad' } }))), 2, /cropMode than "?pad/);
  await rejectsWith(whole(train(options('x', { settings: { matchLow: 0.7 } }))), 2, /matchLow=0.7/);
});

test('with minutes the length alone is chosen: network and recipe are those of boxes', async () => {
  const { out: _out, settings: _settings, ...given } = options('chosen');
  const choice = await chooseRun({ options: given, minutes: 0.3 });
  assert.ok(choice !== undefined);
  assert.deepEqual(choice.rung, { model: 'resnet-18', width: 0.125, size: 64 });
  assert.equal(choice.recipe, 'detect-quick');
  assert.ok(choice.epochs >= 1 && choice.steps === choice.epochs * 6);
  assert.deepEqual([choice.smaller, choice.larger, choice.classes], [undefined, undefined, 2]);
});
