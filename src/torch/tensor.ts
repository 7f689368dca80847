import { addon, onLoad, type TypedArray } from './addon.js';
import { TensorDisposedError } from './errors.js';
import { enterScope } from './scope.js';

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/**
 * A handle of a libtorch tensor. V8 does not see how much memory hangs on it, so release it: by `scope()`, `dispose()`
 * or `using`; the garbage collector is only the safety net.
 */
export class Tensor {
  /** Made by the engine alone; use `fromTypedArray`, `tensor` or an operator. */
  constructor() {
    enterScope(this);
  }
  get shape(): readonly number[] {
    return addon().shape(this);
  }
  get dtype(): DType {
    return addon().dtype(this) as DType;
  }
  get device(): string {
    return addon().device(this);
  }
  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }
  get requiresGrad(): boolean {
    return addon().requiresGrad(this);
  }
  set requiresGrad(on: boolean) {
    addon().setRequiresGrad(this, on);
  }
  /** The accumulated gradient (a new handle of the same tensor at every read), or null. */
  get grad(): Tensor | null {
    return addon().getGrad(this) as Tensor | null;
  }
  set grad(gradient: Tensor | null) {
    addon().setGrad(this, gradient);
  }
  get disposed(): boolean {
    return addon().isDisposed(this);
  }
  /** `channels_last` of [N, C, T, H, W] is PyTorch's channels_last_3d. */
  isContiguous(format: 'contiguous' | 'channels_last' = 'contiguous'): boolean {
    return addon().isContiguous(this, format === 'channels_last');
  }
  /**
   * A copy of the elements in row-major order; float16 and bfloat16 come as float32, int64 as bigint, bool as 0 or 1.
   */
  data(): TypedArray {
    return addon().toTypedArray(this);
  }
  /** As `data`, copied in another thread, so that the event loop stays free while a device finishes. */
  read(): Promise<TypedArray> {
    return addon().readAsync(this);
  }
  /** The only element of a tensor of one element. */
  item(): number {
    return Number(addon().item(this));
  }
  /** d(this)/d(leaf) added to `leaf.grad` of every leaf that requires it. */
  backward(gradient?: Tensor, options: { retainGraph?: boolean; createGraph?: boolean } = {}): void {
    addon().backward(
      [this],
      gradient === undefined ? null : [gradient],
      options.retainGraph ?? false,
      options.createGraph ?? false,
    );
  }
  dispose(): void {
    addon().dispose(this);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  toString(): string {
    return this.disposed ? 'Tensor(disposed)' : `Tensor(${this.dtype}[${this.shape.join(', ')}] on ${this.device})`;
  }
}

/** A seeded random stream of its own, to be given to operators that take a `generator`. */
export class Generator {}

onLoad((native) => native.setClasses(Tensor, Generator, TensorDisposedError));

export function generator(seed: number | bigint, device = 'cpu'): Generator {
  return addon().createGenerator(BigInt.asUintN(64, BigInt(seed)), device) as Generator;
}

const DTYPE_OF: [abstract new (...args: never[]) => object, DType][] = [
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [BigInt64Array, 'int64'],
  [Int32Array, 'int32'],
  [Int16Array, 'int16'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
  [Uint8ClampedArray, 'uint8'],
];

/**
 * A tensor with a copy of the array's elements, row-major in `shape`; converted to `dtype` when it is given
 * (bfloat16 and float16 from a Float32Array, for example).
 */
export function fromTypedArray(
  array: TypedArray,
  shape: readonly number[],
  options: { dtype?: DType; device?: string } = {},
): Tensor {
  const own = DTYPE_OF.find(([type]) => array instanceof type)?.[1];
  if (own === undefined)
    throw new TypeError(`fromTypedArray: expected a typed array but received ${Object.prototype.toString.call(array)}`);
  return addon().fromTypedArray(array, shape, options.dtype ?? own, options.device ?? 'cpu') as Tensor;
}

export type Nested = number | readonly Nested[];

/** A float32 tensor (or of `dtype`) from nested arrays of numbers: `tensor([[1, 2], [3, 4]])`. */
export function tensor(values: Nested, options: { dtype?: DType; device?: string } = {}): Tensor {
  const shape: number[] = [];
  for (let level: Nested = values; Array.isArray(level); level = level[0] as Nested) shape.push(level.length);
  const flat = Array.isArray(values) ? (values.flat(Infinity) as number[]) : [values as number];
  return fromTypedArray(Float64Array.from(flat), shape, { ...options, dtype: options.dtype ?? 'float32' });
}
