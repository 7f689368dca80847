import { addon, type Recompute } from './addon.js';
import type { Tensor } from './tensor.js';

function withGrad<T>(on: boolean, body: () => T): T {
  const before = addon().setGradEnabled(on);
  try {
    return body();
  } finally {
    addon().setGradEnabled(before);
  }
}

/** Runs `body` without recording for autograd. */
export const noGrad = <T>(body: () => T): T => withGrad(false, body);
/** Records for autograd inside a `noGrad`. */
export const enableGrad = <T>(body: () => T): T => withGrad(true, body);
export const isGradEnabled = (): boolean => addon().isGradEnabled();

/** As `noGrad`, and without version counters: a little faster, but its tensors can never take part in autograd. */
export function inferenceMode<T>(body: () => T): T {
  addon().pushInferenceMode();
  try {
    return body();
  } finally {
    addon().popInferenceMode();
  }
}

/** d(sum of outputs)/d(inputs), without touching `.grad`; null for an input that was not used (with `allowUnused`). */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: {
    gradOutputs?: readonly (Tensor | null)[];
    retainGraph?: boolean;
    createGraph?: boolean;
    allowUnused?: boolean;
  } = {},
): (Tensor | null)[] {
  const { gradOutputs = null, retainGraph = false, createGraph = false, allowUnused = false } = options;
  return addon().gradients(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) as (Tensor | null)[];
}

/** Runs `body` with what is computed again. */
export function recompute<T>(what: Recompute, body: () => T): T {
  const before = addon().setRecompute(what);
  try {
    return body();
  } finally {
    addon().setRecompute(before);
  }
}
