import type { ModelSwitches } from '../../src/recipe/model-switches.js';
import type { Recipe } from '../../src/recipe/schema.js';

/** A row of the study: what it adds to the one above it. */
export interface Row {
  name: string;
  /** For the table. */
  what: string;
  settings?: Partial<Recipe>;
  modelOptions?: ModelSwitches;
  /** From here on trainings have the full length. */
  longer?: boolean;
  /** Top-1 of the paper's Table 6 on Kinetics-400, percent; absent where the row was not recovered. */
  paper?: number;
}

/** Short trainings as a share of the full length. */
export const SHORT = 1 / 4;

/**
 * Paper Table 6: methods of training first, then architecture, in an order of ours. The paper's section 7.5 gives three of the values: the
 * baseline, all methods of training, and all of it; the others are not recovered.
 */
export const ROWS: readonly Row[] = [
  { name: 'baseline', what: 'baseline', paper: 73.4 },
  { name: 'longer', what: '+ longer', longer: true },
  {
    name: 'scale-jitter',
    what: '+ scale jitter',
    settings: { cropMode: 'inception', cropAreaMin: 0.3, clipAspect: 4 / 3 },
  },
  { name: 'label-smoothing', what: '+ label smoothing', settings: { labelSmoothing: 0.1 } },
  { name: 'stochastic-depth', what: '+ stochastic depth', settings: { stochasticDepth: 0.1 } },
  { name: 'ema', what: '+ EMA', settings: { averaging: 'ema', emaDecay: 0.99 } },
  { name: 'dropout', what: '+ dropout', settings: { dropout: 0.5 }, paper: 77.4 },
  { name: 'squeeze-excite', what: '+ squeeze-excite', modelOptions: { seRatio: 0.25 } },
  { name: 'resnet-d', what: '+ ResNet-D stem', modelOptions: { stem: 'deep' }, paper: 78.2 },
];

/** What a row and all above it set. */
export function upTo(name: string): { settings: Partial<Recipe>; modelOptions: ModelSwitches; longer: boolean } {
  const rows = ROWS.slice(0, ROWS.findIndex((row) => row.name === name) + 1);
  return {
    settings: Object.assign({}, ...rows.map(({ settings }) => settings)) as Partial<Recipe>,
    modelOptions: Object.assign({}, ...rows.map(({ modelOptions }) => modelOptions)) as ModelSwitches,
    longer: rows.some(({ longer }) => longer === true),
  };
}

/** What a training found; shares are fractions. */
export interface Result {
  row: string;
  seed: number;
  /** Top-1 on test clips, and of the controls of the same network. */
  test: number;
  singleFrame: number;
  shuffled: number;
  /** Top-1 of the last epoch's training clips, as they were augmented. */
  train: number;
  epochs: number;
  seconds: number;
}
