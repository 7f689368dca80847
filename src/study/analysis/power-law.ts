import { errorOf, type Metric } from '../../metric.js';
import { type BrokenLine, BrokenLineFit, fitLine, heightOf, type Line, slopeOf } from './broken-line.js';
import { mean, meanScore, regimesOf } from './dimensions.js';
import type { StudyPoint } from './points.js';
import { type Estimate, studentQuantile } from './statistics.js';

/** Different FLOPs that each side of a break must have. */
const LEAST_A_SIDE = 3;
/**
 * A break is believed below this p of the F test with 2 and n - 4 degrees of freedom. The break is looked for, and so
 * the test finds one more often by chance than p says: on straight lines with normal noise 2 times of 100 for 15 points
 * and 5 of 100 for 175 at this level.
 */
const BELIEVED_BELOW = 0.02;
/** Steps between the outermost knots in which the interval of a break is told. */
const KNOTS = 400;
/** FLOPs within this factor of each other count as equal where the spread of the error is told. */
const EQUAL_FLOPS = 1.1;

export type NoBreak = 'too few sizes' | 'the line is exact' | 'no break seen';

export interface PowerLaw {
  /** Epochs; absent where all points are taken together. */
  epochs?: number;
  /** `no error`: of this metric it is not known what is left to a perfect score, and so no error can be fitted. */
  outcome: 'fitted' | 'too few points' | 'one size only' | 'no error';
  /** Points that the fit uses, and their different FLOPs. */
  n: number;
  sizes: number;
  /**
   * b of error = a * FLOPs^-b, over the points up to the break, or over all where none was seen; its interval has
   * Student's t.
   */
  exponent?: Estimate;
  /** a, the error that the law gives for 1 FLOP: a number for the formula alone. */
  scale?: number;
  /**
   * Share of the variance of log(error) that the line, or the broken line, explains; absent where all errors are equal.
   */
  r2?: number;
  /**
   * The factor that an error is off the law by, typically: exp of the residuals' standard deviation. Absent where no
   * degree of freedom is left.
   */
  residualFactor?: number;
  break?: PowerLawBreak;
  /** Why there is none. */
  noBreak?: NoBreak;
  /** p of the F test, broken line against line; absent where no break could be looked for. */
  breakP?: number;
  residuals: { name: string; flops: number; error: number; fitted: number }[];
  /** Widest first. */
  spread: EqualFlops[];
  excluded: {
    name: string;
    reason:
      | 'no result'
      | 'no FLOPs'
      | 'no error is known of this metric'
      | 'no error left, whose logarithm is infinite';
  }[];
}

export interface PowerLawBreak {
  flops: number;
  /** The FLOPs between which it may lie: where the residual stays within the 95 % level of F(1, n - 4) of the best. */
  low: number;
  high: number;
  /** Exponent above the break, from the points at or above it. */
  after: Estimate;
  /** `flattens`: more FLOPs help less from there on, as in Figure 2 of the paper. */
  direction: 'flattens' | 'steepens';
}

/** Configurations whose FLOPs are equal within 10 %. */
export interface EqualFlops {
  lowFlops: number;
  highFlops: number;
  n: number;
  best: { name: string; error: number };
  worst: { name: string; error: number };
  /** Worst error over best. */
  ratio: number;
}

/** The law over all points and in each regime, shortest first. */
export function powerLaws(
  points: readonly StudyPoint[],
  metric: Pick<Metric, 'unit' | 'direction'>,
): { all: PowerLaw; regimes: PowerLaw[] } {
  return {
    all: fitPowerLaw(points, metric),
    regimes: regimesOf(points).map((epochs) => ({
      epochs,
      ...fitPowerLaw(
        points.filter((point) => point.epochs === epochs),
        metric,
      ),
    })),
  };
}

/**
 * error = a * FLOPs^-b by least squares of log(error) on log(FLOPs), and where it breaks (paper Figure 2). The error is
 * 1 - score of a share where higher is better, and the score itself where lower is better. A broken
 * line of two pieces that meet is taken instead where it is better by an F test, p = (residual broken / residual
 * line)^((n - 4) / 2). Each configuration counts once, with its mean error on the test pictures. The residuals are
 * mostly what configurations of equal FLOPs differ by, not noise of seeds: intervals hold for other configurations like
 * these.
 */
export function fitPowerLaw(points: readonly StudyPoint[], metric: Pick<Metric, 'unit' | 'direction'>): PowerLaw {
  const excluded: PowerLaw['excluded'] = [];
  const used: { name: string; flops: number; error: number }[] = [];
  for (const point of points) {
    const score = meanScore(point);
    const error = score === undefined ? undefined : errorOf(metric, score);
    if (score === undefined) excluded.push({ name: point.name, reason: 'no result' });
    else if (!(point.flops > 0 && Number.isFinite(point.flops)))
      excluded.push({ name: point.name, reason: 'no FLOPs' });
    else if (error === undefined) excluded.push({ name: point.name, reason: 'no error is known of this metric' });
    else if (!(error > 0)) excluded.push({ name: point.name, reason: 'no error left, whose logarithm is infinite' });
    else used.push({ name: point.name, flops: point.flops, error });
  }
  used.sort((a, b) => a.flops - b.flops);
  const n = used.length;
  const common = { n, sizes: new Set(used.map(({ flops }) => flops)).size, excluded, spread: spreadAtEqualFlops(used) };
  if (errorOf(metric, 0) === undefined) return { outcome: 'no error', ...common, residuals: [] };
  if (n < 3) return { outcome: 'too few points', ...common, residuals: [] };
  // The middle is taken off, since sums of squares of large numbers lose digits.
  const middle = mean(used.map(({ flops }) => Math.log(flops)));
  const x = used.map(({ flops }) => Math.log(flops) - middle);
  const y = used.map(({ error }) => Math.log(error));
  const line = fitLine(x, y);
  if (line === undefined) return { outcome: 'one size only', ...common, residuals: [] };
  const found = findBreak(x, y, line);
  const fitted = (i: number): number =>
    found.line === undefined ? line.intercept + line.slope * x[i]! : heightOf(found.line, x[i]!);
  const small = found.line === undefined ? line : fitWhere(x, y, (value) => value <= found.line!.knot);
  const residual = found.line?.residual ?? line.residual;
  const free = n - (found.line === undefined ? 2 : 4);
  return {
    outcome: 'fitted',
    ...common,
    exponent: negated(slopeOf(small)),
    scale: Math.exp(small.intercept - small.slope * middle),
    ...(line.total > 0 ? { r2: 1 - residual / line.total } : {}),
    ...(free > 0 ? { residualFactor: Math.exp(Math.sqrt(residual / free)) } : {}),
    ...(found.line === undefined ? { noBreak: found.why } : { break: describe(found, x, y, middle) }),
    ...(found.p === undefined ? {} : { breakP: found.p }),
    residuals: used.map((point, i) => ({ ...point, fitted: Math.exp(fitted(i)) })),
  };
}

type Found =
  | { line: BrokenLine; low: number; high: number; p: number }
  | { line?: undefined; why: NoBreak; p?: number };

function findBreak(x: readonly number[], y: readonly number[], line: Line): Found {
  // What is left is rounding: any broken line would explain it as well.
  if (line.residual <= 1e-20 * line.total || line.total === 0) return { why: 'the line is exact' };
  const fit = new BrokenLineFit(x, y);
  const best = fit.best(LEAST_A_SIDE);
  if (best === undefined) return { why: 'too few sizes' };
  const free = x.length - 4;
  const p = (best.residual / line.residual) ** (free / 2);
  if (!(p < BELIEVED_BELOW)) return { why: 'no break seen', p };
  // A t with so many degrees of freedom, squared, is F(1, n - 4).
  const level = best.residual * (1 + studentQuantile(free) ** 2 / free);
  const [first, last] = [fit.values[LEAST_A_SIDE - 1]!, fit.values.at(-LEAST_A_SIDE)!];
  const knots = Array.from({ length: KNOTS + 1 }, (_, i) => first + ((last - first) * i) / KNOTS).filter(
    (knot) => fit.at(knot).residual <= level,
  );
  return { line: best, p, low: Math.min(best.knot, ...knots), high: Math.max(best.knot, ...knots) };
}

function describe(
  { line, low, high }: Found & { line: BrokenLine; low: number; high: number },
  x: readonly number[],
  y: readonly number[],
  middle: number,
): PowerLawBreak {
  const flops = (knot: number): number => Math.exp(knot + middle);
  const after = negated(slopeOf(fitWhere(x, y, (value) => value >= line.knot)));
  return {
    flops: flops(line.knot),
    low: flops(low),
    high: flops(high),
    after,
    direction: line.after > line.before ? 'flattens' : 'steepens',
  };
}

function fitWhere(x: readonly number[], y: readonly number[], where: (x: number) => boolean): Line {
  return fitLine(
    x.filter(where),
    y.filter((_, i) => where(x[i]!)),
  )!;
}

const negated = ({ mean, n, low, high }: Estimate): Estimate =>
  low === undefined || high === undefined ? { mean: -mean, n } : { mean: -mean, n, low: -high, high: -low };

/** Groups from the smallest FLOPs up: each takes what lies within the factor of its first. */
function spreadAtEqualFlops(sorted: readonly { name: string; flops: number; error: number }[]): EqualFlops[] {
  const groups: EqualFlops[] = [];
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    while (end < sorted.length && sorted[end]!.flops <= sorted[start]!.flops * EQUAL_FLOPS) end++;
    if (end - start < 2) continue;
    const group = sorted.slice(start, end);
    const [best, worst] = [
      group.reduce((a, b) => (b.error < a.error ? b : a)),
      group.reduce((a, b) => (b.error > a.error ? b : a)),
    ];
    groups.push({
      lowFlops: group[0]!.flops,
      highFlops: group.at(-1)!.flops,
      n: group.length,
      best: { name: best.name, error: best.error },
      worst: { name: worst.name, error: worst.error },
      ratio: worst.error / best.error,
    });
  }
  return groups.sort((a, b) => b.ratio - a.ratio);
}
