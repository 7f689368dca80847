import { availableParallelism, cpus } from 'node:os';

/** Milliseconds so far. */
export interface CoreTimes {
  cores: number;
  clock: number;
  /** Of all cores together at work. */
  busy: number;
  /** Of all cores together for this process. */
  own: number;
}

/** Undefined where the system does not say. */
export function coreTimes(): CoreTimes | undefined {
  const all = cpus();
  // A process that is bound to some of the cores cannot tell who works on them from who works on the others.
  if (all.length === 0 || availableParallelism() < all.length) return undefined;
  const { user, system } = process.cpuUsage();
  return {
    cores: all.length,
    clock: performance.now(),
    busy: all.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0),
    own: (user + system) / 1000,
  };
}

/** How long to look before a word is said: a short burst of other work is not worth one. */
const WINDOW_MS = 10_000;
/** A core idles less than this part of the time in a machine that has no more to give. */
const IDLE = 0.1;
/** Below this part of what its threads could use a training is held up. */
const HELD_UP = 0.85;
/** Other work of less than this, in cores and as a part of all of them, does not count. */
const LEAST_CORES = 0.25;
const LEAST_SHARE = 0.1;

/** Whether other work takes the cores that training would use; told once. */
export class OtherWork {
  readonly #threads: number;
  readonly #read: () => CoreTimes | undefined;
  readonly #now: () => number;
  #from: CoreTimes | undefined;
  #next = 0;

  /** @param threads that this process computes with */
  constructor(threads: number, read = coreTimes, now = (): number => performance.now()) {
    this.#threads = threads;
    this.#read = read;
    this.#now = now;
  }

  /** To be called now and then while training computes. @returns a note, at most once */
  note(): string | undefined {
    const clock = this.#now();
    if (clock < this.#next) return undefined;
    this.#next = clock + WINDOW_MS;
    const [from, to] = [this.#from, this.#read()];
    this.#from = to;
    if (from === undefined || to === undefined) return undefined;
    const taken = takenByOthers(from, to, this.#threads);
    if (taken === undefined) return undefined;
    this.#next = Number.POSITIVE_INFINITY;
    return `other work takes about ${Number(taken.toFixed(1))} of the ${to.cores} cores: training is slower for it`;
  }
}

/** How many cores other work took from `threads` threads of ours; undefined where it did not hold them up. */
export function takenByOthers(from: CoreTimes, to: CoreTimes, threads: number): number | undefined {
  const clock = to.clock - from.clock;
  const busy = (to.busy - from.busy) / clock;
  const own = (to.own - from.own) / clock;
  const others = busy - own;
  const full = busy > (1 - IDLE) * to.cores;
  const heldUp = own < HELD_UP * Math.min(threads, to.cores);
  return full && heldUp && others >= Math.max(LEAST_CORES, LEAST_SHARE * to.cores) ? others : undefined;
}
