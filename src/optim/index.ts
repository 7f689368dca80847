export { AdamW, Lamb, type AdamOptions } from './adam.js';
export { Ema, emaDecay } from './ema.js';
export { decayGroups, scaleRates, type DecayRule } from './groups.js';
export { LossScaler, type LossScale } from './loss-scaler.js';
export { clipGradients, Optimiser, type DecayMode, type ParameterGroup } from './optimiser.js';
export { RmsProp, type RmsPropOptions } from './rmsprop.js';
export { constant, cosine, exponential, oneCycle, scaledPeak, steps, type ScheduleOptions } from './schedule.js';
export { Sgd, type SgdOptions } from './sgd.js';
