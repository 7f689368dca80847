// Oracles by hand, and those of the reference: focal loss, GIoU, Huber.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anchorsFor, type Decoder } from '../../../src/models/detect/index.js';
import { assign } from '../../../src/tasks/detect/assign.js';
import { codeLoss, decoded, focalLoss, giouLoss } from '../../../src/tasks/detect/loss.js';
import { scope, tensor, zeros } from '../../../src/torch/index.js';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} in place of ${expected}`);

test('focal loss at logit 0: gamma 1.5 and 2, there and not', () => {
  for (const [gamma, there, absent] of [
    [1.5, 0.0612661, 0.1837984],
    [2, 0.0433217, 0.1299651],
  ] as const)
    scope(() => {
      const options = { alpha: 0.25, gamma };
      const none = zeros([0]);
      const logits = zeros([1, 1, 1]);
      near(focalLoss(logits, tensor([[[1]]]), none, none, options).item(), absent);
      near(focalLoss(logits, tensor([[[1]]]), tensor([0]), tensor([1]), options).item(), there);
      near(focalLoss(logits, tensor([[[0]]]), none, none, options).item(), 0);
    });
});

test('GIoU: overlapping and apart; the same box costs nothing', () => {
  scope(() => {
    const loss = (a: number[], b: number[]): number => giouLoss(tensor([a]), tensor([b]), tensor([1])).item();
    near(loss([0, 0, 10, 10], [5, 5, 15, 15]), 1.0793651);
    near(loss([0, 0, 1, 1], [2, 0, 3, 1]), 4 / 3);
    near(loss([0, 0, 10, 10], [0, 0, 10, 10]), 0);
  });
});

test('Huber is the mean of four numbers, L1 their sum; both are weighed', () => {
  scope(() => {
    const [given, wanted] = [tensor([[0.05, 0.3, 0, 0]]), zeros([1, 4])];
    near(codeLoss(given, wanted, tensor([1]), 'huber', 0.1).item(), (0.00125 + 0.025) / 4);
    near(codeLoss(given, wanted, tensor([2]), 'l1', 0.1).item(), 0.7);
  });
});

test('codes become boxes', () => {
  scope(() => {
    const boxes = decoded(tensor([[0.2, -0.1, 0, -0.5108256]]), tensor([[0, 0, 10, 20]])).data();
    [2, 2, 12, 14].forEach((value, i) => assert.ok(Math.abs(Number(boxes[i]) - value) < 1e-5));
  });
});

test('weights by picture, by batch and by batch plus one; a batch without boxes is finite', () => {
  const options = {
    kind: 'retinanet',
    classes: 2,
    anchors: { rule: 'group', size: 4, scales: 1, ratios: [1] },
  } as const;
  const decoder: Decoder = { options, size: 64, ...anchorsFor(options, 64, 32) };
  const [one] = [decoder.anchors.slice(4 * 20, 4 * 20 + 4)];
  const none = { boxes: new Float32Array(0), classes: new Int32Array(0) };
  const two = Float32Array.from([...one!, ...decoder.anchors.slice(4 * 50, 4 * 50 + 4)]);
  const truths = [{ boxes: one!, classes: Int32Array.of(1) }, { boxes: two, classes: Int32Array.of(0, 1) }, none];
  const own = (normaliser: 'picture' | 'batch' | 'batch-plus-one', of = truths) =>
    assign(of, decoder, { matchHigh: 0.9, matchLow: 0.9, normaliser });
  const count = decoder.anchors.length / 4;
  const byPicture = own('picture');
  assert.deepEqual([...byPicture.rows], [20, count + 20, count + 50]);
  assert.deepEqual([...byPicture.classes], [1, 0, 1]);
  assert.deepEqual(
    [...byPicture.own].map((w) => Number(w.toFixed(6))),
    [0.333333, 0.166667, 0.166667],
  );
  assert.ok(byPicture.codes.every((code) => Math.abs(code) < 1e-6));
  assert.equal(Number(byPicture.weights[2 * count]!.toFixed(6)), 0.333333);
  assert.ok(own('batch').own.every((w) => Math.abs(w - 1 / 3) < 1e-6));
  assert.ok(own('batch-plus-one').own.every((w) => w === 0.25));
  assert.ok(own('batch', [none]).weights.every((w) => w === 1));
});
