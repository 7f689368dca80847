import type { Batch } from '../../data/loading/batch.js';
import type { Labels } from '../../data/loading/labels.js';
import { RescaledError } from '../../errors.js';
import type { Scores } from '../../metric.js';
import { fromTypedArray, softmax, type Tensor } from '../../torch/index.js';
import type { Evaluator, Gathered } from '../../train/task.js';
import { type ClassDetails, classEvaluator } from '../classify/evaluator.js';
import { damagedWeights } from '../refused.js';

/** The last rows of a video with several: one frame alone, and frames shuffled. */
const CONTROLS = 2;

export interface VideoDetails extends ClassDetails {
  /** Views of each video whose probabilities were averaged: clips x crops. */
  views: number;
  /** Accuracy without motion, where it was measured. */
  controls?: { singleFrame: number; shuffled: number };
  /** 1 for each measured video whose class was found, else 0. */
  right: readonly number[];
}

/**
 * Classes of videos. A video of one row is measured by that; of several rows, which stand together, the last two are the controls, and the mean
 * of the probabilities of the others counts. Source: tensorflow/models video_classification_model.py and tasks/video_classification.py.
 */
export function videoEvaluator(classes: number, { examples }: { examples: number }): Evaluator<Labels, VideoDetails> {
  const main = classEvaluator(classes, { examples });
  const singleFrame = classEvaluator(classes, { examples: 0 });
  const shuffled = classEvaluator(classes, { examples: 0 });
  const parts = [main, singleFrame, shuffled];
  let views = 1;
  const right: number[] = [];
  const addMain = (outputs: Tensor, batch: Batch<Labels>): void => {
    main.add(outputs, batch);
    const logits = outputs.data() as Float32Array;
    for (let i = 0; i < batch.n; i++) {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      right.push(row.indexOf(Math.max(...row)) === batch.targets.labels[i] ? 1 : 0);
    }
  };
  return {
    add(outputs, batch) {
      const groups = rowsOf(batch);
      const rows = groups.length === 0 ? 0 : groups[0]!.end - groups[0]!.begin;
      if (rows <= 1) return addMain(outputs, batch);
      if (rows <= CONTROLS || groups.some(({ begin, end }) => end - begin !== rows))
        throw new RescaledError(
          `Expected each video in as many views, and two controls, but received ${rows} rows of one.`,
        );
      views = rows - CONTROLS;
      const probabilities = softmax(outputs).data() as Float32Array;
      if (!probabilities.every(Number.isFinite)) throw damagedWeights('probabilities');
      const mean = (from: number, to: number): Tensor => {
        // Logarithms of probabilities are logits that give them.
        const logits = new Float32Array(groups.length * classes);
        for (const [i, { begin }] of groups.entries())
          for (let k = 0; k < classes; k++) {
            let sum = 0;
            for (let row = begin + from; row < begin + to; row++) sum += probabilities[row * classes + k]!;
            logits[i * classes + k] = Math.log(Math.max(sum / (to - from), 1e-30));
          }
        return fromTypedArray(logits, [groups.length, classes], { device: outputs.device });
      };
      const one = { ...batch, ...oneRow(batch, groups) };
      addMain(mean(0, views), one);
      singleFrame.add(mean(views, views + 1), one);
      shuffled.add(mean(views + 1, rows), one);
    },
    shared: {
      own() {
        const each = parts.map(({ shared }) => shared!.own());
        return { sums: joinedSums(each), lists: each.flatMap(({ lists }) => lists) };
      },
      scores({ sums, lists }) {
        const size = sums.length / parts.length;
        const [own, ...others] = parts.map(({ shared }, i) =>
          shared!.scores({ sums: sums.subarray(i * size, (i + 1) * size), lists: [lists[i]!] }),
        );
        return { ...own!, ...controlsOf(others) };
      },
    },
    result() {
      const { scores, details } = main.result();
      const controls = controlsOf([singleFrame.result().scores, shuffled.result().scores]);
      return {
        scores: { ...scores, ...controls },
        details: { ...details, views, right, ...(controls && { controls }) },
      };
    },
  };
}

const joinedSums = (parts: readonly Gathered[]): Float64Array =>
  Float64Array.from(parts.flatMap(({ sums }) => [...sums]));

/** Undefined where they were not measured. */
const controlsOf = ([single, mixed]: readonly Scores[]): VideoDetails['controls'] =>
  single!.images === 0 ? undefined : { singleFrame: single!['top1']!, shuffled: mixed!['top1']! };

interface Rows {
  begin: number;
  end: number;
}

/** Rows of the same video, which stand together. */
function rowsOf({ indices, n }: Batch<Labels>): Rows[] {
  const groups: Rows[] = [];
  for (let k = 0; k < n; k++) {
    const last = groups.at(-1);
    if (last !== undefined && indices[last.begin] === indices[k]) last.end = k + 1;
    else groups.push({ begin: k, end: k + 1 });
  }
  return groups;
}

const oneRow = ({ indices, targets }: Batch<Labels>, groups: readonly Rows[]) => ({
  n: groups.length,
  indices: Int32Array.from(groups, ({ begin }) => indices[begin]!),
  targets: { labels: Int32Array.from(groups, ({ begin }) => targets.labels[begin]!) },
});
