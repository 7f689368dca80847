import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { philox4x32, Random } from '../../src/augment/random.js';
import { packageRoot } from '../../src/package-root.js';

const hex = (words: Iterable<number>) => [...words].map((word) => word.toString(16).padStart(8, '0')).join(' ');

test('Philox4x32-10 gives the known answers of Random123 (kat_vectors)', () => {
  const cases: [number[], number[], string][] = [
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [Array<number>(4).fill(0xffffffff), Array<number>(2).fill(0xffffffff), '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ];
  for (const [counter, key, expected] of cases) {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    assert.equal(hex(out), expected);
  }
});

test('the stream of seed 0 without keys is plain Philox over a block counter', () => {
  const random = new Random(0);
  const words = Array.from({ length: 8 }, () => random.uint32());
  assert.equal(hex(words.slice(0, 4)), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  const second = new Uint32Array(4);
  philox4x32([1, 0, 0, 0], [0, 0], second);
  assert.deepEqual(words.slice(4), [...second]);
});

test('different seeds and keys give different streams, the same give the same', () => {
  const first = (seed: number, ...keys: number[]) => {
    const random = new Random(seed, ...keys);
    return `${random.uint32()} ${random.uint32()}`;
  };
  const streams = [
    [0],
    [1],
    [-1],
    [2 ** 32],
    [0, 0],
    [0, 0, 0],
    [0, 1],
    [0, 1, 0],
    [0, 0, 1],
    [0, 2 ** 32],
    [0, -1],
    [1, 0],
  ] as const;
  assert.equal(new Set(streams.map(([seed, ...keys]) => first(seed, ...keys))).size, streams.length);
  for (const [seed, ...keys] of streams) assert.equal(first(seed, ...keys), first(seed, ...keys));
});

test('streams equal those of a second implementation (make_random.py)', () => {
  const file = join(packageRoot, 'test', 'fixtures', 'random.json');
  for (const { seed, keys, words } of JSON.parse(readFileSync(file, 'utf8')) as {
    seed: number;
    keys: number[];
    words: number[];
  }[]) {
    const random = new Random(seed, ...keys);
    assert.equal(hex(words.map(() => random.uint32())), hex(words), `seed ${seed}, keys ${keys.join(', ')}`);
  }
});

test('uniform lies in [0, 1) with mean 1/2 and variance 1/12', () => {
  const random = new Random(7);
  const n = 40000;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const u = random.uniform();
    assert.ok(u >= 0 && u < 1);
    sum += u;
    squares += (u - 0.5) ** 2;
  }
  // Five standard errors: sqrt(1/12 / n) = 0.00144 and sqrt(1/180 / n) = 0.00037.
  assert.ok(Math.abs(sum / n - 0.5) < 0.0072);
  assert.ok(Math.abs(squares / n - 1 / 12) < 0.0019);
});

test('int is even over its range, by chi-squared', () => {
  const random = new Random(3, 1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 50000; i++) counts[random.int(10)]!++;
  const chi = counts.reduce((sum, count) => sum + (count - 5000) ** 2 / 5000, 0);
  assert.ok(chi < 33.7, `chi-squared ${chi} with 9 degrees of freedom (99.99 % is below 33.7)`);
  assert.equal(new Random(1).int(1), 0);
  assert.ok(new Random(1).int(2 ** 32) >= 0);
});

test('int draws again beyond the last whole multiple of n', () => {
  // For n = 3 x 2^30 a quarter of the words must be refused; taking them modulo n would double the share of the lowest
  // third.
  const n = 3 * 2 ** 30;
  const random = new Random(11);
  let low = 0;
  for (let i = 0; i < 30000; i++) if (random.int(n) < 2 ** 30) low++;
  assert.ok(Math.abs(low / 30000 - 1 / 3) < 0.014, `${low} of 30000`);
});

test('normal has mean 0, variance 1 and the right share beyond 1.96', () => {
  const random = new Random(5, 5);
  const n = 40000;
  let sum = 0;
  let squares = 0;
  let beyond = 0;
  for (let i = 0; i < n; i++) {
    const z = random.normal();
    sum += z;
    squares += z * z;
    if (Math.abs(z) > 1.959964) beyond++;
  }
  assert.ok(Math.abs(sum / n) < 0.025);
  assert.ok(Math.abs(squares / n - 1) < 0.036);
  assert.ok(Math.abs(beyond / n - 0.05) < 0.0055);
});

test('permutation holds every number once and reaches all orders evenly', () => {
  assert.deepEqual(
    [...new Random(1, 2).permutation(1000)].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.deepEqual([...new Random(1).permutation(0)], []);
  const counts = new Map<string, number>();
  for (let i = 0; i < 12000; i++) {
    const order = new Random(9, i).permutation(3).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  for (const [order, count] of counts) assert.ok(Math.abs(count - 2000) < 205, `${order}: ${count}`);
});

test('Random refuses what is not a whole number', () => {
  assert.throws(() => new Random(1.5), /as seed but received 1.5/);
  assert.throws(() => new Random(1, NaN), /as key but received NaN/);
  assert.throws(() => new Random(1).int(0), /between 1 and 2\^32 but received 0/);
});
