// Our side of bench/step.ts, in a process of its own as its peer is: answers "train" or "infer" with the seconds of one
// step.
//   node dist/bench/ours-step.js resnet-50|resnet-rs-50|efficientnet-b0 BATCH SIZE THREADS train|infer
import { createInterface } from 'node:readline';
import { exportOnnx } from '../src/deploy/onnx/export.js';
import { OnnxSession } from '../src/deploy/session.js';
import { createModel } from '../src/models/index.js';
import { decayGroups, Sgd } from '../src/optim/index.js';
import { crossEntropy, fromTypedArray, randn, scope, setThreads, to, trace, zeros } from '../src/torch/index.js';

const [name = 'resnet-50', batchText, sizeText, threadsText, kind] = process.argv.slice(2);
const [batch, size, threads] = [batchText, sizeText, threadsText].map(Number) as [number, number, number];
setThreads(threads);
const model = createModel(name, { dropout: 0 }).to({ memoryFormat: 'channels_last' });

let work: () => Promise<void> | void;
if (kind === 'train') {
  model.train();
  const optimiser = new Sgd(decayGroups(model.parameters(), new Set(), 4e-5, 'all'), {
    momentum: 0.9,
    nesterov: false,
  });
  const x = to(randn([batch, 3, size, size]), { memoryFormat: 'channels_last' });
  const y = fromTypedArray(new BigInt64Array(batch), [batch]);
  work = () => {
    scope(() => {
      const loss = crossEntropy(model.forward(x), y, 0.1);
      loss.backward();
      loss.item();
    });
    optimiser.step(0.01);
  };
} else {
  const labels = Array.from({ length: 1000 }, (_, i) => String(i));
  const onnx = scope(() =>
    exportOnnx(
      trace((x) => model.forward(x), [zeros([1, 3, size, size])]),
      {
        output: { kind: 'classes', labels },
        preprocess: { size, evalCrop: 1, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
        training: { model: name },
      },
    ),
  );
  const session = await OnnxSession.create(onnx, name, { threads });
  const images = new Uint8Array(batch * size * size * 3).fill(128);
  work = async () => void (await session.run(images, batch));
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  const start = performance.now();
  await work();
  console.log((performance.now() - start) / 1000);
}
