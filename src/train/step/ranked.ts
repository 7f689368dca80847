import { BatchNorm, type Module } from '../../nn/index.js';
import { call, fromTypedArray, keep, noGrad, scope, type Tensor, zeros } from '../../torch/index.js';
import type { Ranks } from './ranks.js';

/** Numbers of a step that every rank brings, and that are summed with the gradients. */
export interface StepSums {
  /** Pictures that were learned from. */
  images: number;
  /** Sum of their losses. */
  loss: number;
  /** Ranks that were asked to stop. */
  stop: number;
  figures: Record<string, number>;
}

/** images, loss, stop, parts with pictures; then the figures, then batch-norm statistics. */
const FIXED = 4;

/**
 * A step's gradients, sums and batch-norm statistics over all its parts, on this rank and others. Every part sees the statistics as they were
 * before the step, and they become the mean over the parts: so the number of ranks changes nothing but the rounding of sums.
 */
export class RankedStep {
  readonly #statistics: Tensor[];
  readonly #parameters: Tensor[];
  readonly #names: readonly string[];
  readonly #tail: Tensor;
  readonly #reducer: ReturnType<Ranks['reducer']>;
  readonly #sizes: number[];
  /** Statistics before the step, and their sum over the parts done; [all of them]. */
  #before: Tensor | undefined;
  #sum: Tensor | undefined;
  #parts = 0;

  /** @param names of the task's figures */
  constructor(ranks: Ranks, model: Module, names: readonly string[], device: string) {
    this.#names = names;
    this.#statistics = [...model.modules()].flatMap(([, module]) =>
      module instanceof BatchNorm ? [module.running_mean, module.running_var] : [],
    );
    this.#sizes = this.#statistics.map((tensor) => tensor.shape[0]!);
    this.#parameters = [...model.parameters().values()].filter((parameter) => parameter.requiresGrad);
    const length = FIXED + names.length + this.#sizes.reduce((sum, size) => sum + size, 0);
    this.#tail = keep(zeros([length], { dtype: this.#parameters[0]?.dtype ?? 'float32', device }));
    this.#reducer = ranks.reducer(this.#parameters, this.#tail);
  }

  begin(): void {
    this.#parts = 0;
    if (this.#sizes.length === 0) return;
    this.#before = this.#flat();
    this.#sum = undefined;
  }

  /** The next backward pass is this rank's last of the step. */
  last(): void {
    this.#reducer?.arm();
  }

  /** A part has gone forward: its statistics count, and the next one sees those before the step. */
  partDone(): void {
    this.#parts++;
    if (this.#before === undefined) return;
    noGrad(() => {
      const now = this.#flat();
      if (this.#sum === undefined) this.#sum = now;
      else {
        call('aten::add_.Tensor', [this.#sum, now]);
        now.dispose();
      }
      this.#put(this.#before!);
    });
  }

  /** Sums over all ranks. Then `.grad` and the statistics are those of the whole step, on all ranks alike. */
  async finish(own: StepSums): Promise<StepSums> {
    const head = [own.images, own.loss, own.stop, this.#parts, ...this.#names.map((name) => own.figures[name] ?? 0)];
    const statistics = this.#tail.shape[0]! - head.length;
    scope(() =>
      noGrad(() => {
        const device = { device: this.#tail.device };
        call('aten::copy_', [
          this.#part(0, head.length),
          fromTypedArray(Float32Array.from(head), [head.length], device),
        ]);
        if (statistics === 0) return;
        const place = this.#part(head.length, statistics);
        if (this.#sum === undefined) call('aten::zero_', [place]);
        else call('aten::copy_', [place, this.#sum]);
      }),
    );
    await this.#reducer?.finish();
    const [images, loss, stop, parts, ...figures] = scope(() => [
      ...(this.#part(0, head.length).data() as Float32Array),
    ]);
    scope(() =>
      noGrad(() => {
        if (statistics > 0 && parts! > 0)
          this.#put(call<Tensor>('aten::div.Scalar', [this.#part(head.length, statistics), parts!]));
      }),
    );
    this.#before?.dispose();
    this.#sum?.dispose();
    this.#before = this.#sum = undefined;
    return {
      ...{ images: images!, loss: loss!, stop: stop! },
      figures: Object.fromEntries(this.#names.map((name, i) => [name, figures[i]!])),
    };
  }

  /** Multiplies all gradients. */
  scale(factor: number): void {
    noGrad(() => {
      for (const { grad } of this.#parameters) if (grad !== null) call('aten::mul_.Scalar', [grad, factor]);
    });
  }

  #part(from: number, length: number): Tensor {
    return call('aten::narrow', [this.#tail, 0, from, length]);
  }
  #flat(): Tensor {
    return noGrad(() => keep(call<Tensor>('aten::cat', [this.#statistics])));
  }
  #put(flat: Tensor): void {
    scope(() => {
      const pieces = call<Tensor[]>('aten::split_with_sizes', [flat, this.#sizes]);
      pieces.forEach((piece, i) => {
        call('aten::copy_', [this.#statistics[i]!, piece]);
      });
    });
  }

  dispose(): void {
    this.#tail.dispose();
  }
}
