import { epochsBetween, evaluationsLeft, FASTER_THAN_TRAINING } from '../train/index.js';
import { nominalSeconds, type Rung } from './rungs.js';

/** What is known of data and machine. */
export interface Facts {
  trainImages: number;
  /** Looked at in one evaluation; each picture as often as it is. */
  evaluated: number;
  /** Measured once, after training. */
  tested: number;
  /** What a training picture takes here, as a multiple of `nominalSeconds`. */
  factor: number;
  /** Memory that may be taken. */
  memoryBytes: number;
  /** What a network needs of it. */
  memoryOf: (rung: Rung) => number;
  /** Given, not to be chosen. */
  epochs?: number;
}

export interface Pick {
  rung: Rung;
  epochs: number;
  /** Of the whole run: training, evaluations, export and report. */
  seconds: number;
}

/** Every picture should be seen so often: from scratch, long runs win. */
const EPOCHS_WANTED = 40;
/** With many pictures so many views are enough to prefer a larger network. */
const VIEWS_WANTED = 100_000;
/** With few pictures so many views at least. */
const LEAST_VIEWS = 20_000;
/** However many pictures there are. */
const LEAST_EPOCHS = 10;
/** However few pictures there are: more views of the same ones hardly help. */
const MOST_EPOCHS = 200;
/** Lengths that are not asked for to the minute, so that the same data on the same machine seldom gives another. */
const LENGTHS = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 120, 150],
  MOST_EPOCHS,
];

/** Starting a process, exporting, comparing the exported file, writing the page. */
export const FIXED_SECONDS = 6;

/** Epochs that a run of n pictures should have before a larger network is worth its time. */
export const epochsWanted = (n: number): number =>
  Math.max(LEAST_EPOCHS, Math.min(EPOCHS_WANTED, Math.ceil(VIEWS_WANTED / n)), Math.ceil(LEAST_VIEWS / n));

/** Seconds of a run, by the time of a training picture. */
export function runSeconds(
  epochs: number,
  perPicture: number,
  facts: Omit<Facts, 'factor' | 'memoryBytes' | 'memoryOf'>,
): number {
  const { trainImages, evaluated, tested } = facts;
  const evaluations = evaluationsLeft(0, epochs, epochsBetween(trainImages, evaluated, epochs));
  const looked = (evaluations * evaluated + tested) / FASTER_THAN_TRAINING;
  return FIXED_SECONDS + perPicture * (epochs * trainImages + looked);
}

/** The longest run that fits; undefined when not one epoch does. */
function longest(perPicture: number, seconds: number, facts: Facts): number | undefined {
  const fits = (epochs: number): boolean => runSeconds(epochs, perPicture, facts) <= seconds;
  const guess = Math.floor((seconds - FIXED_SECONDS) / (perPicture * facts.trainImages));
  for (let epochs = guess; epochs > 0; epochs--) if (fits(epochs)) return epochs;
  return undefined;
}

/**
 * The largest network that sees every picture `epochsWanted` times in the given seconds, else the quickest one; and for how long.
 * @param rungs networks, the quickest first
 * @param exact asked for to the minute: the length fills the time. Else it is a round one that is not longer than helps, and not shorter
 * than `LEAST_EPOCHS` whatever that takes
 */
export function choose(rungs: readonly Rung[], seconds: number, exact: boolean, facts: Facts): Pick {
  const roomy = rungs.filter((rung) => facts.memoryOf(rung) <= facts.memoryBytes);
  const candidates = roomy.length > 0 ? roomy : rungs.slice(0, 1);
  const perPicture = (rung: Rung): number => facts.factor * nominalSeconds(rung);
  const wanted = Math.max(facts.epochs ?? 0, epochsWanted(facts.trainImages));
  const rung = candidates.findLast((one) => runSeconds(wanted, perPicture(one), facts) <= seconds) ?? candidates[0]!;
  return { rung, ...lengthOf(rung, seconds, exact, facts) };
}

/** How long a network trains in the given seconds. */
export function lengthOf(rung: Rung, seconds: number, exact: boolean, facts: Facts): Omit<Pick, 'rung'> {
  const perPicture = facts.factor * nominalSeconds(rung);
  const most = longest(perPicture, seconds, facts) ?? 1;
  const enough = Math.max(Math.min(most, MOST_EPOCHS), LEAST_EPOCHS);
  const epochs = facts.epochs ?? (exact ? most : LENGTHS.findLast((length) => length <= enough)!);
  return { epochs, seconds: runSeconds(epochs, perPicture, facts) };
}
