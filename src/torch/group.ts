import { RescaledError } from '../errors.js';
import { addon, type Handle } from './addon.js';
import type { Tensor } from './tensor.js';

/** What the C++ bridge exports for several processes: native/distributed.cpp, native/reducer.cpp. */
interface GroupAddon {
  /** Ways of talking between processes: `gloo`; none where libtorch has none. */
  distributedBackends(): string[];
  joinGroup(options: {
    host: string;
    port: number;
    rank: number;
    world: number;
    timeoutMs: number;
    address?: string;
    interface?: string;
  }): Promise<object>;
  leaveGroup(group: object): Promise<void>;
  storeSet(group: object, key: string, value: string): Promise<void>;
  storeGet(group: object, key: string): Promise<string>;
  allReduce(group: object, tensors: readonly Handle[], op: 'sum' | 'max'): Promise<void>;
  broadcast(group: object, tensors: readonly Handle[], root: number): Promise<void>;
  allGather(group: object, tensor: Handle): Promise<Handle[]>;
  barrier(group: object): Promise<void>;
  createReducer(
    group: object,
    parameters: readonly Handle[],
    tail: Handle,
    bucketBytes: number,
    firstBytes: number,
  ): object;
  armReducer(reducer: object): void;
  finishReducer(reducer: object): Promise<void>;
  reducerBuckets(reducer: object): number;
}
const bridge = (): GroupAddon => addon() as unknown as GroupAddon;

/** Where the ranks of a group meet. */
export interface GroupOptions {
  /** Rank 0's machine, by name or address, and the port that it listens on. */
  host: string;
  port: number;
  rank: number;
  world: number;
  /** How long joining and each later call may wait for the others. */
  timeoutMs: number;
  /** This machine's own address, for the others; by default what its name resolves to. */
  address?: string;
  /** The network interface to use, in place of an address. */
  interface?: string;
}

/** Ways in which this libtorch lets processes talk: `gloo`, or none. */
export const distributedBackends = (): string[] => bridge().distributedBackends();

/**
 * Processes that compute together, on PyTorch's c10d with Gloo. All ranks make the same calls in the same order. Waiting leaves the event loop
 * free. After one error a group is dead: leave it and end.
 */
export class Group {
  readonly #group: object;
  private constructor(
    group: object,
    readonly rank: number,
    readonly world: number,
  ) {
    this.#group = group;
  }

  /** Waits until all ranks are there. @throws Error with libtorch's words when they are not in time, or the port is taken */
  static async join(options: GroupOptions): Promise<Group> {
    if (distributedBackends().length === 0)
      throw new RescaledError(
        'Expected a libtorch with c10d and Gloo, which several processes need, but this one has none. "rescaled doctor" says which it is.',
      );
    return new Group(await bridge().joinGroup(options), options.rank, options.world);
  }

  /** Keeps a text that any rank may read. */
  set(key: string, value: string): Promise<void> {
    return bridge().storeSet(this.#group, key, value);
  }
  /** Waits until a rank has set it. */
  get(key: string): Promise<string> {
    return bridge().storeGet(this.#group, key);
  }
  /** Each tensor becomes the sum, or the largest, over the ranks. */
  allReduce(tensors: readonly Tensor[], op: 'sum' | 'max' = 'sum'): Promise<void> {
    return bridge().allReduce(this.#group, tensors, op);
  }
  /** Each tensor becomes that of one rank. */
  broadcast(tensors: readonly Tensor[], root = 0): Promise<void> {
    return bridge().broadcast(this.#group, tensors, root);
  }
  /** The tensors of all ranks, which have one shape. */
  allGather(tensor: Tensor): Promise<Tensor[]> {
    return bridge().allGather(this.#group, tensor) as Promise<Tensor[]>;
  }
  barrier(): Promise<void> {
    return bridge().barrier(this.#group);
  }
  leave(): Promise<void> {
    return bridge().leaveGroup(this.#group);
  }

  /** See `Reducer`. */
  reducer(parameters: readonly Tensor[], tail: Tensor): Reducer {
    return new Reducer(bridge().createReducer(this.#group, parameters, tail, BUCKET_BYTES, FIRST_BUCKET_BYTES));
  }
}

/** As in torch.nn.parallel.DistributedDataParallel: few large messages, and a small first one that leaves early. A run's layout depends on them. */
export const BUCKET_BYTES = 25 * 2 ** 20;
export const FIRST_BUCKET_BYTES = 2 ** 20;

/**
 * Sums the gradients of parameters over the ranks while the backward pass goes on, in buckets whose layout is a function of the parameters alone.
 * The tail, a float32 vector, rides in the last bucket and becomes its sum too.
 */
export class Reducer {
  readonly #reducer: object;
  /** @internal */
  constructor(reducer: object) {
    this.#reducer = reducer;
  }
  /** How many messages a step sends. */
  get buckets(): number {
    return bridge().reducerBuckets(this.#reducer);
  }
  /** The next backward pass is the last before `finish`; gradients of earlier ones are in `.grad` and count. */
  arm(): void {
    bridge().armReducer(this.#reducer);
  }
  /** Then `.grad` of each parameter is the sum over the ranks; one without a gradient counts as zeros. */
  finish(): Promise<void> {
    return bridge().finishReducer(this.#reducer);
  }
}
