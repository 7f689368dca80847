// A detector as a run: what it writes, that it learns and resumes, and what is trained from it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { Random } from '../../../src/augment/random.js';
import { chooseRun } from '../../../src/choice/run.js';
import type { TrainEvent } from '../../../src/run/events.js';
import { type CocoStats, cocoAp } from '../../../src/tasks/detect/coco-ap.js';
import { taskNamed } from '../../../src/tasks/index.js';
import { resumeTraining, train } from '../../../src/tasks/runs.js';
import type { TrainOptions } from '../../../src/train/index.js';
import { loadModel, measure } from '../../../src/trained/load.js';
import { SafetensorsFile } from '../../../src/weights/formats/safetensors.js';
import { cliHere } from '../../cli/helpers.js';
import { type Drawn, vocXml } from '../../data/annotations/sets.js';
import { rejectsWith, temporaryFolder, writeTree } from '../../data/helpers.js';
import { detectionsOf, truthOf } from './helpers.js';

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
    assert.ok(parity!.boxes! > 0);
    const { parity: without } = await exportModel(loaded, file, {}, 'synthetic', { pictures: 8 });
    assert.ok(without!.synthetic === true && without!.pictures === 8 && without!.boxAgreement! > 0.98);
    const { Predictor } = await import('../../../src/deploy/predictor.js');
    const predictor = await Predictor.load(file);
    try {
      const { truthOf: annotated } = await import('../../../src/data/annotations/detection.js');
      const { val } = dataset;
      const paths = Array.from({ length: val.length }, (_, i) => val.describe(i));
      let [found, all] = [0, 0];
      let i = 0;
      for await (const { boxes, width, height } of predictor.predict(paths, { threshold: 0.2, batch: 5 })) {
        assert.deepEqual([width, height], [80, 60]);
        const truth = annotated(val, i++);
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

/** The twelve numbers of files of COCO's form. */
async function measuredAgain(results: string, truth: string): Promise<CocoStats> {
  type Box = [number, number, number, number];
  type Result = { image_id: number; category_id: number; bbox: Box; score: number };
  const found = JSON.parse(readFileSync(results, 'utf8')) as Result[];
  const asked = JSON.parse(readFileSync(truth, 'utf8')) as {
    images: { id: number; width: number; height: number; file_name: string }[];
    annotations: { id: number; image_id: number; category_id: number; bbox: Box; area: number; iscrowd: number }[];
    categories: { id: number; name: string }[];
  };
  const edges = ([x, y, width, height]: Box): Box => [x, y, x + width, y + height];
  const label = (id: number): number => asked.categories.findIndex((one) => one.id === id);
  const of = <T extends { image_id: number }>(list: readonly T[], id: number): T[] =>
    list.filter(({ image_id }) => image_id === id);
  assert.ok(asked.annotations.every(({ id }) => id > 0));
  return cocoAp(
    asked.images.map(({ id }) =>
      truthOf(
        of(asked.annotations, id).map(({ bbox, category_id, iscrowd, area }) => ({
          ...{ box: edges(bbox), label: label(category_id), crowd: iscrowd === 1, area },
        })),
      ),
    ),
    asked.images.map(({ id }) =>
      detectionsOf(
        of(found, id).map(({ bbox, category_id, score }) => ({ box: edges(bbox), label: label(category_id), score })),
      ),
    ),
    { classes: asked.categories.length },
  ).stats;
}

test("eval and predict write COCO's results, YOLO's text and CSV, and measure classes in any order", async () => {
  const run = join(root, 'calm');
  const at = (name: string): string => join(root, name);
  const evaluated = async (data: string, ...more: string[]) => {
    const done = await cliHere(['eval', run, data, '--workers', '0', ...more]);
    assert.equal(done.status, 0, done.stderr);
    return done;
  };
  const own = await evaluated(data, '--results', at('found.json'), '--json');
  const scores = JSON.parse(own.stdout) as Record<string, number> & { voc: Record<string, number> };
  assert.match(own.stderr, /found\.json: \d+ boxes of 12 pictures; .*1 blue, 2 red/);
  const again = await measuredAgain(at('found.json'), at('found.truth.json'));
  for (const name of ['ap', 'ap50', 'ar100'] as const) assert.ok(Math.abs(again[name] - scores[name]!) < 1e-9, name);
  // Without difficult boxes, and with recalls of 1, both rules say nearly what COCO says at this overlap.
  assert.ok(Math.abs(scores.voc['voc2010']! - scores['ap50']!) < 0.05, JSON.stringify(scores.voc));
  // The same pictures as COCO's, with its own numbers, classes in another order and one that the model does not know.
  const truth = JSON.parse(readFileSync(at('found.truth.json'), 'utf8')) as Record<
    string,
    { id: number; image_id: number }[]
  >;
  const names = [7, 3, 11];
  const other = await writeTree(at('coco'), {
    ...Object.fromEntries(
      (truth['images'] as unknown as { file_name: string }[]).map(({ file_name: name }) => [
        name,
        readFileSync(join(data, name)),
      ]),
    ),
    '_annotations.coco.json': JSON.stringify({
      images: truth['images']!.map((one) => ({ ...one, id: 100 + one.id })),
      annotations: [
        ...truth['annotations']!.map((one) => ({
          ...one,
          image_id: 100 + one.image_id,
          category_id: names[(one as unknown as { category_id: number }).category_id - 1],
        })),
        { id: 999, image_id: 101, category_id: 11, bbox: [1, 1, 9, 9], area: 81, iscrowd: 0 },
      ],
      categories: [
        { id: 3, name: 'red' },
        { id: 7, name: 'blue' },
        { id: 11, name: 'green' },
      ],
    }),
  });
  const mapped = await evaluated(other, '--results', at('mapped.json'), '--json');
  assert.match(mapped.stderr, /does not know green of .*: 1 box of it not asked for/);
  const mappedScores = JSON.parse(mapped.stdout) as Record<string, number>;
  for (const name of ['ap', 'ap50', 'ar100']) assert.equal(mappedScores[name], scores[name], name);
  const entries = JSON.parse(readFileSync(at('mapped.json'), 'utf8')) as { image_id: number; category_id: number }[];
  assert.ok(entries.every((one) => one.image_id > 100 && [3, 7].includes(one.category_id)));
  // YOLO's text and CSV say the same.
  await evaluated(data, '--results', at('texts'));
  await evaluated(data, '--results', at('found.csv'));
  const [first] = JSON.parse(readFileSync(at('found.json'), 'utf8')) as {
    file_name: string;
    category_id: number;
    bbox: number[];
    score: number;
  }[];
  const { file_name: name, category_id: category, bbox, score } = first!;
  const [x, y, width, height] = bbox as [number, number, number, number];
  const line = readFileSync(join(at('texts'), basename(name).replace('.png', '.txt')), 'utf8').split('\n')[0]!;
  const wanted = [category - 1, (x + width / 2) / 80, (y + height / 2) / 60, width / 80, height / 60, score];
  for (const [i, value] of line.split(' ').map(Number).entries()) assert.ok(Math.abs(value - wanted[i]!) < 1e-4, line);
  assert.equal(readFileSync(join(at('texts'), 'classes.txt'), 'utf8'), 'blue\nred\n');
  const rows = readFileSync(at('found.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(rows.length, 1 + (JSON.parse(readFileSync(at('found.json'), 'utf8')) as unknown[]).length);
  assert.match(rows[1]!, /^JPEGImages\/p\d+\.png,80,60,(?:red|blue),0\.\d+,/);
  // The exported file with the numbers of COCO's file.
  const predicted = await cliHere([
    ...['predict', at('calm.onnx'), join(other, 'JPEGImages'), '--results', at('predicted.json')],
    ...['--ids', join(other, '_annotations.coco.json'), '--csv', '--threads', '1'],
  ]);
  assert.equal(predicted.status, 0, predicted.stderr);
  const byExport = JSON.parse(readFileSync(at('predicted.json'), 'utf8')) as typeof entries;
  assert.ok(byExport.length > 0.98 * entries.length && byExport.length < 1.02 * entries.length);
  assert.deepEqual(new Set(byExport.map((one) => one.image_id)), new Set(entries.map((one) => one.image_id)));
  // What is there is not written over, and what does not go together is refused.
  const model = at('calm.onnx');
  for (const [args, said] of [
    [['eval', run, data, '--results', at('found.json')], /exists already\. --force replaces it/],
    [['predict', model, data, '--results', at('texts')], /new or empty folder/],
    [['predict', model, data, '--results', at('a.xml')], /ends in \.json .* or say --format/],
    [['predict', model, data, '--format', 'coco'], /Expected --results with --format coco/],
    [
      ['predict', model, data, '--results', at('b.csv'), '--ids', at('found.json')],
      /--ids with --results in COCO's form/,
    ],
    [['predict', model, data, '--results', at('b.json'), '--ids', at('found.json')], /lists of images and categories/],
    [['predict', model, data, '--results', at('no/b.json')], /its folder does not exist/],
    [
      ['eval', run, await drawnSet(at('fruit'), { val: 2 }, ['apple', 'pear'])],
      /knows \(blue, red\) but .* has (?:apple, )?pear/,
    ],
  ] as const) {
    const done = await cliHere(args);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, said);
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
