// What studies of boxes, masks and depth are made of.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { planAblation } from '../../../src/studied/ablation-plan.js';
import { checkStudy } from '../../../src/study/plan/file.js';
import { planScaling } from '../../../src/study/plan/scaling-plan.js';
import { mapSet, vocSet } from '../../data/annotations/sets.js';
import { rejectsWith, temporaryFolder } from '../../data/helpers.js';

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
