import type { VideoFrame } from '../../data/video/limits.js';
import type { Prediction } from '../told.js';

/** What is said of a part of a video, or of all of it. */
interface Said {
  /** The most probable class, or `unsure` below the threshold. */
  label: string;
  /** That of the most probable class, 0 to 1, also below the threshold. */
  probability: number;
  /** Most probable first. */
  predictions: Prediction[];
}

/** What is said of a window of a video. */
export interface WindowPrediction extends Said {
  /** In seconds from the begin of the video; absent where its frames have no times. */
  start?: number;
  end?: number;
  /** Its first frame, and what comes after its last: ticks of the steady rate `fps`. */
  startFrame: number;
  endFrame: number;
}

/** A frame of a video, and which of its ticks. */
export interface StripFrame extends Pick<VideoFrame, 'data' | 'width' | 'height'> {
  tick: number;
}

/** What is said of one video. */
export interface VideoResult extends Partial<Said> {
  /** As given or found in a folder, or `#3` for the fourth input when it came in memory. */
  path: string;
  /** Of the whole video: the mean of the probabilities of its windows. Empty with an error. */
  predictions: Prediction[];
  /** One after the other; empty with an error. */
  windows: WindowPrediction[];
  /** Of the video at its steady rate. */
  frames?: number;
  /** Of these a second; absent where frames have no times. */
  fps?: number;
  /** How long it is; absent where frames have no times. */
  seconds?: number;
  /** Where they are asked for: some of its frames, evenly. */
  strip?: StripFrame[];
  /** Why the video could not be read. */
  error?: string;
}

/** Some frames of a video of unknown length, evenly over it. */
export class Strip {
  #kept: StripFrame[] = [];
  #every = 1;
  readonly #count: number;

  /** @param count frames at the end, at most */
  constructor(count: number) {
    this.#count = count;
  }

  add({ data, width, height }: VideoFrame, tick: number): void {
    if (tick % this.#every !== 0) return;
    this.#kept.push({ data, width, height, tick });
    if (this.#kept.length < 4 * this.#count) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  frames(): StripFrame[] {
    const kept = this.#kept;
    const count = Math.min(this.#count, kept.length);
    return Array.from({ length: count }, (_, i) => kept[Math.floor(((2 * i + 1) * kept.length) / (2 * count))]!);
  }
}

/** Windows one behind the other that show the same. */
export interface Stretch extends Omit<WindowPrediction, 'predictions'> {
  /** How many. */
  windows: number;
}

/** Runs of windows of one label, with the mean of its probability; where windows overlap the next one begins in the middle of that. */
export function stretchesOf(windows: readonly WindowPrediction[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { predictions: _, ...window } of windows) {
    const last = stretches.at(-1);
    if (last === undefined || last.label !== window.label) {
      const next: Stretch = { ...window, windows: 1 };
      if (last !== undefined && last.endFrame > next.startFrame) {
        last.endFrame = next.startFrame = (last.endFrame + next.startFrame) >> 1;
        if (last.end !== undefined) last.end = next.start = (last.end + next.start!) / 2;
      }
      stretches.push(next);
      continue;
    }
    last.probability = (last.probability * last.windows + window.probability) / ++last.windows;
    last.endFrame = window.endFrame;
    if (window.end !== undefined) last.end = window.end;
  }
  return stretches;
}
