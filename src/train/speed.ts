import { FASTER_THAN_TRAINING } from './evaluate.js';

/** What is shown is of the last steps: so many at least, and of so many seconds at least. */
const LEAST_STEPS = 8;
const LEAST_SECONDS = 3;

/** Where a step ended: seconds of training and pictures by then. */
interface Mark {
  seconds: number;
  images: number;
}

/**
 * How fast training is now and how long it will take, by the clock: what lies between steps counts, waiting for
 * pictures first of all; evaluations do not.
 */
export class Speed {
  readonly #now: () => number;
  readonly #measured: number;
  /** Ends of the steps shown; the first is where they begin. */
  #marks: Mark[] = [{ seconds: 0, images: 0 }];
  #steps = 0;
  #last = 0;
  #evaluation: number | undefined;

  /**
   * @param options.measured pictures of an evaluation, each as often as it is looked at
   * @param options.now a clock in milliseconds
   */
  constructor({ measured, now = () => performance.now() }: { measured: number; now?: () => number }) {
    this.#measured = measured;
    this.#now = now;
  }

  /** Training begins or goes on: what was before does not count. */
  begin(): void {
    this.#last = this.#now();
  }

  /** A step has ended. @returns the seconds since the last one or the beginning */
  step(images: number): number {
    const now = this.#now();
    const took = (now - this.#last) / 1000;
    this.#last = now;
    const before = this.#marks.at(-1)!;
    this.#marks.push({ seconds: before.seconds + took, images: before.images + images });
    this.#steps++;
    // The first step of a process starts threads and chooses kernels: it says nothing of those to come.
    if (this.#steps === 2) this.#marks.shift();
    const from = before.seconds + took - LEAST_SECONDS;
    while (this.#marks.length > LEAST_STEPS + 1 && this.#marks[1]!.seconds <= from) this.#marks.shift();
    return took;
  }

  /** Training has stopped for an evaluation, which took so long. */
  evaluated(seconds: number): void {
    this.#evaluation = seconds;
  }

  /** Of the last steps. */
  get imagesPerSecond(): number {
    const { seconds, images } = this.#window();
    return images / Math.max(1e-9, seconds);
  }

  /** Seconds that these steps and evaluations will take, if all stays as it is. */
  left(steps: number, evaluations: number): number {
    const { seconds, steps: known } = this.#window();
    const evaluation =
      this.#evaluation ?? this.#measured / (FASTER_THAN_TRAINING * Math.max(1e-9, this.imagesPerSecond));
    return steps * (seconds / Math.max(1, known)) + evaluations * evaluation;
  }

  #window(): Mark & { steps: number } {
    const [first, last] = [this.#marks[0]!, this.#marks.at(-1)!];
    return {
      seconds: last.seconds - first.seconds,
      images: last.images - first.images,
      steps: this.#marks.length - 1,
    };
  }
}
