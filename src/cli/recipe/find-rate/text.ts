import { modelTitle } from '../../../models/index.js';
import { scalingUnit } from '../../../optim/index.js';
import { significant } from '../../../report/draw/format.js';
import { plural } from '../../../suggest.js';
import {
  type RatePoint,
  type RateSuggestions,
  type RateTest,
  startingRate,
  suggestRates,
} from '../../../train/index.js';
import { table } from '../../table.js';

/** What a test found, in the order of `TITLES`. */
export interface Found {
  places: readonly Place[];
  /** The place that is suggested, where the curve has one. */
  suggested: Place | undefined;
  /** What a reader should know of the curve. */
  notes: readonly string[];
}

export interface Place extends RatePoint {
  name: keyof RateSuggestions;
  title: string;
  /** From 1. */
  step: number;
}

/** What a person does with it. */
export interface Left {
  /** The training with this rate. */
  command: string | undefined;
  /** The drawing. */
  file: string | undefined;
}

const TITLES: Readonly<Record<keyof RateSuggestions, string>> = {
  valley: 'valley',
  steepest: 'steepest fall',
  lowest: 'lowest loss',
};

/** Below this share of the loss a fall is hard to tell from chance. */
const LITTLE = 0.02;

/** A rate as it is typed: two digits are more than it is known to. */
export const shortRate = (rate: number): string => String(Number(rate.toPrecision(2)));

export function foundIn(test: RateTest): Found {
  const { points, steps, ended } = test;
  const found = suggestRates(points, steps);
  const places = Object.entries(TITLES).flatMap(([key, title]) => {
    const name = key as keyof RateSuggestions;
    const i = found[name];
    return i === undefined ? [] : [{ name, title, step: i + 1, ...points[i]! }];
  });
  const start = startingRate(found);
  const suggested = places.find(({ name }) => name === start);
  const lowest = places.find(({ name }) => name === 'lowest');
  const before = points.slice(Math.floor(steps / 10), lowest?.step).map(({ smoothed }) => smoothed);
  const fell = Math.max(...before) - (lowest?.smoothed ?? 0);
  const notes: string[] = [];
  if (suggested === undefined)
    notes.push(
      ended === 'whole'
        ? `No rate is suggested: the loss did not fall. Try more steps (--steps ${2 * steps}), or look at the pictures ` +
            'and the recipe.'
        : `No rate is suggested: the loss rose before it had fallen. Try a lower one for the begin: --lowest ` +
            `${shortRate(test.lowest / 100)}.`,
    );
  else if (fell < LITTLE * Math.abs(lowest!.smoothed))
    notes.push(
      `The smoothed loss fell by ${significant(fell, 2)} alone, to ${loss(lowest!.smoothed)}: what is suggested may be ` +
        `chance. More steps say more (--steps ${2 * steps}).`,
    );
  if (ended === 'whole' && lowest?.step === points.length)
    notes.push(`The loss still fell at the highest rate: --highest ${shortRate(10 * test.highest)} goes further.`);
  return { places, suggested, notes };
}

const loss = (value: number): string => significant(value, 4);

/** `100 steps of 64 pictures, 5 passes over the 1192 training pictures`. */
export function testedText({ config, points, epochs }: RateTest): string {
  return (
    `${plural(points.length, 'step')} of ${config.recipe.values.batch} pictures, ` +
    `${plural(epochs, 'pass', 'passes')} over ${config.trainImages} training pictures`
  );
}

export const titleOf = ({ config }: RateTest): string =>
  `${modelTitle(config.model, config.modelOptions)} at ${config.size} pixels on ${config.data.name}, recipe ${config.recipe.preset}`;

/** How the test ended, where it did before its last step. */
export function endText({ ended, points, steps }: RateTest): string | undefined {
  const at = `after step ${points.length} of ${steps}, at a rate of ${shortRate(points.at(-1)!.rate)}`;
  if (ended === 'rose') return `The smoothed loss rose to four times its lowest: stopped ${at}.`;
  if (ended === 'not finite') return `The loss or its gradients were no longer finite: stopped ${at}.`;
  return undefined;
}

/** What the rates are of. */
export const ratesText = ({ config: { recipe } }: RateTest): string =>
  `Rates are ${scalingUnit(recipe.values.rateScaling)}; the recipe has ${recipe.values.learningRate}.`;

export function adviceText(suggested: Place, places: readonly Place[]): string {
  const lowest = places.find(({ name, rate }) => name === 'lowest' && rate > suggested.rate);
  return (
    `Suggested: learningRate ${shortRate(suggested.rate)} (${suggested.title}). It is a starting point: try higher ones ` +
    `too${lowest === undefined ? '' : `, up to ${shortRate(lowest.rate)}, where the loss was lowest`}.`
  );
}

export function foundText(test: RateTest, { places, suggested, notes }: Found, { command, file }: Left): string {
  const rows = places.map(({ title, rate, smoothed, step }) => [title, shortRate(rate), loss(smoothed), String(step)]);
  return [
    `${titleOf(test)}: ${testedText(test)}`,
    ...[endText(test)].filter((text) => text !== undefined),
    '',
    table([['', 'learningRate', 'smoothed loss', 'step'], ...rows], 1),
    '',
    ...notes,
    ...(suggested === undefined ? [] : [adviceText(suggested, places)]),
    ratesText(test),
    ...(file === undefined ? [] : [`drawing  ${file}`]),
    ...(command === undefined ? [] : [`next     ${command}`]),
  ].join('\n');
}

/** For programs. Rates are as the recipe's `learningRate`. */
export function foundJson(test: RateTest, { places, suggested, notes }: Found, left: Left): Record<string, unknown> {
  const { config, points, ...range } = test;
  return {
    data: config.data.path,
    model: config.model,
    width: config.modelOptions.width,
    size: config.size,
    recipe: config.recipe.preset,
    optimiser: config.recipe.values.optimiser,
    rateScaling: config.recipe.values.rateScaling,
    batch: config.recipe.values.batch,
    seed: config.seed,
    ...range,
    suggestion:
      suggested === undefined
        ? null
        : { learningRate: Number(shortRate(suggested.rate)), from: suggested.name, command: left.command },
    places: Object.fromEntries(
      places.map(({ name, rate, loss, smoothed, step }) => [name, { learningRate: rate, loss, smoothed, step }]),
    ),
    notes,
    points: points.map(({ rate, loss, smoothed }, i) => ({ step: i + 1, learningRate: rate, loss, smoothed })),
    ...(left.file === undefined ? {} : { drawing: left.file }),
  };
}
