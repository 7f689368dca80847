// What clips do with settings that were made for pictures.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { train } from '../../../src/tasks/runs.js';
import { temporaryFolder } from '../../data/helpers.js';
import { animation, square } from '../../data/video/helpers.js';

const root = temporaryFolder();
const SIDE = 16;

test('bfloat16 in parts of a batch, and videos of which only the middle is kept are counted', async () => {
  process.env['RESCALED_CACHE'] = join(root, 'cache');
  for (const part of ['train', 'val'])
    for (const [name, step] of [
      ['left', -1],
      ['right', 1],
    ] as const)
      for (let i = 0; i < 4; i++)
        await animation(join(root, 'data', part, name, `${i}.gif`), square(6, SIDE, step, 6), SIDE, 40);
  // A point that wanders: frames that are alike are written as one.
  const long = Buffer.alloc(520 * SIDE ** 2);
  for (let k = 0; k < 520; k++) long[k * SIDE ** 2 + (k % SIDE ** 2)] = 255;
  await animation(join(root, 'data/train/left/long.gif'), long, SIDE, 40);
  const [told, losses]: [string[], number[]] = [[], []];
  for await (const event of train({
    ...{ data: join(root, 'data'), out: join(root, 'run'), task: 'video', model: 'resnet3d-14', width: 0.125 },
    ...{ modelOptions: { selfGate: true }, size: SIDE, threads: 1, workers: 0, epochs: 1, batch: 4 },
    settings: { precision: 'bfloat16', accumulate: 2, frames: 4, testClips: 1, testCrops: 1 },
  })) {
    if (event.type === 'advice') told.push(event.text);
    if (event.type === 'step') losses.push(event.loss);
  }
  assert.ok(losses.length > 0 && losses.every(Number.isFinite));
  assert.ok(
    told.some((text) => /^1 video has more than 512 frames, of which the 512 in the middle are used/.test(text)),
    told.join('\n'),
  );
});
