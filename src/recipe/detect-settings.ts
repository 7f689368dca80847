import { z } from 'zod';

const share = z.number().min(0).max(1);
const norm = z.enum(['none', 'batch', 'group']);

/** Settings of the task detect; see models/detect and tasks/detect. */
export const detectSettings = {
  /** RetinaNet, with anchors, or FCOS, without. */
  detector: z.enum(['retinanet', 'fcos']),
  /** Channels of the pyramid's levels and of the branches on them. */
  pyramidChannels: z.int().min(8).max(2048),
  pyramidNorm: norm,
  /** What P6 is made of: the trunk's last map or P5. */
  pyramidExtra: z.enum(['c5', 'p5']),
  /** 3x3 convolutions of each branch before its output. */
  headLayers: z.int().min(0).max(16),
  headNorm: norm,
  /** Batch norm of the trunk: learned, or as the weights have it that the run starts from. */
  trunkNorm: z.enum(['batch', 'frozen']),
  /** Where anchors stand and how their sides are rounded; see models/detect/anchors.ts. */
  anchorRule: z.enum(['torchvision', 'group']),
  /** Side of a level's smallest square anchor, in its strides. */
  anchorSize: z.number().min(0.25).max(64),
  /** Sizes of a level, evenly spread up to twice the smallest. */
  anchorScales: z.int().min(1).max(16),
  /** Height / width. */
  anchorRatios: z.array(z.number().min(0.01).max(100)).min(1).max(16),
  /** Overlap from which on an anchor is a box's, and below which it is background: anchors between learn nothing. */
  matchHigh: share,
  matchLow: share,
  /** What the sums of a loss are divided by; see tasks/detect/assign.ts. */
  lossNormaliser: z.enum(['picture', 'batch', 'batch-plus-one']),
  focalAlpha: share,
  focalGamma: z.number().min(0).max(10),
  /** Of RetinaNet; FCOS has giou. */
  boxLoss: z.enum(['l1', 'huber', 'giou']),
  boxWeight: z.number().min(0).max(1000),
  /** Boxes with a score up to this are left out. */
  scoreThreshold: z.number().min(0).lt(1),
  /** Boxes of a level that go on at most. */
  detectionsPerLevel: z.int().min(1).max(100_000),
  /** Overlap above which the lesser of two boxes of a class is left out. */
  nmsOverlap: z.number().gt(0).max(1),
  /** Boxes of a picture at most. */
  detections: z.int().min(1).max(100_000),
};

export type DetectKey = keyof typeof detectSettings;
export const DETECT_KEYS = Object.keys(detectSettings) as DetectKey[];
