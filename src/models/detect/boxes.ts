/** exp of a code is cut here: 1000 / 16, torchvision's and Detectron2's rule. */
export const MOST_GROWTH = Math.log(1000 / 16);

/**
 * A box seen from an anchor: (dx / w, dy / h, ln(W / w), ln(H / h)), dx and dy from the anchor's centre to the box's, w and h the anchor's
 * sides, W and H the box's (Girshick et al. 2014), written to `out` at `to`.
 */
export function encodeBox(
  anchors: Float32Array,
  anchor: number,
  boxes: Float32Array,
  box: number,
  out: Float32Array,
  to: number,
): void {
  const [a, b] = [4 * anchor, 4 * box];
  const [width, height] = [anchors[a + 2]! - anchors[a]!, anchors[a + 3]! - anchors[a + 1]!];
  const [boxWidth, boxHeight] = [boxes[b + 2]! - boxes[b]!, boxes[b + 3]! - boxes[b + 1]!];
  out[to] = (boxes[b]! + boxWidth / 2 - (anchors[a]! + width / 2)) / width;
  out[to + 1] = (boxes[b + 1]! + boxHeight / 2 - (anchors[a + 1]! + height / 2)) / height;
  out[to + 2] = Math.log(boxWidth / width);
  out[to + 3] = Math.log(boxHeight / height);
}

/** The box of a code at an anchor, written to `out` at `to`; it may reach beyond the picture. */
export type DecodeBox = (
  codes: Float32Array,
  code: number,
  anchors: Float32Array,
  anchor: number,
  out: Float32Array,
  to: number,
) => void;

/** The inverse of `encodeBox`; a side grows at most 62.5-fold. */
export const decodeBox: DecodeBox = (codes, code, anchors, anchor, out, to) => {
  const a = 4 * anchor;
  const [width, height] = [anchors[a + 2]! - anchors[a]!, anchors[a + 3]! - anchors[a + 1]!];
  const x = codes[code]! * width + anchors[a]! + width / 2;
  const y = codes[code + 1]! * height + anchors[a + 1]! + height / 2;
  const halfWidth = (Math.exp(Math.min(codes[code + 2]!, MOST_GROWTH)) * width) / 2;
  const halfHeight = (Math.exp(Math.min(codes[code + 3]!, MOST_GROWTH)) * height) / 2;
  out[to] = x - halfWidth;
  out[to + 1] = y - halfHeight;
  out[to + 2] = x + halfWidth;
  out[to + 3] = y + halfHeight;
};

/** FCOS's code: distances from the place to the left, upper, right and lower edge, in strides. */
export const decodeDistances: DecodeBox = (codes, code, places, place, out, to) => {
  const a = 4 * place;
  const [x, y] = [(places[a]! + places[a + 2]!) / 2, (places[a + 1]! + places[a + 3]!) / 2];
  const [width, height] = [places[a + 2]! - places[a]!, places[a + 3]! - places[a + 1]!];
  out[to] = x - codes[code]! * width;
  out[to + 1] = y - codes[code + 1]! * height;
  out[to + 2] = x + codes[code + 2]! * width;
  out[to + 3] = y + codes[code + 3]! * height;
};

/** Area of the intersection of boxes i and j over that of their union; continuous edges. */
export function overlapOf(boxes: Float32Array, i: number, j: number): number {
  const [a, b] = [4 * i, 4 * j];
  const width = Math.min(boxes[a + 2]!, boxes[b + 2]!) - Math.max(boxes[a]!, boxes[b]!);
  const height = Math.min(boxes[a + 3]!, boxes[b + 3]!) - Math.max(boxes[a + 1]!, boxes[b + 1]!);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (areaOf(boxes, a) + areaOf(boxes, b) - shared);
}

const areaOf = (boxes: Float32Array, at: number): number =>
  (boxes[at + 2]! - boxes[at]!) * (boxes[at + 3]! - boxes[at + 1]!);

/**
 * Non-maximum suppression, class by class: from the highest score down, a box stays unless one of its class that stays overlaps it by more than
 * `threshold`. Of equal scores the earlier one comes first, so the result is one function of its input.
 * @param boxes [k, 4] @param scores [k] @param classes [k]
 * @param most boxes that stay at most
 * @returns numbers of those that stay, highest score first
 */
export function suppress(
  boxes: Float32Array,
  scores: Float32Array,
  classes: Int32Array,
  threshold: number,
  most: number,
): number[] {
  const order = Array.from(scores, (_, i) => i).sort((i, j) => scores[j]! - scores[i]! || i - j);
  const kept: number[] = [];
  const ofClass = new Map<number, number[]>();
  const areas = Float64Array.from(scores, (_, i) => areaOf(boxes, 4 * i));
  // `overlapOf`, without calls: thousands of pairs a picture.
  const covered = (i: number, own: readonly number[]): boolean => {
    const [x0, y0, x1, y1] = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
    for (let k = 0; k < own.length; k++) {
      const at = 4 * own[k]!;
      const width = Math.min(x1, boxes[at + 2]!) - Math.max(x0, boxes[at]!);
      if (width <= 0) continue;
      const height = Math.min(y1, boxes[at + 3]!) - Math.max(y0, boxes[at + 1]!);
      if (height <= 0) continue;
      const shared = width * height;
      if (shared / (areas[i]! + areas[own[k]!]! - shared) > threshold) return true;
    }
    return false;
  };
  for (const i of order) {
    if (kept.length === most) break;
    let own = ofClass.get(classes[i]!);
    if (own === undefined) ofClass.set(classes[i]!, (own = []));
    if (covered(i, own)) continue;
    own.push(i);
    kept.push(i);
  }
  return kept;
}
