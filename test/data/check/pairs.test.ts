import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../src/augment/random.js';
import { Hashes, MOST_BITS, nearPairs } from '../../../src/data/check/pairs.js';
import { MIRROR, Thumbs } from '../../../src/data/check/thumbs.js';

const PICTURES = 400;

/** Bits that are set, one by one. */
const bits = (word: number): number => [...(word >>> 0).toString(2)].filter((bit) => bit === '1').length;

/** Random hashes, every fourth a copy of the one before with some bits changed, every eighth mirrored too. */
function someSigns(): Int32Array {
  const random = new Random(7, 0);
  const word = (): number => random.int(2 ** 16) * 2 ** 16 + random.int(2 ** 16);
  const signs = new Int32Array(2 * PICTURES);
  for (let i = 0; i < PICTURES; i++) {
    // The mean is no wave: its bit is never set.
    [signs[2 * i], signs[2 * i + 1]] = [word() & ~1, word()];
    if (i % 4 !== 3) continue;
    for (const k of [0, 1]) signs[2 * i + k] = signs[2 * i - 2 + k]! ^ (i % 8 === 7 ? MIRROR : 0);
    for (let n = 0; n < i % 25; n++) signs[2 * i + (n & 1)]! ^= 1 << (1 + random.int(31));
  }
  return signs;
}

/** Each hash against each other, as it stands and mirrored. */
function plainly(signs: Int32Array): string[] {
  const found: string[] = [];
  for (let a = 0; a < PICTURES; a++)
    for (let b = a + 1; b < PICTURES; b++)
      for (const mask of [0, MIRROR]) {
        const distance = [0, 1].reduce((sum, k) => sum + bits(signs[2 * a + k]! ^ signs[2 * b + k]! ^ mask), 0);
        if (distance <= MOST_BITS) found.push(`${a} ${b} ${mask === MIRROR}`);
      }
  return found.sort();
}

test('the quick comparison of hashes finds the pairs of the plain one', () => {
  const signs = someSigns();
  const which = Int32Array.from({ length: PICTURES }, (_, i) => i);
  const hashes = new Hashes({ signs }, which);
  const quick = [...which].flatMap((k) => hashes.like(k).map(({ other, mirrored }) => `${k} ${other} ${mirrored}`));
  const plain = plainly(signs);
  assert.ok(plain.length > PICTURES / 4, `only ${plain.length} pairs`);
  assert.ok(plain.some((pair) => pair.endsWith('true')));
  assert.deepEqual(quick.sort(), plain);
});

test('across sides the pairs are those of all that lie across', () => {
  const signs = someSigns();
  const which = Int32Array.from({ length: PICTURES }, (_, i) => i);
  const sides = Uint8Array.from(which, (i) => 1 + (i % 3));
  const all = new Hashes({ signs }, which);
  const some = new Hashes({ signs }, which, sides);
  const across = (a: number, b: number): boolean => sides[a] === 3 || sides[b] === 3 || sides[a] !== sides[b];
  for (const k of which)
    assert.deepEqual(
      some.like(k),
      all.like(k).filter(({ other }) => across(k, other)),
    );
});

test('what an aligner keeps of a picture changes nothing', async () => {
  const thumbs = new Thumbs(6);
  const random = new Random(3, 0);
  const [width, height] = [64, 48];
  // Two scenes, each whole, cropped and mirrored.
  for (const scene of [0, 1]) {
    const waves = Array.from({ length: 12 }, () => [random.uniform() * 0.2, random.uniform() * 0.2, random.uniform()]);
    const level = (x: number, y: number): number =>
      128 + waves.reduce((sum, [u, v, phase]) => sum + 20 * Math.sin(u! * x + v! * y + 6 * phase!), 0);
    for (const [k, place] of [
      (x: number, y: number) => level(x, y),
      (x: number, y: number) => level(2 + x * 0.95, 1 + y * 0.95),
      (x: number, y: number) => level(width - 1 - x, y),
    ].entries()) {
      const data = new Uint8Array(3 * width * height);
      for (let p = 0; p < width * height; p++)
        data.fill(Math.max(0, Math.min(255, place(p % width, Math.floor(p / width)))), 3 * p, 3 * p + 3);
      thumbs.set(3 * scene + k, { width, height, data });
    }
  }
  const pairs = await finished(nearPairs(thumbs, Int32Array.from([0, 1, 2, 3, 4, 5])));
  const alone = [];
  for (const { a, b } of pairs) alone.push(...(await finished(nearPairs(thumbs, Int32Array.from([a, b])))));
  assert.deepEqual(
    pairs.map(({ a, b, mirrored }) => `${a} ${b} ${mirrored}`),
    ['0 1 false', '0 2 true', '1 2 true', '3 4 false', '3 5 true', '4 5 true'],
  );
  assert.deepEqual(alone, pairs);
});

async function finished<T>(generator: AsyncGenerator<unknown, T>): Promise<T> {
  for (let turn = await generator.next(); ; turn = await generator.next()) if (turn.done === true) return turn.value;
}
