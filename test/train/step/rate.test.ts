import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveRecipe } from '../../../src/recipe/recipe.js';
import { learningRates } from '../../../src/train/step/rate.js';

const rates = (
  preset: string,
  stepsPerEpoch: number,
  settings: Record<string, unknown> = {},
): ((epoch: number) => number) => {
  const rate = learningRates(resolveRecipe(preset, 'resnet-rs-50', 224, settings).values, stepsPerEpoch);
  return (epoch) => rate(Math.round(epoch * stepsPerEpoch));
};
const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-9 * Math.max(1, expected), `${actual}, expected ${expected}`);

// 312 steps an epoch and a batch of 4096: tensorflow/models imagenet_resnetrs*.yaml has 109,200 steps, 1,560 of
// warm-up, and a peak of 1.6.
test('resnet-rs on ImageNet', () => {
  const rate = rates('resnet-rs', 312, { batch: 4096 });
  near(rate(0), 0);
  near(rate(5), 0.8 * (1 + Math.cos((Math.PI * 1560) / 109_200)));
  near(rate(175), 0.8);
  near(rate(350), 0);
});

test('the released TF1 trainer: 1.6 from epoch 19, a tenth less at 116, 233 and 311', () => {
  const rate = rates('resnet-rs-tf1', 312, { batch: 4096 });
  for (const [epoch, expected] of [
    [9.5, 0.8],
    [19, 1.6],
    [115, 1.6],
    [116, 0.16],
    [233, 0.016],
    [310, 0.016],
    [311, 0.0016],
  ] as const)
    near(rate(epoch), expected);
});

test('the baseline: steps at 30, 60 and 80 of 90 epochs, in proportion in a shorter run', () => {
  const rate = rates('resnet-baseline', 100, { batch: 256 });
  for (const [epoch, expected] of [
    [5, 0.1],
    [29, 0.1],
    [30, 0.01],
    [60, 0.001],
    [80, 0.0001],
  ] as const)
    near(rate(epoch), expected);
  const short = rates('resnet-baseline', 100, { batch: 256, epochs: 9 });
  for (const [epoch, expected] of [
    [0.25, 0.05],
    [0.5, 0.1],
    [2.99, 0.1],
    [3, 0.01],
    [6, 0.001],
    [8, 0.0001],
  ] as const)
    near(short(epoch), expected);
});

test('efficientnet: 0.256 at 4096 pictures, x0.97 every 2.4 epochs', () => {
  const rate = rates('efficientnet', 100, { batch: 4096 });
  for (const [epoch, expected] of [
    [2.5, 0.128],
    [5, 0.256 * 0.97 ** 2],
    [7.19, 0.256 * 0.97 ** 2],
    [7.2, 0.256 * 0.97 ** 3],
  ] as const)
    near(rate(epoch), expected);
});

test('one cycle rises for 0.3 of the run, constant stays', () => {
  const rate = learningRates(
    resolveRecipe('quick', 'resnet-rs-50', 224, { schedule: 'one-cycle', batch: 256 }).values,
    10,
  );
  near(rate(0), 0.1 / 25);
  near(rate(29), 0.1);
  near(rate(99), 0.1 / 25 / 1e4);
  const flat = rates('quick', 10, { schedule: 'constant', batch: 256 });
  assert.deepEqual(
    [0, 0.5, 1, 9.9].map((epoch) => Number(flat(epoch).toFixed(9))),
    [0, 0.05, 0.1, 0.1],
  );
});

// torchvision references/segmentation/train.py: (1 - t/T)^0.9 of a step; cleinc/bts pytorch/bts_main.py: to a tenth.
test('poly: torchvision to nothing, BTS to a tenth, the ramp of tensorflow/models', () => {
  const rate = (preset: string, settings: Record<string, unknown>) =>
    learningRates(resolveRecipe(preset, 'resnet-50', 480, settings).values, 10);
  const torchvision = rate('deeplabv3', { epochs: 30 });
  for (const t of [0, 1, 150, 299]) near(torchvision(t), 0.01 * (1 - t / 300) ** 0.9);
  const bts = rate('depth-bts', { epochs: 50 });
  for (const t of [0, 250, 499]) near(bts(t), (1e-4 - 1e-5) * (1 - t / 500) ** 0.9 + 1e-5);
  const garden = rate('deeplabv3plus', { epochs: 50 });
  const at = (t: number): number => 0.007 * (1 - t / 500) ** 0.9;
  near(garden(20), (at(50) * 20) / 50);
  near(garden(400), at(400));
});
