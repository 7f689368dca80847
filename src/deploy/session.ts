import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { RescaledError, UsageError } from '../errors.js';

export interface SessionOptions {
  /** Threads inside one operation. Default: all that the machine gives. */
  threads?: number;
}

/** Results of one batch: row-major. */
export interface Outputs {
  /** [n, K]: logits of classes, or the model's numbers. Of masks: logits [n, K, S, S]. Of depth: metres [n, S, S]. */
  values: Float32Array;
  /** Of classes, [n, K]; else empty. */
  probabilities: Float32Array;
  /** Of masks, [n, S, S]: the class with the highest logit. */
  classes?: Uint8Array;
  /** Of boxes, of all n pictures together, highest score first. */
  boxes?: FoundBoxes;
}

/** M boxes. */
export interface FoundBoxes {
  /** [M, 4]: x0, y0, x1, y1 in pixels of the input. */
  boxes: Float32Array;
  /** [M] */
  scores: Float32Array;
  /** [M] */
  classes: Int32Array;
  /** [M]: which of the n pictures each is in. */
  pictures: Int32Array;
}

/** What a file gives: `logits` of classes, or that of which the name says it. */
export type OutputName = 'logits' | 'numbers' | 'boxes' | 'masks' | 'depth';

/** The command that installs ONNX Runtime; the variable spares its download of files for GPUs. */
export const RUNTIME_INSTALL = 'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node';

type Runtime = typeof import('onnxruntime-node');
let runtime: Promise<Runtime> | undefined;

/** ONNX Runtime, loaded at the first use, so that importing this file costs nothing. */
function loadRuntime(): Promise<Runtime> {
  runtime ??= import('onnxruntime-node').then(
    (loaded) => {
      // A CommonJS package: its names are on the default export under some loaders.
      const ort = (loaded as { default?: Runtime }).default ?? loaded;
      ort.env.logLevel = 'error';
      return ort;
    },
    (cause: unknown) => {
      runtime = undefined;
      throw new RescaledError(loadProblem(cause as NodeJS.ErrnoException), { cause });
    },
  );
  return runtime;
}

function loadProblem({ code, message }: NodeJS.ErrnoException): string {
  // An optional dependency: npm leaves it out where its install step fails, as without a way to the web.
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'onnxruntime-node'"))
    return (
      'Expected the npm package onnxruntime-node, which runs exported models, but it is not installed. ' +
      `To install it: ${RUNTIME_INSTALL}`
    );
  return (
    `ONNX Runtime does not load on ${process.platform} ${process.arch}: ${message.split('\n')[0]} ` +
    'Its CPU library comes inside the npm package onnxruntime-node; reinstall it, ' +
    'and on Linux use a glibc system (not Alpine).'
  );
}

/**
 * Whether exported models can be run here.
 * @returns the version of ONNX Runtime, or why it does not serve and what to do
 */
export async function runtimeHere(): Promise<{ version: string } | { problem: string }> {
  try {
    const { env } = await loadRuntime();
    return { version: env.versions.node ?? env.versions.common };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** @throws RescaledError where ONNX Runtime is not installed or does not load: what to do */
export async function requireRuntime(): Promise<void> {
  await loadRuntime();
}

/**
 * A file in ONNX Runtime on the CPU, whatever its inputs and outputs.
 * @throws UsageError when ONNX Runtime refuses it
 */
export async function openSession(
  bytes: Uint8Array,
  name: string,
  options: SessionOptions = {},
): Promise<{ session: InferenceSession; ort: Runtime }> {
  const threads = options.threads ?? availableParallelism();
  if (!Number.isInteger(threads) || threads < 1)
    throw new UsageError(`Expected a whole number of at least 1 for threads but received ${threads}.`);
  const ort = await loadRuntime();
  try {
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      // Set always: left to itself ONNX Runtime pins threads to cores and prints errors in containers that forbid it.
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
    });
    return { session, ort };
  } catch (cause) {
    throw new UsageError(`ONNX Runtime cannot load ${name}: ${(cause as Error).message}. Export the run again.`, {
      cause,
    });
  }
}

/**
 * An exported model in ONNX Runtime on the CPU. `run` computes on the calling thread, which does nothing else meanwhile;
 * `SessionThread` has a thread for it. Nothing here loads libtorch.
 */
export class OnnxSession {
  readonly #session: InferenceSession;
  readonly #ort: Runtime;

  private constructor(
    session: InferenceSession,
    ort: Runtime,
    /** Side S of the input in pixels. */
    readonly size: number,
    /** Numbers K in a row of the output, or classes of a pixel; 0 of boxes, 1 of depth. */
    readonly width: number,
    readonly output: OutputName,
    /** Frames T of a clip; undefined of pictures. */
    readonly frames: number | undefined,
  ) {
    this.#session = session;
    this.#ort = ort;
  }

  /**
   * @param bytes an .onnx file written by `exportOnnx`
   * @param name the file, for messages
   * @throws UsageError when ONNX Runtime refuses the file or its inputs and outputs are not those that `exportOnnx`
   * writes
   */
  static async create(bytes: Uint8Array, name: string, options: SessionOptions = {}): Promise<OnnxSession> {
    const { session, ort } = await openSession(bytes, name, options);
    const { size, width, output, frames } = checkEnds(session, name);
    return new OnnxSession(session, ort, size, width, output, frames);
  }

  /**
   * Runs n pictures or clips.
   * @param images raw pixels [n, S, S, 3], RGB; of clips [n, T, S, S, 3]
   */
  async run(images: Uint8Array, n: number): Promise<Outputs> {
    const { frames, size } = this;
    const one = [...(frames === undefined ? [] : [frames]), size, size, 3];
    const expected = one.reduce((a, b) => a * b, n);
    if (images.length !== expected) {
      throw new RescaledError(
        `Expected ${expected} bytes for ${n} ${frames === undefined ? 'pictures' : `clips of ${frames} frames`} of ${size} x ${size} ` +
          `but received ${images.length}.`,
      );
    }
    if (n === 0) return { values: new Float32Array(0), probabilities: new Float32Array(0) };
    const input = new this.#ort.Tensor('uint8', images, [n, ...one]);
    const found = await this.#session.run({ images: input });
    if (this.output === 'boxes') {
      const whole = (name: string): Int32Array => Int32Array.from(found[name]!.data as BigInt64Array, Number);
      return {
        ...{ values: new Float32Array(0), probabilities: new Float32Array(0) },
        boxes: {
          ...{ boxes: floats(found['boxes']).slice(), scores: floats(found['scores']).slice() },
          ...{ classes: whole('classes'), pictures: whole('pictures') },
        },
      };
    }
    if (this.output === 'masks')
      return {
        ...{ values: floats(found['logits']), probabilities: new Float32Array(0) },
        classes: found['classes']!.data as Uint8Array,
      };
    return { values: floats(found[this.output]), probabilities: floats(found['probabilities']) };
  }

  /** Frees the model's memory. The session is of no use afterwards. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function floats(tensor: Tensor | undefined): Float32Array {
  return (tensor?.data as Float32Array | undefined) ?? new Float32Array(0);
}

interface Ends {
  size: number;
  width: number;
  output: OutputName;
  frames?: number;
}

function checkEnds(session: InferenceSession, name: string): Ends {
  const shapeOf = (list: readonly InferenceSession.ValueMetadata[], wanted: string) => {
    const found = list.find((value) => value.name === wanted);
    return found?.isTensor ? found.shape : [];
  };
  const bytes = session.inputMetadata.some(
    (input) => input.name === 'images' && input.isTensor && input.type === 'uint8',
  );
  const shape = bytes ? shapeOf(session.inputMetadata, 'images') : [];
  const [height, width, channels] = shape.slice(-3);
  const [logits, probabilities, numbers, classes, depth] = [
    'logits',
    'probabilities',
    'numbers',
    'classes',
    'depth',
  ].map((output) => shapeOf(session.outputMetadata, output));
  if (typeof height === 'number' && height === width && channels === 3) {
    const [, K] = logits!;
    if (shape.length === 5) {
      const [, frames] = shape;
      if (typeof frames === 'number' && typeof K === 'number' && K === probabilities![1])
        return { size: height, width: K, output: 'logits', frames };
    }
    if (shape.length === 4 && typeof K === 'number' && K === probabilities![1])
      return { size: height, width: K, output: 'logits' };
    if (typeof K === 'number' && logits!.length === 4 && classes!.length === 3 && logits![2] === height)
      return { size: height, width: K, output: 'masks' };
    if (depth!.length === 3 && depth![1] === height) return { size: height, width: 1, output: 'depth' };
    if (shapeOf(session.outputMetadata, 'boxes')[1] === 4) return { size: height, width: 0, output: 'boxes' };
    if (typeof numbers![1] === 'number') return { size: height, width: numbers![1], output: 'numbers' };
  }
  throw new UsageError(
    `Expected an input "images" [N, S, S, 3] or [N, T, S, S, 3] of bytes and outputs "logits" and "probabilities" [N, K] in ${name} but it has ` +
      `${[...session.inputNames, ...session.outputNames].map((end) => `"${end}"`).join(', ')}. Export the run again.`,
  );
}
