import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartShare } from '../../data/loading/loader.js';
import { type ExitCode, RescaledError, UsageError } from '../../errors.js';
import { PeerGone, peerGone } from '../../ranks/join.js';
import { fromTypedArray, type Group, type Tensor } from '../../torch/index.js';

/** How long one that failed waits for the others to read why, and they for its words. */
const LAST_WORDS_MS = 1500;

/**
 * The processes that train one model, and this one's place among them; alone (`world` 1, no group) it computes what several would.
 * Rank 0 writes and speaks.
 */
export class Ranks {
  /** What is under way, for errors. */
  doing = 'the start';
  readonly #group: Group | undefined;
  #told = 0;

  constructor(group?: Group) {
    this.#group = group;
  }

  get rank(): number {
    return this.#group?.rank ?? 0;
  }
  get world(): number {
    return this.#group?.world ?? 1;
  }
  get chief(): boolean {
    return this.rank === 0;
  }

  /** Parts of a step that these ranks can share evenly: `accumulate` of them, or the next number that the ranks divide. */
  partsFor(accumulate: number): number {
    return Math.ceil(accumulate / this.world) * this.world;
  }

  /** @throws UsageError when the ranks cannot share the parts of the run evenly */
  share(parts: number): PartShare {
    const { rank, world } = this;
    if (parts % world !== 0)
      throw new UsageError(
        `Expected a number of ranks that divides ${parts}, the parts of a step of this run, but there are ${world}. ` +
          `Start ${divisors(parts).join(', ')} of them.`,
      );
    return { parts, from: (rank * parts) / world, to: ((rank + 1) * parts) / world };
  }

  /** Calls the group. @throws RescaledError in words, with what another rank said last */
  async #call<T>(body: (group: Group) => Promise<T>): Promise<T> {
    try {
      return await body(this.#group!);
    } catch (error) {
      throw await this.#lost(error);
    }
  }

  async #lost(error: unknown): Promise<RescaledError> {
    const said = await this.#group!.get('failed', LAST_WORDS_MS).catch(() => undefined);
    if (said !== undefined && (JSON.parse(said) as LastWords).rank !== this.rank) return this.#failure(said, error);
    return peerGone(error, this.rank, this.doing);
  }

  /** An error within a step, in words where it came from between the ranks: see `shareOperators`. */
  async explained(error: unknown): Promise<unknown> {
    const [, said] = /between ranks: (.*)/s.exec((error as Error).message) ?? [];
    return said === undefined ? error : this.#lost(new Error(said, { cause: error }));
  }

  /** The operators over ranks are over these. */
  shareOperators(): void {
    this.#group?.shareOperators();
  }

  /** What another rank said last. */
  #failure(said: string, cause?: unknown): OtherFailed {
    const { rank, message, exitCode } = JSON.parse(said) as LastWords;
    return new OtherFailed(`rank ${rank} failed: ${message}`, { exitCode, cause });
  }

  /** Tells the others why this rank ends, so that none waits. */
  async fail(error: unknown): Promise<void> {
    if (this.#group === undefined) return;
    const theirs = error instanceof OtherFailed || error instanceof PeerGone;
    const exitCode = error instanceof RescaledError ? error.exitCode : 1;
    const words: LastWords = { rank: this.rank, message: (error as Error).message, exitCode };
    if (!theirs)
      await Promise.race([
        this.#group.set('failed', JSON.stringify(words)).catch(() => undefined),
        sleep(LAST_WORDS_MS),
      ]);
    // Now their calls fail, and they look for the reason in the store, which ends with rank 0.
    await Promise.race([this.#group.leave().catch(() => undefined), sleep(LAST_WORDS_MS)]);
    if (this.chief) await sleep(LAST_WORDS_MS);
  }

  /** Ends the group when all ranks have come to this. */
  async leave(): Promise<void> {
    if (this.#group === undefined) return;
    await this.#call((group) => group.barrier());
    await this.#group.leave().catch(() => undefined);
  }

  /** Rank 0's value on every rank. It may take longer than a call on the group: decoding, say. */
  async fromChief<T>(key: string, value: T | undefined): Promise<T> {
    if (this.#group === undefined) return value!;
    if (this.chief) {
      await this.#call((group) => group.set(key, JSON.stringify(value)));
      return value!;
    }
    for (;;) {
      const text = await this.#call((group) => group.get(key, LAST_WORDS_MS / 3));
      if (text !== undefined) return JSON.parse(text) as T;
      // Nothing breaks where a rank fails before the first call of all of them.
      const failed = await this.#call((group) => group.get('failed', 0));
      if (failed !== undefined) throw this.#failure(failed);
    }
  }

  /** `fromChief` without a name: all ranks come to it as often. */
  ofChief<T>(value: T | undefined): Promise<T> {
    return this.fromChief(`told/${this.#told++}`, value);
  }

  /** @throws RescaledError when another rank has something else here, such as another version or other pictures */
  async agree(what: Readonly<Record<string, string>>): Promise<void> {
    if (this.#group === undefined) return;
    const own = JSON.stringify(what);
    await this.#call((group) => group.set(`agree/${this.rank}`, own));
    const chiefs = await this.#call((group) => group.get('agree/0'));
    const theirs = JSON.parse(chiefs!) as Record<string, string>;
    const other = Object.keys(what).filter((name) => what[name] !== theirs[name]);
    if (other.length > 0)
      throw new RescaledError(
        `Expected the same on all ranks, but rank ${this.rank} has ${other.map((name) => `${name} ${what[name]} (rank 0: ${theirs[name]})`).join(', ')}. ` +
          'Give all ranks the same program, pictures and options.',
      );
    await this.#call((group) => group.barrier());
  }

  /** Tensors on graphics cards go from card to card. @param device such as `cuda:1`; nothing is done for others */
  async useCards(device: string): Promise<void> {
    const card = /^cuda:(\d+)$/.exec(device)?.[1];
    if (card !== undefined && this.#group !== undefined) await this.#call((group) => group.useCards(Number(card)));
  }

  /** Each tensor becomes rank 0's. */
  async same(tensors: readonly Tensor[]): Promise<void> {
    if (this.#group !== undefined) await this.#call((group) => group.broadcast(tensors));
  }

  /** Sums over the ranks, in place. */
  async sum(values: Float64Array): Promise<void> {
    if (this.#group === undefined || values.length === 0) return;
    const tensor = fromTypedArray(values, [values.length]);
    await this.#call((group) => group.allReduce([tensor]));
    values.set(tensor.data() as Float64Array);
    tensor.dispose();
  }

  /** Whether one of the ranks says so. */
  async any(own: boolean): Promise<boolean> {
    const sum = Float64Array.from([own ? 1 : 0]);
    await this.sum(sum);
    return sum[0]! > 0;
  }

  /** The numbers of all ranks, those of rank 0 first. They may be of different length. */
  async joined(values: Float64Array): Promise<Float64Array> {
    if (this.#group === undefined) return values;
    const lengths = new Float64Array(this.world);
    lengths[this.rank] = values.length;
    await this.sum(lengths);
    const most = Math.max(...lengths);
    if (most === 0) return values;
    const padded = new Float64Array(most);
    padded.set(values);
    const own = fromTypedArray(padded, [most]);
    const all = await this.#call((group) => group.allGather(own));
    const joined = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const [rank, tensor] of all.entries()) {
      joined.set((tensor.data() as Float64Array).subarray(0, lengths[rank]), at);
      at += lengths[rank]!;
    }
    for (const tensor of [own, ...all]) tensor.dispose();
    return joined;
  }

  /** This rank's share of some batches, [from, to): in their order, shares differing by one at most. Ranks may have none. */
  range(batches: number): [from: number, to: number] {
    const at = (rank: number): number => Math.floor((rank * batches) / this.world);
    return [at(this.rank), at(this.rank + 1)];
  }

  /** A text of each rank, on rank 0 alone. */
  async toChief(key: string, text: string): Promise<string[]> {
    if (this.#group === undefined) return [text];
    await this.#call(async (group) => {
      await group.set(`${key}/${this.rank}`, text);
      // All are there after it, or one is missed.
      await group.barrier();
    });
    if (!this.chief) return [];
    const all = Array.from({ length: this.world }, (_, rank) => `${key}/${rank}`);
    return this.#call((group) => Promise.all(all.map(async (name) => (await group.get(name))!)));
  }

  /** See `Group.reducer`; undefined where this process is alone. */
  reducer(parameters: readonly Tensor[], tail: Tensor): { arm(): void; finish(): Promise<void> } | undefined {
    const reducer = this.#group?.reducer(parameters, tail);
    return reducer && { arm: () => reducer.arm(), finish: () => this.#call(() => reducer.finish()) };
  }
}

interface LastWords {
  rank: number;
  message: string;
  exitCode: ExitCode;
}

/** Said by another rank already: not to be said again by all. */
export class OtherFailed extends RescaledError {}

const divisors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((k) => n % k === 0);

/** A short name of a text. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
