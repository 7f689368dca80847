import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { coins } from '../../src/labels/coin.js';
import { BINS, binOf } from '../../src/labels/counts.js';
import { partFile } from '../../src/labels/format.js';
import { readPseudoLabels } from '../../src/labels/read.js';
import { balanceClass, copiesOf, type SelectRule } from '../../src/labels/rule.js';
import { type SelectOptions, selectLabels } from '../../src/labels/select.js';
import { readSelection, type Selection } from '../../src/labels/selection.js';
import { rejectsWith, temporaryFolder } from '../data/helpers.js';
import { poolOfNames, writeLabels } from './helpers.js';

async function selected(options: SelectOptions): Promise<Selection> {
  const selecting = selectLabels(options);
  for (;;) {
    const turn = await selecting.next();
    if (turn.done === true) return turn.value;
  }
}

/** Counts of a class with pictures in a few bins. */
const counts = (of: Record<number, number>): number[] => Array.from({ length: BINS }, (_, bin) => of[bin] ?? 0);

// Noisy Student's numbers for ImageNet, worked by hand: N = 130,000, floor 0.3.
test('the expected copies are those of the reference', () => {
  for (const [of, bin, above, copies] of [
    [{ 99: 400_000, 98: 50_000 }, 99, 400_000, 0.325],
    [{ 99: 100_000, 60: 30_000, 59: 5 }, 60, 130_000, 1],
    // The sum never gets there: the floor's bin is the last, and what lies below it does not count.
    [{ 90: 90_000, 30: 10_000, 29: 500_000 }, 30, 100_000, 1.3],
    [{ 70: 40_000 }, 30, 40_000, 3.25],
  ] as const)
    assert.deepEqual(balanceClass(counts(of), 130_000, 30), { bin, above, copies });
  assert.deepEqual(balanceClass(counts({ 29: 7 }), 130_000, 30), { bin: BINS, above: 0, copies: 0 });
  // upsample=0 and use_all
  assert.equal(balanceClass(counts({ 70: 40_000 }), 130_000, 30, { copies: 'thinned' }).copies, 1);
  assert.equal(balanceClass(counts({ 99: 400_000 }), 130_000, 30, { copies: 'thinned' }).copies, 0.325);
  assert.equal(balanceClass(counts({ 99: 400_000 }), 130_000, 30, { copies: 'one' }).copies, 1);
  assert.equal(balanceClass(counts({ 70: 40_000 }), 130_000, 30, { mostCopies: 2 }).copies, 2);
});

test('coins make of the expected copies what the reference makes of them', () => {
  const coin = coins(7);
  const n = 40_000;
  const tally = (expected: number): Map<number, number> => {
    const found = new Map<number, number>();
    for (let i = 0; i < n; i++) {
      const copies = copiesOf(expected, () => coin(Buffer.from(`n0144/${i}.jpg`)));
      found.set(copies, (found.get(copies) ?? 0) + 1);
    }
    return found;
  };
  const near = (found: number | undefined, share: number): void => {
    // Five standard deviations of a binomial.
    const room = 5 * Math.sqrt(n * share * (1 - share));
    assert.ok(Math.abs(found! - n * share) < room, `${found} of ${n}, expected ${n * share} +- ${room.toFixed(0)}`);
  };
  const thinned = tally(0.325);
  assert.deepEqual([...thinned.keys()].sort(), [0, 1]);
  near(thinned.get(1), 0.325);
  assert.deepEqual(tally(1), new Map([[1, n]]));
  const more = tally(1.3);
  assert.deepEqual([...more.keys()].sort(), [1, 2]);
  near(more.get(2), 0.3);
  const rare = tally(3.25);
  assert.deepEqual([...rare.keys()].sort(), [3, 4]);
  near(rare.get(4), 0.25);
});

test('a coin is a function of seed and key, and uniform', () => {
  const key = Buffer.from('a/b.jpg');
  assert.equal(coins(1)(key), coins(1)(key));
  assert.notEqual(coins(1)(key), coins(2)(key));
  assert.notEqual(coins(1)(key), coins(1 + 2 ** 32)(key));
  const coin = coins(3);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) tenths[Math.floor(10 * coin(Buffer.from(String(i))))]!++;
  // chi-squared with 9 degrees of freedom: 33.7 is exceeded once in 10,000 times.
  const chi = tenths.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi < 33.7, `${chi}: ${tenths}`);
});

test('a probability lies in the bin that its two decimals say', () => {
  for (let bin = 0; bin < BINS; bin++) assert.equal(binOf(Math.fround(bin / BINS)), bin);
  assert.equal(binOf(1), 99);
  assert.equal(binOf(1.0000001), 99);
});

/** 40 pictures: 25 that the teacher calls x, 10 y, 5 z; the i-th of a class at 0.9, 0.89, ... */
async function labels() {
  const root = temporaryFolder();
  const names = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(2, '0')}.jpg`);
  const pool = await poolOfNames(join(root, 'heap'), names);
  const folder = join(root, 'labels');
  writeLabels(folder, pool, ['x', 'y', 'z'], (i) => {
    if (i === 39) return undefined;
    const label = i < 25 ? 0 : i < 35 ? 1 : 2;
    const probability = 0.9 - 0.01 * (i - [0, 25, 35][label]!);
    const rest = (1 - probability) / 2;
    return [0, 1, 2].map((k) => (k === label ? probability : rest));
  });
  return { root, pool, folder };
}

const ofClass = ({ classes }: Selection, i: number) => {
  const { pictures, threshold, above, copies, kept, drawn } = classes[i]!;
  return { pictures, threshold, above, copies, kept, drawn };
};

test('balance: rich classes are cut, poor ones repeated', async () => {
  const { pool, folder } = await labels();
  const found = await selected({ labels: folder, rule: { name: 'balance', floor: 0.85, perClass: 8 } });
  // 0.90 to 0.85 is the floor: 6 of x, so that 8 / 6 copies are expected of each.
  assert.deepEqual(
    { ...ofClass(found, 0), drawn: 0 },
    { pictures: 25, threshold: 0.85, above: 6, copies: 8 / 6, kept: 6, drawn: 0 },
  );
  assert.deepEqual(ofClass(found, 2), { pictures: 4, threshold: 0.85, above: 4, copies: 2, kept: 4, drawn: 8 });
  assert.equal(found.pictures, 39);
  assert.equal(found.unreadable, 1);
  assert.equal(
    found.histogram.pictures.reduce((sum, n) => sum + n),
    39,
  );
  assert.equal(
    found.histogram.kept.reduce((sum, n) => sum + n),
    found.kept,
  );

  const read = await readPseudoLabels(join(folder, 'selected'), pool, ['x', 'y', 'z']);
  assert.equal(read.positions.length, found.kept);
  assert.equal(
    read.copies.reduce((sum, n) => sum + n),
    found.drawn,
  );
  assert.deepEqual([...read.positions].slice(-4), [35, 36, 37, 38]);
  assert.deepEqual(read.selection, readSelection(join(folder, 'selected')));
});

test('by default as many of each class as a class has on average; the same seed selects the same', async () => {
  const { root, folder } = await labels();
  const one = await selected({ labels: folder, seed: 4 });
  assert.equal(one.rule['perClass'], 13);
  assert.equal(one.rule['floor'], 0.3);
  const out = join(root, 'again');
  const again = await selected({ labels: folder, seed: 4, out });
  const { labels: seenFrom, selectedAt: _, ...same } = again;
  assert.deepEqual({ ...one, labels: seenFrom, selectedAt: _ }, again);
  assert.equal(seenFrom, '../labels');
  assert.equal(same.drawn, one.drawn);
  const other = await selected({ labels: folder, seed: 5, out, force: true });
  assert.notDeepEqual(other.classes, one.classes);
});

test('a plain threshold and a share keep each picture once', async () => {
  const { folder, root } = await labels();
  const keep = async (rule: SelectRule) =>
    (await selected({ labels: folder, rule, out: join(root, 's'), force: true })).classes.map(({ kept, drawn }) => [
      kept,
      drawn,
    ]);
  assert.deepEqual(await keep({ name: 'threshold', threshold: 0.87 }), [
    [4, 4],
    [4, 4],
    [4, 4],
  ]);
  // 20 % of 25, 10 and 4
  assert.deepEqual(await keep({ name: 'share', share: 0.2 }), [
    [5, 5],
    [2, 2],
    [1, 1],
  ]);
  assert.deepEqual(await keep({ name: 'share', share: 1 }), [
    [25, 25],
    [10, 10],
    [4, 4],
  ]);
});

test('a share takes by coins of pictures that are equally probable', async () => {
  const root = temporaryFolder();
  const pool = await poolOfNames(
    join(root, 'heap'),
    Array.from({ length: 300 }, (_, i) => `${i}.jpg`),
  );
  writeLabels(join(root, 'labels'), pool, ['a', 'b'], (i) => (i < 10 ? [1, 0] : [0.75, 0.25]));
  const { classes } = await selected({ labels: join(root, 'labels'), rule: { name: 'share', share: 0.5 } });
  assert.equal(classes[0]!.threshold, 0.75);
  assert.equal(classes[0]!.above, 300);
  // 10 and 140 of 290: five standard deviations
  assert.ok(Math.abs(classes[0]!.kept - 150) < 43, String(classes[0]!.kept));
});

test('what cannot be selected, and where not, is said', async () => {
  const { root, folder } = await labels();
  const attempt = (rule: SelectRule) => selected({ labels: folder, rule });
  await rejectsWith(attempt({ name: 'balance', floor: 0.305 }), 2, /multiple of 0\.01/);
  await rejectsWith(attempt({ name: 'share', share: 0 }), 2, /--share/);
  await rejectsWith(attempt({ name: 'threshold', threshold: 1.5 }), 2, /--threshold/);
  await rejectsWith(selected({ labels: root }), 2, /Expected pseudo-labels/);
  await rejectsWith(selected({ labels: folder, out: folder }), 2, /holds labels/);
  await rejectsWith(selected({ labels: folder, out: join(root, 'heap') }), 2, /something else/);
  await selected({ labels: folder });
  await rejectsWith(selected({ labels: folder }), 2, /--force replaces it/);
  await rejectsWith(selected({ labels: join(folder, 'selected') }), 2, /is a selection/);
  rmSync(partFile(folder, 'heap-00000'));
  await rejectsWith(selected({ labels: folder, force: true }), 2, /1 are missing: heap-00000/);
  assert.ok(existsSync(join(folder, 'selected', 'selection.json')), 'what was there stays');
  writeFileSync(partFile(folder, 'heap-00000'), 'x');
  await rejectsWith(selected({ labels: folder, force: true }), 1, /not a valid safetensors file/);
});
