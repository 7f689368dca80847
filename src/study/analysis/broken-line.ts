import { type Estimate, studentQuantile } from './statistics.js';

/** y = intercept + slope * x by least squares. */
export interface Line {
  intercept: number;
  slope: number;
  /** Sum of the squared residuals. */
  residual: number;
  /** Sum of the squares of y about its mean. */
  total: number;
  n: number;
  /** Sum of the squares of x about its mean. */
  spread: number;
}

/** @returns undefined for fewer than two different x */
export function fitLine(x: readonly number[], y: readonly number[]): Line | undefined {
  const n = x.length;
  const [centre, middle] = [sum(x) / n, sum(y) / n];
  let [xx, xy, total] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    xx += (x[i]! - centre) ** 2;
    xy += (x[i]! - centre) * (y[i]! - middle);
    total += (y[i]! - middle) ** 2;
  }
  if (!(xx > 0)) return undefined;
  const slope = xy / xx;
  const intercept = middle - slope * centre;
  // About the middles, where nothing large is subtracted from its like.
  let residual = 0;
  for (let i = 0; i < n; i++) residual += (y[i]! - middle - slope * (x[i]! - centre)) ** 2;
  return { intercept, slope, residual, total, n, spread: xx };
}

/**
 * The slope and its 95 % interval, slope +- t(n - 2) * sqrt(residual / (n - 2) / spread); no interval from two points.
 */
export function slopeOf({ slope, residual, n, spread }: Line): Estimate {
  if (n < 3) return { mean: slope, n };
  const half = studentQuantile(n - 2) * Math.sqrt(residual / (n - 2) / spread);
  return { mean: slope, n, low: slope - half, high: slope + half };
}

/**
 * y = atKnot + before * (x - knot) up to the knot and atKnot + after * (x - knot) from there on: two lines that meet.
 */
export interface BrokenLine {
  knot: number;
  atKnot: number;
  before: number;
  after: number;
  residual: number;
}

/** Sums over points, from which the best broken line at a knot follows without another walk over them. */
class Sums {
  n = 0;
  x = 0;
  y = 0;
  xx = 0;
  xy = 0;
  yy = 0;
  plus(x: number, y: number): Sums {
    return Object.assign(new Sums(), {
      n: this.n + 1,
      x: this.x + x,
      y: this.y + y,
      xx: this.xx + x * x,
      xy: this.xy + x * y,
      yy: this.yy + y * y,
    });
  }
  minus(o: Sums): Sums {
    return Object.assign(new Sums(), {
      n: this.n - o.n,
      x: this.x - o.x,
      y: this.y - o.y,
      xx: this.xx - o.xx,
      xy: this.xy - o.xy,
      yy: this.yy - o.yy,
    });
  }
}

/**
 * Broken lines over points sorted by x. With u = min(x - knot, 0) and v = max(x - knot, 0) the model y = c + before * u
 * + after * v is linear for a given knot, and u * v = 0 everywhere.
 */
export class BrokenLineFit {
  readonly #x: readonly number[];
  readonly #y: readonly number[];
  readonly #left: Sums[] = [new Sums()];
  /** Different x, rising. */
  readonly values: readonly number[];

  constructor(x: readonly number[], y: readonly number[]) {
    this.#x = x;
    this.#y = y;
    this.values = [...new Set(x)];
    for (let i = 0; i < x.length; i++) this.#left.push(this.#left[i]!.plus(x[i]!, y[i]!));
  }

  /**
   * The best broken line with this knot, which lies between the outermost x. The residual is a difference of sums: good
   * to 1e-12 of their size.
   */
  at(knot: number): BrokenLine {
    const left = this.#left[this.#below(knot)]!;
    const right = this.#left.at(-1)!.minus(left);
    const n = left.n + right.n;
    const u = left.x - left.n * knot;
    const v = right.x - right.n * knot;
    const uu = left.xx - 2 * knot * left.x + left.n * knot * knot;
    const vv = right.xx - 2 * knot * right.x + right.n * knot * knot;
    const uy = left.xy - knot * left.y;
    const vy = right.xy - knot * right.y;
    const total = left.y + right.y;
    // Normal equations with before = (uy - c u) / uu and after = (vy - c v) / vv put into the one for c.
    const atKnot = (total - (u * uy) / uu - (v * vy) / vv) / (n - (u * u) / uu - (v * v) / vv);
    const line = { knot, atKnot, before: (uy - atKnot * u) / uu, after: (vy - atKnot * v) / vv };
    return { ...line, residual: left.yy + right.yy - atKnot * total - line.before * uy - line.after * vy };
  }

  /**
   * The broken line with the smallest residual whose knot has at least `least` different x at or below it and as many
   * at or above it. Between two neighbouring x the best knot is where the separate lines of both sides cross, if that
   * lies between the two; else it is one of the two (Hudson, "Fitting segmented curves whose join points have to be
   * estimated", 1966). So nothing is searched by steps.
   * @returns undefined for fewer than 2 * `least` different x
   */
  best(least: number): BrokenLine | undefined {
    const { values } = this;
    if (values.length < 2 * least) return undefined;
    const knots: number[] = [];
    for (let i = least - 1; i <= values.length - least; i++) {
      knots.push(values[i]!);
      if (i === values.length - least) break;
      const left = this.#left[this.#below(values[i]!)]!;
      const [a, b] = [lineOf(left), lineOf(this.#left.at(-1)!.minus(left))];
      const crossing = (b.intercept - a.intercept) / (a.slope - b.slope);
      if (crossing > values[i]! && crossing < values[i + 1]!) knots.push(crossing);
    }
    // The few that the rounding of the sums may not tell apart are compared by their residuals one by one.
    return knots
      .map((knot) => this.at(knot))
      .sort((a, b) => a.residual - b.residual)
      .slice(0, 20)
      .map((line) => ({ ...line, residual: this.#residual(line) }))
      .reduce((best, line) => (line.residual < best.residual ? line : best));
  }

  /** How many points have an x at or below the knot. */
  #below(knot: number): number {
    let [low, high] = [0, this.#x.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#x[middle]! <= knot) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #residual(line: Omit<BrokenLine, 'residual'>): number {
    let residual = 0;
    for (let i = 0; i < this.#x.length; i++) residual += (this.#y[i]! - heightOf(line, this.#x[i]!)) ** 2;
    return residual;
  }
}

export const heightOf = ({ knot, atKnot, before, after }: Omit<BrokenLine, 'residual'>, x: number): number =>
  atKnot + (x < knot ? before : after) * (x - knot);

function lineOf({ n, x, y, xx, xy }: Sums): { intercept: number; slope: number } {
  const slope = (n * xy - x * y) / (n * xx - x * x);
  return { slope, intercept: (y - slope * x) / n };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
