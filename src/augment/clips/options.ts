import { UsageError } from '../../errors.js';
import { CLIP_RULES, type ClipFrames } from './indices.js';

/** How clips are taken of a video. Plain data. */
export interface ClipOptions extends ClipFrames {
  /** Frames a second that videos with times are brought to first; 0 takes their frames as they are, but where their rate varies. Default 0. */
  readonly fps?: number;
  /** Of evaluations: which look it is. Default: the middle clip through the centre crop. */
  readonly look?: ClipLook;
}

/** One of the looks at a video: clip i of V through crop c of C, and what becomes of the order of its frames. */
export interface ClipLook {
  readonly clip?: number;
  readonly clips?: number;
  readonly crop?: number;
  readonly crops?: number;
  /** `single`: the middle frame of the clip in all places. `shuffled`: its frames in another order. */
  readonly order?: 'as it is' | 'single' | 'shuffled';
}

/** @throws UsageError that names the field, what was expected and what came */
export function checkClip(clip: ClipOptions): ClipOptions {
  const { frames, stride, rule, fps = 0 } = clip;
  const expect = (good: boolean, field: string, expected: string, value: unknown): void => {
    if (!good) throw new UsageError(`Expected ${expected} for clip.${field} but received ${JSON.stringify(value)}.`);
  };
  const whole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  expect(whole(frames, 1024), 'frames', 'a whole number from 1 to 1024', frames);
  expect(stride === 0 || whole(stride, 256), 'stride', 'a whole number from 0 to 256', stride);
  expect(CLIP_RULES.includes(rule), 'rule', CLIP_RULES.map((name) => `"${name}"`).join(' or '), rule);
  expect(fps >= 0 && fps <= 1000, 'fps', 'a number from 0 to 1000', fps);
  return clip;
}
