import type { Labels } from '../../data/loading/labels.js';
import { RescaledError } from '../../errors.js';
import type { Scores } from '../../metric.js';
import { fromTypedArray, noGrad, scope, type Tensor } from '../../torch/index.js';
import type { Evaluator } from '../../train/task.js';
import { damagedWeights } from '../refused.js';
import { alignment, ntXent, spread, uniformity, viewsOf } from './loss.js';
import { nearest, voted } from './neighbours.js';

/** Pictures that are told apart and compared at most: what grows with the square of their number stays small. */
export const MOST_COMPARED = 4096;
/** Rows that a picture has in an evaluation: whole, and in two views. */
export const ROWS = 3;

/** Features of the pictures as they are seen whole. */
export interface ContrastDetails {
  /** [n, width] */
  features: Float32Array;
  width: number;
  /** [n]: indices in the source. */
  indices: number[];
  labels: number[];
}

export interface ContrastEvaluatorOptions {
  /** Outputs of the projection head: the first columns. */
  outputs: number;
  /** Of the gauge: the next columns. What follows are features. */
  classes: number;
  /** Of the loss. */
  temperature: number;
}

/**
 * Rows of a picture stand together: the first is the whole picture, whose features give k-NN (leave one out) and whose logits give the gauge;
 * the other two are views, from whose projections everything else comes. The loss is the mean over the batches as they come.
 */
export function contrastEvaluator({
  outputs: out,
  classes,
  temperature,
}: ContrastEvaluatorOptions): Evaluator<Labels, ContrastDetails> {
  const features: Float32Array[] = [];
  const projections: Float32Array[] = [];
  const indices: number[] = [];
  const labels: number[] = [];
  let [pictures, loss, told, width] = [0, 0, 0, 0];
  let [gaugeRight, gaugeOf] = [0, 0];
  return {
    add(outputs, batch) {
      const { n, indices: rows, targets } = batch;
      for (let k = 0; k < n; k += ROWS)
        if (rows[k] !== rows[k + ROWS - 1])
          throw new RescaledError('Expected each picture whole and in two views, one after the other.');
      const [, columns] = outputs.shape as [number, number];
      width = columns - out - classes;
      const values = outputs.data() as Float32Array;
      if (!values.every(Number.isFinite)) throw damagedWeights('features');
      const row = (k: number, from: number, to: number): Float32Array =>
        values.slice(k * columns + from, k * columns + to);
      const own: Float32Array[] = [];
      for (let k = 0; k < n; k += ROWS) {
        const label = targets.labels[k]!;
        for (let view = 1; view < ROWS; view++) own.push(row(k + view, 0, out));
        if (label < classes) {
          const logits = row(k, out, out + classes);
          gaugeOf++;
          if (logits.indexOf(Math.max(...logits)) === label) gaugeRight++;
        }
        pictures++;
        if (indices.length >= MOST_COMPARED) continue;
        indices.push(rows[k]!);
        labels.push(label);
        features.push(row(k, out + classes, columns));
        projections.push(...own.slice(-2));
      }
      if (own.length >= 4) {
        loss += ntXent(stacked(own, out), { temperature, reduction: 'mean' }).loss.item() * (own.length / 2);
        told += own.length / 2;
      }
    },
    result() {
      const scores: Record<string, number> & { images: number } = { images: pictures };
      const joined = joinedRows(features, width);
      noGrad(() =>
        scope(() => {
          if (projections.length >= 4) {
            const z = stacked(projections, out);
            scores['matched'] = ntXent(z, { temperature, reduction: 'mean' }).figures().accuracy;
            scores['loss'] = loss / Math.max(1, told);
            scores['alignment'] = alignment(z).item();
            scores['uniformity'] = uniformity(viewsOf(z)[0]).item();
            // As a share of that of rows spread evenly over the sphere.
            scores['spread'] = spread(z).item() * Math.sqrt(out);
          }
          if (new Set(labels).size > 1) {
            const kinds = Math.max(...labels) + 1;
            const k = Math.max(1, Math.min(200, Math.floor(labels.length / new Set(labels).size / 2)));
            const found = nearest(joined, width, k);
            const guessed = voted(found, labels, kinds);
            scores['knn'] = guessed.filter((label, i) => label === labels[i]).length / labels.length;
          }
        }),
      );
      if (gaugeOf > 0 && gaugeOf === pictures) scores['gauge'] = gaugeRight / gaugeOf;
      return { scores: scores as Scores, details: { features: joined, width, indices, labels } };
    },
  };
}

function joinedRows(rows: readonly Float32Array[], width: number): Float32Array {
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => all.set(row, i * width));
  return all;
}

const stacked = (rows: readonly Float32Array[], width: number): Tensor =>
  fromTypedArray(joinedRows(rows, width), [rows.length, width]);
