export { type AdamOptions, AdamW, Lamb } from './adam.js';
export { AGC_RULES, type AgcOptions, type AgcRule, clipUnits } from './agc.js';
export { Ema, emaDecay } from './ema.js';
export { type DecayRule, decayGroups, scaleDecays, scaleRates, splitPlain } from './groups.js';
export { Lars, type LarsOptions, MOMENTUM_RATES, type MomentumRate } from './lars.js';
export { type LossScale, LossScaler } from './loss-scaler.js';
export { clipGradients, type DecayMode, Optimiser, type ParameterGroup } from './optimiser.js';
export { RmsProp, type RmsPropOptions } from './rmsprop.js';
export {
  constant,
  cosine,
  exponential,
  oneCycle,
  polynomial,
  RATE_SCALINGS,
  type RateScaling,
  type ScheduleOptions,
  scaledPeak,
  scalingText,
  scalingUnit,
  steps,
} from './schedule.js';
export { Sgd, type SgdOptions } from './sgd.js';
