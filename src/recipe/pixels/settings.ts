import { z } from 'zod';
import { DEPTH_OUTPUTS } from '../../models/depth/index.js';
import { DECODERS, OUTPUT_STRIDES } from '../../models/segment/index.js';

/** Settings of the tasks segment and depth, which say something of every pixel; `headNorm` and `trunkNorm` are detect's too. */
export const denseSettings = {
  /** What stands on the trunk: semantic FPN, FCN, DeepLabV3 or V3+; see models/segment. */
  decoder: z.enum(DECODERS),
  /** Channels of its layers. Those of an FCN are a quarter of its input's. */
  decoderChannels: z.int().min(8).max(2048),
  /** Pixels of the picture that a place of the trunk's last map stands for, each way: below 32 it is dilated. An FPN takes it as it is. */
  outputStride: z.literal(OUTPUT_STRIDES),
  /** Of the loss of a second head on C4; 0 for no such head. */
  auxWeight: z.number().min(0).max(10),
  /** The learning rate of that head is so many times that of the first one. */
  auxRate: z.number().gt(0).max(1000),
};

/** Settings of the task depth alone. */
export const depthSettings = {
  /** How a number becomes metres. */
  depthOutput: z.enum(DEPTH_OUTPUTS),
  /** In metres: predictions are cut to it, and readings beyond it are not asked for. */
  depthFarthest: z.number().gt(0).max(100_000),
  /** In metres: readings up to it are not learned from. */
  depthNearest: z.number().min(0).max(1000),
  /** Share of the squared mean error of logarithms that is taken off in the loss: 0 none, 1 for no care of scale. */
  depthFocus: z.number().min(0).max(1),
  /** In training: readings are divided by how much larger things are seen than in evaluation, as if the camera stood nearer. */
  depthZoom: z.boolean(),
  /** Multiplies the loss. */
  depthLossScale: z.number().gt(0).max(1000),
};

export const DENSE_KEYS = Object.keys(denseSettings) as (keyof typeof denseSettings)[];
export const DEPTH_KEYS = Object.keys(depthSettings) as (keyof typeof depthSettings)[];
