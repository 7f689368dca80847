import { evalClip, trainClip } from '../../augment/clips/sample.js';
import type { Pixels } from '../../augment/pixels.js';
import type { PreprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { evalSample, type Sample, trainSample } from '../../augment/view.js';
import { BrokenPicture } from '../decoding/decode.js';
import { NoPart, type Opened } from '../decoding/jpeg.js';
import { readsTogether } from '../decoding/read-together.js';
import { openPicture, readPixels, type Source } from '../sources/source.js';
import type { Draws } from './joint.js';
import type { TargetReader, Targets } from './targets.js';

/** Pictures ready for the network. n may be smaller than asked, even 0, where pictures were broken. */
export interface Batch<T extends Targets = Targets> {
  /** [n, S, S, 3] RGB, 0 to 255; of clips [n, T, S, S, 3]. */
  readonly images: Uint8Array;
  /** What the task wants of these pictures. */
  readonly targets: T;
  /** [n]: each picture's index in the source. */
  readonly indices: Int32Array;
  readonly n: number;
}

/** A batch and the pictures left out of it, each with the reason. */
export interface MadeBatch<T extends Targets = Targets> extends Batch<T> {
  readonly broken: readonly (readonly [index: number, reason: string])[];
}

/** What stays the same from batch to batch. Structured-cloneable. */
export interface BatchPlan {
  readonly mode: 'train' | 'eval';
  readonly preprocess: PreprocessOptions;
  /** Of pictures of other styles than 0; see `Draws`. */
  readonly styles?: readonly PreprocessOptions[];
  readonly seed: number;
  /** Times that each picture comes in a row, each time another view (training; see `repeatedOrder`). */
  readonly repeats: number;
}

/** Which pictures, when. */
export interface BatchRequest {
  readonly epoch: number;
  /** Place of the first picture in the epoch's order, repeats counted: tells which copy each one is. */
  readonly first: number;
  /** The wanted pictures, in order. */
  readonly indices: Int32Array;
  /** Number of the batch in its epoch. */
  readonly batch: number;
  /** Of a joint order, or of pictures in several views: what the views are functions of. */
  readonly draws?: Omit<Draws, 'indices'>;
}

/**
 * Files decoded at a time by one thread: sharp works on libuv's threads, and the next picture should be there when this
 * one is cropped.
 */
const DECODE_AHEAD = 3;
/** Files that are read together, and ahead, where pictures are decoded once their turn has come. */
const READ_TOGETHER = 8;

/** Keeps what the pictures of a batch have in common apart from what each has of its own. */
const SHARED_STREAM = -3;

/**
 * Makes one batch. The view of a picture is a function of (seed, epoch, index, copy) alone, but for what an augmentation lets the pictures of a
 * batch share; of a joint order the pass takes the epoch's place.
 * @param abandoned asked before each picture; the batch is dropped (undefined) once it answers true
 */
export async function makeBatch<T extends Targets>(
  source: Source,
  reader: TargetReader<T>,
  { epoch, first, batch, indices, draws }: BatchRequest,
  plan: BatchPlan,
  abandoned: () => boolean = () => false,
): Promise<MadeBatch<T> | undefined> {
  const { size, clip } = plan.preprocess;
  const bytes = 3 * size * size * (clip?.frames ?? 1);
  const images = new Uint8Array(indices.length * bytes);
  const targets = reader.writer(indices.length, plan.mode);
  const kept = new Int32Array(indices.length);
  const broken: [number, string][] = [];
  let n = 0;
  const read = readAhead(source, indices, size, reader.wantsPixels === true ? readPixels : openPicture);
  for (let k = 0; k < indices.length; k++) {
    if (abandoned()) return undefined;
    const index = indices[k]!;
    const result = read(k);
    const picture = result instanceof Promise ? await result : result;
    if (picture instanceof BrokenPicture) {
      broken.push([index, picture.reason]);
      continue;
    }
    if (picture instanceof Error) throw picture;
    const { mode, seed, repeats, styles } = plan;
    const copy = draws?.copies[k] ?? (first + k) % repeats;
    const pass = draws?.passes[k] ?? epoch;
    const style = draws?.styles[k] ?? 0;
    const preprocess = style === 0 ? plan.preprocess : styles![style - 1]!;
    const random = (): Random => (copy === 0 ? new Random(seed, pass, index) : new Random(seed, pass, index, copy));
    const { policy, blurSigma } = preprocess.augment ?? {};
    const shares = policy === 'simclr' && blurSigma === 'batch';
    const shared = (): Random | undefined => (shares ? new Random(seed, pass, SHARED_STREAM, batch, style) : undefined);
    const look = (at: Pixels | Opened): Sample =>
      preprocess.clip && !('cut' in at)
        ? clipSample(at, preprocess, preprocess.clip, mode, random, index)
        : mode === 'train' || style > 0
          ? trainSample(at, preprocess, random(), shared())
          : evalSample(at, preprocess);
    let image: Uint8Array;
    try {
      const looked = orWhole(picture, look);
      const sample = looked instanceof Promise ? await looked : looked;
      image = sample.image;
      const added = targets.add({ index, pixels: picture, view: sample.view });
      if (added !== undefined) await added;
    } catch (error) {
      if (!(error instanceof BrokenPicture)) throw error;
      broken.push([index, error.reason]);
      continue;
    }
    images.set(image, n * bytes);
    kept[n] = index;
    n++;
  }
  const whole = n === indices.length;
  return {
    images: whole ? images : images.slice(0, n * bytes),
    targets: targets.finish(),
    indices: whole ? kept : kept.slice(0, n),
    n,
    broken,
  };
}

/** Where a part cannot be decoded, all of the picture is, which says what is wrong. @throws BrokenPicture */
function orWhole(picture: Pixels | Opened, look: (at: Pixels | Opened) => Sample): Sample | Promise<Sample> {
  try {
    return look(picture);
  } catch (error) {
    if (!(error instanceof NoPart && 'whole' in picture)) throw error;
    return picture.whole().then(look);
  }
}

/** Looks of an evaluation are no draws, whichever style they are. */
function clipSample(
  pixels: Pixels,
  preprocess: PreprocessOptions,
  clip: NonNullable<PreprocessOptions['clip']>,
  mode: BatchPlan['mode'],
  random: () => Random,
  index: number,
): Sample {
  const options = { ...preprocess, clip };
  return mode === 'train' ? trainClip(pixels, options, random()) : evalClip(pixels, options, index);
}

type Ahead = Pixels | Promise<Pixels | Opened | Error>;

/**
 * read(k) gives picture k, k rising by one a call. Errors are values, so that none is left unheard when a batch is
 * dropped.
 */
function readAhead(source: Source, indices: Int32Array, size: number, open: typeof openPicture): (k: number) => Ahead {
  const started: Ahead[] = [];
  const together = source.ahead === undefined && readsTogether() ? READ_TOGETHER : 1;
  const ahead = source.ahead ?? (together > 1 ? 2 * together : DECODE_AHEAD);
  return (k) => {
    const enough = started.length >= k + 1 + ahead - together;
    while (!enough && started.length < Math.min(indices.length, k + ahead)) {
      const at = started.length;
      const index = indices[at]!;
      const decode = (): Promise<Pixels | Opened | Error> =>
        open(source, index, size).catch((error: unknown) =>
          error instanceof Error ? error : new Error(String(error)),
        );
      // A copy of the picture before it: decoded once.
      if (at > k && indices[at - 1] === index) started.push(started[at - 1]!);
      else started.push(source.ready(index, size) ?? decode());
    }
    const result = started[k]!;
    delete started[k]; // the pixels may go as soon as they are used
    return result;
  };
}
