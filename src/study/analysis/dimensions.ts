import type { Cost, StudyPoint } from './points.js';

/** The three ways to make a network larger (paper section 6). Resolution is the side of the pictures. */
export const DIMENSIONS = ['depth', 'width', 'resolution'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
/** What two neighbours may differ in: longer training is no larger network, yet it lets one over-fit just so. */
export type Direction = Dimension | 'epochs';

export function valueAlong(
  point: Pick<StudyPoint, 'depth' | 'width' | 'size' | 'epochs'>,
  direction: Direction,
): number {
  return direction === 'resolution' ? point.size : point[direction];
}

/** Two configurations that differ in one direction only, with none of the study between them. */
export interface Neighbours {
  direction: Direction;
  /** The lower value. */
  from: StudyPoint;
  to: StudyPoint;
}

/**
 * A ResNet-18 and -34 have basic blocks, the others bottlenecks: a step from one to the other is not one of depth
 * alone. Source: He et al. 2015, Table 1.
 */
const block = ({ family, depth }: StudyPoint): string =>
  family === 'resnet' && (depth === 18 || depth === 34) ? 'basic' : '';

function key(point: StudyPoint, without: Direction): string {
  const all: Direction[] = ['depth', 'width', 'resolution', 'epochs'];
  return [
    point.family,
    block(point),
    ...all.filter((direction) => direction !== without).map((direction) => valueAlong(point, direction)),
  ].join(' ');
}

/** The network and its pictures, whatever the length of training: `resnet-rs 26 x0.5 @28`. */
export const configurationOf = ({
  family,
  depth,
  width,
  size,
}: Pick<StudyPoint, 'family' | 'depth' | 'width' | 'size'>): string => `${family} ${depth} x${width} @${size}`;

/** The values of each line of the grid along a direction, in rising order; of equal points the first counts. */
export function lines(points: readonly StudyPoint[], direction: Direction): StudyPoint[][] {
  const groups = new Map<string, StudyPoint[]>();
  for (const point of points) {
    const name = key(point, direction);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [point]);
    else group.push(point);
  }
  return [...groups.values()].map((group) => {
    const sorted = group.sort((a, b) => valueAlong(a, direction) - valueAlong(b, direction));
    return sorted.filter(
      (point, i) => i === 0 || valueAlong(point, direction) !== valueAlong(sorted[i - 1]!, direction),
    );
  });
}

/**
 * Every pair of neighbours along a direction, line by line. Points whose trials failed stay: they are neighbours
 * without a result.
 */
export function neighbours(points: readonly StudyPoint[], direction: Direction): Neighbours[] {
  return lines(points, direction).flatMap((line) => line.slice(1).map((to, i) => ({ direction, from: line[i]!, to })));
}

/** The lengths of training of a study, shortest first. */
export const regimesOf = (points: readonly StudyPoint[]): number[] =>
  [...new Set(points.map(({ epochs }) => epochs))].sort((a, b) => a - b);

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Mean score on the test pictures over the seeds that are done; undefined where none is. To 12 digits, so that the
 * same values are a tie however they are spread over the seeds.
 */
export function meanScore({ score }: Pick<StudyPoint, 'score'>): number | undefined {
  const value = mean([...score.values()]);
  if (!Number.isFinite(value)) return undefined;
  return Math.abs(value) < 1 ? Math.round(value * 1e12) / 1e12 : Number(value.toPrecision(12));
}

/**
 * A cost that points with different batches share: a training step is counted by the picture, since a batch that memory
 * allows is smaller for larger models. Undefined where nothing usable was measured.
 */
export function comparableCost(point: StudyPoint, cost: Cost): number | undefined {
  const value = cost === 'flops' || cost === 'parameters' ? point[cost] : point.measured?.[cost];
  const shared = cost === 'trainStepMs' && value !== undefined ? value / point.batch : value;
  return shared !== undefined && Number.isFinite(shared) && shared > 0 ? shared : undefined;
}

/**
 * What gains are counted against: measured time of a training step (by the picture), or FLOPs where it is not known.
 */
export type GainCost = 'trainStepMs' | 'flops';

/** log2 of how many times dearer the larger of two neighbours is. */
export function doublings({ from, to }: Neighbours, cost: GainCost): number | undefined {
  const [before, after] = [comparableCost(from, cost), comparableCost(to, cost)];
  return before === undefined || after === undefined ? undefined : Math.log2(after / before);
}
