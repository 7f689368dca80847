import { numberOption, wholeOption } from '../../checks.js';
import { UsageError } from '../../errors.js';

// A learning-rate range test as numbers: which rates, how losses are smoothed, and what is read from the curve.

/** A step of the test. */
export interface RatePoint {
  /** As the recipe's `learningRate`: per 256 pictures, unless its `rateScaling` is another. */
  rate: number;
  /** Mean of the batch. */
  loss: number;
  smoothed: number;
}

export interface RateRange {
  /** Of the first step. */
  lowest: number;
  /** Of the last one. */
  highest: number;
  steps: number;
}

/** As the recipe's `learningRate`: from where nothing is learned to where nothing can be. */
export const RATE_RANGE: Readonly<RateRange> = { lowest: 1e-5, highest: 10, steps: 100 };

/** With fewer steps there is nothing to read from a smoothed curve without its ends. */
const FEWEST = 20;

/** The range with its defaults. @throws UsageError for one that no test can have */
export function checkRange(given: Partial<RateRange>): RateRange {
  const { lowest, highest, steps } = { ...RATE_RANGE, ...given };
  wholeOption('--steps', steps, FEWEST, 100_000);
  numberOption('--lowest', lowest, 1e-12, 1e6);
  numberOption('--highest', highest, 1e-12, 1e6);
  if (!(lowest < highest))
    throw new UsageError(
      `Expected a --lowest rate below the --highest but received ${lowest} and ${highest}. ` +
        `Without them the test goes from ${RATE_RANGE.lowest} to ${RATE_RANGE.highest}.`,
    );
  return { lowest, highest, steps };
}
/**
 * Rate of step i (0-based): lowest (highest/lowest)^(i/(steps - 1)), so that equal ratios take equally many steps.
 * Smith 2015 (arXiv 1506.01186, section 3.3) raises it evenly; fastai (callback/schedule.py, LRFinder) as here, but
 * with i/steps, which leaves the highest rate out.
 */
export const rateOfStep = (i: number, { lowest, highest, steps }: RateRange): number =>
  i === steps - 1 ? highest : lowest * (highest / lowest) ** (i / (steps - 1));

/** As fastai's AvgSmoothLoss (learner.py). */
export const SMOOTHING = 0.98;

/** s_t = b s_(t-1) + (1 - b) loss_t from s_0 = 0, given as s_t/(1 - b^t): the start's bias is divided out. */
export class SmoothedLoss {
  #sum = 0;
  #weight = 0;
  constructor(readonly beta = SMOOTHING) {}
  add(loss: number): number {
    this.#sum = this.beta * this.#sum + (1 - this.beta) * loss;
    this.#weight = this.beta * this.#weight + (1 - this.beta);
    return this.#sum / this.#weight;
  }
}

/** The test ends when the smoothed loss is so many times the lowest there was; fastai's LRFinder. */
export const DIVERGED = 4;

/** What is read from a curve, by the place of its points. */
export interface RateSuggestions {
  /** Within the longest fall; see `valley`. */
  valley: number | undefined;
  /** Where the loss falls fastest; see `steepest`. */
  steepest: number | undefined;
  /** Lowest smoothed loss. It suggests nothing: here the rate is too high already. */
  lowest: number | undefined;
}

/** Points left out at the end, where the loss may already rise (fastai's lr_find). */
const END = 5;

/**
 * Reads a curve. As in fastai's lr_find the first tenth of the steps planned is left out, where the smoothed loss
 * stands on few, and so are the last five. What comes after the lowest loss is not asked for the steepest fall: a
 * network that broke down falls back from a height.
 */
export function suggestRates(points: readonly RatePoint[], steps: number): RateSuggestions {
  const begin = Math.floor(steps / 10);
  const part = points.slice(begin, Math.max(begin, points.length - END));
  const losses = part.map(({ smoothed }) => smoothed);
  const rates = part.map(({ rate }) => rate);
  const lowest = indexOfLowest(points.slice(begin).map(({ smoothed }) => smoothed));
  const falling = (lowest ?? 0) + 1;
  const found = {
    valley: valley(losses),
    steepest: steepest(rates.slice(0, falling), losses.slice(0, falling)),
    lowest,
  };
  const back = (i: number | undefined): number | undefined => (i === undefined ? undefined : begin + i);
  return { valley: back(found.valley), steepest: back(found.steepest), lowest: back(found.lowest) };
}

/**
 * Which of the two to begin with: the higher, since the valley lies low, and a steepest fall below it is mostly chance, as the first
 * smoothed losses stand on few. See docs/recipes.md for what was measured.
 */
export function startingRate({ valley, steepest }: RateSuggestions): 'valley' | 'steepest' | undefined {
  if (valley === undefined) return steepest === undefined ? undefined : 'steepest';
  return steepest !== undefined && steepest > valley ? 'steepest' : 'valley';
}

/**
 * fastai's `valley` (callback/schedule.py): among the losses, in order, the longest strictly falling subsequence is
 * looked for. It ends at e, the first place where one of that length L ends, and is taken to begin at e - L. Suggested
 * is the middle, more or less: e - L + floor(L/3) + floor(L/6).
 * @returns undefined where nothing falls over three values, which fastai does not ask
 */
export function valley(losses: readonly number[]): number | undefined {
  const lengths: number[] = [];
  for (const [i, loss] of losses.entries()) {
    let longest = 0;
    for (let j = 0; j < i; j++) if (losses[j]! > loss && lengths[j]! > longest) longest = lengths[j]!;
    lengths.push(longest + 1);
  }
  const length = Math.max(0, ...lengths);
  if (length < 3) return undefined;
  return lengths.indexOf(length) - length + Math.floor(length / 3) + Math.floor(length / 6);
}

/**
 * fastai's `steep` (callback/schedule.py): the first of the two neighbours between which the loss changes least, or
 * falls most, over the logarithm of the rate.
 * @returns undefined where the loss never falls, which fastai does not ask
 */
export function steepest(rates: readonly number[], losses: readonly number[]): number | undefined {
  const slopes = losses
    .slice(1)
    .map((loss, i) => (loss - losses[i]!) / (Math.log(rates[i + 1]!) - Math.log(rates[i]!)));
  const at = indexOfLowest(slopes);
  return at === undefined || slopes[at]! >= 0 ? undefined : at;
}

function indexOfLowest(values: readonly number[]): number | undefined {
  let at: number | undefined;
  for (const [i, value] of values.entries()) if (at === undefined || value < values[at]!) at = i;
  return at;
}
