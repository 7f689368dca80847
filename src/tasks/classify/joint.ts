import type { Batch } from '../../data/loading/batch.js';
import type { Labels } from '../../data/loading/labels.js';
import type { TeacherLabels, Unlabelled } from '../../data/unlabelled.js';
import type { Recipe } from '../../recipe/recipe.js';
import { call, fromTypedArray, mul, noGrad, softmax, type Tensor } from '../../torch/index.js';
import type { Objective, StepObjective } from '../../train/task.js';
import { balancedShares } from './loss.js';
import { type ClassObjectiveOptions, nameOf } from './objective.js';

/** What a step on both kinds of pictures tells besides the loss. */
export const JOINT_FIGURES = ['labelledLoss', 'unlabelledLoss', 'agreement'] as const;

/** `confident`: share of the unlabelled pictures whose believed view gives a class with enough confidence. */
export const CONSISTENCY_FIGURES = [...JOINT_FIGURES, 'confident'] as const;

export interface JointObjectiveOptions extends Omit<ClassObjectiveOptions, 'recipe'> {
  recipe: Recipe;
  unlabelled: Unlabelled;
}

/**
 * Cross-entropy of labelled and unlabelled pictures in one step:
 * ```
 * loss = labelledWeight x mean over the labelled + unlabelledWeight x mean over the unlabelled
 * ```
 * Targets of labelled pictures are their labels, smoothed and weighed by class as the recipe has it. Those of unlabelled ones are
 * - `soft`: the teacher's probabilities p^(1/T), made to sum to 1; what its k classes leave is spread evenly over the others;
 * - `distil`: the same, and the student's logits are divided by T, the loss of such a picture multiplied by T^2 (Hinton et al. 2015,
 *   arXiv 1503.02531; SimCLRv2, arXiv 2006.10029, equation 2);
 * - `hard`: the teacher's class, smoothed by `pseudoSmoothing`;
 * - `consistency`: the class that the network gives the first of two views of the picture, learned in the second where its probability is
 *   `confidence` at least; the mean is over all pairs, those without confidence as 0 (FixMatch, arXiv 2001.07685, equations 3 and 4).
 *
 * Sources: google-research/noisystudent main.py (labelled and unlabelled pictures in one forward pass, the sum of the mean losses).
 */
export function jointObjective(options: JointObjectiveOptions): Objective<Labels> {
  const { recipe, classes, labels, device, unlabelled } = options;
  const firstUnlabelled = labels.length;
  const records = unlabelled.labels && recordsOf(unlabelled.labels, unlabelled.source.length);
  const classWeights = recipe.classWeights === 'balanced' ? balancedShares(labels, classes) : undefined;
  const kindsIn = (batch: Batch<Labels>): Kind[] =>
    kindsOf(batch, firstUnlabelled, recipe.unlabelledTargets === 'consistency');
  /** Pictures, and of each kind those that its mean is over. */
  const countsOf = (kinds: readonly Kind[]): Float64Array => {
    const labelled = kinds.filter((kind) => kind === 'labelled').length;
    const unlabelled = kinds.filter((kind) => kind === 'teacher' || kind === 'learned').length;
    return Float64Array.of(kinds.length, labelled, unlabelled);
  };
  return {
    counts: (batch) => countsOf(kindsIn(batch)),
    begin(batch, _epoch, _number, whole) {
      const kinds = kindsIn(batch);
      const { images } = batch;
      const [of, labelled, unlabelledOnes] = (whole ?? countsOf(kinds)) as unknown as [number, number, number];
      const counts = { labelled, unlabelled: unlabelledOnes };
      const recordOf = (k: number): number => records![batch.indices[k]! - firstUnlabelled]!;
      /** Writes what picture k shows into a row. @returns its weight within the mean of its kind, and the class that it shows */
      const target = (
        k: number,
        row: Float32Array,
        believed: Believed | undefined,
      ): { weight: number; label: number } => {
        if (kinds[k] === 'labelled') {
          const label = batch.targets.labels[k]!;
          smoothed(row, label, recipe.labelSmoothing);
          return { weight: classWeights?.[label] ?? 1, label };
        }
        if (kinds[k] === 'learned') {
          const { label, probability } = believed!(k - 1);
          smoothed(row, label, recipe.pseudoSmoothing);
          return { weight: probability >= recipe.confidence ? 1 : 0, label };
        }
        const record = recordOf(k);
        const label = unlabelled.labels!.classOf[record]!;
        if (recipe.unlabelledTargets === 'hard') smoothed(row, label, recipe.pseudoSmoothing);
        else softened(row, unlabelled.labels!, record, recipe.pseudoTemperature);
        return { weight: 1, label };
      };
      return {
        images,
        cut: (at) => (kinds[at] === 'learned' ? at + 1 : at),
        caption: (k) => caption(k, kinds, batch, unlabelled.labels, recordOf, options),
        loss: (logits, begin, end) =>
          lossOf(logits, { begin, end, of, classes, device, recipe, kinds, counts, target }),
      } satisfies StepObjective;
    },
    dispose() {},
  };
}

/** `believed` and `learned` are two views of one picture, one after the other. */
type Kind = 'labelled' | 'teacher' | 'believed' | 'learned';
/** What the network says of a believed view. */
type Believed = (k: number) => { label: number; probability: number };

function kindsOf({ indices, n }: Batch<Labels>, firstUnlabelled: number, paired: boolean): Kind[] {
  const kinds: Kind[] = [];
  for (let k = 0; k < n; k++) {
    if (indices[k]! < firstUnlabelled) kinds.push('labelled');
    else if (!paired) kinds.push('teacher');
    else kinds.push(kinds[k - 1] === 'believed' ? 'learned' : 'believed');
  }
  return kinds;
}

interface Part {
  begin: number;
  end: number;
  /** Pictures of the step. */
  of: number;
  classes: number;
  device: string;
  recipe: Recipe;
  kinds: readonly Kind[];
  /** Pictures of the step that the two means are over. */
  counts: { labelled: number; unlabelled: number };
  target(k: number, row: Float32Array, believed: Believed | undefined): { weight: number; label: number };
}

/**
 * The part's share: sum over its pictures of w_k x CE_k / (end - begin), where w_k = labelledWeight x of/labelled for labelled pictures and
 * unlabelledWeight x of/unlabelled for the others, so that the mean over all parts, weighed by their sizes, is the loss of the batch.
 */
function lossOf(given: Tensor, part: Part): ReturnType<StepObjective['loss']> {
  const { begin, end, of, classes, device, recipe, kinds, counts, target } = part;
  const count = end - begin;
  const temperature = recipe.unlabelledTargets === 'distil' ? recipe.pseudoTemperature : 1;
  const logits = temperature === 1 ? given : cooled(given, part, temperature);
  const probabilities = noGrad(() => softmax(logits)).data() as Float32Array;
  const rowOf = (k: number): Float32Array => probabilities.subarray((k - begin) * classes, (k - begin + 1) * classes);
  const said: Believed = (k) => {
    const row = rowOf(k);
    const label = best(row);
    return { label, probability: row[label]! };
  };
  const targets = new Float32Array(count * classes);
  const weights = new Float32Array(count);
  const figures = { top1: 0, labelledLoss: 0, unlabelledLoss: 0, agreement: 0, confident: 0 };
  for (let k = begin; k < end; k++) {
    const kind = kinds[k]!;
    if (kind === 'believed') continue;
    const row = targets.subarray((k - begin) * classes, (k - begin + 1) * classes);
    const { weight, label } = target(k, row, said);
    const own = rowOf(k);
    let loss = 0;
    for (let c = 0; c < classes; c++) if (row[c]! > 0) loss -= row[c]! * Math.log(Math.max(own[c]!, 1e-30));
    const right = best(own) === label ? 1 : 0;
    if (kind === 'labelled') {
      const share = of / counts.labelled;
      weights[k - begin] = recipe.labelledWeight * weight * share;
      figures.labelledLoss += loss * weight * share;
      figures.top1 += right * share;
    } else {
      const share = of / counts.unlabelled;
      weights[k - begin] = recipe.unlabelledWeight * weight * share * temperature ** 2;
      figures.unlabelledLoss += loss * weight * share * temperature ** 2;
      figures.agreement += right * share;
      figures.confident += weight * share;
    }
  }
  const noReduction = 0;
  const each = call<Tensor>('aten::cross_entropy_loss', [
    logits,
    fromTypedArray(targets, [count, classes], { device }),
    null,
    noReduction,
  ]);
  const loss = call<Tensor>('aten::mean', [mul(each, fromTypedArray(weights, [count], { device }))]);
  const { confident, ...rest } = figures;
  return { loss, figures: recipe.unlabelledTargets === 'consistency' ? { ...rest, confident } : rest };
}

/** Logits of unlabelled pictures divided by the temperature. */
function cooled(logits: Tensor, { begin, end, kinds, device }: Part, temperature: number): Tensor {
  const factors = Float32Array.from({ length: end - begin }, (_, k) =>
    kinds[begin + k] === 'labelled' ? 1 : 1 / temperature,
  );
  return mul(logits, fromTypedArray(factors, [end - begin, 1], { device }));
}

/** Of equal ones the first. */
function best(row: Float32Array): number {
  let at = 0;
  for (let c = 1; c < row.length; c++) if (row[c]! > row[at]!) at = c;
  return at;
}

/** y (1 - a) + a/K */
function smoothed(row: Float32Array, label: number, smoothing: number): void {
  row.fill(smoothing / row.length);
  row[label]! += 1 - smoothing;
}

/** p^(1/T) of a record, made to sum to 1; the classes that it does not name share what is left of p evenly. */
function softened(
  row: Float32Array,
  { k, topClasses, topProbabilities }: TeacherLabels,
  record: number,
  temperature: number,
): void {
  let named = 0;
  for (let j = 0; j < k; j++) named += topProbabilities[record * k + j]!;
  row.fill(row.length > k ? Math.max(0, 1 - named) / (row.length - k) : 0);
  for (let j = 0; j < k; j++) row[topClasses[record * k + j]!] = topProbabilities[record * k + j]!;
  let sum = 0;
  for (let c = 0; c < row.length; c++) {
    if (temperature !== 1) row[c] = row[c]! ** (1 / temperature);
    sum += row[c]!;
  }
  for (let c = 0; c < row.length; c++) row[c]! /= sum;
}

/** For each picture of the pool its record. */
function recordsOf({ positions }: TeacherLabels, pictures: number): Int32Array {
  const records = new Int32Array(pictures).fill(-1);
  positions.forEach((position, record) => {
    records[position] = record;
  });
  return records;
}

function caption(
  k: number,
  kinds: readonly Kind[],
  batch: Batch<Labels>,
  labels: TeacherLabels | undefined,
  recordOf: (k: number) => number,
  { names }: Pick<ClassObjectiveOptions, 'names'>,
): string {
  const named = (label: number): string => nameOf(names, label);
  switch (kinds[k]) {
    case 'labelled':
      return named(batch.targets.labels[k]!);
    case 'believed':
      return 'no label: believed';
    case 'learned':
      return 'no label: learned';
    default: {
      const record = recordOf(k);
      const probability = labels!.topProbabilities[record * labels!.k]!;
      return `teacher: ${(100 * probability).toFixed(0)}\u00a0% ${named(labels!.classOf[record]!)}`;
    }
  }
}
