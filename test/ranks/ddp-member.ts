// One of two ranks of test/ranks/group.test.ts: the step of ddp.safetensors. Prints the largest relative error of each kind of value as JSON.
//   ddp-member.js RANK PORT
import { createModel } from '../../src/models/index.js';
import { joinRanks, settleLibrary } from '../../src/ranks/join.js';
import { call, crossEntropy, fromTypedArray, mul, setThreads } from '../../src/torch/index.js';
import { RankedStep } from '../../src/train/step/ranked.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { fixtureTensor, loadState } from '../fixtures/compare.js';
import { openFixture, relativeError } from '../fixtures/open.js';

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
const model = createModel('resnet-18', { layers: [1, 2, 1, 1], width: 0.0625, classes: 5 });
loadState(model, weights, (key) => `param.${key}`);
model.train();

const step = new RankedStep(ranks, model, [], 'cpu');
const [from, to] = [4 * rank, 4 * rank + 4];
const all = new BigInt64Array(values.read('labels').slice().buffer as ArrayBuffer);
step.begin();
step.last();
const loss = crossEntropy(
  model.forward(call('aten::slice.Tensor', [fixtureTensor(values, 'input'), 0, from, to])),
  fromTypedArray(all.slice(from, to), [4]),
);
mul(loss, 4 / 8).backward();
step.partDone();
const sums = await step.finish({ images: 4, loss: 4 * loss.item(), stop: 0, figures: {} });
const error = (found: Float32Array, name: string): number => relativeError(found, values.readFloat32(name));
const worst = {
  loss: Math.abs(sums.loss / sums.images / values.readFloat32('loss')[0]! - 1),
  gradient: Math.max(
    ...[...model.parameters()].map(([key, { grad }]) => error(grad!.data() as Float32Array, `grad.${key}`)),
  ),
  statistics: Math.max(
    ...[...model.buffers()].map(([key, buffer]) => error(buffer.data() as Float32Array, `after.${key}`)),
  ),
};
await ranks.leave();
process.stdout.write(`${JSON.stringify(worst)}\n`, () => process.exit());
