import { type PreprocessOptions, preprocessOptions } from '../augment/preprocess.js';
import { evalSample } from '../augment/view.js';
import { checkOptions, checkValue, numberOption, wholeOption } from '../checks.js';
import { BrokenPicture } from '../data/decoding/decode.js';
import { RescaledError, UsageError } from '../errors.js';
import type { Looked } from './found.js';
import { type Item, itemsOf, type Pictures } from './inputs.js';
import { assumedMetadata, fromProperties, type OnnxMetadata, rowOf } from './metadata.js';
import { labelsFile, modelFile, modelHeader, readLabels, readModel } from './model-file.js';
import { decodePicture, type LatePicture, ofPixels } from './picture.js';
import { Queue } from './queue.js';
import type { OutputName, Outputs, SessionOptions } from './session.js';
import { SessionThread } from './session-thread.js';
import { type PictureResult, toldOf } from './told.js';

/** How pictures are predicted. */
export interface PredictOptions {
  /** How many classes to name for each picture. Default 5. */
  top?: number;
  /** Below this probability (0 to 1) a picture's label is `unsure`, and boxes are left out. Default 0: never. */
  threshold?: number;
  /** Pictures a run. Default 8; of masks and depth fewer where their maps are large. */
  batch?: number;
  /**
   * Whether folders are looked into, at any depth, and patterns (`holiday/**\/*.jpg`) are resolved. Default true; false
   * where strings come from elsewhere and each is the path of one picture.
   */
  expand?: boolean;
  /** Ends the prediction: it throws the signal's reason. */
  signal?: AbortSignal;
}

/** The probabilities of a picture. */
export interface ProbabilityRow {
  path: string;
  /** Of all classes, in their order; none with an error. */
  probabilities?: Float32Array;
  /** Why the picture could not be read. */
  error?: string;
}

/** So long after the last picture came a batch is run that is not full: whoever waits for a result gives no more. */
const PARTIAL_MS = 100;

/** 64 MiB. */
const MOST_VALUES = 2 ** 24;

/** Bytes [S, S, 3] that the network sees, and how the picture was looked at. */
interface Seen extends Looked {
  readonly image: Uint8Array;
}

/** A picture as the network sees it, or in words why it does not. */
interface Viewed {
  path: string;
  view: Promise<Seen | string>;
}

/** What is made of a picture: of what the model says of it, or of why it cannot be read. */
interface Telling<T> {
  told(path: string, outputs: Outputs, row: number, looked: Looked): T;
  broken(path: string, error: string): T;
}

/**
 * Classifies pictures with an exported file, with the labels and the preprocessing that the file carries. Needs ONNX
 * Runtime alone: no libtorch. Pictures are decoded while others are classified, in a thread of its own, and memory does not grow with their
 * number.
 *
 *     const predictor = await Predictor.load('runs/flowers-1');
 *     for await (const { path, label, probability, error } of predictor.predict('holiday', { threshold: 0.8 })) ...
 *     await predictor.close();
 */
export class Predictor {
  readonly #session: SessionThread;
  readonly #view: PreprocessOptions;

  private constructor(
    session: SessionThread,
    /** Labels, preprocessing and training facts of the file. */
    readonly metadata: OnnxMetadata,
    /** What is to be known of the file, in words; usually nothing. */
    readonly notes: readonly string[],
  ) {
    this.#session = session;
    const { size, evalCrop, fit, interpolation } = metadata.preprocess;
    this.#view = preprocessOptions({ size, evalCrop, ...(fit && { fit }), filter: interpolation });
  }

  /** Names of the classes; none where the file gives numbers. */
  get labels(): readonly string[] {
    return this.metadata.labels;
  }

  /** Names of the numbers that the file gives in place of classes; undefined where it knows classes. */
  get numbers(): readonly string[] | undefined {
    return this.metadata.numbers;
  }

  /** Which boxes count, of a file that finds boxes; undefined of any other. */
  get boxes(): OnnxMetadata['boxes'] {
    return this.metadata.boxes;
  }

  /** What it says of a picture: `logits` of classes, `numbers`, `boxes`, `masks` or `depth`. */
  get gives(): OutputName {
    return this.#session.output;
  }

  /** In words, where it does not name the class of a picture. */
  get other(): string | undefined {
    const { gives, numbers } = this;
    if (gives === 'logits') return undefined;
    if (gives === 'numbers') return `it gives numbers (${numbers!.join(', ')}), no classes`;
    return {
      boxes: 'it finds boxes',
      masks: 'it names the class of each pixel',
      depth: 'it says how far away each pixel is',
    }[gives];
  }

  /**
   * @param file a run folder, or path or content of a file written by `rescaled export`. A file that lost its metadata
   * takes the class names of the `labels.json` beside it, and says so in `notes`.
   * @throws UsageError for a missing, cut-off or foreign file
   */
  static async load(file: string | Uint8Array, options: SessionOptions = {}): Promise<Predictor> {
    checkOptions('Predictor.load', options, { threads: 'number' });
    const { session, metadata, notes } = await openFile(file, options);
    if (session.frames === undefined) return new Predictor(session, metadata, notes);
    await session.close();
    throw new UsageError(
      `Expected a model of pictures but ${nameOf(file)} takes clips of ${session.frames} frames: VideoPredictor.load opens it, ` +
        '"rescaled predict" takes videos for it.',
    );
  }

  /**
   * Classifies pictures, in order: paths, folders, patterns, encoded pictures or pixels in memory; one, or (asynchronous)
   * iterables of them. A picture that cannot be read gives an entry with `error`; the others go on. Pictures are taken from the iterable as
   * they are needed, some ahead.
   * @throws UsageError for options out of range, and for what is no picture at all; RescaledError when the predictor was
   * closed
   */
  async *predict(pictures: Pictures, options: PredictOptions = {}): AsyncGenerator<PictureResult> {
    const { top = 5, batch = this.#usualBatch(), threshold, expand = true, signal } = options;
    checkOptions('predict', options, {
      ...{ top: 'number', threshold: 'number', batch: 'number', expand: 'flag', signal: 'signal' },
    } as const);
    wholeOption('top', top, 1, Number.MAX_SAFE_INTEGER);
    wholeOption('batch', batch, 1, Number.MAX_SAFE_INTEGER);
    numberOption('threshold', threshold, 0, 1);
    if (threshold !== undefined && this.other !== undefined && this.gives !== 'boxes')
      throw new UsageError(`Expected no threshold for this file: ${this.other}.`);
    const wanted = { top, threshold: threshold ?? 0 };
    yield* this.#results(itemsOf(pictures, expand), batch, signal, {
      told: (path, outputs, row, looked) => ({
        ...{ path, ...toldOf(this.gives, this.metadata, outputs, row, looked, wanted) },
      }),
      broken: (path, error) => ({ path, predictions: [], error }),
    });
  }

  /**
   * The probabilities of all classes of many pictures, in order, by the loop of `predict` and as fast.
   * @param options `batch`: pictures a run, default 8
   * @throws UsageError for a file that gives numbers; RescaledError when the predictor was closed
   */
  async *probabilities(
    pictures: Iterable<LatePicture> | AsyncIterable<LatePicture>,
    { batch = 8, signal }: Pick<PredictOptions, 'batch' | 'signal'> = {},
  ): AsyncGenerator<ProbabilityRow> {
    if (this.other !== undefined)
      throw new UsageError(`Expected a model that names the class of a picture but ${this.other}.`);
    const width = this.labels.length;
    async function* items(): AsyncGenerator<Item> {
      for await (const picture of pictures)
        yield { path: picture.path, picture: (targetSize) => picture.pixels(targetSize) };
    }
    yield* this.#results<ProbabilityRow>(items(), batch, signal, {
      told: (path, { probabilities }, row) => ({
        path,
        probabilities: probabilities.subarray(row * width, (row + 1) * width),
      }),
      broken: (path, error) => ({ path, error }),
    });
  }

  /** Decodes, runs and tells pictures, each in its turn and some at a time. */
  async *#results<T>(
    items: AsyncIterable<Item>,
    batch: number,
    signal: AbortSignal | undefined,
    telling: Telling<T>,
  ): AsyncGenerator<T> {
    this.#session.checkOpen();
    signal?.throwIfAborted();
    const ahead = new Queue<Viewed>(Math.max(2 * batch, 16));
    // One batch is with the model, one waits for it.
    const runs = new Queue<Promise<T[]>>(1);
    const stop = (): void => {
      ahead.drop();
      runs.drop();
    };
    signal?.addEventListener('abort', stop, { once: true });
    void this.#decode(items, ahead);
    void this.#run(ahead, runs, batch, telling);
    try {
      for (let run = await runs.shift(); run !== undefined; run = await runs.shift())
        for (const result of await run) {
          signal?.throwIfAborted();
          yield result;
        }
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
    }
  }

  /**
   * Class scores of pictures that are already views of S x S.
   * @param images raw pixels [n, S, S, 3], RGB
   * @returns [n, K] each; of a file that gives something else, its own values as `logits` (of masks [n, K, S, S], of depth [n, S, S]), and no
   * probabilities
   */
  async run(images: Uint8Array, n: number): Promise<{ logits: Float32Array; probabilities: Float32Array }> {
    const { values: logits, probabilities } = await this.#session.run(new Uint8Array(images), n);
    return { logits, probabilities };
  }

  /** Maps of a batch have about as many values at most. */
  #usualBatch(): number {
    if (this.gives !== 'masks' && this.gives !== 'depth') return 8;
    return Math.min(8, Math.max(1, Math.floor(MOST_VALUES / (this.#session.width * this.#session.size ** 2))));
  }

  /** Frees the model's memory and ends its thread. What is being predicted ends with an error. */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** Begins to decode the pictures that come, until there are enough of them ahead. */
  async #decode(items: AsyncIterable<Item>, ahead: Queue<Viewed>): Promise<void> {
    try {
      for await (const item of items) {
        if (!(await ahead.free())) return;
        const view = this.#viewOf(item);
        view.catch(() => undefined); // heard with its batch, if that is still wanted
        await ahead.push({ path: item.path, view });
      }
      ahead.end();
    } catch (thrown) {
      ahead.end({ thrown });
    }
  }

  /** Gives batches to the model: one more while it runs. */
  async #run<T>(ahead: Queue<Viewed>, runs: Queue<Promise<T[]>>, batch: number, telling: Telling<T>): Promise<void> {
    try {
      for (;;) {
        const taken = await takeBatch(ahead, batch);
        if (taken.length === 0) break;
        const views = await Promise.all(taken.map(({ view }) => view));
        if (!(await runs.free())) return;
        const results = this.#classify(taken, views, telling);
        results.catch(() => undefined); // heard in its turn
        await runs.push(results);
      }
      runs.end();
    } catch (thrown) {
      runs.end({ thrown });
    }
  }

  /** Never rejects for a broken picture. */
  async #viewOf({ path, picture, error }: Item): Promise<Seen | string> {
    if (picture === undefined) return error ?? 'it cannot be had';
    try {
      const targetSize = this.#view.size;
      const { pixels, width, height } =
        typeof picture === 'function'
          ? ofPixels(await picture(targetSize))
          : await decodePicture(picture, path, { targetSize });
      return { ...evalSample(pixels, this.#view), width, height };
    } catch (thrown) {
      if (thrown instanceof BrokenPicture) return thrown.reason;
      if (thrown instanceof RescaledError) return thrown.message;
      throw thrown;
    }
  }

  async #classify<T>(
    taken: readonly Viewed[],
    views: readonly (Seen | string)[],
    { told, broken }: Telling<T>,
  ): Promise<T[]> {
    const good = views.filter((view) => typeof view !== 'string');
    const images = new Uint8Array(good.length * 3 * this.#view.size ** 2);
    good.forEach(({ image }, i) => images.set(image, i * image.length));
    const outputs = await this.#session.run(images, good.length);
    let row = 0;
    return taken.map(({ path }, i) => {
      const view = views[i]!;
      return typeof view === 'string' ? broken(path, view) : told(path, outputs, row++, view);
    });
  }
}

const nameOf = (file: string | Uint8Array): string => (typeof file === 'string' ? modelFile(file) : 'the given model');

/** An exported file in ONNX Runtime, what it says of itself, and what is to be known of that in words. */
export interface OpenedFile {
  session: SessionThread;
  metadata: OnnxMetadata;
  notes: string[];
}

/** Opens what `Predictor.load` takes. @throws UsageError as there */
export async function openFile(file: string | Uint8Array, options: SessionOptions): Promise<OpenedFile> {
  if (!(file instanceof Uint8Array)) checkValue('the model, or the bytes of its file,', file, 'path');
  const path = typeof file === 'string' ? modelFile(file) : undefined;
  const name = nameOf(file);
  const bytes = typeof file === 'string' ? await readModel(path!) : new Uint8Array(file);
  const { metadataProps } = modelHeader(bytes, name);
  const own = metadataProps.some(({ key }) => key === 'rescaled.version');
  const beside = own || path === undefined ? undefined : await readLabels(path);
  const written = beside === undefined ? fromProperties(metadataProps, name) : undefined;
  const session = await SessionThread.create(bytes, name, options);
  if (written === undefined && session.frames !== undefined) {
    await session.close();
    throw new UsageError(
      `${name} has lost its metadata, and with them which frames make a clip. Export the run again.`,
    );
  }
  const fit = session.output === 'masks' ? 'letterbox' : undefined;
  const metadata = written ?? assumedMetadata(beside!, session.size, fit);
  const { numbers, preprocess } = metadata;
  const names = rowOf(metadata).length;
  if (!fits(metadata, session)) {
    await session.close();
    throw new UsageError(
      `${written === undefined ? labelsFile(path!) : `The metadata of ${name}`} does not fit ` +
        `${written === undefined ? `the graph of ${name}` : 'its graph'}: ${names} ${numbers === undefined ? 'labels' : 'names'} and size ` +
        `${preprocess.size} against ${session.width} outputs and size ${session.size}. Export the run again.`,
    );
  }
  if (written !== undefined) return { session, metadata, notes: [] };
  const { evalCrop, interpolation } = preprocess;
  const notes = [
    `${name} has lost its metadata: the names of its classes are those of ${labelsFile(path ?? '')}, and pictures are cut and ` +
      `resized as is usual (${fit === undefined ? `crop ${evalCrop}` : 'the whole picture'}, ${interpolation}). Export the run again to have its own`,
  ];
  return { session, metadata, notes };
}

/** Whether a file's metadata are of its graph. */
function fits(metadata: OnnxMetadata, { output, width, size, frames }: SessionThread): boolean {
  const { boxes, depth, numbers, preprocess } = metadata;
  if (size !== preprocess.size || frames !== preprocess.clip?.frames) return false;
  if (output === 'boxes' || output === 'depth') return { boxes, depth }[output] !== undefined;
  const plain = boxes === undefined && depth === undefined;
  return plain && width === rowOf(metadata).length && (output === 'numbers') === (numbers !== undefined);
}

/**
 * The next `batch` pictures; fewer at the end, or when no more came for a while.
 * @throws what their source threw
 */
async function takeBatch(ahead: Queue<Viewed>, batch: number): Promise<Viewed[]> {
  while (ahead.length < batch && !ahead.ended) {
    const before = ahead.length;
    let timer: NodeJS.Timeout | undefined;
    const late = before === 0 ? [] : [new Promise<void>((resolve) => (timer = setTimeout(resolve, PARTIAL_MS)))];
    await Promise.race([ahead.changed(), ...late]);
    clearTimeout(timer);
    if (before > 0 && ahead.length === before && !ahead.ended) break;
  }
  const taken: Viewed[] = [];
  do {
    const next = await ahead.shift();
    if (next === undefined) break;
    taken.push(next);
  } while (taken.length < batch && ahead.length > 0);
  return taken;
}
