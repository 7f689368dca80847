import type { Grid } from './anchors.js';
import { anchorsPerPlace } from './anchors.js';
import { decodeBox, decodeDistances, suppress } from './boxes.js';
import type { DetectorOptions } from './options.js';

/** What becomes of a detector's outputs. */
export interface PredictOptions {
  /** Boxes of a class with a score up to this are left out. */
  scoreThreshold: number;
  /** Boxes of a level that go on at most, those of the highest scores. */
  perLevel: number;
  /** Overlap (IoU) above which the lesser of two boxes of a class is left out. */
  overlap: number;
  /** Boxes of a picture at most. */
  perPicture: number;
}

/** Boxes of a picture, highest score first. */
export interface Detections {
  /** [k, 4] */
  readonly boxes: Float32Array;
  /** [k]: 0 to 1. */
  readonly scores: Float32Array;
  /** [k] */
  readonly classes: Int32Array;
}

/** What of a detector no tensor says. */
export interface DetectorFacts {
  readonly kind: DetectorOptions['kind'];
  readonly anchors: DetectorOptions['anchors'];
  readonly frozenNorm: boolean;
  readonly predict: PredictOptions;
}

/** How the outputs of a detector at some size are read. */
export interface Decoder {
  readonly options: Pick<DetectorOptions, 'kind' | 'anchors' | 'classes'>;
  readonly anchors: Float32Array;
  readonly grids: readonly Grid[];
  /** Side of the picture in pixels. */
  readonly size: number;
}

/** Numbers that a detector gives for an anchor. */
export const outputsPerAnchor = ({ kind, classes }: Pick<DetectorOptions, 'kind' | 'classes'>): number =>
  classes + (kind === 'fcos' ? 5 : 4);

/**
 * The boxes of one picture, in pixels as the network sees it, cut at its edges: of each level the classes and places of the highest scores,
 * then non-maximum suppression over all levels. A score is the class's probability, with FCOS the root of its product with the centre-ness.
 * Equals torchvision's postprocess_detections; of equal scores the earlier comes first.
 * @param values [A, outputs] of the picture
 */
export function detectionsOf(
  values: Float32Array,
  { options: { kind, classes, anchors: anchorOptions }, anchors, grids, size }: Decoder,
  { scoreThreshold, perLevel, overlap, perPicture }: PredictOptions,
): Detections {
  const fcos = kind === 'fcos';
  const width = outputsPerAnchor({ kind, classes });
  const each = fcos ? 1 : anchorsPerPlace(anchorOptions);
  const decode = fcos ? decodeDistances : decodeBox;
  const found: { anchor: number; of: number; score: number }[] = [];
  // Neither factor is above 1, so the class alone must be above the square.
  const least = logit(fcos ? scoreThreshold ** 2 : scoreThreshold) - 1e-3;
  let anchor = 0;
  for (const { side } of grids) {
    const level: typeof found = [];
    for (const end = anchor + side * side * each; anchor < end; anchor++) {
      const row = anchor * width;
      for (let of = 0; of < classes; of++) {
        const value = values[row + of]!;
        if (!(value > least)) continue;
        const probability = sigmoid(value);
        const score = Math.fround(fcos ? Math.sqrt(probability * sigmoid(values[row + width - 1]!)) : probability);
        if (score > scoreThreshold) level.push({ anchor, of, score });
      }
    }
    // Sorting keeps the order of equal ones.
    level.sort((a, b) => b.score - a.score);
    found.push(...level.slice(0, perLevel));
  }
  const boxes = new Float32Array(4 * found.length);
  found.forEach((one, i) => decode(values, one.anchor * width + classes, anchors, one.anchor, boxes, 4 * i));
  for (let i = 0; i < boxes.length; i++) boxes[i] = Math.min(size, Math.max(0, boxes[i]!));
  const scores = Float32Array.from(found, ({ score }) => score);
  const kinds = Int32Array.from(found, ({ of }) => of);
  const kept = suppress(boxes, scores, kinds, overlap, perPicture);
  const out = new Float32Array(4 * kept.length);
  kept.forEach((i, k) => out.set(boxes.subarray(4 * i, 4 * i + 4), 4 * k));
  return {
    boxes: out,
    scores: Float32Array.from(kept, (i) => scores[i]!),
    classes: Int32Array.from(kept, (i) => kinds[i]!),
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const logit = (p: number): number => Math.log(p / (1 - p));
