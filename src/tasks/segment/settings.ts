import { byClassName } from '../../data/annotations/by-name.js';
import type { Dataset } from '../../data/dataset.js';
import type { DecoderFacts } from '../../models/segment/index.js';
import type { TaskSettings } from '../../run/config.js';
import type { Fit } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';
import { DEFAULT_DECODER } from '../pixel-decoder.js';

export interface SegmentSettings extends TaskSettings {
  /** In the order of the model's outputs. What is not asked for is none of them. */
  readonly classes: readonly string[];
  readonly decoder: DecoderFacts;
}

export const settingsOf = ({ classes, decoder }: WeightsFacts): SegmentSettings => ({
  name: 'segment',
  classes: classes ?? [],
  decoder: (decoder as DecoderFacts | undefined) ?? DEFAULT_DECODER,
});

/** Masks with the classes of the weights, matched by name. @throws UsageError where the weights know none of them */
export const fits = (
  { classes }: SegmentSettings,
  { val }: Dataset,
  names: { weights: string; data: string },
): Fit | undefined => byClassName(val, classes, names);
