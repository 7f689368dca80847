import assert from 'node:assert/strict';
import { it } from 'node:test';
import { viewBoxes } from '../../../src/augment/targets.js';
import { type DetectTargets, detectTargets } from '../../../src/data/annotations/detect-targets.js';
import { openDetection, truthOf } from '../../../src/data/annotations/detection.js';
import { BatchLoader } from '../../../src/data/loading/loader.js';
import { temporaryFolder, writeTree } from '../helpers.js';
import { jpeg, vocSet, vocXml } from './sets.js';

const preprocess = { size: 16, cropArea: [0.3, 1], cropAspect: [0.8, 1.2], flip: 0.5, evalCrop: 1 } as const;

async function batches(folder: string, workers: number, mode: 'train' | 'eval'): Promise<DetectTargets[]> {
  const { train } = await openDetection(folder, { maxBroken: 1 });
  const options = {
    source: train!,
    targets: detectTargets({ minVisible: 0.25, minSide: 0 }),
    batch: 3,
    mode,
    seed: 3,
    workers,
  };
  await using loader = new BatchLoader({
    ...options,
    preprocess: { ...preprocess, cropArea: [0.3, 1], cropAspect: [0.8, 1.2] },
  });
  const found: DetectTargets[] = [];
  for await (const { targets } of loader.batches(1)) found.push(targets);
  return found;
}

it('boxes of a batch lie where the view shows them, in threads as without', async () => {
  const folder = await vocSet(temporaryFolder(), { train: 8, val: 1 });
  const found = await batches(folder, 0, 'train');
  assert.deepEqual(await batches(folder, 2, 'train'), found);
  const { train } = await openDetection(folder);
  let dropped = 0;
  for (const targets of found) {
    let [at, all] = [0, 0];
    for (const [k, count] of targets.counts.entries()) {
      const truth = truthOf(train!, targets.index[k]!);
      const [x, y, width, height, shiftX, shiftY, flip, scale] = targets.views.subarray(
        8 * k,
        8 * k + 8,
      ) as unknown as number[];
      assert.deepEqual([shiftX, shiftY, scale], [0, 0, 1]);
      const crop = { x: x!, y: y!, width: width!, height: height! };
      const seen = viewBoxes(truth.boxes, { width: 40, height: 30, crop, size: 16, flip: flip === 1 });
      const kept = seen.visible[0]! >= 0.25;
      dropped += kept ? 0 : 1;
      assert.equal(count, kept ? 1 : 0);
      if (kept) assert.deepEqual(targets.boxes.slice(4 * at, 4 * at + 4), seen.boxes);
      if (kept) assert.equal(targets.classes[at], truth.classes[0]);
      assert.equal(targets.truthCounts[k], 1);
      assert.deepEqual(targets.truthBoxes.slice(4 * all, 4 * all + 4), truth.boxes);
      assert.equal(targets.truthArea[all], truth.area[0]);
      at += count;
      all += 1;
    }
    assert.equal(targets.boxes.length, 4 * at);
  }
  assert.ok(dropped > 0 && dropped < 8, `${dropped} of 8 boxes are out of sight`);
});

it('a picture that was reduced as it was decoded has its boxes where they were', async () => {
  const box = [{ name: 'cat', box: [61, 81, 120, 120] }];
  const picture = await jpeg(240, 160);
  const folder = writeTree(temporaryFolder(), {
    'train/1.jpg': picture,
    'train/1.xml': vocXml('1.jpg', 240, 160, box),
    'train/2.jpg': picture,
    'train/2.xml': vocXml('2.jpg', 120, 80, [{ name: 'cat', box: [31, 41, 60, 60] }]),
    'val/1.jpg': picture,
    'val/1.xml': vocXml('1.jpg', 240, 160, box),
  });
  const [targets] = await batches(folder, 0, 'eval');
  // 96 x 64 pixels are left, of which the middle 64 x 64 are seen in 16 x 16.
  assert.deepEqual(
    [...targets!.views.subarray(0, 8)].map((v) => +v.toFixed(6)),
    [16, 0, 64, 64, 0, 0, 0, 0.4],
  );
  assert.deepEqual(
    [...targets!.boxes].map((v) => +v.toFixed(4)),
    [2, 8, 8, 12, 2, 8, 8, 12],
  );
  assert.deepEqual([...targets!.truthBoxes], [60, 80, 120, 120, 60, 80, 120, 120]);
  assert.deepEqual([...targets!.sides], [240, 160, 240, 160]);
});
