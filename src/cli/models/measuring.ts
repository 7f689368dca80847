import { untilInterrupted } from '../../child/interrupt.js';
import { UsageError } from '../../errors.js';
import type { ModelCost } from '../../models/index.js';
import type { Measured, MeasureOptions } from '../../train/index.js';
import { measureApart } from '../../train/timing/measure-apart.js';
import { bytes } from './profile-tables.js';

/** @throws UsageError for a number that cannot be measured with */
export function checkCounts(flags: { batch?: number; size?: number; runs?: number; threads?: number }): void {
  for (const name of ['batch', 'size', 'runs', 'threads'] as const)
    if (flags[name] !== undefined && flags[name] < 1)
      throw new UsageError(`Expected a whole number of 1 or more for --${name} but received ${flags[name]}.`);
  if ((flags.threads ?? 1) > 1024)
    throw new UsageError(`Expected at most 1024 for --threads but received ${flags.threads}.`);
}

/** Measures a model in a process of its own, which Ctrl-C ends. */
export function measureCost(cost: ModelCost, options: MeasureOptions): Promise<Measured> {
  const memory = `it was predicted to need ${bytes(cost.trainMemoryBytes)}. Choose a smaller --batch or --size`;
  return untilInterrupted((signal) => measureApart({ model: cost.model, options }, { signal, memory }));
}
