import { createModel, type ImageModel } from '../../models/index.js';
import { type DenseModel, segmentationModel } from '../../models/segment/index.js';
import type { RunConfig } from '../../run/config.js';
import type { WeightsFacts } from '../../weights/facts.js';
import { decoderOf } from '../pixel-decoder.js';
import { type SegmentSettings, settingsOf } from './settings.js';

/** The model of a run, a function of its seed. */
export function modelOfRun({ model, modelOptions, seed, recipe: { values }, task }: RunConfig): DenseModel {
  return segmentationModel(createModel(model, { ...modelOptions, classes: 1 }, seed), decoderOf(values), {
    outputs: (task as SegmentSettings).classes.length,
    dropout: values.dropout,
    frozenNorm: values.trunkNorm === 'frozen',
    seed,
  });
}

/** The same for weights in a file, which say what no tensor says. */
export function modelOfFacts(
  trunk: (classes: number) => ImageModel,
  _tensors: unknown,
  facts: WeightsFacts,
): DenseModel {
  const { classes, decoder } = settingsOf(facts);
  return segmentationModel(trunk(1), decoder, { outputs: Math.max(1, classes.length), dropout: 0, seed: 0 });
}
