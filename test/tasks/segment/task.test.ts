// Classes and depth of pixels as runs: that they are learned, what is written, that weights give the same again, and what starts from them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { Random } from '../../../src/augment/random.js';
import type { Parity } from '../../../src/deploy/parity.js';
import { Predictor } from '../../../src/deploy/predictor.js';
import type { PictureResult } from '../../../src/deploy/told.js';
import { loadConfig } from '../../../src/run/config.js';
import type { TrainEvent } from '../../../src/run/events.js';
import type { DepthDetails } from '../../../src/tasks/depth/evaluator.js';
import { depthScorer } from '../../../src/tasks/depth/metrics.js';
import { openTrainingData, train } from '../../../src/tasks/runs.js';
import { pixelScorer } from '../../../src/tasks/segment/confusion.js';
import type { SegmentDetails } from '../../../src/tasks/segment/evaluator.js';
import { bestConstant } from '../../../src/tasks/segment/text.js';
import type { TrainOptions } from '../../../src/train/index.js';
import { exportModel } from '../../../src/trained/export.js';
import { loadModel, measure } from '../../../src/trained/load.js';
import { SafetensorsFile } from '../../../src/weights/formats/safetensors.js';
import { pngOf } from '../../data/annotations/sets.js';
import { rejectsWith, temporaryFolder, writeTree } from '../../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';
const [WIDTH, HEIGHT] = [48, 36];
const random = new Random(5);
const masks: Record<string, Uint8Array | string> = { 'classes.txt': 'ground\nthing\nvoid\n' };
const depths: Record<string, Uint8Array | string> = {};
/** What was drawn, from the name of a picture: whether a pixel is in the rectangle. */
const insideOf = new Map<string, (i: number) => boolean>();
const insideIn = ({ path }: PictureResult): ((i: number) => boolean) => insideOf.get(parse(path).name.split('.')[0]!)!;
for (let k = 0; k < 40; k++) {
  // A bright rectangle on noise; in the other set it is nearer than the ground, and a corner was not read.
  const [x0, y0] = [random.int(24), random.int(18)];
  const inside = (i: number): boolean => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    return x >= x0 && x < x0 + 24 && y >= y0 && y < y0 + 18;
  };
  const places = Array.from({ length: WIDTH * HEIGHT }, (_, i) => i);
  const bytes = Uint8Array.from(
    places.flatMap((i) => {
      const value = (inside(i) ? 170 : 60) + random.int(40);
      return [value, value, 255 - value];
    }),
  );
  const picture = await sharp(bytes, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toBuffer();
  insideOf.set(String(k), inside);
  const part = k < 32 ? 'train' : 'val';
  masks[`${part}/${k}.png`] = picture;
  masks[`${part}annot/${k}.png`] = pngOf(
    WIDTH,
    places.map((i) => (i % WIDTH < 2 ? 2 : Number(inside(i)))),
  );
  depths[`${part}/${k}.color.png`] = picture;
  depths[`${part}/${k}.depth.png`] = pngOf(
    WIDTH,
    places.map((i) => (i < 60 ? 0 : inside(i) ? 1500 : 4000)),
    { bits: 16 },
  );
}
const [streets, rooms] = [writeTree(join(root, 'streets'), masks), writeTree(join(root, 'rooms'), depths)];

const options = (out: string, given: Partial<TrainOptions>): TrainOptions => ({
  task: 'segment',
  data: streets,
  model: 'resnet-18',
  width: 0.125,
  size: 32,
  seed: 3,
  threads: 1,
  workers: 0,
  out: join(root, out),
  ...given,
  settings: { epochs: 10, batch: 8, decoderChannels: 16, warmupEpochs: 1, averaging: 'none', ...given.settings },
});
async function whole(events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
/** The last epoch's figures, what the weights give when they are loaded again, and what their exported file says of the same pictures. */
async function trained(given: TrainOptions): Promise<{
  told: Record<string, number>;
  again: Awaited<ReturnType<typeof measure>>;
  parity: Parity;
  predicted: PictureResult[];
}> {
  const events = await whole(train(given));
  const { raw: told } = events.findLast((event) => event.type === 'epoch') as unknown as {
    raw: Record<string, number>;
  };
  const loaded = await loadModel(given.out);
  const { val } = await openTrainingData({ data: given.data, task: given.task! });
  const again = await measure(loaded, val, { batch: 4, workers: 0 });
  const file = join(given.out, 'model.onnx');
  const { parity: without } = await exportModel(loaded, file, {}, 'synthetic', { pictures: 4 });
  assert.ok(without!.synthetic === true && without!.pictures === 4 && without!.maxAbsDiff < 1e-3 * without!.largest!);
  const { parity } = await exportModel(loaded, file, {}, { val });
  loaded.model.dispose();
  const predictor = await Predictor.load(file, { threads: 1 });
  const predicted: PictureResult[] = [];
  const paths = Array.from({ length: val.length }, (_, i) => val.describe(i));
  for await (const one of predictor.predict(paths, { batch: 3 })) predicted.push(one);
  await predictor.close();
  return { told, again, parity: parity!, predicted };
}

for (const recipe of ['segment-quick', 'deeplabv3plus'])
  test(`${recipe} learns masks, and its weights measure the same`, async () => {
    const settings =
      recipe === 'deeplabv3plus'
        ? { recipe, settings: { epochs: 14, learningRate: 0.05, auxWeight: 0.4 } }
        : { recipe };
    const { told, again, parity, predicted } = await trained(options(recipe, settings));
    const { scorer, worst } = again.details as SegmentDetails;
    const found = scorer.result();
    const constant = bestConstant(found.classes.map(({ truth }) => truth))!;
    assert.ok(told['miou']! > constant.miou + 0.15, `mIoU ${told['miou']}, a constant has ${constant.miou}`);
    for (const name of ['miou', 'accuracy', 'classAccuracy'])
      assert.ok(Math.abs(again.scores[name]! - told[name]!) < 1e-3, `${name}: ${again.scores[name]} and ${told[name]}`);
    assert.equal(again.scores.images, 8);
    // Two columns of each picture are not asked for.
    assert.equal(found.pixels, 8 * (WIDTH - 2) * HEIGHT);
    assert.equal(worst.length, 8);
    assert.equal(parity.pictures, 8);
    assert.ok(parity.pixelAgreement! > 0.999 && parity.maxAbsDiff < 1e-3, JSON.stringify(parity));
    // The exported file's masks, at the sides of the pictures, are worth what was measured.
    const exported = pixelScorer(2);
    for (const one of predicted) {
      assert.deepEqual([one.width, one.height], [WIDTH, HEIGHT]);
      assert.equal(
        one.mask!.classes.reduce((sum, { pixels }) => sum + pixels, 0),
        WIDTH * HEIGHT,
      );
      const inside = insideIn(one);
      exported.add(
        Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < 2 ? 255 : Number(inside(i)))),
        one.mask!.data,
      );
    }
    assert.ok(Math.abs(exported.result().miou.detectron2! - again.scores['miou']!) < 1e-3);
    const { classes } = loadConfig(join(root, recipe)).task as unknown as { classes: string[] };
    assert.deepEqual(classes, ['ground', 'thing']);
    const file = SafetensorsFile.open(join(root, recipe, 'weights.safetensors'));
    assert.equal(file.metadata['task'], 'segment');
    assert.equal(file.entries.has('decoder.aux_classifier.4.weight'), recipe === 'deeplabv3plus');
    file.close();
  });

test('depth is learned from weights of masks, and its weights measure the same', async () => {
  const from = join(root, 'segment-quick');
  const given = options('depth', {
    task: 'depth',
    data: rooms,
    from,
    recipe: 'depth-quick',
    settings: { epochs: 24, learningRate: 0.01, depthFocus: 0 },
  });
  const { told, again, parity, predicted } = await trained(given);
  const { constant, scorer } = again.details as DepthDetails;
  assert.ok(told['d1']! > constant!.d1 + 0.1, `d1 ${told['d1']}, a constant has ${constant!.d1}`);
  assert.ok(Math.abs(again.scores['absRel']! - told['absRel']!) < 1e-3);
  assert.equal(scorer.result().pixels, 8 * (WIDTH * HEIGHT - 60));
  assert.ok(parity.pixelAgreement === undefined && parity.maxAbsDiff < 1e-4, JSON.stringify(parity));
  const exported = depthScorer({ max: 10 });
  for (const one of predicted) {
    const inside = insideIn(one);
    const truth = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i < 60 ? 0 : inside(i) ? 1.5 : 4));
    exported.add(one.depth!.data, truth, { width: one.width!, height: one.height! });
    const { nearest, median, mean, farthest } = one.depth!;
    assert.ok(nearest <= median && median <= farthest && nearest < mean && mean < farthest);
    const below = one.depth!.data.filter((metres) => metres < median - 0.002).length;
    const above = one.depth!.data.filter((metres) => metres > median + 0.002).length;
    assert.ok(2 * below <= WIDTH * HEIGHT && 2 * above <= WIDTH * HEIGHT, 'the middle one');
  }
  assert.ok(Math.abs(exported.result().mean!.absRel - again.scores['absRel']!) < 1e-4);
  const config = JSON.parse(readFileSync(join(given.out, 'run.json'), 'utf8')) as {
    task: { depth: { output: string } };
  };
  assert.equal(config.task.depth.output, 'softplus');
});

test('what a decoder cannot do is refused in words', async () => {
  await rejectsWith(
    whole(train(options('none', { settings: { headNorm: 'none' } }))),
    2,
    /Expected headNorm=batch or headNorm=group with the task segment but received headNorm=none/,
  );
  await rejectsWith(
    whole(train(options('aux', { settings: { auxWeight: 0.4 } }))),
    2,
    /Expected auxWeight=0 with decoder=fpn .* an FPN has no second head/,
  );
  await rejectsWith(
    whole(train(options('parts', { task: 'depth', data: rooms, settings: { accumulate: 2 } }))),
    2,
    /Expected accumulate=1 with the task depth/,
  );
  await rejectsWith(
    whole(train(options('net', { model: 'efficientnet-b0', recipe: 'deeplabv3', settings: { outputStride: 8 } }))),
    2,
    /Expected a ResNet for an output stride of 8/,
  );
});
