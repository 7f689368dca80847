export { Ema, emaDecay } from './ema.js';
export { cosine, scaledPeak, type ScheduleOptions } from './schedule.js';
export { decayGroups, Sgd, type DecayRule, type ParameterGroup, type SgdOptions } from './sgd.js';
