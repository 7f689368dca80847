import type { Crop } from '../crop.js';
import type { Pixels } from '../pixels.js';
import { erasingBox, fillBox, MEAN_COLOUR } from '../policies/erase.js';
import { type AugmentPlan, applyStepsInPlace, drawSteps, styleFor } from '../policies/plan.js';
import { applySimclr, drawSimclr } from '../policies/simclr.js';
import type { PreprocessOptions } from '../preprocess.js';
import { Random } from '../random.js';
import { applyView, drawView, evalViewOf, type Sample, type View } from '../view.js';
import { evalFrames, steadyTicks, trainFrames } from './indices.js';
import type { ClipLook, ClipOptions } from './options.js';
import { type Clip, openClip } from './packed.js';

/** Keeps the order of shuffled frames apart from other draws. */
const SHUFFLE_STREAM = -5;

/** A clip as a step of the training sees it, [T, S, S, 3]: frames, one view and one augmentation for all of them, in this order of draws. */
export function trainClip(packed: Pixels, options: PreprocessOptions & { clip: ClipOptions }, random: Random): Sample {
  const video = openClip(packed);
  const { clip, augment, size, filter } = options;
  const chosen = framesOf(video, clip, (length, fps) => trainFrames(length, clip, random, fps));
  const view = drawView(video.width, video.height, options, random);
  const image = viewed(video, chosen, view, filter);
  if (augment !== undefined) augmentClip(image, size, augment, random);
  return { image, view };
}

/**
 * A clip as evaluation sees it. Without a look it is the middle clip through the centre crop.
 * @param index of the video, which the order of shuffled frames is a function of
 */
export const evalClip = (packed: Pixels, options: PreprocessOptions & { clip: ClipOptions }, index = 0): Sample =>
  evalVideo(openClip(packed), options, index);

/** `evalClip` of frames wherever they lie. */
export function evalVideo(video: Clip, options: PreprocessOptions & { clip: ClipOptions }, index = 0): Sample {
  const { clip, filter } = options;
  const { look = {} } = clip;
  const { clip: i = 0, clips = 1, crop = 0, crops = 1, order = 'as it is' } = look;
  let chosen = framesOf(video, clip, (length, fps) => evalFrames(length, clip, i, clips, fps));
  if (order === 'single') chosen = chosen.fill(chosen[chosen.length >> 1]!);
  if (order === 'shuffled') chosen = shuffled(chosen, new Random(0, SHUFFLE_STREAM, index));
  const centred = evalViewOf(video.width, video.height, options);
  const view = crops === 1 ? centred : { ...centred, crop: cropAt(centred, crop, crops) };
  return { image: viewed(video, chosen, view, filter), view };
}

/** The looks of an evaluation: V clips x C crops, then the two controls. */
export function looksOf({ clips, crops }: { clips: number; crops: number }): ClipLook[] {
  const looks: ClipLook[] = [];
  for (let clip = 0; clip < clips; clip++)
    for (let crop = 0; crop < crops; crop++) looks.push({ clip, clips, crop, crops });
  return [...looks, { order: 'single' }, { order: 'shuffled' }];
}

/** Frames chosen among ticks of a steady rate, as frames that are there. */
function framesOf(
  { times, rate, frames: length }: Clip,
  { fps = 0 }: ClipOptions,
  choose: (length: number, fps: number | undefined) => Int32Array,
): Int32Array {
  const { frames, fps: found } = steadyTicks(times, rate, fps);
  const chosen = choose(frames?.length ?? length, found);
  return frames === undefined ? chosen : chosen.map((tick) => frames[tick]!);
}

/** Another order than the given one, where there is one. */
function shuffled(chosen: Int32Array, random: Random): Int32Array {
  for (let attempt = 0; ; attempt++) {
    const order = random.permutation(chosen.length);
    if (attempt < 8 && order.every((k, at) => k === at)) continue;
    return Int32Array.from(order, (k) => chosen[k]!);
  }
}

/** Crop c of C, evenly from the start to the end of the longer side; across it stays in the centre. */
function cropAt({ crop, width, height }: View, c: number, of: number): Crop {
  const place = (free: number): number => Math.round((free * c) / (of - 1));
  return width >= height ? { ...crop, x: place(width - crop.width) } : { ...crop, y: place(height - crop.height) };
}

function viewed(video: Clip, chosen: Int32Array, view: View, filter: PreprocessOptions['filter']): Uint8Array {
  const bytes = 3 * view.size * view.size;
  const image = new Uint8Array(chosen.length * bytes);
  const made = new Map<number, number>();
  for (const [at, k] of chosen.entries()) {
    const before = made.get(k);
    if (before !== undefined) image.copyWithin(at * bytes, before * bytes, (before + 1) * bytes);
    else {
      image.set(applyView(video.frame(k), view, filter), at * bytes);
      made.set(k, at);
    }
  }
  return image;
}

/** `augmentInPlace` with the same draws for all frames [T, S, S, 3]. */
function augmentClip(image: Uint8Array, size: number, plan: AugmentPlan, random: Random): void {
  const bytes = 3 * size * size;
  const steps = drawSteps(plan, size, size, random);
  const colours = plan.policy === 'simclr' ? drawSimclr(plan, random) : undefined;
  const box = plan.erasing > 0 && random.uniform() < plan.erasing ? erasingBox(size, size, random) : undefined;
  if (steps.length === 0 && colours === undefined && box === undefined) return;
  for (let start = 0; start < image.length; start += bytes) {
    const frame = { data: image.subarray(start, start + bytes), width: size, height: size };
    if (colours !== undefined) applySimclr(colours, frame);
    applyStepsInPlace(steps, frame, styleFor(plan));
    if (box !== undefined) fillBox(frame.data, frame, box, MEAN_COLOUR);
  }
}
