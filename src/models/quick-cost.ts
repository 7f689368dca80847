import { UsageError } from '../errors.js';
import { type CostOptions, type ModelCost, modelCost } from './cost.js';
import { modelFacts } from './registry.js';
import type { ResNetOptions } from './resnet.js';

/** What a grid of models is planned by. */
export type QuickCost = Pick<
  ModelCost,
  'size' | 'batch' | 'parameters' | 'multiplyAdds' | 'flops' | 'activations' | 'trainMemoryBytes'
>;

const COUNTS = ['parameters', 'multiplyAdds', 'flops', 'activations', 'trainMemoryBytes'] as const;
type Counts = Record<(typeof COUNTS)[number], number>;
type Layers = ResNetOptions['layers'];

/**
 * Costs of many models, as `modelCost` gives them, in a fraction of the time. All blocks of a ResNet's stage but the
 * first are alike, so that each count is a sum over the stages s:
 *
 *     count(n1..n4) = count(1,1,1,1) + sum over s of (n_s - 1) * (count(2 in s) - count(1,1,1,1))
 *
 * which is exact for parameters, multiply-adds and activations. Memory follows it as long as its peak stays at the turn
 * from forward to backward. Five networks of a few blocks thus stand for every depth of a width and size; they are
 * kept.
 */
export class QuickCosts {
  readonly #short = new Map<string, Counts>();

  /** @throws UsageError as `modelCost` does */
  of(name: string, options: CostOptions = {}): QuickCost {
    const { size: wanted, batch = 32, overrides = {} } = options;
    const facts = modelFacts(wanted === undefined ? name : `${name.replace(/@.*$/, '')}@${wanted}`, overrides);
    if (facts.kind !== 'resnet' && facts.kind !== 'tresnet' && facts.kind !== 'resnest')
      return modelCost(name, options);
    const { layers, dropout: _rate, stochasticDepth: _drop, ...shape } = facts.options;
    const short = (with_: Layers): Counts => {
      const key = JSON.stringify([facts.family, shape, facts.size, batch, options.ema, with_]);
      const known =
        this.#short.get(key) ??
        modelCost(name, { ...options, overrides: { ...overrides, layers: with_ } as Partial<ResNetOptions> });
      this.#short.set(key, known);
      return known;
    };
    if (layers.length !== 4) throw new UsageError(`Expected four stages for ${name} but received ${layers.length}.`);
    const one = short([1, 1, 1, 1]);
    const counts = Object.fromEntries(COUNTS.map((count) => [count, one[count]])) as Counts;
    for (const [stage, blocks] of layers.entries()) {
      if (blocks === 1) continue;
      const two = short([1, 1, 1, 1].map((n, i) => (i === stage ? 2 : n)) as unknown as Layers);
      for (const count of COUNTS) counts[count] += (blocks - 1) * (two[count] - one[count]);
    }
    return { size: facts.size, batch, ...counts };
  }
}
