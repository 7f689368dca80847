// What studies of boxes, masks and depth are made of.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { planAblation } from '../../../src/studied/ablation-plan.js';
import { checkStudy } from '../../../src/study/plan/file.js';
import { planScaling } from '../../../src/study/plan/scaling-plan.js';
import { mapSet, vocSet } from '../../data/annotations/sets.js';
import { rejectsWith, temporaryFolder } from '../../data/helpers.js';
import { animation, square } from '../../data/video/helpers.js';

const root = temporaryFolder();
const parts = { train: 4, val: 2 };
const cells = await vocSet(join(root, 'cells'), parts);
const streets = await mapSet(join(root, 'streets'), 'masks', parts);
const rooms = await mapSet(join(root, 'rooms'), 'depth', parts);

test('the annotations say the task, whose own steps each change the training', async () => {
  for (const [data, task, recipe, step] of [
    [cells, 'detect', 'detect-quick', '+ focal loss'],
    [streets, 'segment', 'segment-quick', '+ loss of a second head'],
    [rooms, 'depth', 'depth-quick', '+ scale-invariant loss'],
  ] as const) {
    const plan = await planAblation({ data, seeds: 1, size: 64 });
    assert.equal(plan.task, task);
    assert.ok(plan.variants.every((row) => row.recipe === recipe));
    assert.ok(plan.variants.some(({ name }) => name === step));
    const ids = plan.variants.flatMap(({ trials }) => trials.map(({ id }) => id));
    assert.equal(new Set(ids).size, plan.variants.length, `${task}: a step that changes nothing`);
    assert.deepEqual([plan.facts.model, plan.facts.table], ['resnet-18 x0.5', undefined]);
  }
});

const moves = join(root, 'moves');
for (const part of ['train', 'val'])
  for (const [name, step] of [
    ['left', -2],
    ['right', 2],
  ] as const)
    for (let i = 0; i < 4; i++)
      await animation(join(moves, part, name, `${i}.gif`), square(6, 16, step, step > 0 ? i : 12 - i), 16, 40);

test("videos have the paper's Table 6, and may have a scaling study", async () => {
  const { task, variants, facts } = await planAblation({ data: moves, seeds: 1, size: 24 });
  assert.deepEqual([task, facts.model, facts.table], ['video', 'resnet3d-14 x0.5', 6]);
  const published = variants.map(({ paper }) => paper['3D-ResNet-50']);
  assert.deepEqual([published.length, published[0], published[6], published[8]], [9, 73.4, 77.4, 78.2]);
  assert.equal(published.filter((one) => one !== undefined).length, 3);
  const ids = variants.flatMap(({ trials }) => trials.map(({ id }) => id));
  assert.equal(new Set(ids).size, variants.length, 'a step that changes nothing');
  await rejectsWith(planAblation({ data: moves, model: 'slow-50' }), 2, /Expected a 3-D ResNet to study/);
  const models = [{ family: 'resnet3d', depths: [14], widths: [0.125], sizes: [24] }];
  const plan = await planScaling(checkStudy({ data: moves, models, epochs: [1], seeds: 1 }, 's', 's.json'));
  const [only] = plan.configurations;
  assert.deepEqual([plan.task, only!.options.model], ['video', 'resnet3d-14@8x24']);
});

test('without one of them each row can be trained', async () => {
  const plan = await planAblation({ data: streets, kind: 'leave-one-out', seeds: 1, size: 64 });
  assert.equal(new Set(plan.variants.map(({ trials }) => trials[0]!.id)).size, plan.variants.length);
});

test('steps of another task, and the table for classes, are refused by name', async () => {
  const refused = (given: object, words: RegExp): Promise<void> =>
    rejectsWith(planAblation({ data: cells, ...given }), 2, words);
  await refused(
    { steps: ['randaugment'] },
    /a step of the task detect but received "randaugment", which is one of classify/,
  );
  await refused({ steps: ['focal-los'] }, /Did you mean "focal-loss"/);
  await refused({ kind: 'weight-decay' }, /its rows are regularisers of classes/);
  await refused({ task: 'contrast' }, /which has no table of steps/);
});

test('a study file without a task or recipe takes those of its pictures', async () => {
  const models = [{ family: 'resnet', depths: [18], widths: [0.125], sizes: [64] }];
  const plan = await planScaling(checkStudy({ data: rooms, models, epochs: [1], seeds: 1 }, 's', 's.json'));
  assert.deepEqual([plan.task, plan.study.recipe, plan.data.classes], ['depth', 'depth-quick', 0]);
  assert.equal(plan.configurations[0]!.trials[0]!.options.task, 'depth');
});
