import { z } from 'zod';
import { CLIP_RULES, SLOWFAST_FPS, WIDEST } from '../../augment/clips/indices.js';
import type { ClipOptions } from '../../augment/clips/options.js';

import { storedSide } from '../../data/video/limits.js';

/** How clips were taken of videos in training, and how a finished model was measured on them: part of an exported file's metadata. */
export interface ClipFacts extends Omit<ClipOptions, 'look'> {
  /** A finished model was measured on the mean of the probabilities of so many clips of a video, and crops of each. */
  clips: number;
  crops: number;
  /** The shorter side in pixels that frames of a larger one are reduced to first. */
  side: number;
  /** Which frames make a clip, in words, for whoever runs the file without this package. */
  samplingRule: string;
}

const whole = (most: number) => z.int().min(1).max(most);
export const clipFactsSchema = z.looseObject({
  frames: whole(1024),
  stride: z.int().min(0).max(256),
  rule: z.enum(CLIP_RULES),
  fps: z.number().min(0).max(1000).optional(),
  clips: whole(100),
  crops: whole(10),
  side: whole(8192),
  samplingRule: z.string(),
});

/** @param size side S of the network's input in pixels */
export function clipFacts(
  { frames, stride, rule, fps, clips, crops }: Omit<ClipFacts, 'side' | 'samplingRule'>,
  size: number,
): ClipFacts {
  const own = { frames, stride, rule, ...(fps !== undefined && { fps }), clips, crops };
  return { ...own, side: storedSide(size), samplingRule: samplingRule(own, storedSide(size)) };
}

/** Of the middle clip, as `evalFrames` takes it. */
function samplingRule(
  { frames: n, stride, rule, fps = 0, clips, crops }: Omit<ClipFacts, 'side' | 'samplingRule'>,
  side: number,
): string {
  const s = stride > 0 ? `s = ${stride}` : `s = max(1, min(${WIDEST}, floor(L / ${n})))`;
  const rate =
    fps > 0
      ? `Videos with times are brought to ${fps} frames a second first: tick j shows the last frame that has begun at j / ${fps} s. `
      : 'Where the rate of a video varies it is brought to its usual one first: tick j shows the last frame that has begun at j / rate. ';
  const taken =
    rule === 'garden'
      ? `frame k of the middle clip is (max(0, L - ${n} s) div 2 + k s) mod L of the L frames, ${s}`
      : `the middle clip covers c = ${n} s fps / ${SLOWFAST_FPS} of the L frames, ${s}; its frames are ` +
        `linspace(a, a + c - 1, ${n}) with a = floor(max(0, L - c) / 2), cut to whole numbers and to the video`;
  return (
    `${rate}A clip has ${n} frames: ${taken}. A frame whose shorter side is larger is reduced to ${side} pixels of it (bicubic) before the resize rule, ` +
    `which is the same for all frames of a clip. The model was measured on the mean of the probabilities of ${clips} x ${crops} views (clips x crops).`
  );
}
