// One of two ranks of test/ranks/group.test.ts: the step of ddp.safetensors in three ways, and its update with adaptive clipping. Prints the largest
// relative errors of each kind of value as JSON.
//   ddp-member.js RANK PORT
import { createModel, type ImageModel } from '../../src/models/index.js';
import { activate } from '../../src/nn/activation.js';
import { BatchNorm, BatchNorm2d } from '../../src/nn/norm.js';
import { Sgd } from '../../src/optim/index.js';
import { joinRanks, settleLibrary } from '../../src/ranks/join.js';
import {
  add_,
  call,
  to as convert,
  crossEntropy,
  engineInfo,
  fromTypedArray,
  keep,
  mul,
  noGrad,
  setThreads,
  Tensor,
} from '../../src/torch/index.js';
import { RankedStep } from '../../src/train/step/ranked.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { applyGradients } from '../../src/train/step/update.js';
import { fixtureTensor, loadState } from '../fixtures/compare.js';
import { openFixture, relativeError } from '../fixtures/open.js';

/** Of adaptive gradient clipping: most units of this step are above it, some below. */
const FACTOR = 0.05;

const [rank = 0, port = 0] = process.argv.slice(2).map(Number);
settleLibrary();
setThreads(1);
const place = {
  rank,
  world: 2,
  localRank: rank,
  localWorld: 2,
  host: '127.0.0.1',
  port,
  launcher: 'torchrun',
} as const;
const ranks = new Ranks(await joinRanks(place, process.env));
const [weights, values] = [openFixture('classic_basic.safetensors'), openFixture('ddp.safetensors')];
const labels = new BigInt64Array(values.read('labels').slice().buffer as ArrayBuffer);
const [from, to] = [4 * rank, 4 * rank + 4];

type Kind = 'own' | 'plain' | 'float64';
interface Errors {
  loss: number;
  gradient: number;
  statistics: number;
}

/**
 * The step on this rank's pictures and the other's. `plain`: PyTorch's batch norm and convolutions in place of ours. `float64`: all of it in float64.
 * @returns the model, and the largest relative error against each kind of DistributedDataParallel's values
 */
async function stepOf(kind: Kind): Promise<{ model: ImageModel; float32: Errors; float64: Errors }> {
  const dtype = kind === 'float64' ? 'float64' : 'float32';
  const model = createModel('resnet-18', { layers: [1, 2, 1, 1], width: 0.0625, classes: 5 });
  loadState(model, weights, (key) => `param.${key}`);
  if (dtype === 'float64') inFloat64(model);
  if (kind === 'plain')
    for (const [, module] of model.modules()) if (module instanceof BatchNorm2d) withoutOurs(module);
  model.train();
  const step = new RankedStep(ranks, model, [], 'cpu');
  step.begin();
  step.last();
  const loss = crossEntropy(
    model.forward(convert(call('aten::slice.Tensor', [fixtureTensor(values, 'input'), 0, from, to]), { dtype })),
    fromTypedArray(labels.slice(from, to), [4]),
  );
  mul(loss, 4 / 8).backward();
  step.partDone();
  const sums = await step.finish({ images: 4, loss: 4 * loss.item(), stop: 0, figures: {} });
  const against = (prefix: string): Errors => {
    const error = (found: Tensor, name: string): number =>
      relativeError(found.data() as Float32Array, values.readFloat32(prefix + name));
    return {
      loss: Math.abs(sums.loss / sums.images / values.readFloat32(`${prefix}loss`)[0]! - 1),
      gradient: Math.max(...[...model.parameters()].map(([key, { grad }]) => error(grad!, `grad.${key}`))),
      statistics: Math.max(...[...model.buffers()].map(([key, buffer]) => error(buffer, `after.${key}`))),
    };
  };
  return { model, float32: against(''), float64: against('float64.') };
}

function inFloat64(model: ImageModel): void {
  for (const [, module] of model.modules())
    for (const [name, tensor] of Object.entries(module))
      if (tensor instanceof Tensor) {
        const wide = keep(noGrad(() => convert(tensor, { dtype: 'float64' })));
        wide.requiresGrad = tensor.requiresGrad;
        (module as unknown as Record<string, Tensor>)[name] = wide;
      }
}

/** PyTorch's operators, which the module takes outside training on the CPU. */
function withoutOurs(norm: BatchNorm2d): void {
  norm.forward = (x) => BatchNorm.prototype.forward.call(norm, x);
  norm.forwardAct = (x, activation, shortcut = null) => {
    const y = norm.forward(x);
    const added = shortcut === null ? y : add_(y, shortcut);
    return activation === 'none' ? added : activate(added, activation);
  };
}

process.env['RESCALED_CONVOLUTIONS'] = 'pytorch';
const plain = await stepOf('plain');
delete process.env['RESCALED_CONVOLUTIONS'];
const wide = await stepOf('float64');
const own = await stepOf('own');
const { model } = own;
/** How far DistributedDataParallel itself is from its gradients in float64. */
const theirs = Math.max(
  ...[...model.parameters().keys()].map((key) =>
    relativeError(values.readFloat32(`grad.${key}`), values.readFloat32(`float64.grad.${key}`)),
  ),
);
const { libtorch, cpuCapability } = engineInfo();
const found = {
  ...{ plain: plain.float32, wide: wide.float64, own: own.float64, beside: own.float32, theirs },
  sameKernels: values.metadata['torch'] === libtorch && values.metadata['cpu'] === cpuCapability,
};
// Each unit of the whole step's gradient is clipped: of a unit of DistributedDataParallel's gradient G and weights W, W - G m / max(|G|, m).
const before = new Map([...model.parameters()].map(([key, tensor]) => [key, (tensor.data() as Float32Array).slice()]));
const wrong = (): never => {
  throw new Error('gradients that are not finite');
};
const groups = [{ parameters: model.parameters(), weightDecay: 0 }];
applyGradients(new Sgd(groups, { momentum: 0, nesterov: false }), 1, {
  ...{ clipNorm: 0, agc: { factor: FACTOR, rule: 'paper', except: new Set<string>() } },
  ...{ scaler: undefined, wrongNorm: wrong, wrongScale: wrong },
});
const norm = (unit: Float32Array): number => Math.sqrt(unit.reduce((sum, value) => sum + value * value, 0));
let clipped = 0;
let units = 0;
let moved = 0;
for (const [key, tensor] of model.parameters()) {
  const [was, now, gradient] = [before.get(key)!, tensor.data() as Float32Array, values.readFloat32(`grad.${key}`)];
  const length = tensor.shape.length === 1 ? was.length : was.length / tensor.shape[0]!;
  for (let at = 0; at < was.length; at += length) {
    const [w, g, moves] = [was, gradient, now].map((all) => all.subarray(at, at + length)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const most = FACTOR * Math.max(norm(w), 1e-3);
    const share = most / Math.max(norm(g), most);
    units++;
    if (share < 1) clipped++;
    const off = norm(w.map((value, i) => value - share * g[i]! - moves[i]!));
    moved = Math.max(moved, off / (share * norm(g) + 1e-6 * norm(w) + 1e-9));
  }
}
await ranks.leave();
process.stdout.write(`${JSON.stringify({ ...found, moved, clipped: clipped / units })}\n`, () => process.exit());
