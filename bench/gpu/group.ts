// One rank of the group that bench/gpu/check.ts starts: sums on cards and a shared step of ResNet-18. Prints how it went as JSON.
//   node dist/bench/gpu/group.js RANK WORLD PORT CARD nccl|gloo
import { createModel } from '../../src/models/index.js';
import { joinRanks, settleLibrary } from '../../src/ranks/join.js';
import {
  crossEntropy,
  distributedBackends,
  fromTypedArray,
  manualSeed,
  mul,
  randn,
  type Tensor,
  to,
} from '../../src/torch/index.js';
import { RankedStep } from '../../src/train/step/ranked.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { median } from '../median.js';

const [rank = 0, world = 1, port = 0, card = 0] = process.argv.slice(2, 6).map(Number);
const way = process.argv[6];
settleLibrary();
const device = `cuda:${card}`;
const place = {
  ...{ rank, world, localRank: rank, localWorld: world, host: '127.0.0.1', port },
  launcher: 'torchrun',
} as const;
const group = await joinRanks(place, process.env);
if (way === 'nccl') {
  if (!distributedBackends().includes('nccl')) throw new Error('this engine was built without NCCL');
  await group.useCards(card);
}
const ranks = new Ranks(group);
const one = to(fromTypedArray(Float32Array.of(rank + 1, 1), [2]), { device });
await group.allReduce([one]);
const sum = [...(to(one, { device: 'cpu' }).data() as Float32Array)];

manualSeed(1);
const model = createModel('resnet-18', { classes: 10 }).train().to({ device, memoryFormat: 'channels_last' });
await ranks.same([...model.state().values()]);
const x = to(randn([32, 3, 96, 96], { device }), { memoryFormat: 'channels_last' });
const labels = to(
  fromTypedArray(
    BigInt64Array.from({ length: 32 }, (_, i) => BigInt(i % 10)),
    [32],
  ),
  { device },
);
const step = new RankedStep(ranks, model, [], device);
const seconds: number[] = [];
for (let i = 0; i < 8; i++) {
  const began = performance.now();
  for (const parameter of model.parameters().values()) parameter.grad = null;
  step.begin();
  step.last();
  const loss = crossEntropy(model.forward(x), labels);
  mul(loss, 1 / world).backward();
  step.partDone();
  await step.finish({ images: 32, loss: loss.item(), stop: 0, figures: {} });
  seconds.push((performance.now() - began) / 1000);
}
const total = [...model.parameters().values()].reduce(
  (all, one) => all + (to(one.grad as Tensor, { device: 'cpu' }).data() as Float32Array).reduce((a, b) => a + b, 0),
  0,
);
await ranks.leave();
process.stdout.write(`${JSON.stringify({ way, sum, gradients: total, ms: 1000 * median(seconds.slice(2)) })}\n`, () =>
  process.exit(),
);
