import type { Precision } from '../../recipe/recipe.js';
import { autocast, conv2d, matmul, noGrad, randn, scope, synchronize, type Tensor, to } from '../../torch/index.js';

const RUNS = 5;

/**
 * The most that this machine was seen to compute, in FLOP a second (2 a multiply-add): the better of a large matrix product and a large 3x3
 * convolution, the fastest of five runs each. What a network cannot pass with these libraries, however it is written.
 * @param device of which the threads are set already
 */
export function measureLimit(device: string, precision: Precision): number {
  const large = device === 'cpu' ? 1024 : 4096;
  const maps = device === 'cpu' ? 8 : 128;
  return noGrad(() =>
    scope(() => {
      const dtype = precision;
      const [a, b] = [randn([large, large], { device }), randn([large, large], { device })].map((x) =>
        to(x, { dtype }),
      );
      const x = to(randn([maps, 256, 28, 28], { device }), { dtype, memoryFormat: 'channels_last' });
      const weight = to(randn([256, 256, 3, 3], { device }), { dtype, memoryFormat: 'channels_last' });
      const convolution = (): Tensor => conv2d(x, weight, null, { padding: 1 });
      return Math.max(
        (2 * large ** 3) / fastest(() => matmul(a!, b!)),
        (2 * maps * 28 * 28 * 256 * 256 * 9) /
          fastest(() => (precision === 'float32' ? convolution() : autocast(device, convolution, precision))),
      );
    }),
  );
}

/** Seconds of the fastest run, after two that are not counted. */
function fastest(work: () => Tensor): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = -2; i < RUNS; i++) {
    const start = performance.now();
    scope(() => void work());
    synchronize();
    if (i >= 0) least = Math.min(least, (performance.now() - start) / 1000);
  }
  return least;
}
