import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ClipRule, evalFrames, steadyTicks, trainFrames } from '../../../src/augment/clips/indices.js';
import { Random } from '../../../src/augment/random.js';
import { packageRoot } from '../../../src/package-root.js';

type Row = [ClipRule, number, number, number, number, number, number, number[]];

test('frames of evaluation clips are those of the reference, short videos included', () => {
  const rows = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/clip-indices.json'), 'utf8')) as Row[];
  assert.ok(rows.length > 2000);
  for (const [rule, length, frames, stride, fps, i, of, wanted] of rows)
    assert.deepEqual(
      [...evalFrames(length, { frames, stride, rule }, i, of, fps || undefined)],
      wanted,
      JSON.stringify({ rule, length, frames, stride, fps, i, of }),
    );
});

test('the published figures of both rules', () => {
  const clip = { frames: 32, stride: 2, rule: 'garden' } as const;
  const starts = Array.from({ length: 10 }, (_, i) => evalFrames(300, clip, i, 10)[0]);
  assert.deepEqual(starts, [0, 26, 52, 78, 104, 131, 157, 183, 209, 236]);
  // Eight frames over 64: a step of nine.
  const slow = evalFrames(64, { frames: 8, stride: 8, rule: 'slowfast' }, 0, 10);
  assert.deepEqual([...slow], [0, 9, 18, 27, 36, 45, 54, 63]);
});

test('training clips start where the reference lets them, and short videos go on from their first frame', () => {
  const clip = { frames: 4, stride: 3, rule: 'garden' } as const;
  const startsOf = (length: number): number[] => {
    const starts = new Set<number>();
    for (let seed = 0; seed < 400; seed++) starts.add(trainFrames(length, clip, new Random(seed))[0]!);
    return [...starts].sort((a, b) => a - b);
  };
  // L - (n - 1) s = 12 - 9 starts, while L > 9; every one of a shorter video.
  assert.deepEqual(startsOf(12), [0, 1, 2]);
  assert.deepEqual(startsOf(10), [0]);
  assert.deepEqual(startsOf(9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  const random = new Random(5);
  const start = new Random(5).int(5);
  assert.deepEqual(
    [...trainFrames(5, clip, random)],
    [0, 3, 6, 9].map((k) => (start + k) % 5),
  );
  const slow = { frames: 4, stride: 3, rule: 'slowfast' } as const;
  for (let seed = 0; seed < 50; seed++) {
    const frames = [...trainFrames(20, slow, new Random(seed))];
    const at = new Random(seed).uniform() * 8;
    assert.deepEqual(
      frames,
      [0, 1, 2, 3].map((k) => Math.trunc(Math.fround(at) + (k * 11) / 3)),
    );
  }
  // Twice the frames a second: twice as many are passed over.
  assert.deepEqual([...evalFrames(100, slow, 0, 2, 60)], [0, 7, 15, 23]);
});

test('a stride of 0 is as wide as the video allows, up to 4', () => {
  const clip = { frames: 8, stride: 0, rule: 'garden' } as const;
  const strideOf = (length: number): number => {
    const [first, second] = evalFrames(length, clip, 0, 1);
    return second! - first!;
  };
  assert.deepEqual([8, 15, 16, 31, 32, 500].map(strideOf), [1, 1, 2, 3, 4, 4]);
  assert.deepEqual([...evalFrames(3, clip, 0, 1)], [0, 1, 2, 0, 1, 2, 0, 1]);
});

test('where the rate varies indices stand for time', () => {
  const times = [0, 0.1, 0.2, 0.6, 0.7, 0.8];
  const { frames, fps } = steadyTicks(times, 10);
  assert.equal(fps, 10);
  assert.deepEqual([...frames!], [0, 1, 2, 2, 2, 2, 3, 4, 5]);
  // A steady one is taken as it is, but where another rate is asked for.
  assert.deepEqual(steadyTicks([0, 0.1, 0.2, 0.31], 10), { fps: 10 });
  assert.deepEqual([...steadyTicks([0, 0.1, 0.2, 0.3], 10, 5).frames!], [0, 2]);
  assert.deepEqual([...steadyTicks([0, 0.1], 10, 20).frames!], [0, 0, 1, 1]);
  assert.deepEqual(steadyTicks([0, 1, 2], 0, 25), { fps: undefined });
});
