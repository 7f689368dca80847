import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { RescaledError } from '../errors.js';
import { blasEnvironment } from './build/cpu.js';
import { engineStatus } from './build/engine-file.js';
import { openmpEnvironment } from './build/openmp.js';

export type TypedArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

/** A tensor, of which the bridge knows only that it is one: tensor.ts gives it its class. */
export type Handle = object;

/** What the C++ bridge exports. Operator ids come from `findOperator`. */
export interface Addon {
  setClasses(tensor: unknown, generator: unknown, disposedError: unknown): void;
  fromTypedArray(array: TypedArray, shape: readonly number[], dtype: string, device: string): Handle;
  toTypedArray(tensor: Handle): TypedArray;
  readAsync(tensor: Handle): Promise<TypedArray>;
  dispose(tensor: Handle): void;
  isDisposed(tensor: Handle): boolean;
  reportExternal(tensor: Handle): void;
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  isContiguous(tensor: Handle, channelsLast: boolean): boolean;
  item(tensor: Handle): number | boolean;
  createGenerator(seed: bigint, device: string): object;
  findOperator(name: string, overload: string): number | null;
  operatorSchema(id: number): string;
  operatorNames(): string[];
  call(id: number, args: readonly unknown[], named: Readonly<Record<string, unknown>> | undefined): unknown;
  backward(
    tensors: readonly Handle[],
    gradients: readonly (Handle | null)[] | null,
    retain: boolean,
    create: boolean,
  ): void;
  gradients(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradOutputs: readonly (Handle | null)[] | null,
    retain: boolean,
    create: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, on: boolean): void;
  getGrad(tensor: Handle): Handle | null;
  setGrad(tensor: Handle, gradient: Handle | null): void;
  setGradEnabled(on: boolean): boolean;
  isGradEnabled(): boolean;
  /** -> what it was */
  setRecompute(what: Recompute): Recompute;
  setAutocast(device: string, dtype: 'bfloat16' | 'float16' | null): void;
  pushInferenceMode(): void;
  popInferenceMode(): void;
  engineInfo(): EngineInfo;
  setThreads(threads: number): void;
  getThreads(): number;
  manualSeed(seed: bigint): void;
  liveTensors(): number;
  heapUse(reset: boolean): HeapUse;
  /** Bytes outside its heap that V8 has been told of. */
  externalBytes(): number;
  setScoped(on: boolean): void;
  setCudnn(deterministic: boolean, benchmark: boolean, tf32: boolean): void;
  synchronize(): void;
  /**
   * The file as memory that its readers share; writes to it stay in this process. Throws unless it has exactly `bytes`
   * bytes.
   */
  mapFile(descriptor: number, bytes: number): ArrayBuffer;
  /** Files read one after the other in the background; null for those that are empty, longer than `most` bytes or cannot be read. */
  readFiles(paths: readonly string[], most: number): Promise<(Uint8Array | null)[]>;
  /** Loops of views, see src/augment/kernels.ts. Numbers: offset, pitch, pixels (bytes), rows; width (height); stride. */
  resampleRows: ResampleLoop;
  resampleColumns: ResampleLoop;
  blur(values: Float32Array, width: number, height: number, kernel: Float32Array): void;
  /** And of augmentations. */
  mapBytes(source: Uint8Array, out: Uint8Array, tables: Uint8Array): void;
  countBytes(source: Uint8Array, counts: Int32Array): void;
  color: PictureLoop<[factor: number, parts: Float32Array | undefined]>;
  sharpness: PictureLoop<[factor: number, pillow: boolean]>;
  nearest: PictureLoop<[map: Float32Array, fill: Uint8Array]>;
  bilinear: PictureLoop<[map: Float64Array, fill: Uint8Array]>;
  nearestFixed: PictureLoop<[map: Int32Array, fill: Uint8Array]>;
  /** Parts of photographs, see src/data/decoding/jpeg.ts; not in an engine that was built without libjpeg-turbo. */
  jpegSides?(bytes: Uint8Array): [width: number, height: number] | undefined;
  jpegPart?(bytes: Uint8Array, x: number, y: number, width: number, height: number, target: Uint8Array): boolean;
  jpegWhole?(bytes: Uint8Array, target: Uint8Array): Promise<boolean>;
}

type PictureLoop<T extends unknown[]> = (
  ...args: [source: Uint8Array, out: Uint8Array, width: number, height: number, ...T]
) => void;

type ResampleLoop = (
  ...args: [
    ...[source: Uint8Array, offset: number, pitch: number, across: number, rows: number],
    ...[target: Uint8Array, across: number],
    ...[first: Int32Array, taps: Int32Array, weights: Int32Array, stride: number],
  ]
) => void;

/**
 * What the backward pass computes again in place of keeping it, for what is recorded on the CPU by our own layers (native/recompute.h), each with what
 * stands before it: `norm`, the default, results of batch norm with none, relu or leaky relu behind it, by a cheap pass over memory; `block` all that
 * takes passes over memory alone; `stage` convolutions too. The numbers are the same.
 */
export type Recompute = 'none' | 'norm' | 'block' | 'stage';

/** Of the heap of large tensors on the CPU, in bytes; zeros where there is none. */
export interface HeapUse {
  live: number;
  /** The most that was live at once, since the start or the last reset. */
  peak: number;
  /** Of addresses, up to the highest that was taken. */
  used: number;
}

export interface EngineInfo {
  libtorch: string;
  cuda: boolean;
  mps: boolean;
  devices: string[];
  /** Compute capabilities of CUDA's cards, by device: `8.0`. */
  capabilities: Readonly<Record<string, string>>;
  threads: number;
  parallelInfo: string;
  mallocTuned: boolean;
  /** Whether large tensors on the CPU lie in our own heap (native/heap.cpp). */
  ownHeap: boolean;
  /** libtorch's build facts, as it prints them. */
  configuration: string;
}

/** What answers: libtorch once it is loaded, or another engine inside `withEngine`. */
let current: Addon | undefined;
let prepare: ((addon: Addon) => void) | undefined;

/** Called once by tensor.ts, so that the classes are known to C++ before the first call. */
export function onLoad(callback: (addon: Addon) => void): void {
  prepare = callback;
}

/**
 * The engine, loaded at the first use, so that commands that do not train work without it.
 * @throws RescaledError when it has not been built or cannot be loaded, with the command that mends it.
 */
export function addon(): Addon {
  return current ?? (current = load());
}

/** Whether the engine has been used in this thread. */
export const engineLoaded = (): boolean => current !== undefined;

/** Runs `body` with another engine behind every tensor and operator (see shapes.ts). */
export function withEngine<T>(engine: Addon, body: () => T): T {
  const before = current;
  current = engine;
  try {
    return body();
  } finally {
    current = before;
  }
}

function load(): Addon {
  const status = engineStatus();
  if (status.state === 'missing') {
    throw new RescaledError(
      `The engine is not there: ${status.reason ?? 'it has not been built'}. Run "rescaled setup" to build it.`,
    );
  }
  // Once a process: loader threads load it as well.
  if (status.state === 'stale' && isMainThread)
    console.error(`note: the engine is out of date: ${status.reason}. "rescaled setup" builds it anew.`);
  // OpenBLAS and OpenMP read these when the library loads; values of the user's own stand.
  Object.assign(process.env, blasEnvironment(), openmpEnvironment());
  let loaded: Addon;
  try {
    loaded = createRequire(import.meta.url)(status.addon) as Addon;
  } catch (error) {
    throw new RescaledError(
      `The engine at ${status.addon} could not be loaded: ${(error as Error).message.split('\n')[0]}. ` +
        'Run "rescaled setup --force", then "rescaled doctor".',
      { cause: error },
    );
  }
  prepare?.(loaded);
  return loaded;
}
