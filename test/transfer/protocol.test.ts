import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, signFlipTest } from '../../src/transfer/compare.js';
import { checkAsk, gridOf, planOf, type TransferAsk } from '../../src/transfer/plan.js';
import type { Start } from '../../src/transfer/starts.js';
import { labelled, type Target, type TargetFacts } from '../../src/transfer/targets.js';
import { edgesOf } from '../../src/transfer/tune.js';

const ask: TransferAsk = {
  ...{ methods: ['linear', 'knn', 'finetune'], labels: [10, 100], seeds: 2, grid: 'small' },
  ...{ settings: {}, retrain: false, valSplit: 0.2, maxBroken: 0.01 },
};
const start = (name: string, kind: Start['kind'] = 'weights'): Start => ({ name, kind, identity: name }) as Start;
const target = { name: 'flowers', path: '/flowers', identity: 'f', task: 'classify' } as TargetFacts;

test("SimCLR's grids, and every other value of them", () => {
  const paper = gridOf({ kind: 'weights' }, 'paper');
  assert.equal(paper.length, 56);
  const of = (key: 'rate' | 'decay', grid = paper) => [...new Set(grid.map((one) => one[key]))].sort((a, b) => a - b);
  assert.deepEqual(of('rate'), [0.0001, 0.000316228, 0.001, 0.00316228, 0.01, 0.0316228, 0.1]);
  assert.deepEqual(of('decay'), [0, 0.000001, 0.00000316228, 0.00001, 0.0000316228, 0.0001, 0.000316228, 0.001]);
  const scratch = gridOf({ kind: 'scratch' }, 'paper');
  assert.equal(scratch.length, 56);
  assert.deepEqual([of('rate', scratch)[0], of('rate', scratch)[6]], [0.001, 1]);
  assert.deepEqual([of('decay', scratch)[0], of('decay', scratch)[7]], [0.00001, 0.0316228]);
  for (const kind of ['weights', 'scratch'] as const) {
    const small = gridOf({ kind }, 'small');
    assert.equal(small.length, 9);
    const whole = gridOf({ kind }, 'paper');
    for (const { rate } of small)
      assert.ok(
        whole.some((one) => one.rate === rate),
        `${kind} ${rate}`,
      );
    assert.equal(gridOf({ kind }, 'one').length, 1);
    const rates = gridOf({ kind }, 'rates');
    assert.deepEqual(of('rate', rates), of('rate', small));
    assert.deepEqual(of('decay', rates), [kind === 'scratch' ? 1e-4 : 1e-5]);
  }
  assert.deepEqual(gridOf({ kind: 'weights' }, 'one', { learningRate: 0.5, weightDecay: 0.01 }), [
    { rate: 0.5, decay: 0.005 },
  ]);
});

test('shares of the labels are stratified, nested, at least one of each class, and a function of the seed', () => {
  // 200, 50 and 3 pictures.
  const labels = Int32Array.from({ length: 253 }, (_, i) => (i < 200 ? 0 : i < 250 ? 1 : 2));
  const data = { train: { labels, length: 253 }, classes: ['a', 'b', 'c'] } as unknown as Target;
  const counts = (percent: number, seed: number) => {
    const chosen = labelled(data, percent, seed);
    assert.deepEqual(
      [...chosen].sort((a, b) => a - b),
      chosen,
    );
    return [0, 1, 2].map((label) => chosen.filter((i) => labels[i] === label).length);
  };
  assert.deepEqual(counts(1, 0), [2, 1, 1]);
  assert.deepEqual(counts(10, 0), [20, 5, 1]);
  assert.deepEqual(counts(100, 0), [200, 50, 3]);
  const [few, more] = [labelled(data, 1, 3), labelled(data, 10, 3)];
  assert.ok(few.every((i) => more.includes(i)));
  assert.deepEqual(labelled(data, 10, 3), more);
  assert.notDeepEqual(labelled(data, 10, 4), more);
});

test("the test of pictures is McNemar's exact one for one seed, and the permutation test for several", () => {
  const marks = (right: number, wrong: number, both: number) => [
    '0'.repeat(right) + '1'.repeat(wrong) + '1'.repeat(both),
    '1'.repeat(right) + '0'.repeat(wrong) + '1'.repeat(both),
  ];
  // 2 and 10 of 12: 2 (1 + 12 + 66) / 2^12.
  const [a, b] = marks(10, 2, 30) as [string, string];
  assert.ok(Math.abs(signFlipTest([[a, b]]) - 158 / 4096) < 1e-12);
  assert.ok(Math.abs(signFlipTest([[b, a]]) - 158 / 4096) < 1e-12);
  assert.equal(signFlipTest([[a, a]]), 1);
  // All signs of eleven pictures over three seeds, by hand.
  const seeds: [string, string][] = [
    ['00100110100', '11110111011'],
    ['01100010100', '11010111111'],
    ['00101110-00', '10110111-10'],
  ];
  const d = Array.from({ length: 11 }, (_, i) =>
    seeds.reduce((sum, [x, y]) => sum + Number(y[i] === '1') - Number(x[i] === '1'), 0),
  );
  const observed = Math.abs(d.reduce((sum, value) => sum + value, 0));
  let extreme = 0;
  for (let mask = 0; mask < 2 ** 11; mask++)
    if (Math.abs(d.reduce((sum, value, i) => sum + ((mask >> i) & 1 ? value : -value), 0)) >= observed) extreme++;
  assert.ok(Math.abs(signFlipTest(seeds) - extreme / 2 ** 11) < 1e-12);
  // Ten thousand pictures, near the normal approximation.
  const [c, e] = marks(1100, 1000, 7900) as [string, string];
  assert.ok(Math.abs(signFlipTest([[c, e]]) - 0.0308) < 0.0005, String(signFlipTest([[c, e]])));
});

test('better is beyond noise by pictures and by seeds', () => {
  const result = (seed: number, right: string) => ({
    seed,
    right,
    score: [...right].filter((mark) => mark === '1').length / right.length,
  });
  const [low, high] = ['0'.repeat(20) + '1'.repeat(20), '1'.repeat(40)];
  const one = compare([result(0, low)], [result(0, high)])!;
  assert.deepEqual([one.verdict, one.mean, one.seeds, one.low], ['better', 0.5, 1, undefined]);
  assert.equal(compare([result(0, high)], [result(0, low)])!.verdict, 'worse');
  assert.equal(compare([result(0, high)], [result(0, high)])!.verdict, 'noise');
  // By pictures alone: one seed of three is worse, so that the interval over seeds covers 0.
  const spread = [0, 1, 2].map((seed) => result(seed, '0'.repeat(20) + '1'.repeat(20)));
  const other = [result(0, high), result(1, high), result(2, `${'0'.repeat(25)}${'1'.repeat(15)}`)];
  const mixed = compare(spread, other)!;
  assert.ok(mixed.p < 0.05 && mixed.low! < 0 && mixed.high! > 0, JSON.stringify(mixed));
  assert.equal(mixed.verdict, 'noise');
  // A result without chance stands for every seed.
  assert.equal(
    compare(
      [result(0, low)],
      [0, 1, 2].map((seed) => result(seed, high)),
    )!.seeds,
    3,
  );
  assert.equal(compare([], [result(0, high)]), undefined);
});

test('a plan has a result for each start, target, method, share and seed, named by what it depends on', () => {
  const plan = planOf(ask, [start('rs'), start('scratch', 'scratch')], [target]);
  const count = (name: string, method: string, labels: number) =>
    plan.cells.filter((cell) => cell.start.name === name && cell.method === method && cell.labels === labels).length;
  assert.deepEqual([count('rs', 'linear', 10), count('rs', 'linear', 100), count('rs', 'finetune', 100)], [2, 1, 2]);
  assert.equal(count('scratch', 'linear', 100), 2);
  assert.equal(plan.groups.length, 4);
  assert.equal(new Set(plan.cells.map(({ id }) => id)).size, plan.cells.length);
  const ids = (other: TransferAsk, name = 'rs') =>
    planOf(other, [{ ...start('rs'), name }], [target]).cells.map(({ id }) => id);
  assert.deepEqual(ids(ask, 'other'), ids(ask));
  assert.equal(
    ids({ ...ask, seeds: 1 }).every((id) => ids(ask).includes(id)),
    true,
  );
  const changed = ids({ ...ask, epochs: 3 }).filter((id) => !ids(ask).includes(id));
  assert.ok(changed.length > 0 && changed.every((id) => id.startsWith('finetune')));
  // Another grid tries anew only what was not tried.
  const points = (grid: TransferAsk['grid']) =>
    planOf({ ...ask, grid }, [start('rs')], [target]).groups[0]!.points.map(({ id }) => id);
  assert.ok(points('small').every((id) => points('paper').includes(id)));
  assert.ok(points('rates').every((id) => points('small').includes(id)));
});

test('the chosen rate or decay at an end of what was tried is named', () => {
  const points = gridOf({ kind: 'weights' }, 'small').map((setting, i) => ({ id: String(i), setting }));
  assert.deepEqual(edgesOf({ points }, { rate: 0.1, decay: 0.0001 }), ['rate', 'decay']);
  assert.deepEqual(edgesOf({ points }, { rate: 0.01, decay: 0 }), []);
  const rates = gridOf({ kind: 'weights' }, 'rates').map((setting, i) => ({ id: String(i), setting }));
  assert.deepEqual(edgesOf({ points: rates }, { rate: 0.1, decay: 0.00001 }), ['rate']);
  assert.deepEqual(edgesOf({ points: points.slice(0, 1) }, points[0]!.setting), []);
});

test('what cannot be asked for is refused by name', () => {
  const refused = (other: Partial<TransferAsk>, words: RegExp) =>
    assert.throws(
      () => checkAsk({ ...ask, ...other }),
      (error: Error) => words.test(error.message),
    );
  refused({ methods: ['liner' as 'linear'] }, /for --methods but received "liner".*linear/);
  refused({ labels: [0] }, /--labels but received 0/);
  refused({ labels: [] }, /but received none/);
  refused({ seeds: 0 }, /--seeds/);
  refused({ grid: 'big' as 'small' }, /--grid but received "big"/);
  refused({ settings: { learningRate: 0.1 } }, /no learningRate with --grid small/);
  refused({ valSplit: 1 }, /--val-split but received 1/);
});
