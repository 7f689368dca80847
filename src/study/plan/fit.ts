import { PHOTOGRAPHS } from './presets.js';

/** What is known of pictures and machine when a study is fitted to them. */
export interface FitFacts {
  trainPictures: number;
  testPictures: number;
  classes: number;
  /** Shorter side of a picture on disk; a guess where it is not known. */
  side?: number;
  /** Memory that one trial may need. */
  memoryBytes: number;
}

/** The models of a study file. */
export interface FittedGrid {
  depths: number[];
  widths: number[];
  sizes: number[];
}

/** A study to choose from: its models, and how long they train. */
export interface Fit {
  grid: FittedGrid;
  batch: number;
  limitTrain?: number;
  limitTest?: number;
  /** A short and a long regime. */
  epochs: [number, number];
  /** Of the long regime. */
  steps: number;
}

/** Up to so many pixels a picture is no photograph: the recipe then pads instead of cropping, and keeps the stem's stride. */
const SMALL_SIDE = 40;
const DEPTHS = [14, 26, 50];
const EPOCHS_WANTED = 10;
/** Pictures that a score needs at most: at 90 % they leave 1.3 points to each side. */
const TEST_PICTURES = 2000;
/** Steps of a long regime, and below them what each size of a grid is still worth. */
const STEPS = [4000, 3000, 2000, 1400, 1000, 700, 500, 350, 250];
const LEAST_STEPS = [1000, 500, 250] as const;

export const isSmall = ({ side }: Pick<FitFacts, 'side'>): boolean => side !== undefined && side <= SMALL_SIDE;

/** At most the pictures' own pixels, since more would show nothing more. */
function sizesFor({ side = 256 }: Pick<FitFacts, 'side'>): number[] {
  if (side < 96) return [...new Set([2 * Math.round(0.35 * side), 2 * Math.floor(side / 2)])];
  return [64, 96, 128].filter((size) => size <= side);
}

/** The models from which all fits are made, largest grid first: each is a part of the one before. */
export function gridsFor(facts: Pick<FitFacts, 'side'>): FittedGrid[] {
  const sizes = sizesFor(facts);
  const widths = isSmall(facts) ? [0.25, 0.5, 1] : [0.25, 0.5];
  return [
    { depths: DEPTHS, widths, sizes },
    { depths: DEPTHS, widths: widths.slice(0, 2), sizes: sizes.slice(0, 2) },
    { depths: DEPTHS.slice(0, 2), widths: widths.slice(0, 2), sizes: sizes.slice(0, 2) },
  ];
}

/** A quarter of the pictures at most, so that an epoch has a few steps. */
export const batchFor = ({ trainPictures }: Pick<FitFacts, 'trainPictures'>): number =>
  Math.min(32, 2 ** Math.max(1, Math.floor(Math.log2(Math.max(2, trainPictures / 4)))));

/**
 * Studies for these pictures, the one that tells most first: the largest grid as long as its long regime has a thousand
 * steps, then smaller ones with fewer. Lengths are thought of in steps: few pictures make short epochs, so that many
 * of them are needed; of many pictures only so many are used that the steps make ten epochs.
 */
export function fits(facts: FitFacts): Fit[] {
  const { trainPictures, testPictures, classes } = facts;
  const batch = batchFor(facts);
  return gridsFor(facts).flatMap((grid, i) =>
    STEPS.filter((steps) => steps >= LEAST_STEPS[i]!).map((steps): Fit => {
      const wanted = Math.max(1000, 20 * classes, 100 * Math.round((steps * batch) / EPOCHS_WANTED / 100));
      const limitTrain = wanted < trainPictures ? wanted : undefined;
      const perEpoch = Math.max(1, Math.floor((limitTrain ?? trainPictures) / batch));
      const long = Math.max(4, Math.round(steps / perEpoch));
      return {
        grid,
        batch,
        ...(limitTrain === undefined ? {} : { limitTrain }),
        ...(testPictures > TEST_PICTURES ? { limitTest: TEST_PICTURES } : {}),
        epochs: [Math.max(1, Math.round(long / 4)), long],
        steps: long * perEpoch,
      };
    }),
  );
}

/** The study file of a fit. @param data the folder as the file names it */
export function studyOf({ grid, batch, limitTrain, limitTest, epochs }: Fit, facts: FitFacts, data: string) {
  const small = isSmall(facts);
  return {
    data,
    ...(limitTrain === undefined ? {} : { limitTrain }),
    ...(limitTest === undefined ? {} : { limitTest }),
    models: [{ family: 'resnet-rs', ...grid }],
    epochs,
    seeds: 3,
    recipe: 'quick',
    // The recipe's rate was measured on small pictures.
    settings: small ? { batch } : { ...PHOTOGRAPHS, batch },
    limits: { memoryGB: Math.max(0.5, Number((facts.memoryBytes / 1e9).toPrecision(2))) },
  };
}
