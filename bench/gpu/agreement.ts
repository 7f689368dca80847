// Networks on a graphics card against the same on the processor, in float32: a JSON line each with the largest differences of outputs and of
// gradients, relative to the largest value of their tensor, and of the loss in bfloat16 and float16 and with the other memory format.
//   node dist/bench/gpu/agreement.js DEVICE
import { createModel } from '../../src/models/index.js';
import {
  call,
  crossEntropy,
  forwardIn,
  fromTypedArray,
  manualSeed,
  noGrad,
  randn,
  scope,
  setCudnn,
  type Tensor,
  to,
} from '../../src/torch/index.js';

const [device = 'cuda:0'] = process.argv.slice(2);
/** A member of each family, small, and what is particular to it. */
const MODELS = [
  ...['resnet-18', 'resnet-rs-50', 'efficientnet-b0', 'tresnet-m', 'resnest-14d', 'nf-resnet-26', 'nfnet-l0'],
  ...['lambda-resnet-26t', 'resnet3d-50'],
];

const numbers = (tensor: Tensor): Float32Array =>
  to(tensor, { device: 'cpu', dtype: 'float32' }).data() as Float32Array;
const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const apart = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / Math.max(largest(a), 1e-3);

// TF32 is a choice of speed; what is asked here is whether the same is computed.
setCudnn({ deterministic: true, benchmark: false, tf32: false });
for (const name of MODELS) {
  manualSeed(1);
  const model = createModel(name, { classes: 10, dropout: 0, stochasticDepth: 0 }).train();
  // Gains and weights that begin at zero would hide what lies behind them.
  for (const parameter of model.parameters().values())
    if (largest(numbers(parameter)) === 0) noGrad(() => call('aten::fill_.Scalar', [parameter, 0.5]));
  const clips = name.startsWith('resnet3d');
  const x = randn(clips ? [2, 3, 8, 64, 64] : [8, 3, 128, 128]);
  const labels = fromTypedArray(
    BigInt64Array.from({ length: x.shape[0]! }, (_, i) => BigInt(i)),
    [x.shape[0]!],
  );
  const at = (where: string, memoryFormat: 'contiguous' | 'channels_last', half?: 'bfloat16' | 'float16') => {
    model.to({ device: where, memoryFormat });
    for (const parameter of model.parameters().values()) parameter.grad = null;
    return scope(() => {
      const input = to(to(x, { device: where }), { memoryFormat });
      const outputs = forwardIn(half ?? 'float32', 'cuda', () => model.forward(input));
      const loss = crossEntropy(outputs, to(labels, { device: where }));
      if (half === undefined) loss.backward();
      const gradients = half === undefined ? [...model.parameters().values()].map((one) => numbers(one.grad!)) : [];
      return { outputs: numbers(outputs), loss: loss.item(), gradients };
    });
  };
  const cpu = at('cpu', 'channels_last');
  const card = at(device, 'channels_last');
  const contiguous = at(device, 'contiguous');
  const bfloat16 = at(device, 'channels_last', 'bfloat16');
  const float16 = at(device, 'channels_last', 'float16');
  const gradients = cpu.gradients.map((gradient, i) => apart(gradient, card.gradients[i]!));
  gradients.sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      name,
      outputs: apart(cpu.outputs, card.outputs),
      // Of all parameters the middle one and the worst: single small gradients are differences of large numbers.
      gradients: [gradients[gradients.length >> 1], gradients.at(-1)],
      contiguous: Math.abs(contiguous.loss - card.loss),
      loss: cpu.loss,
      bfloat16: Math.abs(bfloat16.loss - cpu.loss),
      float16: Math.abs(float16.loss - cpu.loss),
    }),
  );
}
