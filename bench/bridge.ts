// What the bridge between JavaScript and libtorch costs a training step: operator calls of a step, the time of a call that does next to nothing,
// their product, and the step. Both are timed in turn in one process, one thread.
//   npm run bench:bridge [-- --models quickstart,resnet-18@96 --batch 64 --runs 9]
import { parseArgs } from 'node:util';
import { createModel, type ModelOverrides, modelFacts } from '../src/models/index.js';
import {
  call,
  crossEntropy,
  fromTypedArray,
  randn,
  scope,
  setThreads,
  shapeOnly,
  type Tensor,
  to,
  zeros,
} from '../src/torch/index.js';
import { median } from './median.js';

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'quickstart@28,resnet-18@96,resnet-50@160' },
    batch: { type: 'string', default: '64' },
    runs: { type: 'string', default: '9' },
  },
});
const [batch, runs] = [Number(values.batch), Number(values.runs)];
setThreads(1);
const CALLS = 2000;

const cpuMs = (body: () => void): number => {
  const before = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

console.log('model              pictures        calls   a call, us   all of them, ms   step, ms   share');
for (const asked of values.models.split(',')) {
  const [name = '', size = String(modelFacts(asked).size)] = asked.split('@');
  const side = Number(size);
  const [model, overrides]: [string, ModelOverrides] =
    name === 'quickstart' ? ['resnet-rs-14', { width: 0.375, stemStride: 2 }] : [name, {}];
  let calls = 0;
  shapeOnly(
    () =>
      void crossEntropy(
        createModel(model, overrides)
          .train()
          .forward(zeros([batch, 3, side, side])),
        labels(),
      ),
    { onCall: () => calls++ },
  );
  // Making the model calls operators too.
  shapeOnly(() => void createModel(model, overrides), { onCall: () => calls-- });
  const network = createModel(model, overrides).train().to({ memoryFormat: 'channels_last' });
  const x = to(randn([batch, 3, side, side]), { memoryFormat: 'channels_last' });
  const y = labels();
  const small = zeros([1]);
  const step = () => scope(() => crossEntropy(network.forward(x), y).backward());
  const trifles = () =>
    scope(() => {
      for (let i = 0; i < CALLS; i++) call<Tensor>('aten::detach', [small]);
    });
  const times = { step: [] as number[], call: [] as number[] };
  for (let i = 0; i < runs + 2; i++) {
    const [a, b] = [cpuMs(step), cpuMs(trifles) / CALLS];
    if (i < 2) continue;
    times.step.push(a);
    times.call.push(b);
  }
  const [ofStep, ofCall] = [median(times.step), median(times.call)];
  console.log(
    `${asked.padEnd(18)} ${`${batch} of ${side}`.padEnd(12)} ${String(calls).padStart(8)}   ${(1000 * ofCall).toFixed(1).padStart(10)}   ` +
      `${(calls * ofCall).toFixed(2).padStart(15)}   ${ofStep.toFixed(0).padStart(8)}   ${((100 * calls * ofCall) / ofStep).toFixed(1).padStart(4)} %`,
  );
  network.dispose();
}

function labels(): Tensor {
  return fromTypedArray(new BigInt64Array(batch), [batch]);
}
