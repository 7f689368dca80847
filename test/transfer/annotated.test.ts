// Boxes, masks and depth as targets of a transfer study: told by their annotations, each measured by its own metric.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderTransfer } from '../../src/report/transfer/report.js';
import { compare, drawnInterval, drawnTest } from '../../src/transfer/compare.js';
import { tableJson } from '../../src/transfer/page.js';
import { gridAround } from '../../src/transfer/plan.js';
import { readCell, resultFile, writeResult } from '../../src/transfer/results.js';
import type { Start } from '../../src/transfer/starts.js';
import { tableOf } from '../../src/transfer/table.js';
import { labelled, openTarget } from '../../src/transfer/targets.js';
import { planTransfer, type TransferOptions } from '../../src/transfer/transfer.js';
import { trainPoint, tunedCell } from '../../src/transfer/tune.js';
import { tuningOptions } from '../../src/transfer/tuning.js';
import { mapSet, vocSet } from '../data/annotations/sets.js';
import { photos, rejectsWith, temporaryFolder } from '../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';
const parts = { train: 6, val: 2, test: 3 };
const cells = await vocSet(join(root, 'cells'), parts);
const streets = await mapSet(join(root, 'streets'), 'masks', parts);
const rooms = await mapSet(join(root, 'rooms'), 'depth', { train: 6, test: 3 });
const flowers = await photos(join(root, 'flowers'), { 'train/a': 3, 'train/b': 3, 'test/a': 2, 'test/b': 2 });

const options = (given: Partial<TransferOptions> = {}): TransferOptions => ({
  starts: ['scratch:resnet-18x0.125'],
  to: [cells, streets, rooms, flowers],
  ...{ labels: [100], seeds: 1, grid: 'one', size: 32, epochs: 1 },
  ...given,
});

test('a plan has targets of any kind, each with its metric; features are of classes alone', async () => {
  const plan = await planTransfer(options({ settings: { pyramidChannels: 16 } }));
  assert.deepEqual(
    plan.targets.map(({ name, task, metric, size, classes }) => [name, task, metric.title, size, classes]),
    [
      ['cells', 'detect', 'AP', 32, 2],
      ['streets', 'segment', 'mIoU', 32, 3],
      ['rooms', 'depth', 'd1', 32, 0],
      ['flowers', 'classify', 'top-1', undefined, 2],
    ],
  );
  assert.match(plan.targets[2]!.notes.join(), /no validation part of its own beside a test part/);
  assert.deepEqual(
    plan.cells.map(({ target, method }) => `${target.name} ${method}`),
    [
      ...['cells finetune', 'streets finetune', 'rooms finetune'],
      ...['flowers linear', 'flowers knn', 'flowers finetune'],
    ],
  );
  // What the recipe of each task has.
  assert.deepEqual(
    plan.groups.map(({ points }) => points.map(({ setting }) => setting.rate)),
    [[0.01], [0.02], [0.0005], [0.1]],
  );
  const [table] = [tableOf(plan, join(root, 'none'))];
  const page = renderTransfer({ ...table, commands: [] });
  assert.match(page, /cells<br>fine-tuned<br>AP/);
  assert.match(page, /boxes of 2 classes/);
  assert.match(page, /recipe depth-quick, as long from scratch, whole pictures at 32 pixels/);
  assert.doesNotMatch(page.replace(/<script>[\s\S]*<\/script>/, ''), /NaN|undefined/);
});

test('what cannot be done is refused in a line that names it', async () => {
  await rejectsWith(
    planTransfer(options({ methods: ['linear', 'knn'] })),
    2,
    /method finetune for .*cells, which has boxes of 2 classes, but received linear, knn/,
  );
  await rejectsWith(
    planTransfer(options({ to: [streets], settings: { focalGamma: 1 } })),
    2,
    /settings that play a part in fine-tuning to streets but received focalGamma/,
  );
  await rejectsWith(
    openTarget(`detct=${cells}`),
    2,
    /before = in --to .* but received "detct"\. Did you mean "detect"/,
  );
  const mixed = await vocSet(join(root, 'mixed'), { train: 3 });
  await mapSet(mixed, 'depth', { train: 3 });
  await rejectsWith(openTarget(mixed), 2, /Say which with --to TASK=.*mixed: detect or depth/);
  assert.deepEqual(
    [(await openTarget(`depth=${mixed}`)).task, (await openTarget(`detect=${mixed}`)).task],
    ['depth', 'detect'],
  );
});

test('one is fine-tuned in its task and measured by its metric, also on drawn sets of the pictures', async () => {
  const out = join(root, 'out');
  const plan = await planTransfer(options({ to: [cells], settings: { pyramidChannels: 8, headLayers: 0, batch: 3 } }));
  const [group] = plan.groups;
  const target = await openTarget(cells);
  const tools = { threads: 1, workers: 0 };
  const point = (await trainPoint(out, group!, group!.points[0]!.id, plan.ask, target, tools))!;
  writeResult(out, point);
  assert.deepEqual([point.task, point.steps, point.loss], ['detect', 2, undefined]);
  const cell = (await tunedCell(out, group!, plan.cells[0]!, plan.ask, target, tools))!;
  writeResult(out, cell);
  assert.deepEqual([cell.testPictures, cell.trainPictures, cell.drawn!.length, cell.right], [3, 6, 1000, undefined]);
  const file = JSON.parse(readFileSync(resultFile(out, cell.id), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([file['ap'], file['score'], file['task']], [cell.score, undefined, 'detect']);
  assert.deepEqual(readCell(out, cell.id), cell);
  const [only] = tableOf(plan, out).cells;
  assert.deepEqual([only!.score, only!.interval, only!.done], [cell.score, 'pictures', 1]);
  const json = tableJson(tableOf(plan, out)) as { cells: Record<string, unknown>[] };
  assert.deepEqual([json.cells[0]!['ap'], Object.hasOwn(json.cells[0]!, 'score')], [cell.score, false]);
});

test('differences of such scores are judged on the same drawn sets, and by seeds', () => {
  const sets = (value: (k: number) => number) => Array.from({ length: 99 }, (_, k) => value(k));
  const [low, high] = [sets((k) => k / 1000), sets((k) => k / 1000 + 0.1)];
  // 2 (0 + 1) / (99 + 1).
  assert.equal(drawnTest([[low, high]]), 0.02);
  assert.equal(drawnTest([[low, low]]), 1);
  // Of ninety-nine sets nine say the other way: 2 (9 + 1) / 100.
  assert.ok(Math.abs(drawnTest([[low, sets((k) => (k < 9 ? -1 : 1))]]) - 0.2) < 1e-12);
  // A set without a score is left out.
  assert.equal(drawnTest([[low.map((value, k) => (k < 50 ? null : value)), high]]), 0.04);
  assert.deepEqual(drawnInterval(low), { low: 0.002, high: 0.096 });
  const result = (seed: number, drawn: number[], score: number) => ({ seed, score, drawn, testPictures: 7 });
  assert.equal(compare([result(0, low, 0.05)], [result(0, high, 0.15)])!.verdict, 'better');
  assert.equal(compare([result(0, low, 0.05)], [result(0, high, 0.15)], { direction: 'lower' })!.verdict, 'worse');
  // Of other pictures nothing is said.
  const other = { ...result(0, high, 0.15), testPictures: 8 };
  assert.equal(compare([result(0, low, 0.05)], [other])!.verdict, 'noise');
});

test('grids lie around what the recipe has, and shares of annotated pictures have two at least', async () => {
  assert.deepEqual(gridAround({ rate: 0.01, decay: 1e-4 }, 'one'), [{ rate: 0.01, decay: 1e-4 }]);
  assert.deepEqual(
    gridAround({ rate: 0.01, decay: 1e-4 }, 'rates').map(({ rate }) => rate),
    [0.00316228, 0.01, 0.0316228],
  );
  assert.equal(gridAround({ rate: 0.01, decay: 1e-4 }, 'small').length, 9);
  const wide = gridAround({ rate: 0.01, decay: 1e-4 }, 'paper').map(({ rate }) => rate);
  assert.deepEqual([wide.length, Math.min(...wide), Math.max(...wide)], [21, 0.001, 0.1]);
  assert.equal(labelled(await openTarget(cells), 1, 0).length, 2);
});

test('a start that saw whole pictures goes on with it, also where small ones would be padded', () => {
  const start = {
    ...{ kind: 'weights', model: 'resnet-18', modelOptions: { width: 0.5, stemStride: 2 }, size: 32, evalCrop: 0.875 },
    ...{ fit: 'letterbox', input: { interpolation: 'bicubic' }, path: '/w.safetensors' },
  } as unknown as Start;
  const ask = { settings: {}, maxBroken: 0.01 };
  const of = (target: { task: 'classify' | 'depth'; path: string; size?: number }) =>
    tuningOptions({ start, target, setting: { rate: 0.01, decay: 1e-5 }, seed: 0 }, ask, 100);
  const { settings, recipe, size } = of({ task: 'classify', path: flowers });
  assert.deepEqual(
    [settings!.fit, settings!.cropMode, settings!.weightDecay, recipe, size],
    ['letterbox', 'scale', 0.001, 'finetune', 32],
  );
  const depth = of({ task: 'depth', path: rooms, size: 64 });
  assert.deepEqual(
    [depth.settings!.fit, depth.settings!.weightDecay, depth.recipe, depth.size, depth.task],
    [undefined, 1e-5, 'depth-quick', 64, 'depth'],
  );
});
