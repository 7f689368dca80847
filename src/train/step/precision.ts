import { type ModelFacts, type ModelOptions, QuickCosts } from '../../models/index.js';
import type { Precision, Recipe } from '../../recipe/recipe.js';
import { processorFlags } from '../../torch/build/cpu.js';
import { engineInfo } from '../../torch/index.js';

/** What `auto` is decided by. */
export interface PrecisionFacts {
  /** `cpu`, `cuda:0`, `mps`. */
  device: string;
  task: string;
  kind: ModelFacts['kind'];
  /** Of all that goes through the model at once, while training. */
  multiplyAdds: () => number;
}

/** Tasks whose accuracy, and families whose speed in bfloat16 were compared with float32: docs/precision.md. */
const COMPARED_TASKS: readonly string[] = ['classify'];
const COMPARED_KINDS: readonly string[] = ['resnet', 'efficientnet'];

/**
 * Below it the conversions of the weights take more than the faster products save: measured on one core with
 * `avx512_bf16`, beside float32 with Winograd's method, bfloat16 took 0.72 to 1.8 times float32's time below, and 0.74 to 0.99 from it on.
 */
const LEAST_MULTIPLY_ADDS = 1e9;

/** From here on the cards of NVIDIA have bfloat16 in their matrix units: Ampere. */
const LEAST_CAPABILITY = 8;

/** What `precision=auto` means here, and why. */
export function choosePrecision(
  { device, task, kind, multiplyAdds }: PrecisionFacts,
  flags: ReadonlySet<string> = processorFlags(),
  capabilityOf: (device: string) => string | undefined = (name) => engineInfo().capabilities[name],
): { precision: Precision; why: string } {
  const plain = (why: string) => ({ precision: 'float32', why }) as const;
  const has = bfloat16On(device, flags, capabilityOf);
  if ('lacks' in has) return plain(has.lacks);
  if (!COMPARED_TASKS.includes(task)) return plain(`bfloat16 was not compared with it for the task ${task}`);
  if (!COMPARED_KINDS.includes(kind)) return plain('bfloat16 was not compared with it for networks of this family');
  const work = multiplyAdds();
  if (work < LEAST_MULTIPLY_ADDS)
    return plain(
      `a step of ${millions(work)} multiply-adds is too small to gain (from ${millions(LEAST_MULTIPLY_ADDS)} on)`,
    );
  return { precision: 'bfloat16', why: `${has.has}, and a step has ${millions(work)} multiply-adds` };
}

/** Whether a device is made for bfloat16, in words. */
export function bfloat16On(
  device: string,
  flags: ReadonlySet<string> = processorFlags(),
  capabilityOf: (device: string) => string | undefined = (name) => engineInfo().capabilities[name],
): Has {
  if (device === 'cpu') return instructions(flags);
  return device.startsWith('cuda') ? card(capabilityOf(device)) : { lacks: `${device} is not known to gain from it` };
}

type Has = { has: string } | { lacks: string };

const instructions = (flags: ReadonlySet<string>): Has => {
  const found = ['amx_bf16', 'avx512_bf16'].filter((flag) => flags.has(flag));
  return found.length > 0
    ? { has: `the CPU has ${found.join(' and ')}` }
    : { lacks: 'the CPU has neither avx512_bf16 nor amx_bf16' };
};

const card = (capability: string | undefined): Has => {
  if (capability === undefined) return { lacks: 'what the card can do is not known' };
  const text = `the card has compute capability ${capability}`;
  return Number.parseFloat(capability) >= LEAST_CAPABILITY
    ? { has: text }
    : { lacks: `${text}, and bfloat16 begins with ${LEAST_CAPABILITY}.0` };
};

const millions = (count: number): string =>
  `${count < 1e7 ? (count / 1e6).toFixed(1) : (count / 1e6).toFixed(0)} million`;

const costs = new QuickCosts();

/** Multiply-adds of so many pictures, or clips, forward. */
export const multiplyAddsOf = (model: string, size: number, pictures: number, overrides: ModelOptions): number =>
  pictures * costs.of(model, { size, batch: 2, overrides }).multiplyAdds;

/** @throws Error when a recipe comes here whose `auto` was not decided */
export function decided(precision: Recipe['precision']): Precision {
  if (precision === 'auto')
    throw new Error('Expected a precision that is decided but received auto: resolveConfig decides it.');
  return precision;
}
