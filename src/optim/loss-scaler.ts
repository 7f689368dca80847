import { call, noGrad, type Tensor } from '../torch/index.js';
import { disposeAll, gather, norms, type ParameterGroup } from './optimiser.js';

/** Where a scaler stands; part of the checkpoint. */
export interface LossScale {
  /** Factor on the loss. */
  scale: number;
  /** Steps since it last changed. */
  good: number;
}

/**
 * Dynamic loss scaling (Micikevicius et al. 2018): gradients in float16 are too small to be told from 0 below 6e-8 and
 * infinite above 65504, so the loss is multiplied by a scale, as large as the gradients allow, and the gradients are
 * divided by it before the step. The rule and the constants are torch.cuda.amp.GradScaler's: a step whose gradients are
 * not all finite is left out and halves the scale; 2000 good steps in a row double it. All scales are powers of two, so
 * that scaling rounds nothing.
 */
export class LossScaler {
  static readonly START: Readonly<LossScale> = { scale: 2 ** 16, good: 0 };
  static readonly GROWTH = 2;
  static readonly BACK_OFF = 0.5;
  static readonly INTERVAL = 2000;

  constructor(readonly state: LossScale = { ...LossScaler.START }) {}

  get scale(): number {
    return this.state.scale;
  }

  /** Divides the gradients of all parameters by the scale. @returns whether every one of their numbers is finite */
  unscale(groups: readonly ParameterGroup[]): boolean {
    return noGrad(() => {
      const { g } = gather(groups);
      if (g.length === 0) return true;
      call('aten::_foreach_mul_.Scalar', [g, 1 / this.scale]);
      // The largest of each: a sum or a Euclidean norm may itself overflow.
      const largest = norms(g, Infinity);
      const each = call<Tensor>('aten::isfinite', [largest]);
      const all = call<Tensor>('aten::all', [each]);
      const finite = all.item() === 1;
      disposeAll([largest, each, all, ...g]);
      return finite;
    });
  }

  /** After each step: whether its gradients were finite. */
  update(finite: boolean): void {
    const { state } = this;
    state.good = finite ? state.good + 1 : 0;
    if (!finite) state.scale *= LossScaler.BACK_OFF;
    else if (state.good === LossScaler.INTERVAL) {
      const next = state.scale * LossScaler.GROWTH;
      // The scale is a float32 where it meets the loss.
      if (Number.isFinite(Math.fround(next))) state.scale = next;
      state.good = 0;
    }
  }
}
