import { type BoxPrediction, boxesIn, type Looked } from './found.js';
import { classesOnPicture, valuesOnPicture } from './maps.js';
import { type OnnxMetadata, rowOf } from './metadata.js';
import type { OutputName, Outputs } from './session.js';

/** One class of a picture. */
export interface Prediction {
  label: string;
  /** Position among the labels. */
  index: number;
  /** 0 to 1. */
  probability: number;
}

/** A class of some pixels of a picture. */
export interface ClassShare {
  label: string;
  /** Position among the labels. */
  index: number;
  pixels: number;
  /** Of the picture's pixels, 0 to 1. */
  share: number;
}

/** What every pixel of a picture shows. */
export interface MaskPrediction {
  /** Of each pixel of the picture, row by row (height x width), a position among the labels. */
  data: Uint8Array;
  /** The classes that are in it, the largest first. */
  classes: ClassShare[];
}

/** How far away every pixel of a picture is. All in metres. */
export interface DepthPrediction {
  /** Of each pixel, row by row (height x width), from 0.001 to what the model was measured up to. */
  data: Float32Array;
  nearest: number;
  /** The middle one, to a thousandth. */
  median: number;
  mean: number;
  farthest: number;
}

/** What is said of one picture. */
export interface PictureResult {
  /** As given or found in a folder, or `#3` for the fourth input when it came in memory. */
  path: string;
  /** The most probable class, or `unsure` below the threshold; none with an error, or where the file gives something else. */
  label?: string;
  /** That of the most probable class, 0 to 1, also below the threshold. */
  probability?: number;
  /** Most probable first; empty when there is an error, or the file gives something else than classes of pictures. */
  predictions: Prediction[];
  /** What a file that gives numbers says, by their names. */
  numbers?: Record<string, number>;
  /** What a file of boxes finds, highest score first. */
  boxes?: BoxPrediction[];
  /** What a file of masks says of each pixel. */
  mask?: MaskPrediction;
  /** What a file of depth says of each pixel. */
  depth?: DepthPrediction;
  /** With boxes, masks and depth: sides of the picture, upright, in pixels. */
  width?: number;
  height?: number;
  /** Why the picture could not be read. */
  error?: string;
}

/** The label of pictures below the threshold. */
export const UNSURE = 'unsure';

/** What is wanted of the results. */
export interface Wanted {
  /** Classes to name. */
  readonly top: number;
  readonly threshold: number;
}

/** What a file that gives `output` says of the picture in a row of the outputs. */
export function toldOf(
  output: OutputName,
  metadata: OnnxMetadata,
  outputs: Outputs,
  row: number,
  looked: Looked,
  { top, threshold }: Wanted,
): Omit<PictureResult, 'path' | 'error'> {
  const { labels } = metadata;
  const { width, height } = looked;
  if (output === 'boxes') {
    const most = metadata.boxes!.perPicture;
    return { predictions: [], boxes: boxesIn(outputs.boxes!, row, looked, { labels, threshold, most }), width, height };
  }
  const plane = looked.view.size ** 2;
  if (output === 'masks') return { predictions: [], mask: maskOf(outputs, row, looked, plane, labels), width, height };
  if (output === 'depth') {
    const own = outputs.values.subarray(row * plane, (row + 1) * plane);
    return { predictions: [], depth: depthOf(valuesOnPicture(own, looked), metadata.depth!.farthest), width, height };
  }
  const names = rowOf(metadata);
  const [begin, end] = [row * names.length, (row + 1) * names.length];
  if (output === 'numbers') {
    const own = outputs.values.subarray(begin, end);
    return { predictions: [], numbers: Object.fromEntries(names.map((name, k) => [name, own[k]!])) };
  }
  const predictions = best(outputs.probabilities.subarray(begin, end), labels, top);
  const { label, probability } = predictions[0]!;
  return { label: probability < threshold ? UNSURE : label, probability, predictions };
}

/** The most probable classes, highest first. */
export function best(probabilities: Float32Array, labels: readonly string[], top: number): Prediction[] {
  const order = Array.from(probabilities, (_, index) => index).sort(
    (a, b) => probabilities[b]! - probabilities[a]! || a - b,
  );
  return order.slice(0, top).map((index) => ({ label: labels[index]!, index, probability: probabilities[index]! }));
}

function maskOf(
  { values, classes }: Outputs,
  row: number,
  looked: Looked,
  plane: number,
  labels: readonly string[],
): MaskPrediction {
  const all = labels.length * plane;
  const data = classesOnPicture(
    values.subarray(row * all, (row + 1) * all),
    classes!.subarray(row * plane, (row + 1) * plane),
    looked,
  );
  const counts = new Float64Array(labels.length);
  for (const index of data) counts[index]!++;
  const found = [...counts.keys()]
    .filter((index) => counts[index]! > 0)
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
    .map((index) => ({
      ...{ label: labels[index]!, index, pixels: counts[index]!, share: counts[index]! / data.length },
    }));
  return { data, classes: found };
}

/** Metres that a prediction is cut to at least, as where it is measured. */
const LEAST = 1e-3;

/** Depths that are told apart for the median. */
const STEPS_A_METRE = 1000;

function depthOf(data: Float32Array, most: number): DepthPrediction {
  let [nearest, sum, farthest] = [Number.POSITIVE_INFINITY, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const metres = data[i]! >= LEAST ? Math.min(most, data[i]!) : LEAST;
    data[i] = metres;
    sum += metres;
    if (metres < nearest) nearest = metres;
    if (metres > farthest) farthest = metres;
  }
  return { data, nearest, median: medianOf(data, nearest, farthest), mean: sum / data.length, farthest };
}

/** The middle one of many numbers, by counting them in steps. */
function medianOf(data: Float32Array, nearest: number, farthest: number): number {
  const steps = Math.min(1e6, Math.ceil((farthest - nearest) * STEPS_A_METRE) + 1);
  const step = (farthest - nearest) / steps;
  if (!(step > 0)) return nearest;
  const counts = new Float64Array(steps);
  for (const metres of data) counts[Math.min(steps - 1, Math.floor((metres - nearest) / step))]!++;
  let passed = 0;
  for (let i = 0; i < steps; i++) {
    passed += counts[i]!;
    if (2 * passed >= data.length) return Math.min(farthest, nearest + (i + 0.5) * step);
  }
  return farthest;
}
