import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { evalView } from '../../src/augment/view.js';
import { readPixels } from '../../src/data/sources/source.js';
import { writeFileAtomic } from '../../src/files.js';
import { createModel, modelFacts } from '../../src/models/index.js';
import { call, flatten, globalAvgPool2d, liveTensors, noGrad, scope } from '../../src/torch/index.js';
import { Normaliser } from '../../src/train/index.js';
import { preprocessFor } from '../../src/trained/load.js';
import { featuresOf } from '../../src/transfer/features.js';
import { tableJson } from '../../src/transfer/page.js';
import type { TransferEvent } from '../../src/transfer/run.js';
import { loadTrunk, openStarts } from '../../src/transfer/starts.js';
import { openTarget, together } from '../../src/transfer/targets.js';
import { planTransfer, type TransferOptions, transfer } from '../../src/transfer/transfer.js';
import { writeFacts } from '../../src/weights/facts.js';
import { encodeSafetensors } from '../../src/weights/formats/safetensors.js';
import { photos, rejectsWith, temporaryFolder } from '../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = join(root, 'cache');
const data = await photos(join(root, 'photos'), {
  ...{ 'train/a': 8, 'train/b': 6, 'val/a': 4, 'val/b': 4, 'test/a': 5, 'test/b': 5 },
});
const WIDTH = 0.125;

/** A file as pre-training leaves it: with a head, or with a projection in its place and pixels from 0 to 1. */
function weightsFile(name: string, contrast: boolean, without: (key: string) => boolean = () => false): string {
  const model = createModel('resnet-rs-14', { width: WIDTH, classes: 7, stemStride: 2 }, 5);
  const tensors = [...model.state()]
    .filter(([key]) => !(contrast && key.startsWith('fc.')) && !without(key))
    .map(([key, tensor]) => ({
      ...{ name: key, dtype: 'F32' as const, shape: [...tensor.shape] },
      bytes: Uint8Array.from(Buffer.from((tensor.data() as Float32Array).buffer)),
    }));
  if (contrast) tensors.push({ name: 'projection.0.weight', dtype: 'F32', shape: [4, 2], bytes: new Uint8Array(32) });
  const facts = {
    ...{ model: 'resnet-rs-14', modelOptions: { ...modelFacts('resnet-rs-14').options, width: WIDTH, stemStride: 2 } },
    ...{ size: 16, evalCrop: 1, weights: 'ema' as const },
    ...(contrast
      ? { task: 'contrast', mean: [0, 0, 0] as [number, number, number], std: [1, 1, 1] as [number, number, number] }
      : { classes: [...'abcdefg'] }),
  };
  const path = join(root, name);
  writeFileAtomic(path, encodeSafetensors(tensors, writeFacts(facts)));
  model.dispose();
  return path;
}
const supervised = weightsFile('supervised.safetensors', false);
const contrast = weightsFile('contrast.safetensors', true);

test('features are the pooled outputs of the trunk in its own preprocessing, kept and read again', async () => {
  const [start, other] = await openStarts([supervised, `ssl=${contrast}`]);
  assert.deepEqual(
    [start!.name, start!.size, start!.evalCrop, start!.weights, start!.task],
    ['supervised', 16, 1, 'ema', undefined],
  );
  assert.deepEqual(
    [other!.name, other!.input.mean, other!.input.std, other!.task],
    ['ssl', [0, 0, 0], [1, 1, 1], 'contrast'],
  );
  const target = await openTarget(data);
  const before = liveTensors();
  const [own, ssl] = [await featuresOf(start!, target), await featuresOf(other!, target)];
  assert.equal(liveTensors(), before);
  assert.deepEqual([own!.train.n, own!.val.n, own!.test.n, own!.train.d], [14, 8, 10, start!.cost.features]);
  assert.notDeepEqual(own!.train.data, ssl!.train.data);
  // One picture by hand.
  const model = await loadTrunk(other!, 0);
  const normaliser = new Normaliser('cpu', { mean: [0, 0, 0], std: [1, 1, 1] });
  const seen = evalView(await readPixels(target.test, 3, 16), preprocessFor(other!));
  const by = scope(() =>
    noGrad(() => flatten(globalAvgPool2d(model.averaged!(normaliser.input(seen, 1, 16)))).data() as Float32Array),
  );
  const d = ssl!.test.d;
  for (let j = 0; j < d; j++) assert.ok(Math.abs(by[j]! - ssl!.test.data[3 * d + j]!) < 1e-5 * (1 + Math.abs(by[j]!)));
  // Pixels of the model's input are bytes / 255.
  const input = scope(() =>
    call<number>('aten::item', [call('aten::amax', [normaliser.input(seen, 1, 16), [0, 1, 2, 3]])]),
  );
  assert.ok(input <= 1);
  model.dispose();
  normaliser.dispose();
  const folders = readdirSync(join(root, 'cache', 'features'));
  assert.equal(folders.length, 2);
  const piece = join(root, 'cache', 'features', folders[0]!, 'test-0.safetensors');
  const made = statSync(piece).mtimeMs;
  assert.deepEqual(await featuresOf(start!, target), own);
  assert.equal(statSync(piece).mtimeMs, made);
  // A piece that was cut is made again.
  writeFileSync(piece, readFileSync(piece).subarray(0, 40));
  assert.deepEqual([await featuresOf(start!, target), await featuresOf(other!, target)], [own, ssl]);
});

const options = (given: Partial<TransferOptions> = {}): TransferOptions => ({
  starts: [`ssl=${contrast}`, 'scratch'],
  to: [data],
  ...{ labels: [50], seeds: 1, grid: 'one', epochs: 1, settings: { batch: 4 } },
  ...given,
});
const out = join(root, 'out');
const resultsIn = (events: readonly TransferEvent[]): string[] =>
  events.flatMap((event) =>
    event.type === 'result'
      ? [`${event.result.start} ${event.result.method} ${event.result.labels} ${event.result.seed}`]
      : [],
  );

test('stopped and begun again, it measures every start with every method once; page and table have all', async () => {
  const stop = new AbortController();
  const events: TransferEvent[] = [];
  const first = await transfer(options(), out, {
    threads: 1,
    signal: stop.signal,
    onEvent(event) {
      events.push(event);
      if (event.type === 'tried') stop.abort();
    },
  });
  assert.equal(first.stopped, true);
  const early = resultsIn(events);
  assert.deepEqual(early.sort(), ['scratch knn 50 0', 'scratch linear 50 0', 'ssl knn 50 0', 'ssl linear 50 0']);
  const later: TransferEvent[] = [];
  const { stopped, failed, table, page } = await transfer(options(), out, {
    threads: 1,
    onEvent: (event) => later.push(event),
  });
  assert.deepEqual([stopped, failed, table.failures], [false, 0, []]);
  assert.deepEqual(resultsIn(later).sort(), ['scratch finetune 50 0', 'ssl finetune 50 0']);
  assert.equal(later.filter(({ type }) => type === 'tried').length, 1);
  assert.equal(table.cells.length, 2 * 3);
  for (const { start, method, done, of, score, pictures, interval } of table.cells) {
    assert.deepEqual([done, of, interval, pictures], [1, 1, 'pictures', 7], `${start} ${method}`);
    assert.ok(Math.abs(score! * 10 - Math.round(score! * 10)) < 1e-9);
  }
  assert.equal(table.pairs.length, 3);
  assert.equal(table.cells.filter(({ rank }) => rank === 'best').length, 3);
  // From scratch twice as long.
  const chosen = (start: string): string =>
    table.cells.find((cell) => cell.start === start && cell.method === 'finetune')!.chosen!;
  assert.match(chosen('ssl'), /^rate 0\.02, decay 0\.000002, (\d+) epochs of batches of \d/);
  const epochs = (start: string): number => Number(/(\d+) epochs/.exec(chosen(start))![1]);
  assert.equal(epochs('scratch'), 2 * epochs('ssl'));
  const html = readFileSync(page, 'utf8');
  for (const words of ['ssl', 'scratch', 'k-NN', 'Wins and losses', 'trained for: contrast'])
    assert.match(html, new RegExp(words));
  assert.deepEqual(
    JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')),
    JSON.parse(JSON.stringify(tableJson(table))),
  );
  // No weights and no run is left.
  assert.deepEqual(
    readdirSync(join(out, 'trials')).filter((name) => !name.endsWith('.json')),
    [],
  );
});

test('the same call does nothing more; one that asks for more does the rest', async () => {
  const events: TransferEvent[] = [];
  const onEvent = (event: TransferEvent): number => events.push(event);
  await transfer(options(), out, { threads: 1, onEvent });
  assert.deepEqual(events, []);
  const more = options({
    methods: ['linear', 'knn'],
    starts: [`ssl=${contrast}`],
    seeds: 3,
    labels: [50, 100],
    retrain: true,
  });
  const { table } = await transfer(more, out, { threads: 1, onEvent });
  assert.deepEqual(resultsIn(events).sort(), [
    ...['ssl knn 100 0', 'ssl knn 50 1', 'ssl knn 50 2'],
    ...['ssl linear 100 0', 'ssl linear 50 1', 'ssl linear 50 2'],
  ]);
  // With all labels those of validation too.
  assert.equal(table.cells.find(({ method, labels }) => method === 'knn' && labels === 100)!.pictures, 22);
  assert.equal(table.cells.find(({ labels }) => labels === 50)!.interval, 'seeds');
});

test('parts that are missing are set aside, always the same, and said', async () => {
  const whole = await photos(join(root, 'whole'), { a: 10, b: 10 });
  const one = await openTarget(whole);
  assert.deepEqual([one.train.length, one.val.length, one.test.length], [12, 4, 4]);
  assert.match(one.notes.join(), /has no test part: 20 % of its pictures are set aside/);
  const places = (of: typeof one) =>
    (['train', 'val', 'test'] as const).map((part) =>
      Array.from({ length: of[part].length }, (_, i) => of[part].describe(i)),
    );
  assert.deepEqual(places(await openTarget(whole)), places(one));
  assert.equal(new Set(places(one).flat()).size, 20);
  const both = together(one.train, one.val);
  assert.equal(both.length, 16);
  assert.deepEqual([both.describe(15), both.labels[15]], [one.val.describe(3), one.val.labels[3]]);
  const two = await openTarget(
    await photos(join(root, 'two'), { 'train/a': 5, 'train/b': 5, 'test/a': 3, 'test/b': 3 }),
  );
  assert.deepEqual([two.train.length, two.val.length, two.test.length], [8, 2, 6]);
  assert.match(two.notes.join(), /no validation part of its own/);
  const plan = await planTransfer(options({ labels: [1], starts: [supervised] }));
  assert.match(
    plan.targets[0]!.notes.join(),
    /1 % of the labels of photos are 2 pictures of 2 classes: each class has only one/,
  );
});

test('starts and targets that cannot be are refused by what they lack', async () => {
  const none = join(root, 'none');
  const refused = (given: Partial<TransferOptions>, code: 1 | 2, words: RegExp): Promise<void> =>
    rejectsWith(transfer(options(given), none), code, words);
  await refused({ starts: [join(root, 'nowhere')] }, 2, /nothing at .*nowhere/);
  await refused({ starts: ['scratch'] }, 2, /write scratch:MODEL/);
  await refused({ starts: ['scratch:resnet-rs-15'] }, 2, /resnet-rs-15/);
  await refused({ starts: [supervised, supervised] }, 2, /both "supervised".*NAME=/);
  const half = weightsFile('half.safetensors', false, (key) => key.startsWith('layer3.'));
  await assert.rejects(
    transfer(options({ starts: [half] }), none),
    /half\.safetensors do not fit[\s\S]*missing: \d+\n.*layer3/,
  );
  await refused({ starts: [] }, 2, /Expected starts/);
  await refused({ to: [] }, 2, /behind --to/);
  await refused({ to: [data, data] }, 2, /there twice/);
  await refused({ to: [join(root, 'nowhere')] }, 2, /nowhere/);
  await refused({ label: [1] } as unknown as TransferOptions, 2, /"label".*"labels"/s);
  assert.ok(!existsSync(none));
  const other = join(root, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'notes.txt'), 'mine');
  await rejectsWith(transfer(options(), other), 2, /holds other files/);
  rmSync(other, { recursive: true });
});
