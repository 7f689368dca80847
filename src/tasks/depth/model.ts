import { depthModel } from '../../models/depth/index.js';
import { createModel, type ImageModel } from '../../models/index.js';
import type { DenseModel } from '../../models/segment/index.js';
import type { RunConfig } from '../../run/config.js';
import type { WeightsFacts } from '../../weights/facts.js';
import { depthOf, settingsOf } from './settings.js';

/** The model of a run, a function of its seed. */
export const modelOfRun = ({ model, modelOptions, seed, recipe: { values } }: RunConfig): DenseModel =>
  depthModel(createModel(model, { ...modelOptions, classes: 1 }, seed), depthOf(values), {
    dropout: values.dropout,
    frozenNorm: values.trunkNorm === 'frozen',
    seed,
  });

/** The same for weights in a file, which say what no tensor says. */
export const modelOfFacts = (
  trunk: (classes: number) => ImageModel,
  _tensors: unknown,
  facts: WeightsFacts,
): DenseModel => depthModel(trunk(1), settingsOf(facts).depth, { dropout: 0, seed: 0 });
