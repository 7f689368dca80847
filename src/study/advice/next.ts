import { modelNames } from '../../models/index.js';
import { configurationOf, type Dimension, lines, valueAlong } from '../analysis/dimensions.js';
import type { StudyPoint } from '../analysis/points.js';

/** What the FLOPs of a network follow from. */
export type Configuration = Pick<StudyPoint, 'family' | 'depth' | 'width' | 'size' | 'epochs'>;

export interface NextOptions {
  /** FLOPs of one picture; undefined for a network that cannot be built. */
  flopsOf: (configuration: Configuration) => number | undefined;
  /** Training pictures of the data set, for the seconds that a trial takes. */
  trainPictures?: number;
  /** Shorter side of the pictures as they lie on disk: larger ones would show nothing more. */
  side?: number;
  /** Seeds of the trials that are proposed. Default 1. */
  seeds?: number;
}

/** A configuration that is not in the study and differs from a measured one in the paying dimension only. */
export interface NextTrial extends Configuration {
  dimension: Dimension;
  where: 'beyond the grid' | 'within the grid';
  /** The measured point that it differs from. */
  base: string;
  flops: number;
  /** Over those of the base. */
  flopsRatio: number;
  /**
   * Milliseconds of a training step of the base's batch: the base's time, times the ratio of FLOPs. Absent where that
   * is not measured.
   */
  trainStepMs?: number;
  /** Of training alone, all seeds one after the other; absent without the number of training pictures. */
  seconds?: number;
  seeds: number;
}

const MOST = 3;

/**
 * Neighbours of a point along the paying dimensions, one dimension at a time, at most three in all: first beyond the
 * grid, where it ends at the base, then between the base and its neighbours. FLOPs predict time poorly (paper section
 * 6, strategy 5): between neighbours that differ in one dimension their ratio is the best that is known before
 * measuring.
 */
export function whatNext(
  points: readonly StudyPoint[],
  base: StudyPoint,
  dimensions: readonly Dimension[],
  options: NextOptions,
): NextTrial[] {
  const known = new Set(points.filter(({ epochs }) => epochs === base.epochs).map(configurationOf));
  const lists = dimensions.map((dimension) => {
    const line = lines(points, dimension)
      .find((one) => one.includes(base))
      ?.map((point) => valueAlong(point, dimension)) ?? [valueAlong(base, dimension)];
    return candidates(line, valueAlong(base, dimension), base, dimension, options.side).flatMap(({ value, where }) =>
      trial(base, dimension, value, where, options),
    );
  });
  // In turns, so that each of several dimensions has its first.
  const found: NextTrial[] = [];
  for (let i = 0; i < MOST; i++)
    for (const list of lists) if (list[i] !== undefined && !known.has(configurationOf(list[i]!))) found.push(list[i]!);
  return found.slice(0, MOST);
}

type Candidate = { value: number; where: NextTrial['where'] };

function candidates(
  line: readonly number[],
  at: number,
  base: StudyPoint,
  dimension: Dimension,
  side?: number,
): Candidate[] {
  const i = line.indexOf(at);
  const [lower, upper] = [line[i - 1], line[i + 1]];
  const found: (Candidate | undefined)[] = [
    upper === undefined
      ? wrap(beyond(at, lower, base, dimension, side), 'beyond the grid')
      : wrap(between(at, upper, base, dimension), 'within the grid'),
    lower === undefined ? undefined : wrap(between(lower, at, base, dimension), 'within the grid'),
  ];
  return found.filter((one) => one !== undefined);
}

const wrap = (value: number | undefined, where: NextTrial['where']): Candidate | undefined =>
  value === undefined ? undefined : { value, where };

/**
 * The next value: one step as large as the last one; for a ResNet the next depth that there is. The side grows by half
 * at most, and not beyond that of the pictures themselves.
 */
function beyond(
  at: number,
  lower: number | undefined,
  base: StudyPoint,
  dimension: Dimension,
  side = Infinity,
): number | undefined {
  const depths = dimension === 'depth' ? depthsOf(base) : undefined;
  if (depths !== undefined) return depths.find((depth) => depth > at);
  const ratio = lower === undefined ? 1.5 : at / lower;
  if (dimension !== 'resolution') return twentieths(at * ratio);
  const next = Math.min(even(at * Math.min(ratio, 1.5)), 2 * Math.floor(side / 2));
  return next > at ? next : undefined;
}

/** The geometric middle; for a ResNet the depth nearest to it. */
function between(low: number, high: number, base: StudyPoint, dimension: Dimension): number | undefined {
  const middle = Math.sqrt(low * high);
  const depths = dimension === 'depth' ? depthsOf(base) : undefined;
  const inside = (value: number): boolean => value > low && value < high;
  if (depths !== undefined)
    return depths.filter(inside).sort((a, b) => Math.abs(Math.log(a / middle)) - Math.abs(Math.log(b / middle)))[0];
  const value = dimension === 'resolution' ? even(middle) : twentieths(middle);
  return inside(value) ? value : undefined;
}

/** Depths of the registry with the same blocks; none for a family whose depth is a coefficient. */
function depthsOf({ family, depth }: StudyPoint): number[] | undefined {
  if (family !== 'resnet' && family !== 'resnet-rs') return undefined;
  const basic = (value: number): boolean => family === 'resnet' && (value === 18 || value === 34);
  const all = modelNames().flatMap((name) =>
    name.startsWith(`${family}-`) && /^\d+$/.test(name.slice(family.length + 1))
      ? [Number(name.slice(family.length + 1))]
      : [],
  );
  return all.filter((value) => basic(value) === basic(depth)).sort((a, b) => a - b);
}

const even = (value: number): number => 2 * Math.round(value / 2);
const twentieths = (value: number): number => Math.round(value * 20) / 20;

function trial(
  base: StudyPoint,
  dimension: Dimension,
  value: number,
  where: NextTrial['where'],
  { flopsOf, trainPictures, seeds = 1 }: NextOptions,
): NextTrial[] {
  const { family, depth, width, size, epochs } = base;
  const configuration: Configuration = {
    family,
    depth,
    width,
    size,
    epochs,
    [dimension === 'resolution' ? 'size' : dimension]: value,
  };
  const flops = flopsOf(configuration);
  if (flops === undefined || !(flops > 0) || !(base.flops > 0)) return [];
  const flopsRatio = flops / base.flops;
  const trainStepMs = base.measured === undefined ? undefined : base.measured.trainStepMs * flopsRatio;
  const seconds =
    trainStepMs === undefined || trainPictures === undefined
      ? undefined
      : (trainStepMs / 1000) * (trainPictures / base.batch) * epochs * seeds;
  return [
    {
      ...configuration,
      dimension,
      where,
      base: base.name,
      flops,
      flopsRatio,
      ...(trainStepMs === undefined ? {} : { trainStepMs }),
      ...(seconds === undefined ? {} : { seconds }),
      seeds,
    },
  ];
}
