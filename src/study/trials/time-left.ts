import type { Trial, TrialWork } from '../plan/trial.js';

/** A process starts, loads the engine and opens the pictures. */
const START_SECONDS = 1.5;

/** Sums over `n` trials: milliseconds for a step, seconds for a picture that is only scored. */
interface Known {
  ms: number;
  scored: number;
  n: number;
  /** Of a step; absent where it is not known. */
  flops?: number;
}
/** Of one trial. */
interface Speed {
  ms: number;
  scored: number;
}

/** What is left to do, in seconds. Undefined until the speed of a trial is known. */
export class TimeLeft {
  readonly #perStep = new Map<string, Known>();

  /** What a trial of this work took for a step, and how many pictures it scored a second. */
  learn({ cost, stepFlops }: TrialWork, msPerStep: number, scoredPerSecond: number): void {
    const known = this.#perStep.get(cost) ?? { ms: 0, scored: 0, n: 0 };
    this.#perStep.set(cost, {
      ms: known.ms + msPerStep,
      scored: known.scored + 1 / scoredPerSecond,
      n: known.n + 1,
      flops: stepFlops,
    });
  }
  knows(cost: string): boolean {
    return this.#perStep.has(cost);
  }
  /** Of one trial; where its cost is not known, from those of the nearest FLOPs, or all on average. */
  of({ work }: Pick<Trial, 'work'>): number | undefined {
    const own = this.#perStep.get(work.cost);
    const speed = own === undefined ? (this.#byFlops(work.stepFlops) ?? this.#average()) : speedOf(own);
    return speed === undefined
      ? undefined
      : (work.steps * speed.ms) / 1000 + work.scored * speed.scored + START_SECONDS;
  }
  /** Of all, `workers` at a time. */
  total(trials: readonly Pick<Trial, 'work'>[], workers: number): number | undefined {
    const each = trials.map((trial) => this.of(trial));
    if (each.some((seconds) => seconds === undefined)) return undefined;
    return (each as number[]).reduce(
      (most, seconds) => Math.max(most, seconds),
      (each as number[]).reduce((sum, seconds) => sum + seconds, 0) / workers,
    );
  }

  #average(): Speed | undefined {
    const from = [...this.#perStep.values()].map(speedOf);
    if (from.length === 0) return undefined;
    const mean = (pick: (speed: Speed) => number): number =>
      from.reduce((sum, speed) => sum + pick(speed), 0) / from.length;
    return { ms: mean(({ ms }) => ms), scored: mean(({ scored }) => scored) };
  }
  /** Linear in the logarithms between the two known neighbours; beyond them in proportion to the FLOPs. */
  #byFlops(flops: number | undefined): Speed | undefined {
    if (flops === undefined) return undefined;
    const known = [...this.#perStep.values()]
      .filter((each): each is Known & { flops: number } => each.flops !== undefined)
      .sort((a, b) => a.flops - b.flops);
    const above = known.findIndex((each) => each.flops >= flops);
    const [low, high] =
      above === 0 ? [undefined, known[0]] : above < 0 ? [known.at(-1), undefined] : [known[above - 1], known[above]];
    const edge = low ?? high;
    if (edge === undefined) return undefined;
    if (low === undefined || high === undefined) return scaled(speedOf(edge), flops / edge.flops);
    const share = high.flops === low.flops ? 0 : Math.log(flops / low.flops) / Math.log(high.flops / low.flops);
    const between = (a: number, b: number): number => Math.exp(Math.log(a) * (1 - share) + Math.log(b) * share);
    const [a, b] = [speedOf(low), speedOf(high)];
    return { ms: between(a.ms, b.ms), scored: between(a.scored, b.scored) };
  }
}

const speedOf = ({ ms, scored, n }: Known): Speed => ({ ms: ms / n, scored: scored / n });
const scaled = ({ ms, scored }: Speed, factor: number): Speed => ({ ms: ms * factor, scored: scored * factor });
