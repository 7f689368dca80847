import { checkOptions, type OptionKinds } from '../checks.js';
import { answerOf, runChild } from '../child/run.js';
import type { TrainEvent } from '../run/events.js';
import {
  type RatePoint,
  type RateRange,
  type RateSuggestions,
  startingRate,
  suggestRates,
} from '../train/find-rate/curve.js';
import type { RateEvent, RateTest } from '../train/find-rate/find.js';
import { type LearnOptions, TRAIN_OPTIONS, type TrainOptions } from '../train/options.js';
import { LESS_MEMORY, type RateJob } from './rate-process.js';

/** How a rate is looked for. Rates are as the recipe's `learningRate`: per 256 pictures, unless its `rateScaling` is another. */
export interface FindRateOptions extends Partial<RateRange> {
  /** Stops at the next step. */
  signal?: AbortSignal;
  /** What is told before the first step, as of a training, and each step. */
  onEvent?: (event: TrainEvent | RateEvent) => void;
}

const FIND_RATE_OPTIONS: OptionKinds<Required<FindRateOptions>> = {
  steps: 'number',
  lowest: 'number',
  highest: 'number',
  signal: 'signal',
  onEvent: 'function',
};

/** What a test of rates found. */
export interface FoundRate extends RateTest {
  /**
   * A rate to begin with, of two digits: the higher of `valley` and `steepest`. Undefined where the loss did not fall, or rose before it had
   * fallen: try more steps, or other ends.
   */
  learningRate: number | undefined;
  /** What is read from the curve. At `lowest` the rate is too high already. */
  places: Readonly<Partial<Record<keyof RateSuggestions, RatePoint>>>;
}

/**
 * Looks for a learning rate: trains some steps while the rate rises, and reads the loss (Smith 2015, arXiv 1506.01186). In a process of its
 * own; no run is made, and nothing is written but decoded pictures.
 *
 * ```ts
 * const options = { data: 'flowers', model: 'resnet-rs-26', size: 96, recipe: 'quick' };
 * const found = await findRate(options, { steps: 200 });
 * const settings = found?.learningRate === undefined ? {} : { learningRate: found.learningRate };
 * for await (const event of train({ ...options, settings, out: 'runs/flowers' })) console.log(event.type);
 * ```
 *
 * @param options those of `train`; `out` is of no account
 * @returns undefined when it was stopped
 * @throws UsageError for options that no run can have; RescaledError when the first loss is not finite, which no rate can have caused
 */
export async function findRate(options: LearnOptions, how: FindRateOptions = {}): Promise<FoundRate | undefined> {
  checkOptions('findRate', options as Partial<TrainOptions>, TRAIN_OPTIONS, ['data']);
  checkOptions('findRate, its second argument,', how, FIND_RATE_OPTIONS);
  const { signal, onEvent, ...range } = how;
  const test = await testRates({ options, range }, { signal, onEvent });
  if (test === undefined) return undefined;
  const found = suggestRates(test.points, test.steps);
  const place = (name: keyof RateSuggestions): RatePoint | undefined =>
    found[name] === undefined ? undefined : test.points[found[name]];
  const places = Object.fromEntries(
    (['valley', 'steepest', 'lowest'] as const).flatMap((name) => {
      const point = place(name);
      return point === undefined ? [] : [[name, point]];
    }),
  );
  const start = startingRate(found);
  return { ...test, learningRate: start && Number(place(start)!.rate.toPrecision(2)), places };
}

/**
 * The test itself, in a process of its own, as a training is.
 * @param how.kill ends it at once
 * @returns undefined when it was stopped
 */
export async function testRates(
  task: RateJob['task'],
  how: { signal?: AbortSignal; kill?: AbortSignal; onEvent?: (event: RateJob['message']) => void },
): Promise<RateTest | undefined> {
  const module = new URL('./rate-process.js', import.meta.url);
  const { signal, kill: killSignal, onEvent: onMessage } = how;
  const end = await runChild<RateJob>({ module, task, signal, killSignal, onMessage });
  if (end.type === 'died' && end.death.by === 'killSignal') return undefined;
  const words = { who: 'The process of the test', memory: LESS_MEMORY, kept: 'No drawing was written.' };
  return answerOf(end, words) ?? undefined;
}
