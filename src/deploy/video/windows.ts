import { clipSpan } from '../../augment/clips/indices.js';
import { CLIP_LIMITS, type VideoFrame } from '../../data/video/limits.js';
import { RescaledError, UsageError } from '../../errors.js';
import type { ClipFacts } from './clip-facts.js';
import type { SteadyVideo } from './ticks.js';

/** A length of time: frames of the video (ticks, where its rate is brought to another), or seconds. */
export type Span = { readonly frames: number } | { readonly seconds: number };

/** What is looked at a time, and from where on the next one lies. */
export interface WindowOptions {
  /** Default: what a clip covers, as in training. */
  window?: Span;
  /** Default: the window, so that all is looked at once. */
  hop?: Span;
}

/** What is wanted does not go with a video; said without its path. */
export class WindowRefused extends RescaledError {}

/** `64` frames, or `2.5s`. @throws UsageError @param option by which it was given */
export function parseSpan(text: string, option: string): Span {
  const [, value, unit] = /^([0-9]*\.?[0-9]+)(s?)$/.exec(text.trim()) ?? [];
  const number = Number(value);
  const good = value !== undefined && number > 0 && (unit === 's' ? number <= 86_400 : Number.isInteger(number));
  if (!good)
    throw new UsageError(
      `Expected frames, such as 64, or seconds, such as 2.5s, for ${option} but received "${text}".`,
    );
  return unit === 's' ? { seconds: number } : { frames: number };
}

/** @throws UsageError */
export function checkSpan(name: string, span: Span | undefined): void {
  if (span === undefined) return;
  const { frames, seconds } = span as { frames?: unknown; seconds?: unknown };
  const good =
    frames !== undefined
      ? Number.isInteger(frames) && (frames as number) >= 1
      : typeof seconds === 'number' && seconds > 0 && seconds <= 86_400;
  if (!good)
    throw new UsageError(
      `Expected { frames: 64 } or { seconds: 2.5 } for ${name} but received ${JSON.stringify(span)}.`,
    );
}

/** Some ticks of a video. */
export interface Window {
  /** The first of them, counted from 0, and what comes after the last. */
  readonly start: number;
  readonly end: number;
  /** Their frames. */
  readonly frames: readonly VideoFrame[];
}

/** Both in ticks. @throws WindowRefused for seconds of a video without times */
export function ticksOfWindows(
  { window, hop }: WindowOptions,
  clip: ClipFacts,
  { fps, length }: Pick<SteadyVideo, 'fps' | 'length'>,
): { window: number; hop: number } {
  const ticks = (span: Span): number => {
    if ('frames' in span) return span.frames;
    if (fps === undefined)
      throw new WindowRefused(`its frames have no times: say windows in frames, not in seconds (${span.seconds}s)`);
    return Math.max(1, Math.round(span.seconds * fps));
  };
  const own = window === undefined ? clipSpan(length ?? Number.POSITIVE_INFINITY, clip, fps) : ticks(window);
  return { window: own, hop: hop === undefined ? own : ticks(hop) };
}

/**
 * Windows of a video from its begin on, the last one so that it ends with it, where they overlap or touch. A video that is shorter is one window.
 * No more frames are held than lie in two windows.
 * @throws RescaledError for two windows that take more than a GiB
 */
export async function* windowsOf(
  ticks: AsyncIterable<VideoFrame>,
  { window, hop }: { window: number; hop: number },
): AsyncGenerator<Window> {
  let held: VideoFrame[] = [];
  let [total, told] = [0, 0];
  for await (const frame of ticks) {
    if (total === 0 && 2 * window * frame.data.length > CLIP_LIMITS.bytes)
      throw new WindowRefused(
        `a window of ${window} frames of ${frame.width} x ${frame.height} is too long to be held: ` +
          `choose one of at most ${Math.floor(CLIP_LIMITS.bytes / 2 / frame.data.length)} frames`,
      );
    held.push(frame);
    // Seldom, since the array is copied.
    if (held.length >= 2 * window) held = held.slice(-window);
    total++;
    if (total < window || (total - window) % hop !== 0) continue;
    told = total;
    yield { start: total - window, end: total, frames: held.slice(-window) };
  }
  if (total > told && (told === 0 || hop <= window)) {
    const start = Math.max(0, total - window);
    yield { start, end: total, frames: held.slice(start - total) };
  }
}
