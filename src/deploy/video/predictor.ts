import { clipSpan } from '../../augment/clips/indices.js';
import type { ClipLook } from '../../augment/clips/options.js';
import type { Clip } from '../../augment/clips/packed.js';
import { evalVideo, looksOf } from '../../augment/clips/sample.js';
import { type PreprocessOptions, preprocessOptions } from '../../augment/preprocess.js';
import { checkOptions, numberOption, wholeOption } from '../../checks.js';
import { BrokenPicture } from '../../data/decoding/decode.js';
import type { VideoFrame } from '../../data/video/limits.js';
import { clipFrames } from '../../data/video/stream.js';
import { UsageError } from '../../errors.js';
import type { OnnxMetadata } from '../metadata.js';
import { type OpenedFile, openFile } from '../predictor.js';
import { Queue } from '../queue.js';
import type { SessionOptions } from '../session.js';
import type { SessionThread } from '../session-thread.js';
import { best, UNSURE } from '../told.js';
import type { ClipFacts } from './clip-facts.js';
import { framesInMemory, type Video, type Videos, videosOf } from './inputs.js';
import { type SteadyVideo, steadyVideo } from './ticks.js';
import { Strip, type VideoResult, type WindowPrediction } from './told.js';
import { checkSpan, ticksOfWindows, type Window, type WindowOptions, WindowRefused, windowsOf } from './windows.js';

/** How videos are predicted. */
export interface VideoOptions extends WindowOptions {
  /** How many classes to name for each window and the whole. Default 5. */
  top?: number;
  /** Below this probability (0 to 1) a label is `unsure`. Default 0: never. */
  threshold?: number;
  /** Clips a run. Default: 8 small ones, fewer of large ones. */
  batch?: number;
  /** Frames of each video that are kept as a strip. Default 0. */
  strip?: number;
  /** Told of each window as soon as it is known; some of the next video may come before the last of this one. */
  onWindow?: (window: WindowPrediction, path: string) => void;
  /** Ends the prediction: it throws the signal's reason. */
  signal?: AbortSignal;
}

/** Bytes of the clips that go into a run: 8 clips of 8 frames at 112 pixels. */
const USUAL_BYTES = 8 * 8 * 112 * 112 * 3;

/**
 * Says what videos show, as a whole and over time, with an exported file of a model of clips. Needs ONNX Runtime alone: no libtorch. Frames come
 * from the decoder as they are needed: memory does not grow with the length of a video, but for a few numbers a window.
 *
 *     const predictor = await VideoPredictor.load('runs/waves-1');
 *     for await (const { path, label, windows, error } of predictor.predict('holiday.mp4', { hop: { seconds: 1 } })) ...
 *     await predictor.close();
 *
 * A window is looked at as a video is in `rescaled eval`: through its middle clip, or where more of them fit into it one behind the other as
 * many, evenly; each through the crops that the model was measured on. The mean of their probabilities is the window's, and the mean of the
 * windows' the video's.
 */
export class VideoPredictor {
  readonly #session: SessionThread;
  readonly #view: PreprocessOptions;
  readonly #clip: ClipFacts;

  private constructor(
    session: SessionThread,
    /** Labels, preprocessing and training facts of the file. */
    readonly metadata: OnnxMetadata,
  ) {
    this.#session = session;
    const { size, evalCrop, fit, interpolation, clip } = metadata.preprocess;
    this.#clip = clip!;
    this.#view = preprocessOptions({ size, evalCrop, ...(fit && { fit }), filter: interpolation });
  }

  /** Names of the classes. */
  get labels(): readonly string[] {
    return this.metadata.labels;
  }

  /**
   * @param file a run folder, or path or content of a file written by `rescaled export`
   * @throws UsageError for a missing, cut-off or foreign file, and one of a model of pictures
   */
  static async load(file: string | Uint8Array, options: SessionOptions = {}): Promise<VideoPredictor> {
    checkOptions('VideoPredictor.load', options, { threads: 'number' });
    const { session, metadata }: OpenedFile = await openFile(file, options);
    if (metadata.preprocess.clip !== undefined) return new VideoPredictor(session, metadata);
    await session.close();
    throw new UsageError('Expected a model of clips but this one is of pictures: Predictor.load opens it.');
  }

  /**
   * Says what videos show, in order: paths of video files, animations and folders of frames, or frames in memory; one, or (asynchronous)
   * iterables of them. A video that cannot be read gives an entry with `error`; the others go on.
   * @throws UsageError for options out of range, and for what is no video at all; RescaledError where ffmpeg is needed and not there, and
   * when the predictor was closed
   */
  async *predict(videos: Videos, options: VideoOptions = {}): AsyncGenerator<VideoResult> {
    checkOptions('predict', options, {
      ...{ top: 'number', threshold: 'number', batch: 'number', strip: 'number', signal: 'signal' },
      ...{ window: 'object', hop: 'object', onWindow: 'function' },
    } as const);
    const { top = 5, threshold = 0, batch, strip = 0, window, hop } = options;
    wholeOption('top', top, 1, Number.MAX_SAFE_INTEGER);
    wholeOption('batch', batch, 1, Number.MAX_SAFE_INTEGER);
    wholeOption('strip', strip, 0, 1000);
    numberOption('threshold', threshold, 0, 1);
    checkSpan('window', window);
    checkSpan('hop', hop);
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const begun = new Set<Promise<VideoResult>>();
    const begin = (video: Video, path: string): Promise<VideoResult> => {
      this.#session.checkOpen();
      const result = this.#one(video, path, { ...options, signal });
      begun.add(result);
      result.catch(() => undefined).finally(() => begun.delete(result)); // heard in its turn
      return result;
    };
    // While one is told the next one is begun: most of a short video is the start of its decoder.
    const ahead = new Queue<Promise<VideoResult>>(1);
    void (async () => {
      let index = 0;
      for await (const video of videosOf(videos)) {
        if (!(await ahead.free())) return;
        await ahead.push(begin(video, typeof video === 'string' ? video : (video.path ?? `#${index}`)));
        index++;
      }
      ahead.end();
    })().catch((thrown: unknown) => ahead.end({ thrown }));
    try {
      for (let result = await ahead.shift(); result !== undefined; result = await ahead.shift()) yield await result;
    } finally {
      ahead.drop();
      stop.abort();
      await Promise.allSettled(begun);
    }
  }

  /** Frees the model's memory and ends its thread. What is being predicted ends with an error. */
  close(): Promise<void> {
    return this.#session.close();
  }

  async #one(video: Video, path: string, options: VideoOptions): Promise<VideoResult> {
    const { side, fps = 0 } = this.#clip;
    const frames = typeof video === 'string' ? clipFrames(video, { side }) : framesInMemory({ ...video, path });
    try {
      const steady = await steadyVideo(frames, fps, path);
      return { path, ...(await this.#told(steady, path, options)) };
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) throw error;
      return { path, predictions: [], windows: [], error: reason };
    } finally {
      await frames.return(undefined);
    }
  }

  async #told(steady: SteadyVideo, path: string, options: VideoOptions): Promise<Omit<VideoResult, 'path'>> {
    const { top = 5, threshold = 0, strip = 0, signal, onWindow } = options;
    const { fps } = steady;
    const spans = ticksOfWindows(options, this.#clip, steady);
    const kept = new Strip(Math.max(1, strip));
    let length = 0;
    async function* counted(): AsyncGenerator<VideoFrame> {
      for await (const frame of steady.ticks) {
        signal?.throwIfAborted();
        if (strip > 0) kept.add(frame, length);
        length++;
        yield frame;
      }
    }
    const said = (probabilities: Float32Array) => {
      const predictions = best(probabilities, this.labels, top);
      const { label, probability } = predictions[0]!;
      return { label: probability < threshold ? UNSURE : label, probability, predictions };
    };
    const windows: WindowPrediction[] = [];
    const sum = new Float64Array(this.labels.length);
    for await (const { start, end, probabilities } of this.#looked(windowsOf(counted(), spans), fps, options)) {
      for (const [k, p] of probabilities.entries()) sum[k]! += p;
      const times = fps === undefined ? {} : { start: start / fps, end: end / fps };
      const window = { ...times, startFrame: start, endFrame: end, ...said(probabilities) };
      windows.push(window);
      onWindow?.(window, path);
    }
    return {
      ...said(Float32Array.from(sum, (value) => value / windows.length)),
      ...{ frames: length, ...(fps !== undefined && { fps, seconds: length / fps }), windows },
      ...(strip > 0 && { strip: kept.frames() }),
    };
  }

  /** The probabilities of windows, in order: the model runs while the next frames come. */
  async *#looked(
    windows: AsyncIterable<Window>,
    fps: number | undefined,
    { batch = this.#usualBatch() }: VideoOptions,
  ): AsyncGenerator<Seen> {
    const bytes = this.#clip.frames * 3 * this.#view.size ** 2;
    /** Windows whose views wait to be run, and how many of each are missing. */
    const open: (Seen & { views: number; missing: number })[] = [];
    let waiting: { image: Uint8Array; of: (typeof open)[number] }[] = [];
    let running: Promise<void> = Promise.resolve();
    const run = async (): Promise<void> => {
      const rows = waiting;
      waiting = [];
      const images = new Uint8Array(rows.length * bytes);
      for (const [i, { image }] of rows.entries()) images.set(image, i * bytes);
      await running;
      running = this.#session.run(images, rows.length).then(({ probabilities }) => {
        const classes = this.labels.length;
        for (const [i, { of }] of rows.entries()) {
          for (let k = 0; k < classes; k++) of.probabilities[k]! += probabilities[i * classes + k]! / of.views;
          of.missing--;
        }
      });
      running.catch(() => undefined); // heard when it is waited for
    };
    const done = (): Seen[] => {
      const first = open.findIndex(({ missing }) => missing > 0);
      return open.splice(0, first < 0 ? open.length : first);
    };
    for await (const window of windows) {
      const { start, end } = window;
      const looks = this.#looksOf(end - start, fps);
      const probabilities = new Float32Array(this.labels.length);
      const of = { start, end, probabilities, views: looks.length, missing: looks.length };
      open.push(of);
      for (const look of looks) {
        waiting.push({ image: this.#viewOf(window, fps, look), of });
        if (waiting.length === batch) await run();
      }
      yield* done();
    }
    if (waiting.length > 0) await run();
    await running;
    yield* done();
  }

  /** The clips of a window of so many ticks, and the crops of each. */
  #looksOf(ticks: number, fps: number | undefined): ClipLook[] {
    const { crops } = this.#clip;
    const clips = Math.max(1, Math.floor(ticks / clipSpan(ticks, this.#clip, fps)));
    return looksOf({ clips, crops }).slice(0, clips * crops);
  }

  #viewOf({ frames }: Window, fps: number | undefined, look: ClipLook): Uint8Array {
    const { width, height } = frames[0]!;
    const { frames: count, stride, rule } = this.#clip;
    const video: Clip = {
      ...{ frames: frames.length, width, height, rate: fps ?? 0 },
      times: Float32Array.from(frames, (_, k) => (fps === undefined ? k : k / fps)),
      frame: (k) => frames[k]!,
    };
    return evalVideo(video, { ...this.#view, clip: { frames: count, stride, rule, look } }).image;
  }

  #usualBatch(): number {
    const bytes = this.#clip.frames * 3 * this.#view.size ** 2;
    return Math.max(1, Math.min(8, Math.floor(USUAL_BYTES / bytes)));
  }
}

/** The mean of the probabilities of a window's views. */
interface Seen {
  readonly start: number;
  readonly end: number;
  readonly probabilities: Float32Array;
}

/** Why a video cannot be told anything of; undefined of what is not its fault. */
const reasonOf = (error: unknown): string | undefined =>
  error instanceof BrokenPicture ? error.reason : error instanceof WindowRefused ? error.message : undefined;
