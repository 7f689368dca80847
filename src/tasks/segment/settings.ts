import type { Dataset } from '../../data/dataset.js';
import type { DecoderFacts } from '../../models/segment/index.js';
import type { TaskSettings } from '../../run/config.js';
import type { Fit } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';
import { DEFAULT_DECODER } from '../pixel-decoder.js';
import { refuseOtherClasses } from '../refused.js';

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

/** @throws UsageError for masks of other classes than the weights know */
export const fits = (
  { classes }: SegmentSettings,
  dataset: Dataset,
  names: { weights: string; data: string },
): Fit | undefined => refuseOtherClasses('masks', classes, dataset, names);
