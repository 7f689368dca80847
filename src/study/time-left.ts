import type { Trial } from './trial.js';

/** A process starts, loads the engine and opens the pictures. */
const START_SECONDS = 1.5;

/** Sums over `n` trials: milliseconds for a step, seconds for a picture that is only scored. */
interface Known {
  ms: number;
  scored: number;
  n: number;
}

/** What is left to do, in seconds. Undefined until the speed of a trial is known. */
export class TimeLeft {
  readonly #perStep = new Map<string, Known>();

  /** Seconds that a trial of this cost takes for a step, and for a picture that is only scored. */
  learn(cost: string, msPerStep: number, scoredPerSecond: number): void {
    const known = this.#perStep.get(cost) ?? { ms: 0, scored: 0, n: 0 };
    this.#perStep.set(cost, { ms: known.ms + msPerStep, scored: known.scored + 1 / scoredPerSecond, n: known.n + 1 });
  }
  knows(cost: string): boolean {
    return this.#perStep.has(cost);
  }
  /** Of one trial; where its cost is not known, that of the others on average. */
  of({ work }: Pick<Trial, 'work'>): number | undefined {
    const own = this.#perStep.get(work.cost);
    const from = own === undefined ? [...this.#perStep.values()] : [own];
    if (from.length === 0) return undefined;
    const mean = (pick: (known: Known) => number): number => from.reduce((sum, known) => sum + pick(known) / known.n, 0) / from.length;
    return (work.steps * mean(({ ms }) => ms)) / 1000 + work.scored * mean(({ scored }) => scored) + START_SECONDS;
  }
  /** Of all, `workers` at a time. */
  total(trials: readonly Pick<Trial, 'work'>[], workers: number): number | undefined {
    const each = trials.map((trial) => this.of(trial));
    if (each.some((seconds) => seconds === undefined)) return undefined;
    return Math.max(0, ...(each as number[]), (each as number[]).reduce((sum, seconds) => sum + seconds, 0) / workers);
  }
}
