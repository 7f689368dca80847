// Our side of bench/step.ts, in a process of its own as its peer is: answers "train" or "infer" with the seconds of one
// step, and to "memory" with the bytes by which the process had grown at most since before the model was made.
//   node dist/bench/ours-step.js resnet-50|resnet-rs-50|quickstart|efficientnet-b0|retinanet|.. BATCH SIZE THREADS train|infer [FRAMES] [PRECISION]
import { createInterface } from 'node:readline';
import { exportOnnx } from '../src/deploy/onnx/export.js';
import { OnnxSession } from '../src/deploy/session.js';
import { anchorsFor, type DetectorOptions, detectorOn } from '../src/models/detect/index.js';
import { createModel, type ImageModel, modelFacts } from '../src/models/index.js';
import { decayGroups, Sgd } from '../src/optim/index.js';
import { detectionLoss, type LossOptions } from '../src/tasks/detect/objective.js';
import { DEFAULT_FACTS } from '../src/tasks/detect/settings.js';
import {
  add,
  crossEntropy,
  forwardIn,
  fromTypedArray,
  randn,
  scope,
  setThreads,
  type Tensor,
  to,
  trace,
  zeros,
} from '../src/torch/index.js';
import { choosePrecision, multiplyAddsOf } from '../src/train/step/precision.js';
import { peakMemory } from '../src/train/timing/measure.js';

const [name = 'resnet-50', batchText, sizeText, threadsText, kind, framesText = '', asked = 'float32'] =
  process.argv.slice(2);
const [batch, size, threads] = [batchText, sizeText, threadsText].map(Number) as [number, number, number];
setThreads(threads);
const grown = peakMemory('cpu');
/** torchvision's RetinaNet on its ResNet-18, two classes. */
const DETECTOR: DetectorOptions = {
  ...({ kind: 'retinanet', classes: 2, channels: 256, layers: 4, norm: 'none' } as const),
  ...({ pyramidNorm: 'none', extra: 'p5', anchors: DEFAULT_FACTS.anchors, frozenNorm: false } as const),
};
const detects = name === 'retinanet';
const made: ImageModel = detects
  ? detectorOn(createModel('resnet-18', { classes: 1 }), DETECTOR, 0)
  : name === 'quickstart'
    ? createModel('resnet-rs-14', { dropout: 0, width: 0.375, stemStride: 2 })
    : createModel(name, { dropout: 0 });
const model = made.to({ memoryFormat: 'channels_last' });

/** What `precision=auto` of a recipe would take for this step. */
const chosen = (): string =>
  detects
    ? 'float32'
    : choosePrecision({
        ...{ device: 'cpu', task: 'classify', kind: modelFacts(name).kind },
        multiplyAdds: () => multiplyAddsOf(name, size, batch, modelFacts(name).options),
      }).precision;
const precision = asked === 'auto' ? chosen() : asked;

let work: () => Promise<void> | void;
if (kind === 'train') {
  model.train();
  const optimiser = new Sgd(decayGroups(model.parameters(), new Set(), 4e-5, 'all'), {
    momentum: 0.9,
    nesterov: false,
  });
  const frames = framesText === '' ? [] : [parseInt(framesText, 10)];
  const x = to(randn([batch, 3, ...frames, size, size]), { memoryFormat: 'channels_last' });
  const y = fromTypedArray(new BigInt64Array(batch), [batch]);
  /** As the training loop does it: outputs and loss in float32. */
  const outputs = (): Tensor =>
    forwardIn(precision === 'bfloat16' ? 'bfloat16' : 'float32', 'cpu', () => model.forward(x));
  const lossOf = detects ? boxLoss() : (): Tensor => crossEntropy(outputs(), y, 0.1);
  /** Twelve boxes in each picture, as the peer has them. */
  function boxLoss(): () => Tensor {
    const boxes = Array.from({ length: 12 }, (_, k) => {
      const [left, top, side] = [((k % 4) * size) / 4, (Math.floor(k / 4) * size) / 4, size / 8 + (k * size) / 96];
      return [left, top, left + side, top + side];
    });
    const truth = { boxes: Float32Array.from(boxes.flat()), classes: Int32Array.from(boxes, (_, k) => k % 2) };
    const truths = Array.from({ length: batch }, () => truth);
    const decoder = { options: DETECTOR, size, ...anchorsFor(DETECTOR, size, model.totalStride) };
    const rules: LossOptions = {
      alpha: 0.25,
      gamma: 2,
      matchHigh: 0.5,
      matchLow: 0.4,
      normaliser: 'picture',
      boxLoss: 'l1',
      huberDelta: 0.1,
      boxWeight: 1,
    };
    return () => {
      const { classLoss, boxLoss } = detectionLoss(outputs(), truths, decoder, rules);
      return add(classLoss, boxLoss);
    };
  }
  work = () => {
    scope(() => {
      const loss = lossOf();
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

console.log(`ready ${kind === 'train' ? precision : 'float32'}`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  if (line.trim() === 'memory') {
    console.log(grown() ?? 0);
    continue;
  }
  const start = performance.now();
  await work();
  console.log((performance.now() - start) / 1000);
}
