import { numberOption, wholeOption } from '../checks.js';
import { UsageError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import { didYouMean } from '../suggest.js';
import { NEIGHBOURS } from './solve/knn.js';
import { digest, type Start } from './starts.js';
import type { TargetFacts } from './targets.js';

/** How a start is used: a linear classifier on its features, its nearest neighbours, or all of it trained on. */
export const METHODS = ['linear', 'knn', 'finetune'] as const;
export type Method = (typeof METHODS)[number];

export const METHOD_TITLES: Readonly<Record<Method, string>> = {
  linear: 'linear',
  knn: 'k-NN',
  finetune: 'fine-tuned',
};

/** What a start can be used for on a target: features of a whole picture tell classes of pictures apart, not boxes or pixels. */
export const methodsOn = ({ task }: Pick<TargetFacts, 'task'>, methods: readonly Method[]): readonly Method[] =>
  task === 'classify' ? methods : methods.filter((method) => method === 'finetune');

/** Which rates and decays fine-tuning tries. */
export const GRIDS = ['one', 'rates', 'small', 'paper'] as const;
export type GridName = (typeof GRIDS)[number];

/** What is to be known, as it is asked for. */
export interface TransferAsk {
  methods: readonly Method[];
  /** Shares of the training labels in percent, rising. */
  labels: readonly number[];
  /** Results of each kind; each with other labels, and other chance in training. */
  seeds: number;
  grid: GridName;
  /** Passes of fine-tuning over the labelled pictures; by default what the recipe `finetune` makes of them. From scratch twice as many. */
  epochs?: number;
  /** Settings of fine-tuning that are to be others. */
  settings: Partial<Recipe>;
  /** With all labels, the setting that was chosen learns from validation pictures too. */
  retrain: boolean;
  /** Share set aside of a target without a part of its own. */
  valSplit: number;
  maxBroken: number;
}

/** A result to be had: one start on one target. */
export interface Cell {
  id: string;
  start: Start;
  target: TargetFacts;
  method: Method;
  labels: number;
  seed: number;
}

/** A rate and a decay of fine-tuning. */
export interface Setting {
  /** At its peak, as the recipe has it: of classes per 256 pictures. */
  rate: number;
  /** Of classes before it is divided by the rate. */
  decay: number;
}

/** The trainings of a grid, which share labels and seed, and the results that the chosen one gives. */
export interface Group {
  id: string;
  start: Start;
  target: TargetFacts;
  labels: number;
  points: readonly { id: string; setting: Setting }[];
  cells: readonly Cell[];
}

export interface TransferPlan {
  ask: TransferAsk;
  starts: readonly Start[];
  targets: readonly TargetFacts[];
  cells: readonly Cell[];
  groups: readonly Group[];
}

export function checkAsk(ask: TransferAsk): void {
  wholeOption('--seeds', ask.seeds, 1, 1000);
  wholeOption('--epochs', ask.epochs, 1, 100_000);
  numberOption('--max-broken', ask.maxBroken, 0, 1);
  if (!(ask.valSplit > 0 && ask.valSplit < 1))
    throw new UsageError(
      `Expected a share between 0 and 1 (both excluded) for --val-split but received ${ask.valSplit}.`,
    );
  if (ask.methods.length === 0) throw new UsageError(`Expected methods of ${METHODS.join(', ')} but received none.`);
  for (const method of ask.methods) oneOf('--methods', method, METHODS);
  oneOf('--grid', ask.grid, GRIDS);
  if (ask.labels.length === 0)
    throw new UsageError('Expected shares of labels in percent, such as 1,10,100, but received none.');
  for (const percent of ask.labels)
    if (!(percent > 0 && percent <= 100))
      throw new UsageError(
        `Expected shares of labels in percent, above 0 and at most 100, for --labels but received ${percent}.`,
      );
  for (const key of ['learningRate', 'weightDecay'] as const)
    if (ask.settings[key] !== undefined && ask.grid !== 'one')
      throw new UsageError(
        `Expected no ${key} with --grid ${ask.grid}, which tries several. Use --grid one to have your own.`,
      );
}

function oneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw new UsageError(
      `Expected ${known.join(', ')} for ${option} but received "${value}".${didYouMean(value, known)}`,
    );
}

const logSpaced = (first: number, count: number, every = 1): number[] =>
  Array.from({ length: count }, (_, k) => Number((first * 10 ** ((k * every) / 2)).toPrecision(6)));

/**
 * SimCLR's grids (arXiv 2002.05709, appendix B.8) and every other of their values. Fine-tuning: 7 rates from 1e-4 to 0.1, 7 decays from 1e-6 to
 * 1e-3 and none. From scratch the rates are ten times as large and the 8 decays go from 1e-5 to 10^-1.5; its `small` grid has as many settings
 * as that of fine-tuning. Decays are divided by the rate, so that a step shrinks the weights by the same part at every rate. `rates` are those of
 * `small` with one decay: 1e-5, from scratch 1e-4.
 */
export function gridOf({ kind }: Pick<Start, 'kind'>, name: GridName, settings: Partial<Recipe> = {}): Setting[] {
  const scratch = kind === 'scratch';
  if (name === 'one') {
    const rate = settings.learningRate ?? (scratch ? 0.1 : 0.02);
    return [{ rate, decay: (settings.weightDecay ?? 1e-4) * rate }];
  }
  const paper = name === 'paper';
  const rates = paper ? logSpaced(scratch ? 1e-3 : 1e-4, 7) : logSpaced(scratch ? 1e-2 : 1e-3, 3, 2);
  const decays = paper
    ? scratch
      ? logSpaced(1e-5, 8)
      : [0, ...logSpaced(1e-6, 7)]
    : [0, ...logSpaced(scratch ? 1e-4 : 1e-5, 2, 2)];
  if (name === 'rates') return rates.map((rate) => ({ rate, decay: decays[1]! }));
  return rates.flatMap((rate) => decays.map((decay) => ({ rate, decay })));
}

/** The rate and the decay that a recipe has. */
export type Usual = Readonly<Setting>;

const round6 = (value: number): number => Number(value.toPrecision(6));

/**
 * The same around what the recipe of another task has, for any start: rates at equal distances, `rates` and `small` a third, one and three
 * times its own (10^-0.5 to 10^0.5), `paper` a tenth to ten times; decays of `small` and `paper` a tenth, one and ten times its own. They are
 * not divided by the rate.
 */
export function gridAround({ rate, decay }: Usual, name: GridName): Setting[] {
  const half = name === 'one' ? 0 : name === 'paper' ? 3 : 1;
  const rates = Array.from({ length: 2 * half + 1 }, (_, k) =>
    round6(rate * 10 ** ((k - half) / (name === 'paper' ? 3 : 2))),
  );
  const decays = name === 'one' || name === 'rates' ? [decay] : [0.1, 1, 10].map((by) => round6(decay * by));
  return rates.flatMap((one) => [...new Set(decays)].map((other) => ({ rate: one, decay: other })));
}

/**
 * All results that are asked for. A share of all labels has one linear and one k-NN result: no chance plays a part in it.
 * @param usual what the recipe of another task than classify has
 */
export function planOf(
  ask: TransferAsk,
  starts: readonly Start[],
  targets: readonly TargetFacts[],
  usual: (target: TargetFacts, start: Start) => Usual | undefined = () => undefined,
): TransferPlan {
  const cells: Cell[] = [];
  const groups: Group[] = [];
  for (const target of targets)
    for (const start of starts)
      for (const method of methodsOn(target, ask.methods))
        for (const labels of ask.labels) {
          const fixed = method !== 'finetune' && labels >= 100 && start.kind === 'weights';
          const own = Array.from({ length: fixed ? 1 : ask.seeds }, (_, seed): Cell => {
            const cell = { start, target, method, labels, seed };
            return { id: `${method}-${labels}-s${seed}-${digest(...identity(cell, ask)).slice(0, 16)}`, ...cell };
          });
          cells.push(...own);
          if (method === 'finetune') groups.push(groupOf(own, ask, usual(target, start)));
        }
  return { ask, starts, targets, cells, groups };
}

/** What a result depends on, and nothing else: where it is the same, it is not made again. */
function identity({ start, target, method, labels, seed }: Omit<Cell, 'id'>, ask: TransferAsk): unknown[] {
  const { retrain, epochs, settings, grid } = ask;
  return [
    ...[start.identity, target.identity, method, labels, seed, ask.maxBroken],
    ...(method === 'knn' ? [NEIGHBOURS] : []),
    ...(labels >= 100 ? [retrain] : []),
    ...(method === 'finetune' ? [grid, epochs ?? null, settings] : []),
    ...sideOf(target),
  ];
}

/** Of other tasks than classify the size is not the start's own. */
const sideOf = ({ size }: TargetFacts): number[] => (size === undefined ? [] : [size]);

function groupOf(cells: readonly Cell[], ask: TransferAsk, usual: Usual | undefined): Group {
  const [{ start, target, labels }] = cells as [Cell];
  // A training of the grid is the same whatever else is tried, and whether its like is trained again on more.
  const of = [
    start.identity,
    target.identity,
    labels,
    ask.maxBroken,
    ask.epochs ?? null,
    ask.settings,
    ...sideOf(target),
  ];
  const grid = usual === undefined ? gridOf(start, ask.grid, ask.settings) : gridAround(usual, ask.grid);
  const points = grid.map((setting) => ({
    id: `grid-${labels}-${digest(...of, setting).slice(0, 16)}`,
    setting,
  }));
  return {
    id: digest(
      ...of,
      points.map(({ id }) => id),
    ).slice(0, 16),
    start,
    target,
    labels,
    points,
    cells,
  };
}

/** A plan for people: which results there are follows from it. */
export const leanPlan = ({ ask, starts, targets }: TransferPlan): Pick<TransferPlan, 'ask' | 'starts' | 'targets'> => ({
  ...{ ask, starts, targets },
});
