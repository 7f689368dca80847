import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RescaledError } from '../errors.js';
import { addon, type Handle } from './addon.js';
import type { Tensor } from './tensor.js';

/** What the C++ bridge exports for several processes: native/distributed.cpp, native/reducer.cpp. */
interface GroupAddon {
  /** Ways of talking between processes: `gloo`, and `nccl` where it was compiled in; none where libtorch has none. */
  distributedBackends(): string[];
  openStore(options: { host: string; port: number; serve: boolean; timeoutMs: number }): Promise<object>;
  openGroup(
    group: object,
    options: { rank: number; world: number; timeoutMs: number; address?: string; interface?: string },
  ): Promise<void>;
  openCards(group: object, options: { rank: number; world: number; device: number; timeoutMs: number }): Promise<void>;
  leaveGroup(group: object): Promise<void>;
  storeSet(group: object, key: string, value: string): Promise<void>;
  storeGet(group: object, key: string, waitMs: number): Promise<string | null>;
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
  shareOperators(group: object): void;
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

/** Ways in which this engine lets processes talk: `gloo`, and `nccl` for tensors on graphics cards; or none. */
export const distributedBackends = (): string[] => bridge().distributedBackends();

/**
 * Processes that compute together, on PyTorch's c10d with Gloo, and NCCL for tensors on cards after `useCards`. All ranks make the same calls in the
 * same order. Waiting leaves the event loop free. After one error a group is dead: leave it and end.
 */
export class Group {
  readonly #group: object;
  private constructor(
    group: object,
    readonly rank: number,
    readonly world: number,
    readonly timeoutMs: number,
  ) {
    this.#group = group;
  }

  /**
   * Waits until all ranks are there.
   * @throws Error with libtorch's words, where the port is taken, say; `Missing` for ranks that are not there in time
   */
  static async join(options: GroupOptions, signal?: AbortSignal): Promise<Group> {
    if (distributedBackends().length === 0)
      throw new RescaledError(
        'Expected a libtorch with c10d and Gloo, which several processes need, but this one has none. "rescaled doctor" says which it is.',
      );
    const { host, port, rank, world, timeoutMs } = options;
    const until = performance.now() + timeoutMs;
    // Waiting is done here, where it can be stopped: a call to the library keeps the process from ending.
    while (rank > 0 && !(await answers(host, port))) await another(until, signal, [0]);
    const store = await bridge().openStore({ host, port, serve: rank === 0, timeoutMs });
    const group = new Group(store, rank, world, timeoutMs);
    await group.set(`here/${rank}`, '');
    for (let missing = Array.from({ length: world }, (_, k) => k); ; await another(until, signal, missing)) {
      const found = await Promise.all(missing.map((k) => group.get(`here/${k}`, 0)));
      missing = missing.filter((_, i) => found[i] === undefined);
      if (missing.length === 0) break;
    }
    await bridge().openGroup(store, options);
    return group;
  }

  /**
   * From here on tensors on graphics cards go from card to card, where this engine has NCCL; else they go over the host. Waits for all ranks, each
   * of which has a card of its own.
   * @param device number of this rank's card
   */
  async useCards(device: number): Promise<void> {
    if (!distributedBackends().includes('nccl')) return;
    const { rank, world, timeoutMs } = this;
    await bridge().openCards(this.#group, { rank, world, device, timeoutMs });
  }

  /** Keeps a text that any rank may read. */
  set(key: string, value: string): Promise<void> {
    return within(bridge().storeSet(this.#group, key, value), this.timeoutMs);
  }
  /** Waits until a rank has set it. @returns undefined when none has in this time */
  async get(key: string, waitMs = Number.POSITIVE_INFINITY): Promise<string | undefined> {
    const until = performance.now() + waitMs;
    for (;;) {
      const left = until - performance.now();
      // The library itself waits for ever for rank 0's answer where the network between them is cut.
      const asked = bridge().storeGet(this.#group, key, Math.max(0, Math.min(ASK_MS, left)));
      const text = await within(asked, ASK_MS + Math.min(LATE_MS, this.timeoutMs));
      if (text !== null) return text;
      if (left <= ASK_MS) return undefined;
    }
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

  /**
   * From here on `rescaled::ranks_sum` and `rescaled::ranks_batch_norm` are over these ranks. They wait for the others within a forward or backward
   * pass, which all ranks go through alike; the event loop stands meanwhile. Their errors say "between ranks".
   */
  shareOperators(): void {
    bridge().shareOperators(this.#group);
  }

  /** See `Reducer`. @param sizes of the buckets, of which all ranks have the same */
  reducer(
    parameters: readonly Tensor[],
    tail: Tensor,
    { bucketBytes = BUCKET_BYTES, firstBytes = FIRST_BUCKET_BYTES }: { bucketBytes?: number; firstBytes?: number } = {},
  ): Reducer {
    return new Reducer(bridge().createReducer(this.#group, parameters, tail, bucketBytes, firstBytes));
  }
}

/** @throws Error when it takes longer; then nobody waits for it */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const ended = new AbortController();
  const late = sleep(Math.min(ms, LONGEST_MS), undefined, { signal: ended.signal, ref: false }).then(() => {
    throw new Error('timed out waiting for rank 0');
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    ended.abort();
    work.catch(() => undefined);
  }
}

/** Of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/** Ranks that did not come in time. */
export class MissingRanks extends Error {
  constructor(readonly ranks: readonly number[]) {
    super(`ranks ${ranks.join(', ')} are missing`);
    this.name = 'MissingRanks';
  }
}

/** Whether anything listens there. */
const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ASK_MS });
    const end = (there: boolean) => () => {
      socket.destroy();
      resolve(there);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });

async function another(until: number, signal: AbortSignal | undefined, missing: readonly number[]): Promise<void> {
  if (performance.now() >= until) throw new MissingRanks(missing);
  await sleep(AGAIN_MS, undefined, signal && { signal });
}

/** Between two looks for the others. */
const AGAIN_MS = 50;

/** A question to the store takes no longer, and so this process can end; its answer may be later by so much. */
const ASK_MS = 500;
const LATE_MS = 10_000;

/** As in torch.nn.parallel.DistributedDataParallel: few large messages, and a small first one that leaves early. A run's layout depends on them. */
export const BUCKET_BYTES = 25 * 2 ** 20;
export const FIRST_BUCKET_BYTES = 2 ** 20;

/**
 * Sums the gradients of parameters over the ranks while the backward pass goes on, in buckets whose layout is a function of the parameters alone.
 * The tail, a vector of their dtype, rides in the last bucket and becomes its sum too.
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
