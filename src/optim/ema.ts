import { call, clone, keep, noGrad, type Tensor } from '../torch/index.js';
import { ownKernels } from './optimiser.js';

/**
 * d(t) = min(decay, (1 + t)/(10 + t)), t = steps done. Source: tf.train.ExponentialMovingAverage with num_updates
 * (tensorflow/tpu resnet_main.py).
 */
export const emaDecay = (decay: number, step: number): number => Math.min(decay, (1 + step) / (10 + step));

/**
 * Exponential moving average of weights and batch-norm statistics: ema += (1 - d)(w - ema). It starts at the initial
 * weights. Averaging the statistics is what gives usable ones when batch norm keeps only the last batch's (recipe field
 * `averaging`).
 */
export class Ema {
  readonly shadow = new Map<string, Tensor>();
  readonly #keys: string[];
  constructor(
    readonly state: ReadonlyMap<string, Tensor>,
    readonly decay: number,
  ) {
    this.#keys = [...state.keys()];
    noGrad(() => {
      for (const [key, tensor] of state) this.shadow.set(key, keep(clone(tensor)));
    });
  }

  /** After optimiser step `step` (the first has step = 1). */
  update(step: number): void {
    const d = emaDecay(this.decay, step);
    noGrad(() => {
      const ema = this.#keys.map((key) => this.shadow.get(key)!);
      const now = this.#keys.map((key) => this.state.get(key)!);
      if (ownKernels(ema)) call('rescaled::average_', [ema, now, d]);
      else {
        call('aten::_foreach_mul_.Scalar', [ema, d]);
        call('aten::_foreach_add_.List', [ema, now], { alpha: 1 - d });
      }
    });
  }

  /** Exchanges the averaged and the trained values in place; call it again to change back. */
  swap(): void {
    noGrad(() => {
      for (const key of this.#keys) {
        const trained = this.state.get(key)!;
        const averaged = this.shadow.get(key)!;
        const copy = clone(trained);
        call('aten::copy_', [trained, averaged]);
        call('aten::copy_', [averaged, copy]);
        copy.dispose();
      }
    });
  }

  dispose(): void {
    for (const tensor of this.shadow.values()) tensor.dispose();
  }
}
