import { type Addon, type TypedArray, withEngine } from './addon.js';
import { outsideScopes, scope } from './scope.js';
import { bytesOf, ShapeArgs, type ShapeRecord, type ShapeStorage, type TapeNode } from './shape-args.js';
import { shapeRule } from './shape-rules.js';
import { type DType, Tensor } from './tensor.js';

export type { TapeNode } from './shape-args.js';

/**
 * What happened, in order: memory that a call made, nodes that autograd recorded, handles' memory that was released.
 */
export type TapeEvent =
  | { type: 'made'; storage: ShapeStorage }
  | { type: 'released'; storage: ShapeStorage }
  | { type: 'node'; node: TapeNode };

/** Told of every call, before autograd's node of it. */
export type ShapeListener = (op: string, args: ShapeArgs, tensors: readonly unknown[], out: ShapeRecord) => void;

export interface ShapeOptions {
  onCall?: ShapeListener;
  onEvent?: (event: TapeEvent) => void;
}

/**
 * Runs `body` with tensors that have a shape, a dtype and an identity of their memory, but no data: the same model code
 * answers what it would make, in milliseconds and without libtorch. `call` is answered by the rules of shape-rules.ts.
 * Reading elements is an error, and so is backward; what autograd would keep is told to `onEvent`. Tensors made inside
 * end with it: return numbers, not tensors.
 *
 * ```ts
 * const shape = shapeOnly(() => createModel('resnet-rs-50').forward(zeros([1, 3, 160, 160])).shape); // [1, 1000]
 * ```
 */
export function shapeOnly<T>(body: () => T, options: ShapeOptions = {}): T {
  return withEngine(new ShapeEngine(options), () => outsideScopes(() => scope(body)));
}

const noData = (what: string) => (): never => {
  throw new TypeError(`${what}: inside shapeOnly() tensors have a shape but no data`);
};

/** Operators that autocast, or our own kernels in its place, compute in half precision whatever comes in; of those in shape-rules.ts. */
const CASTS: ReadonlySet<string> = new Set([
  ...['aten::conv1d', 'aten::conv2d', 'aten::conv3d', 'aten::linear', 'aten::matmul'],
  ...['rescaled::conv2d', 'rescaled::conv_product', 'rescaled::depthwise_conv', 'rescaled::winograd_conv'],
  'rescaled::conv_weight_product',
]);

/** The bridge's functions over shapes. */
class ShapeEngine implements Addon {
  readonly #records = new WeakMap<Tensor, ShapeRecord>();
  readonly #names: string[] = [];
  #grad = true;
  #casts: 'bfloat16' | 'float16' | null = null;
  #live = 0;
  constructor(readonly options: ShapeOptions) {}

  #wrap(record: ShapeRecord): Tensor {
    const tensor = new Tensor();
    this.#records.set(tensor, record);
    record.storage.handles++;
    this.#live++;
    return tensor;
  }
  #make(shape: readonly number[], dtype: DType, device: string): ShapeRecord {
    const storage = { bytes: bytesOf(shape, dtype), handles: 0 };
    this.options.onEvent?.({ type: 'made', storage });
    return { shape, dtype, device, storage, requiresGrad: false };
  }
  #record(tensor: Tensor): ShapeRecord {
    const record = this.#records.get(tensor);
    if (record === undefined)
      throw new TypeError('inside shapeOnly(): this tensor has been disposed, or was made outside');
    return record;
  }

  // Tensors
  fromTypedArray(_: TypedArray, shape: readonly number[], dtype: string, device: string): Tensor {
    return this.#wrap(this.#make(shape, dtype as DType, device));
  }
  dispose(tensor: Tensor): void {
    const record = this.#records.get(tensor);
    if (record === undefined) return;
    this.#records.delete(tensor);
    this.#live--;
    if (--record.storage.handles === 0) this.options.onEvent?.({ type: 'released', storage: record.storage });
  }
  isDisposed = (tensor: Tensor): boolean => !this.#records.has(tensor);
  shape = (tensor: Tensor): number[] => [...this.#record(tensor).shape];
  dtype = (tensor: Tensor): string => this.#record(tensor).dtype;
  device = (tensor: Tensor): string => this.#record(tensor).device;
  /** What has no data lies in no order of its own: layers call what they call for any. */
  isContiguous = (_: Tensor, channelsLast: boolean): boolean => !channelsLast;
  getGrad = (): null => null;
  setGrad(): void {}
  requiresGrad = (tensor: Tensor): boolean => this.#record(tensor).requiresGrad;
  setRequiresGrad(tensor: Tensor, on: boolean): void {
    this.#record(tensor).requiresGrad = on;
  }

  // Operators
  findOperator(base: string, overload: string): number {
    const name = overload === '' ? base : `${base}.${overload}`;
    shapeRule(name);
    return this.#names.push(name) - 1;
  }
  operatorNames = (): string[] => [];
  call(id: number, values: readonly unknown[], named: Readonly<Record<string, unknown>> = {}): Tensor {
    const op = this.#names[id]!;
    const rule = shapeRule(op);
    const args = new ShapeArgs(
      op,
      values.map((value) => (value instanceof Tensor ? this.#record(value) : value)),
      named,
    );
    let out: ShapeRecord;
    if (rule.result === null) out = args.tensor(0);
    else {
      const first = args.tensors[0];
      const made = rule.result(args);
      const { shape, device = first?.device ?? 'cpu' } = made;
      const dtype = made.dtype ?? (this.#castsIn(op) ? this.#casts! : (first?.dtype ?? 'float32'));
      out =
        rule.view === true
          ? { shape, dtype, device, storage: args.tensor(0).storage, requiresGrad: false }
          : this.#make(shape, dtype, device);
    }
    const result = this.#wrap(out);
    this.options.onCall?.(op, args, values, out);
    if (this.#grad && args.tensors.some(({ requiresGrad }) => requiresGrad)) {
      // What autocast makes of a float32 input is kept in its place.
      const halved = (item: ShapeRecord | number): ShapeRecord | number =>
        this.#castsIn(op) && typeof item !== 'number' && item.dtype === 'float32'
          ? bytesOf(item.shape, this.#casts!)
          : item;
      const wanted = (rule.saves?.(args, out) ?? []).map(halved);
      const isAgain = (item: ShapeRecord | number): boolean =>
        rule.asksAgain !== undefined && typeof item !== 'number' && item !== out && item.producer?.again !== undefined;
      const kept = new Set(
        wanted
          .filter((item) => !isAgain(item))
          .map((item) => (typeof item === 'number' ? { bytes: item, handles: 0 } : item.storage)),
      );
      const asked = rule.asksAgain === 'whole' ? wanted.filter(isAgain) : [];
      // Memory that no handle ever has is made for the node and held by it alone.
      const hidden = [...kept].filter(({ handles }) => handles === 0);
      const node: TapeNode = {
        op,
        inputs: args.tensors.map(({ shape, dtype, requiresGrad, producer }, i) => ({
          bytes: bytesOf(shape, dtype),
          goesTo: requiresGrad ? (producer ?? 'leaf') : null,
          passed: rule.passesGradient?.(args, i) === true,
        })),
        saved: [...kept],
        ...(rule.again?.(args) === true && { again: bytesOf(out.shape, out.dtype) }),
        asked: asked.reduce<number>((sum, item) => sum + (item as ShapeRecord).producer!.again!, 0),
      };
      out.requiresGrad = true;
      out.producer = node;
      for (const storage of hidden) this.options.onEvent?.({ type: 'made', storage });
      this.options.onEvent?.({ type: 'node', node });
      for (const storage of hidden) this.options.onEvent?.({ type: 'released', storage });
    }
    return result;
  }

  #castsIn(op: string): boolean {
    return this.#casts !== null && CASTS.has(op);
  }

  // Autograd, randomness, memory
  setAutocast(_: string, dtype: 'bfloat16' | 'float16' | null): void {
    this.#casts = dtype;
  }
  setGradEnabled(on: boolean): boolean {
    const before = this.#grad;
    this.#grad = on;
    return before;
  }
  isGradEnabled = (): boolean => this.#grad;
  createGenerator = (): object => ({});
  liveTensors = (): number => this.#live;
  heapUse = () => ({ live: 0, peak: 0, used: 0 });
  externalBytes = (): number => 0;
  reportExternal(): void {}
  setScoped(): void {}
  setCudnn(): void {}
  synchronize(): void {}
  pushInferenceMode(): void {}
  popInferenceMode(): void {}
  manualSeed(): void {}

  // What means nothing without data
  setRecompute = noData('setRecompute()');
  setClasses = noData('setClasses()');
  toTypedArray = noData('data()');
  readAsync = noData('read()');
  item = noData('item()');
  backward = noData('backward()');
  gradients = noData('gradients()');
  operatorSchema = noData('schema()');
  engineInfo = noData('engineInfo()');
  mapFile = noData('mapFile()');
  readFiles = noData('readFiles()');
  mapBytes = noData('mapBytes()');
  countBytes = noData('countBytes()');
  color = noData('color()');
  sharpness = noData('sharpness()');
  nearest = noData('nearest()');
  bilinear = noData('bilinear()');
  nearestFixed = noData('nearestFixed()');
  resampleRows = noData('resampleRows()');
  resampleColumns = noData('resampleColumns()');
  blur = noData('blur()');
  setThreads = noData('setThreads()');
  getThreads = noData('getThreads()');
}
