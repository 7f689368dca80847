/** The boxes that are in a picture. Coordinates are continuous edges in pixels of the decoded, upright picture. */
export interface Truth {
  /** [n, 4]: x0, y0, x1, y1. */
  readonly boxes: ArrayLike<number>;
  /** [n], counted from 0; there is no background class. */
  readonly classes: ArrayLike<number>;
  /** [n]: 1 where a box holds many objects that are not told apart (COCO's `iscrowd`). */
  readonly crowd: ArrayLike<number>;
  /** [n]: 1 where an object is marked as hard to see (Pascal VOC's `difficult`). */
  readonly difficult: ArrayLike<number>;
  /** [n], square pixels: what the annotation says (of a mask, say), else width x height. */
  readonly area: ArrayLike<number>;
}

/** What a model says is in a picture, by score descending. */
export interface Detections {
  /** [k, 4], as of a truth. */
  readonly boxes: ArrayLike<number>;
  /** [k] */
  readonly scores: ArrayLike<number>;
  /** [k] */
  readonly classes: ArrayLike<number>;
}
