import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../src/augment/random.js';
import { JointOrder, type JointPlan } from '../../../src/data/loading/joint.js';

const plan = (given: Partial<JointPlan> = {}): JointPlan => ({
  labelled: 10,
  unlabelled: Int32Array.from({ length: 13 }, (_, i) => i),
  batch: 4,
  ratio: 2,
  epochsCount: 'labelled',
  views: 1,
  parts: 1,
  rest: 'spread',
  seed: 3,
  ...given,
});
const epochOf = (order: JointOrder, epoch: number) =>
  Array.from({ length: order.batchesPerEpoch }, (_, b) => order.draws(epoch, b));
const some = (draws: { indices: Int32Array; styles: Uint8Array }[], labelled: boolean): number[] =>
  draws.flatMap(({ indices, styles }) => [...indices].filter((_, k) => (styles[k] === 0) === labelled));

test('labelled pictures come in the order and batches of a plain run, each with its share of the others', () => {
  const order = new JointOrder(plan());
  // ceil(10/4) batches of floor(10 i/3): 3, 3 and 4 labelled, twice as many unlabelled.
  assert.equal(order.batchesPerEpoch, 3);
  const counts = epochOf(order, 0).map(({ styles }) => [styles.filter((s) => s === 0).length, styles.length]);
  assert.deepEqual(counts, [
    [3, 9],
    [3, 9],
    [4, 12],
  ]);
  for (const epoch of [0, 4])
    assert.deepEqual(some(epochOf(order, epoch), true), [...new Random(3, epoch).permutation(10)]);
});

test('unlabelled pictures come pass after pass without a break, whatever the epoch', () => {
  const order = new JointOrder(plan());
  // 20 draws an epoch of 13 pictures: 13 epochs are 20 passes.
  const all = Array.from({ length: 13 }, (_, epoch) => epochOf(order, epoch)).flat();
  const drawn = some(all, false);
  assert.equal(drawn.length, 260);
  for (let pass = 0; pass < 20; pass++)
    assert.deepEqual(
      drawn.slice(13 * pass, 13 * pass + 13).sort((a, b) => a - b),
      Array.from({ length: 13 }, (_, i) => 10 + i),
    );
  const passes = all.flatMap(({ passes: own, styles }) => [...own].filter((_, k) => styles[k] === 1));
  assert.deepEqual(
    passes,
    Array.from({ length: 260 }, (_, k) => Math.floor(k / 13)),
  );
  assert.notDeepEqual(drawn.slice(0, 13), drawn.slice(13, 26));
});

test('an epoch counted on all draws as many pictures as there are', () => {
  const order = new JointOrder(
    plan({ labelled: 6, ratio: 2, epochsCount: 'all', unlabelled: Int32Array.from({ length: 54 }, (_, i) => i) }),
  );
  // (6 + 54)/(1 + 2) = 20 labelled draws in 5 batches.
  assert.equal(order.batchesPerEpoch, 5);
  const first = epochOf(order, 0);
  assert.equal(some(first, true).length, 20);
  assert.equal(some(first, false).length, 40);
  const labelled = [...some(first, true), ...some(epochOf(order, 1), true)];
  for (let pass = 0; pass < 6; pass++)
    assert.deepEqual(labelled.slice(6 * pass, 6 * pass + 6).sort(), [0, 1, 2, 3, 4, 5]);
});

test('a picture that is drawn several times a pass is another copy each time; two views are two styles', () => {
  const unlabelled = Int32Array.of(0, 0, 0, 1, 2, 2);
  const copies = (views: 1 | 2): string[] => {
    const order = new JointOrder(plan({ unlabelled, ratio: 0.6, views }));
    return epochOf(order, 0)
      .flatMap(({ indices, copies: own, styles }) =>
        [...indices].flatMap((index, k) => (styles[k] === 0 ? [] : [`${index} ${own[k]} ${styles[k]}`])),
      )
      .sort();
  };
  assert.deepEqual(copies(1), ['10 0 1', '10 1 1', '10 2 1', '11 0 1', '12 0 1', '12 1 1']);
  assert.deepEqual(copies(2).slice(0, 6), ['10 0 1', '10 1 2', '10 2 1', '10 3 2', '10 4 1', '10 5 2']);
});

test('parts of a step hold both kinds, and views of a picture stand together', () => {
  const order = new JointOrder(plan({ batch: 8, labelled: 8, parts: 2, views: 2, ratio: 1 }));
  const { styles, indices } = order.draws(0, 0);
  assert.equal(styles.length, 24);
  for (const half of [styles.slice(0, 12), styles.slice(12)]) assert.equal(half.filter((s) => s === 0).length, 4);
  styles.forEach((style, k) => {
    if (style === 2) assert.equal(indices[k], indices[k - 1]);
  });
});

test('any batch can be had at once, as a resumed run asks for it', () => {
  const [whole, late] = [new JointOrder(plan({ ratio: 1.3 })), new JointOrder(plan({ ratio: 1.3 }))];
  const all = [0, 1, 2, 3].map((epoch) => epochOf(whole, epoch));
  assert.deepEqual(late.draws(3, 2), all[3]![2]);
  assert.deepEqual(late.draws(0, 1), all[0]![1]);
  const total = some(all.flat(), false).length;
  assert.equal(total, Math.round(1.3 * 40));
});

test('orders that are kind to the disk are kept: by pictures, further copies in runs of their own', () => {
  const asked: number[] = [];
  const backwards = (random: Random): Uint32Array => {
    asked.push(random.int(1000));
    return Uint32Array.of(3, 2, 1, 0);
  };
  // Picture 1 is not drawn, 2 three times.
  const unlabelled = Int32Array.of(0, 2, 2, 2, 3);
  const order = new JointOrder(
    plan({ labelled: 4, batch: 4, ratio: 1.25, unlabelled, order: { labelled: backwards, unlabelled: backwards } }),
  );
  const { indices, copies, styles } = order.draws(0, 0);
  const own = [...indices].map((index, k) => `${index} ${copies[k]} ${styles[k]}`);
  assert.deepEqual(own.slice(0, 4), ['3 0 0', '2 0 0', '1 0 0', '0 0 0']);
  assert.deepEqual(own.slice(4), ['7 0 1', '6 0 1', '4 0 1', '6 1 1', '6 2 1']);
  assert.equal(asked[0], new Random(3, 0).int(1000));
  // Small sources have none: then it is the one of a plain run.
  const plain = new JointOrder(plan({ order: { labelled: () => undefined, unlabelled: () => undefined } }));
  assert.deepEqual(plain.draws(2, 1), new JointOrder(plan()).draws(2, 1));
});

test('the parts of a batch, one after the other, are the batch', () => {
  const order = new JointOrder(plan({ parts: 3, views: 2, ratio: 1.4 }));
  for (let b = 0; b < order.batchesPerEpoch; b++) {
    const whole = order.draws(2, b);
    const parts = [0, 1, 2].map((part) => order.draws(2, b, part));
    for (const key of ['indices', 'passes', 'copies', 'styles'] as const)
      assert.deepEqual(
        parts.flatMap((part) => [...part[key]]),
        [...whole[key]],
      );
    for (const { styles } of parts) assert.ok(styles.includes(0) && styles.includes(1), 'both kinds');
  }
});
