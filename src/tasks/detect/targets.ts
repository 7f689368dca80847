/** What a batch carries beside its pictures. */
export type BoxTargets = {
  /** [sum, 4]: boxes of all pictures one after the other, in pixels of the view. */
  readonly boxes: Float32Array;
  /** [sum] */
  readonly classes: Int32Array;
  /** [n]: boxes of each picture. */
  readonly counts: Int32Array;
  /** [n]: of the picture in the source. */
  readonly index: Int32Array;
  /** [n, 8]: crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, flip (0/1), reduction of the picture as it was decoded. */
  readonly views: Float32Array;
};
