// One process of bench/ranks.ts: steps of ResNet-50, shared by WORLD ranks. Prints the median of their seconds, and of those after the backward pass, as JSON.
//   node dist/bench/ranks-member.js RANK WORLD PORT SIZE BATCH STEPS
import { createModel } from '../src/models/index.js';
import { Sgd } from '../src/optim/index.js';
import { joinRanks, settleLibrary } from '../src/ranks/join.js';
import { call, crossEntropy, fromTypedArray, mul, setThreads, type Tensor } from '../src/torch/index.js';
import { RankedStep } from '../src/train/step/ranked.js';
import { Ranks } from '../src/train/step/ranks.js';
import { median } from './median.js';

const [rank = 0, world = 1, port = 0, size = 96, batch = 8, steps = 5] = process.argv.slice(2).map(Number);
settleLibrary();
setThreads(1);
const place = {
  rank,
  world,
  localRank: rank,
  localWorld: world,
  host: '127.0.0.1',
  port,
  launcher: 'torchrun',
} as const;
const ranks = world === 1 ? new Ranks() : new Ranks(await joinRanks(place, process.env));
const model = createModel('resnet-50', { classes: 1000 }).train().to({ memoryFormat: 'channels_last' });
const optimiser = new Sgd([{ parameters: model.parameters(), weightDecay: 1e-4 }], {
  momentum: 0.9,
  nesterov: false,
  decayMode: 'coupled',
});
const images = call<Tensor>('aten::contiguous', [call('aten::randn', [[batch, 3, size, size]])], {
  memory_format: 'channels_last',
});
const labels = fromTypedArray(
  BigInt64Array.from({ length: batch }, (_, i) => BigInt(i)),
  [batch],
);
const step = new RankedStep(ranks, model, [], 'cpu');
const [all, waits]: [number[], number[]] = [[], []];
for (let i = 0; i <= steps; i++) {
  const began = performance.now();
  step.begin();
  step.last();
  const loss = crossEntropy(model.forward(images), labels);
  mul(loss, 1 / world).backward();
  step.partDone();
  const waited = performance.now();
  await step.finish({ images: batch, loss: loss.item() * batch, stop: 0, figures: {} });
  waits.push((performance.now() - waited) / 1000);
  optimiser.step(0.01);
  all.push((performance.now() - began) / 1000);
}
await ranks.leave();
// The first step starts threads and chooses kernels.
process.stdout.write(`${JSON.stringify({ step: median(all.slice(1)), wait: median(waits.slice(1)) })}\n`, () =>
  process.exit(),
);
