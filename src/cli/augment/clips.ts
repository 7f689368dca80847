import { extname } from 'node:path';
import { trainClip } from '../../augment/clips/sample.js';
import { pixelsOf } from '../../augment/pixels.js';
import { type AugmentPlan, POLICY_TITLES } from '../../augment/policies/plan.js';
import { preprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { examineClip } from '../../data/video/decode.js';
import { VIDEO_EXTENSIONS } from '../../data/video/kinds.js';
import { storedSide } from '../../data/video/limits.js';
import type { Grid } from './grid.js';

/** Draws, a row each, and frames of a clip. */
const DRAWS = 5;
const FRAMES = 8;

export const isVideo = (path: string): boolean => VIDEO_EXTENSIONS.has(extname(path).toLowerCase());

/** Clips of a video as a training draws them: one crop, flip and policy for all frames of a row. */
export async function clipGrid(
  path: string,
  plan: AugmentPlan | undefined,
  { size, seed }: { size: number; seed: number },
): Promise<Grid> {
  const { pixels } = await examineClip(path, { side: storedSide(size) });
  const clip = { frames: FRAMES, stride: 0, rule: 'garden' } as const;
  const options = preprocessOptions({ size, cropArea: [0.49, 1], clip, ...(plan && { augment: plan }) });
  const bytes = 3 * size * size;
  const rows = Array.from({ length: DRAWS }, (_, draw) => {
    const { image } = trainClip(pixels, { ...options, clip }, new Random(seed, 0, draw));
    const cells = Array.from({ length: FRAMES }, (_, k) => ({
      picture: pixelsOf(image.subarray(k * bytes, (k + 1) * bytes), size, size),
      caption: '',
    }));
    return { name: `clip ${draw + 1}`, cells };
  });
  const policy = plan === undefined ? 'crop and flip' : `crop, flip and ${POLICY_TITLES[plan.policy]}`;
  return {
    title: `Clips of 8 frames, each with its own ${policy}`,
    columns: Array.from({ length: FRAMES }, (_, k) => `frame ${k + 1}`),
    rows,
  };
}
