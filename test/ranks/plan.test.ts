import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRun } from '../../src/cli/launch/plan-run.js';
import { cli } from '../cli/helpers.js';

const facts = {
  ...{ parameters: 24e6, statistics: 1e6, pictures: 1000, epochs: 2, batch: 100, ranks: 4, speed: 50 },
  ...{ network: 8, perMachine: 1, pictureBytes: 1e5 },
};

test('a plan by hand: what hides behind the backward pass costs nothing', () => {
  // 25 a rank at 50 a second; 100 MB, of which a ring of 4 sends 1.5 times at 1 GB a second; two thirds of 0.5 s hide it.
  const { steps, compute, message, send, picturesPerSecond, bytesPerSecond, best, worst } = planRun(facts);
  assert.deepEqual([steps, compute, message, picturesPerSecond, bytesPerSecond], [20, 0.5, 1e8, 200, 2e7]);
  assert.ok(Math.abs(send - 0.15) < 1e-12);
  assert.ok(Math.abs(best - 10) < 1e-9 && Math.abs(worst - 13) < 1e-9);
});

test('a slow network is felt, one machine has none', () => {
  // 1.5 s of sending, of which a third of a second is hidden.
  const slow = planRun({ ...facts, network: 0.8 });
  assert.ok(Math.abs(slow.best - 20 * (0.5 + 1.5 - 1 / 3)) < 1e-9, String(slow.best));
  const one = planRun({ ...facts, perMachine: 4 });
  assert.deepEqual([one.send, one.best, one.worst], [0, 10, 10]);
});

test("the paper's large run, and mistakes", async () => {
  const words = ['plan-run', 'resnet-rs-152', '--pictures', '1281167', '--speed', '400', '-n', '32'];
  const { status, stdout } = await cli(...words);
  assert.equal(status, 0);
  // 350 epochs of ceil(1281167/4096) = 313 steps.
  assert.match(stdout, /109,550 of 4096 pictures, 128 a rank/);
  assert.match(stdout, /resnet-rs-152, 86\.6 M parameters/);
  assert.equal(
    (await cli('plan-run', 'resnet-rs-152', '--pictures', '9', '--speed', '1', '-b', '8', '-n', '8')).status,
    2,
  );
  assert.match((await cli('plan-run', 'resnet-rs-153', '--pictures', '9', '--speed', '1')).stderr, /Did you mean/);
});
