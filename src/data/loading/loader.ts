import { type PreprocessOptions, preprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { repeatedOrder } from '../../augment/repeat.js';
import { batchBounds, type Rest } from '../../batches.js';
import { RescaledError, UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { engineLoaded } from '../../torch/addon.js';
import type { Source } from '../sources/source.js';
import { type Batch, type BatchPlan, type BatchRequest, type MadeBatch, makeBatch } from './batch.js';
import { JointOrder, type JointPlan } from './joint.js';
import { useEngineKernels } from './kernels.js';
import { openTargets, type TargetReader, type TargetSpec, type Targets } from './targets.js';
import { WorkerPool } from './worker-pool.js';

export type { Batch } from './batch.js';

const ENDED = 'This pass ended because the batch loader was closed or a new pass was started on it.';

export interface LoaderOptions<T extends Targets> {
  source: Source;
  /** What batches carry beside the pictures. */
  targets: TargetSpec<T>;
  /** Pictures in a batch. */
  batch: number;
  /** 'train': shuffled, random views. 'eval': in order, centre views. */
  mode: 'train' | 'eval';
  preprocess: PreprocessOptions;
  /** Order and views are functions of (seed, epoch) and (seed, epoch, index, copy). */
  seed: number;
  /**
   * Training: times that each picture comes in a row, each time another view; the number of batches stays. Default 1.
   * See `repeatedOrder`.
   */
  repeats?: number;
  /** Threads that make batches; 0 makes them in this thread, one at a time. */
  workers: number;
  /** Batches made ahead of the consumer. Default 2 per worker; at least 2. Without effect when workers = 0. */
  prefetch?: number;
  /** Training on two kinds of pictures, those with labels first in the source: their order, in place of the one above. */
  joint?: JointPlan;
  /** How pictures of the styles 1 and 2 of a joint order become the network's input. */
  styles?: readonly PreprocessOptions[];
  /**
   * Looks at each picture: it stands in its batch so often in a row, each time in its own way and drawn anew, random in evaluation too. A
   * batch then has so many rows for each of its pictures.
   */
  views?: readonly PreprocessOptions[];
  /**
   * Each batch in parts, of which this process makes those from `from` to before `to`: a pass gives them one by one in place of whole batches.
   * Part p of n pictures is [floor(p*n/parts), floor((p+1)*n/parts)), of a joint order so of each kind.
   */
  share?: PartShare;
  /** What becomes of pictures that fill no whole batch. Default: `spread` in training, else `keep`. See `batchBounds`. */
  rest?: Rest;
}

/** Some parts of each batch. */
export interface PartShare {
  parts: number;
  from: number;
  to: number;
}

/**
 * Makes batches in worker threads and delivers them in order. Neither the number of workers nor timing changes any
 * byte. At most `prefetch` + 1 batches are in memory besides those that the consumer keeps.
 *
 * A picture that cannot be read is left out of its batch, noted in `broken` and reported once through `onBroken`.
 *
 * @throws UsageError for a wrong option, and in training when the source has too few pictures
 */
export class BatchLoader<T extends Targets> {
  readonly batchesPerEpoch: number;
  /** Called once for each picture that cannot be read. */
  onBroken?: (index: number, path: string, reason: string) => void;
  readonly #source: Source;
  readonly #targets: TargetSpec<T>;
  /** Opened in this thread where there are no workers. */
  #reader: Promise<TargetReader<T>> | undefined;
  /** Batch b is [bounds[b], bounds[b + 1]) of the epoch's order. */
  readonly #bounds: readonly number[];
  readonly #share: PartShare;
  readonly #joint: JointOrder | undefined;
  readonly #plan: BatchPlan;
  /** Looks at each picture; 0: the usual one. */
  readonly #views: number;
  readonly #ahead: number;
  readonly #pool: WorkerPool | undefined;
  readonly #broken = new Map<number, string>();
  readonly #currentPass = new Int32Array(new SharedArrayBuffer(4));
  #waitedMs = 0;
  #closed = false;

  constructor(options: LoaderOptions<T>) {
    const {
      source,
      batch,
      mode,
      seed,
      workers,
      prefetch = 2 * workers,
      repeats = 1,
      rest = mode === 'train' ? 'spread' : 'keep',
      joint,
      styles,
      views,
      share = { parts: 1, from: 0, to: 1 },
    } = options;
    checkWhole('batch', batch, 1);
    checkWhole('workers', workers, 0);
    checkWhole('prefetch', prefetch, 0);
    checkWhole('repeats', repeats, 1);
    if (views !== undefined && (views.length === 0 || joint !== undefined || repeats > 1))
      throw new RescaledError('Expected at least one view of each picture, and no joint order or repeats beside it.');
    if (share.parts > 1 && joint !== undefined && joint.parts !== share.parts)
      throw new RescaledError('Expected a joint order in as many parts as are shared.');
    if (source.length === 0) throw new UsageError(`Expected pictures in ${source.name} but it has none.`);
    const least = rest === 'drop' ? batch : rest === 'spread' ? Math.min(batch, 2) : 1;
    if (source.length < least) {
      throw new UsageError(
        `Expected at least ${rest === 'drop' ? `one full batch of ${batch}` : '2 pictures'} from ${source.name} but it has ` +
          `${plural(source.length, 'picture')}. ${rest === 'drop' ? `Use a batch of at most ${source.length}.` : 'Batch norm learns nothing from one.'}`,
      );
    }
    this.#source = source;
    this.#targets = options.targets;
    const drawn = styles ?? views;
    this.#views = views?.length ?? 0;
    this.#plan = {
      mode,
      preprocess: preprocessOptions(options.preprocess),
      ...(drawn && { styles: drawn.map(preprocessOptions) }),
      seed,
      repeats,
    };
    this.#ahead = Math.max(2, prefetch);
    this.#share = share;
    this.#bounds = joint === undefined ? batchBounds(source.length, batch, rest) : [];
    this.#joint = joint && new JointOrder(joint);
    this.batchesPerEpoch = this.#joint?.batchesPerEpoch ?? this.#bounds.length - 1;
    if (workers > 0)
      this.#pool = new WorkerPool(workers, {
        spec: source.spec,
        targets: options.targets,
        plan: this.#plan,
        currentPass: this.#currentPass,
      });
  }

  /** Pictures that could not be read so far: index in the source -> reason. */
  get broken(): ReadonlyMap<number, string> {
    return this.#broken;
  }

  /** Pictures of batch b of an epoch, all parts together; of a plain order. */
  sizeOf(b: number): number {
    return this.#bounds[b + 1]! - this.#bounds[b]!;
  }

  /** Rows of the first batch of an epoch, pictures that cannot be read among them. */
  get firstSize(): number {
    return this.#joint?.draws(0, 0).indices.length ?? Math.max(1, this.#views) * this.#bounds[1]!;
  }

  /** Milliseconds that consumers have waited for batches so far, over all passes. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /**
   * One pass over the source, from batch `startBatch` on: the same batches as a whole pass would give from there. A new
   * pass ends an unfinished earlier one. The consumer may stop at any time; work in flight is then dropped.
   */
  batches(epoch: number, startBatch = 0): AsyncGenerator<Batch<T>, void, undefined> {
    checkWhole('epoch', epoch, 0);
    checkWhole('startBatch', startBatch, 0);
    if (startBatch > this.batchesPerEpoch) {
      throw new UsageError(
        `Expected startBatch up to ${this.batchesPerEpoch}, the batches of an epoch, but received ${startBatch}.`,
      );
    }
    return this.#pass(epoch, startBatch);
  }

  /**
   * The first batch of an epoch, or its first `most` pictures, made in this thread: the bytes that a pass gives. One with none where all of
   * them are broken.
   */
  async first(epoch: number, most = Number.POSITIVE_INFINITY): Promise<Batch<T>> {
    checkWhole('epoch', epoch, 0);
    const request = this.#request(epoch, 0, this.#joint === undefined ? this.#order(epoch) : undefined);
    const indices = request.indices.subarray(0, most);
    this.#reader ??= openTargets(this.#targets, this.#source);
    const made = await makeBatch(this.#source, await this.#reader, { ...request, indices }, this.#plan);
    const { images, targets, indices: kept, n } = made!;
    return { images, targets, indices: kept, n };
  }

  async *#pass(epoch: number, startBatch: number): AsyncGenerator<Batch<T>, void, undefined> {
    if (this.#closed) throw new RescaledError('The batch loader is closed.');
    if (this.#pool === undefined && engineLoaded()) useEngineKernels();
    const pass = Atomics.add(this.#currentPass, 0, 1) + 1;
    const current = () => Atomics.load(this.#currentPass, 0) === pass;
    const order = this.#joint === undefined ? this.#order(epoch) : undefined;
    const queue: Promise<MadeBatch<T> | undefined>[] = [];
    const { from, to } = this.#share;
    const own = to - from;
    const end = this.batchesPerEpoch * own;
    let next = startBatch * own; // counts the parts that are made here
    const request = async (): Promise<MadeBatch<T> | undefined> => {
      const k = next++;
      const wanted = this.#request(epoch, Math.floor(k / own), order, from + (k % own));
      if (this.#pool !== undefined) return this.#pool.run({ pass, ...wanted }) as Promise<MadeBatch<T> | undefined>;
      this.#reader ??= openTargets(this.#targets, this.#source);
      return makeBatch(this.#source, await this.#reader, wanted, this.#plan);
    };
    const fill = () => {
      while (this.#pool !== undefined && queue.length < this.#ahead && next < end) {
        const promise = request();
        promise.catch(() => undefined); // heard when its turn comes; a dropped pass never asks
        queue.push(promise);
      }
    };
    try {
      for (let k = startBatch * own; k < end; k++) {
        if (!current()) throw new RescaledError(ENDED);
        fill();
        const started = performance.now();
        const made = await (queue.shift() ?? request());
        this.#waitedMs += performance.now() - started;
        if (made === undefined) throw new RescaledError(ENDED);
        fill(); // before the consumer works on this batch, not after
        this.#note(made.broken);
        const { images, targets, indices, n } = made;
        yield { images, targets, indices, n };
      }
    } finally {
      // Tells the workers to drop what is left of this pass.
      if (current()) Atomics.add(this.#currentPass, 0, 1);
    }
  }

  /** Batch b of an epoch, or a part of it. @param order of the epoch, where it is no joint one */
  #request(epoch: number, b: number, order: Uint32Array | undefined, part = 0): BatchRequest {
    const { parts } = this.#share;
    if (order === undefined) {
      const { indices, ...draws } = this.#joint!.draws(epoch, b, parts === 1 ? undefined : part);
      return { epoch, first: 0, batch: b * parts + part, indices, draws };
    }
    const [begin, n] = [this.#bounds[b]!, this.sizeOf(b)];
    const first = begin + Math.floor((part * n) / parts);
    const pictures = order.subarray(first, begin + Math.floor(((part + 1) * n) / parts));
    if (this.#views > 0) return { epoch, first: 0, batch: b * parts + part, ...this.#viewed(epoch, pictures) };
    return { epoch, first, batch: b * parts + part, indices: Int32Array.from(pictures) };
  }

  /** Each picture in all its views, which stand in a row. */
  #viewed(epoch: number, pictures: Uint32Array): Pick<BatchRequest, 'indices' | 'draws'> {
    const views = this.#views;
    const of = (value: (k: number) => number): Int32Array =>
      Int32Array.from({ length: views * pictures.length }, (_, k) => value(k));
    const copies = of((k) => k % views);
    return {
      indices: of((k) => pictures[Math.floor(k / views)]!),
      draws: { passes: of(() => epoch), copies, styles: Uint8Array.from(copies, (view) => 1 + view) },
    };
  }

  #order(epoch: number): Uint32Array {
    const { mode, seed, repeats } = this.#plan;
    if (mode === 'train') {
      const random = new Random(seed, epoch);
      return repeatedOrder(this.#source.order?.(random) ?? random.permutation(this.#source.length), repeats);
    }
    return Uint32Array.from({ length: this.#source.length }, (_, i) => i);
  }

  #note(broken: MadeBatch['broken']): void {
    for (const [index, reason] of broken) {
      if (this.#broken.has(index)) continue;
      this.#broken.set(index, reason);
      this.onBroken?.(index, this.#source.describe(index), reason);
    }
  }

  /** Ends the worker threads. A pass in progress ends with an error. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    Atomics.add(this.#currentPass, 0, 1);
    await this.#pool?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`Expected a whole number, at least ${least}, for ${name} but received ${value}.`);
  }
}
