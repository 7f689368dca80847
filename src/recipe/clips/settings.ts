import { z } from 'zod';
import { CLIP_RULES } from '../../augment/clips/indices.js';

/** Settings of the task video. */
export const clipSettings = {
  /** Frames of a clip. */
  frames: z.int().min(1).max(1024),
  /** Frames of the video from one to the next; 0: as wide as the video allows, up to `WIDEST`. */
  frameStride: z.int().min(0).max(256),
  /** Whose rules say which frames make a clip; see augment/clips/indices.ts. */
  clipRule: z.enum(CLIP_RULES),
  /** Frames a second that videos are brought to first; 0: their own. */
  clipFps: z.number().min(0).max(1000),
  /** Of random crops: width / height lies between 1 / this and this. */
  clipAspect: z.number().min(1).max(10),
  /** Clips and crops of each that a finished model is measured on: the mean of their probabilities counts. */
  testClips: z.int().min(1).max(100),
  testCrops: z.int().min(1).max(10),
};

export const CLIP_KEYS = Object.keys(clipSettings) as (keyof typeof clipSettings)[];
