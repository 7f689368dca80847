import { BACKGROUND, type Decoder, encodeBox, IGNORED, matchAnchors, matchPlaces } from '../../models/detect/index.js';

/** What there is to find in a picture as the network sees it. */
export interface ViewTruth {
  /** [m, 4]: x0, y0, x1, y1 in pixels. */
  readonly boxes: Float32Array;
  /** [m] */
  readonly classes: Int32Array;
}

/**
 * What the sums of a loss are divided by.
 * - `picture`: those of each picture by its positive anchors, then the mean over the pictures (torchvision's RetinaNet);
 * - `batch`: by the positive anchors of the batch (FCOS);
 * - `batch-plus-one`: by one more than these (tensorflow/tpu, tensorflow/models).
 *
 * By one at least.
 */
export type Normaliser = 'picture' | 'batch' | 'batch-plus-one';

export interface AssignOptions {
  matchHigh: number;
  matchLow: number;
  normaliser: Normaliser;
}

/** What the anchors of a batch have to say. P: anchors that have a box to find, over all pictures. */
export interface Assigned {
  /** [n * A]: weight of each anchor in the class loss. */
  weights: Float32Array;
  /** [P]: picture * A + anchor. */
  rows: Int32Array;
  /** [P] */
  classes: Int32Array;
  /** [P, 4]: the boxes to find, and the anchors. */
  boxes: Float32Array;
  anchors: Float32Array;
  /** [P, 4]: codes of the boxes at their anchors. */
  codes: Float32Array;
  /** [P]: FCOS's centre-ness, 1 at the box's centre, 0 at its edge. */
  centres: Float32Array;
  /** [P]: their own weights. */
  own: Float32Array;
}

/** Gives every anchor of every picture what it has to say. */
export function assign(truths: readonly ViewTruth[], decoder: Decoder, options: AssignOptions): Assigned {
  const { anchors, grids } = decoder;
  const fcos = decoder.options.kind === 'fcos';
  const count = anchors.length / 4;
  const { matchHigh: high, matchLow: low, normaliser } = options;
  const found = truths.map(({ boxes }) =>
    fcos ? matchPlaces(anchors, boxes, grids) : matchAnchors(anchors, boxes, { high, low }),
  );
  const positives = found.map((matches) => matches.reduce((sum, match) => sum + (match >= 0 ? 1 : 0), 0));
  const total = positives.reduce((sum, n) => sum + n, 0);
  const weightOf = (picture: number): number =>
    normaliser === 'picture'
      ? 1 / (Math.max(1, positives[picture]!) * truths.length)
      : normaliser === 'batch'
        ? 1 / Math.max(1, total)
        : 1 / (total + 1);
  const out: Assigned = {
    weights: new Float32Array(truths.length * count),
    rows: new Int32Array(total),
    classes: new Int32Array(total),
    boxes: new Float32Array(4 * total),
    anchors: new Float32Array(4 * total),
    codes: new Float32Array(4 * total),
    centres: new Float32Array(total),
    own: new Float32Array(total),
  };
  let p = 0;
  found.forEach((matches, picture) => {
    const { boxes, classes } = truths[picture]!;
    const weight = weightOf(picture);
    for (let anchor = 0; anchor < count; anchor++) {
      const match = matches[anchor]!;
      if (match !== IGNORED) out.weights[picture * count + anchor] = weight;
      if (match === IGNORED || match === BACKGROUND) continue;
      out.rows[p] = picture * count + anchor;
      out.classes[p] = classes[match]!;
      out.boxes.set(boxes.subarray(4 * match, 4 * match + 4), 4 * p);
      out.anchors.set(anchors.subarray(4 * anchor, 4 * anchor + 4), 4 * p);
      if (fcos) out.centres[p] = centreness(anchors, anchor, boxes, match);
      else encodeBox(anchors, anchor, boxes, match, out.codes, 4 * p);
      out.own[p++] = weight;
    }
  });
  return out;
}

/** sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), the distances from a place to its box's edges (FCOS, equation 3). */
function centreness(places: Float32Array, place: number, boxes: Float32Array, box: number): number {
  const [a, b] = [4 * place, 4 * box];
  const [x, y] = [(places[a]! + places[a + 2]!) / 2, (places[a + 1]! + places[a + 3]!) / 2];
  const [l, t, r, d] = [x - boxes[b]!, y - boxes[b + 1]!, boxes[b + 2]! - x, boxes[b + 3]! - y];
  return Math.sqrt((Math.min(l, r) / Math.max(l, r)) * (Math.min(t, d) / Math.max(t, d)));
}
