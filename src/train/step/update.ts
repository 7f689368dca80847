import type { RescaledError } from '../../errors.js';
import { type AgcOptions, clipGradients, clipUnits, type LossScaler, type Optimiser } from '../../optim/index.js';

export interface UpdateOptions {
  /** Largest norm of all gradients together; 0 for no limit. */
  clipNorm: number;
  /** Adaptive clipping of each unit, before that; undefined for none. */
  agc?: AgcOptions | undefined;
  scaler: LossScaler | undefined;
  /** What to throw when the norm of the gradients is not finite. */
  wrongNorm: (norm: number) => RescaledError;
  /** What to throw when the loss scale has become so small that no scale will do. */
  wrongScale: (scale: number) => RescaledError;
}

/** From 2^16 down it takes 26 steps in a row without finite gradients to come here. */
const SMALLEST_SCALE = 2 ** -10;

/**
 * One update of the weights from the gradients that are there, which are consumed. With a scaler, a step whose
 * gradients are not all finite changes neither weights nor the optimiser's state.
 * @returns whether there was an update
 */
export function applyGradients(
  optimiser: Optimiser,
  learningRate: number,
  { clipNorm, agc, scaler, wrongNorm, wrongScale }: UpdateOptions,
): boolean {
  if (scaler !== undefined) {
    const finite = scaler.unscale(optimiser.groups);
    scaler.update(finite);
    if (!finite) {
      optimiser.zeroGrad();
      if (scaler.scale < SMALLEST_SCALE) throw wrongScale(scaler.scale);
      return false;
    }
  }
  if (agc !== undefined) clipUnits(optimiser.groups, agc);
  if (clipNorm > 0) {
    const norm = clipGradients(optimiser.groups, clipNorm);
    if (!Number.isFinite(norm)) throw wrongNorm(norm);
  }
  optimiser.step(learningRate);
  return true;
}
