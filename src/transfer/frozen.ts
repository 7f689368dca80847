import { type FeatureOptions, featuresOf, type PartFeatures, type TargetFeatures } from './features.js';
import type { Cell, TransferAsk } from './plan.js';
import { type CellResult, isDone, writeResult } from './results.js';
import { NEIGHBOURS, nearest } from './solve/knn.js';
import { choosePenalty, classified, Logistic, PENALTIES, shareRight } from './solve/linear.js';
import { rowsOf, stacked } from './solve/rows.js';
import { labelled, type Target } from './targets.js';

export interface FrozenTools extends FeatureOptions {
  onDone?: (result: CellResult) => void;
  letMessagesIn?: () => Promise<void>;
}

/** Measures what needs features alone: the cells of one start on one target that are not done. @returns whether all are */
export async function frozenCells(
  out: string,
  cells: readonly Cell[],
  ask: TransferAsk,
  target: Target,
  { onDone = () => {}, letMessagesIn = async () => {}, ...options }: FrozenTools = {},
): Promise<boolean> {
  // Random weights differ from seed to seed.
  let known: { seed: number; features: TargetFeatures } | undefined;
  for (const cell of [...cells].sort((a, b) => a.seed - b.seed)) {
    if (isDone(out, cell.id)) continue;
    const seed = cell.start.kind === 'scratch' ? cell.seed : 0;
    if (known?.seed !== seed) {
      const features = await featuresOf(cell.start, target, { ...options, maxBroken: ask.maxBroken, seed });
      if (features === undefined) return false;
      known = { seed, features };
    }
    const goesOn = async (): Promise<boolean> => {
      await letMessagesIn();
      return options.signal?.aborted !== true;
    };
    const result = await measured(cell, ask, target, known.features, goesOn);
    if (result === undefined) return false;
    writeResult(out, result);
    onDone(result);
    if (!(await goesOn())) return false;
  }
  return true;
}

interface Part extends PartFeatures {
  labels: Int32Array;
}

async function measured(
  cell: Cell,
  ask: TransferAsk,
  target: Target,
  features: TargetFeatures,
  goesOn: () => Promise<boolean>,
): Promise<CellResult | undefined> {
  const began = performance.now();
  const { method, labels, seed } = cell;
  const classes = target.classes.length;
  const all = withLabels(features.train, target.train.labels);
  const known = new Set(labelled(target, labels, seed));
  const train = some(all, (index) => known.has(index));
  const [val, test] = [withLabels(features.val, target.val.labels), withLabels(features.test, target.test.labels)];
  const last = ask.retrain && labels >= 100 ? both(train, val) : train;
  let predicted: Int32Array;
  let onValidation: number;
  let chosen: CellResult['chosen'];
  let edge: string[] = [];
  if (method === 'knn') {
    const vote = (bank: Part, queries: Part): Int32Array => nearest(bank, bank.labels, classes, queries);
    onValidation = shareRight(vote(train, val), val.labels);
    predicted = vote(last, test);
    chosen = { ...NEIGHBOURS, k: Math.min(NEIGHBOURS.k, last.n) };
  } else {
    const found = await choosePenalty(train, train.labels, classes, { features: val, labels: val.labels }, { goesOn });
    if (found === undefined) return undefined;
    const { fit, path } = found;
    onValidation = path.find(({ l2 }) => l2 === fit.l2)!.top1;
    predicted = classified(last === train ? fit : refit(last, classes, fit.l2), test, test.labels).predicted;
    chosen = { l2: fit.l2, converged: fit.converged };
    if (fit.l2 === PENALTIES[0] || fit.l2 === PENALTIES.at(-1)) edge = ['l2'];
  }
  return cellResult(cell, {
    ...judged(target.test.length, test, predicted),
    validation: { score: onValidation, pictures: val.n },
    trainPictures: last.n,
    ...{ chosen, edge },
    seconds: (performance.now() - began) / 1000,
  });
}

function refit(rows: Part, classes: number, l2: number): ReturnType<Logistic['fit']> {
  const problem = new Logistic(rows, rows.labels, classes);
  try {
    return problem.fit(l2);
  } finally {
    problem.dispose();
  }
}

/** A cell's result of what was found. */
export function cellResult(
  { id, start, target, method, labels, seed }: Cell,
  found: Omit<
    CellResult,
    'format' | 'status' | 'kind' | 'id' | 'task' | 'start' | 'target' | 'method' | 'labels' | 'seed' | 'finishedAt'
  >,
): CellResult {
  return {
    ...{ format: 1, status: 'done', kind: 'cell', id, start: start.name, target: target.name, method, labels, seed },
    ...(target.task !== 'classify' && { task: target.task }),
    ...found,
    finishedAt: new Date().toISOString(),
  };
}

/** Which pictures are right. @param length of the part, unreadable pictures among them */
export function judged(
  length: number,
  { indices, labels }: { indices: Int32Array; labels: Int32Array },
  predicted: Int32Array,
): Pick<CellResult, 'score' | 'testPictures' | 'right'> {
  const marks = new Array<string>(length).fill('-');
  for (let i = 0; i < indices.length; i++) marks[indices[i]!] = predicted[i] === labels[i] ? '1' : '0';
  return { score: shareRight(predicted, labels), testPictures: indices.length, right: marks.join('') };
}

const withLabels = (part: PartFeatures, labels: Int32Array): Part => ({
  ...part,
  labels: Int32Array.from(part.indices, (index) => labels[index]!),
});

function some(part: Part, wanted: (index: number) => boolean): Part {
  const rows = Array.from({ length: part.n }, (_, i) => i).filter((i) => wanted(part.indices[i]!));
  if (rows.length === part.n) return part;
  return {
    ...rowsOf(part, rows),
    indices: Int32Array.from(rows, (i) => part.indices[i]!),
    labels: Int32Array.from(rows, (i) => part.labels[i]!),
  };
}

const both = (a: Part, b: Part): Part => ({
  ...stacked([a, b]),
  indices: Int32Array.from([...a.indices, ...b.indices]),
  labels: Int32Array.from([...a.labels, ...b.labels]),
});
