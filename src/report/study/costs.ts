/**
 * What a configuration is judged by, in the order of the charts: all are lower is better. A training step is counted by
 * the picture (`trainStepMs / batch`), since a batch that memory allows is smaller for larger models.
 */
export const STUDY_COSTS = ['trainStepMs', 'inferenceMs', 'peakBytes', 'flops', 'parameters'] as const;
export type StudyCost = (typeof STUDY_COSTS)[number];
