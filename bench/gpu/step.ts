// Our side of the timed steps of bench/gpu/check.ts: answers each line with the seconds of one training step on a graphics card, a mean of several.
//   node dist/bench/gpu/step.js MODEL BATCH SIZE float32|bfloat16 DEVICE free|deterministic
import { createInterface } from 'node:readline';
import { createModel } from '../../src/models/index.js';
import { decayGroups, Sgd } from '../../src/optim/index.js';
import {
  crossEntropy,
  forwardIn,
  fromTypedArray,
  randn,
  scope,
  setCudnn,
  synchronize,
  to,
} from '../../src/torch/index.js';

const [name = 'resnet-50', batchText, sizeText, precision, device = 'cuda:0', choice] = process.argv.slice(2);
const [batch, size] = [batchText, sizeText].map(Number) as [number, number];
const STEPS = 10;
setCudnn({ deterministic: choice === 'deterministic', benchmark: false });
const model = createModel(name, { dropout: 0 }).to({ device, memoryFormat: 'channels_last' });
model.train();
const optimiser = new Sgd(decayGroups(model.parameters(), new Set(), 4e-5, 'all'), { momentum: 0.9, nesterov: false });
const x = to(randn([batch, 3, size, size], { device }), { memoryFormat: 'channels_last' });
const y = to(fromTypedArray(new BigInt64Array(batch), [batch]), { device });

function step(): void {
  scope(() => {
    const outputs = forwardIn(precision === 'bfloat16' ? 'bfloat16' : 'float32', 'cuda', () => model.forward(x));
    crossEntropy(outputs, y, 0.1).backward();
  });
  optimiser.step(0.01);
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  const start = performance.now();
  for (let i = 0; i < STEPS; i++) step();
  synchronize();
  console.log((performance.now() - start) / 1000 / STEPS);
}
