import { readFile } from 'node:fs/promises';
import { type PreprocessOptions, preprocessOptions } from '../augment/preprocess.js';
import { evalView } from '../augment/view.js';
import { BrokenPicture } from '../data/sources/decode.js';
import { RescaledError, UsageError } from '../errors.js';
import { fromProperties, type OnnxMetadata, rowOf } from './metadata.js';
import { decodeHeader, type ModelHeader } from './onnx/schema.js';
import { decodePicture, type Picture } from './picture.js';
import { OnnxSession, type SessionOptions } from './session.js';

export interface Prediction {
  label: string;
  /** Position among the labels. */
  index: number;
  /** 0 to 1. */
  probability: number;
}

export interface PictureResult {
  /** As given, or `#3` for the fourth picture when it came in memory. */
  path: string;
  /** Most probable first; empty when there is an error, or the file knows no classes. */
  predictions: Prediction[];
  /** What a file that gives numbers says, by their names. */
  numbers?: Record<string, number>;
  /** Why the picture could not be read. */
  error?: string;
}

export interface PredictOptions {
  /** How many classes to name for each picture. Default 5. */
  top?: number;
  /** Pictures a run. Default 8. */
  batch?: number;
}

/**
 * Classifies pictures with an exported file, with the labels and the preprocessing that the file carries. Needs ONNX
 * Runtime alone: no libtorch.
 *
 *     const predictor = await Predictor.load('flowers.onnx');
 *     for await (const { path, predictions } of predictor.predict(['a.jpg', 'b.jpg'], { top: 3 })) ...
 */
export class Predictor {
  readonly #session: OnnxSession;
  readonly #view: PreprocessOptions;

  private constructor(
    session: OnnxSession,
    /** Labels, preprocessing and training facts of the file. */
    readonly metadata: OnnxMetadata,
  ) {
    this.#session = session;
    const { size, evalCrop, interpolation } = metadata.preprocess;
    this.#view = preprocessOptions({ size, evalCrop, filter: interpolation });
  }

  /** Names of the classes; none where the file gives numbers. */
  get labels(): readonly string[] {
    return this.metadata.labels;
  }

  /**
   * @param file path or content of a file written by `exportOnnx`
   * @throws UsageError for a missing, cut-off or foreign file
   */
  static async load(file: string | Uint8Array, options: SessionOptions = {}): Promise<Predictor> {
    const name = typeof file === 'string' ? file : 'the given model';
    const bytes = typeof file === 'string' ? await readModel(file) : file;
    const metadata = fromProperties(header(bytes, name).metadataProps, name);
    const session = await OnnxSession.create(bytes, name, options);
    const { numbers, preprocess } = metadata;
    const names = rowOf(metadata).length;
    if (session.width !== names || session.size !== preprocess.size) {
      await session.close();
      throw new UsageError(
        `The metadata of ${name} does not fit its graph: ${names} ${numbers === undefined ? 'labels' : 'names'} and size ` +
          `${preprocess.size} against ${session.width} outputs and size ${session.size}. Export the run again.`,
      );
    }
    return new Predictor(session, metadata);
  }

  /**
   * Classifies pictures, in order. A picture that cannot be read gives an entry with `error`; the others go on.
   * @throws UsageError for options out of range
   */
  async *predict(
    pictures: Iterable<Picture> | AsyncIterable<Picture>,
    options: PredictOptions = {},
  ): AsyncGenerator<PictureResult> {
    const { top = 5, batch = 8 } = options;
    for (const [name, value] of Object.entries({ top, batch })) {
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError(`Expected a whole number of at least 1 for ${name} but received ${value}.`);
    }
    let waiting: { path: string; view: Promise<Uint8Array | string> }[] = [];
    let index = 0;
    for await (const picture of pictures) {
      const path = typeof picture === 'string' ? picture : `#${index}`;
      waiting.push({ path, view: this.#viewOf(picture, path) });
      index++;
      if (waiting.length < batch) continue;
      yield* await this.#classify(waiting, top);
      waiting = [];
    }
    yield* await this.#classify(waiting, top);
  }

  /**
   * Class scores of pictures that are already views of S x S.
   * @param images raw pixels [n, S, S, 3], RGB
   * @returns [n, K] each; of a file that gives numbers, these as `logits`, and no probabilities
   */
  async run(images: Uint8Array, n: number): Promise<{ logits: Float32Array; probabilities: Float32Array }> {
    const { values: logits, probabilities } = await this.#session.run(images, n);
    return { logits, probabilities };
  }

  /** Frees the model's memory. */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** The bytes [S, S, 3] that the network sees, or in words why there are none. Never rejects for a broken picture. */
  async #viewOf(picture: Picture, name: string): Promise<Uint8Array | string> {
    try {
      return evalView(await decodePicture(picture, name, { targetSize: this.#view.size }), this.#view);
    } catch (error) {
      if (error instanceof BrokenPicture) return error.reason;
      if (error instanceof RescaledError) return error.message;
      throw error;
    }
  }

  async #classify(
    waiting: readonly { path: string; view: Promise<Uint8Array | string> }[],
    top: number,
  ): Promise<PictureResult[]> {
    const views = await Promise.all(waiting.map(({ view }) => view));
    const good = views.filter((view) => typeof view !== 'string');
    const images = new Uint8Array(good.length * 3 * this.#view.size ** 2);
    good.forEach((view, i) => images.set(view, i * view.length));
    const { values, probabilities } = await this.#session.run(images, good.length);
    const names = rowOf(this.metadata);
    let row = 0;
    return waiting.map(({ path }, i) => {
      const view = views[i]!;
      if (typeof view === 'string') return { path, predictions: [], error: view };
      const [begin, end] = [row * names.length, ++row * names.length];
      if (this.metadata.numbers === undefined)
        return { path, predictions: this.#best(probabilities.subarray(begin, end), top) };
      const own = values.subarray(begin, end);
      return { path, predictions: [], numbers: Object.fromEntries(names.map((name, k) => [name, own[k]!])) };
    });
  }

  #best(probabilities: Float32Array, top: number): Prediction[] {
    const order = Array.from(probabilities, (_, index) => index).sort(
      (a, b) => probabilities[b]! - probabilities[a]! || a - b,
    );
    return order
      .slice(0, top)
      .map((index) => ({ label: this.labels[index]!, index, probability: probabilities[index]! }));
  }
}

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new UsageError(`Expected an ONNX file but cannot read ${path}: ${reason}.`, { cause });
  }
}

/** The file without nodes and weights, or a UsageError that says what is wrong with it. */
function header(bytes: Uint8Array, name: string): ModelHeader {
  if (bytes.length === 0) throw new UsageError(`Expected an ONNX file but ${name} is empty.`);
  let model: ModelHeader | undefined;
  try {
    model = decodeHeader(bytes);
  } catch (cause) {
    // Every ONNX file that we write starts with field 1, the IR version, a small number.
    if (bytes[0] === 0x08 && (bytes[1] ?? 0) < 0x80) {
      throw new UsageError(`${name} is damaged or cut off: it ends before its model does. Copy or export it again.`, {
        cause,
      });
    }
  }
  if (model === undefined || !(model.irVersion > 0) || model.graph === undefined || model.opsetImport.length === 0) {
    throw new UsageError(
      `Expected an ONNX file but ${name} is not one. Predictions need a file made by \`rescaled export\`.`,
    );
  }
  return model;
}
