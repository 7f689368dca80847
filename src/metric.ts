/**
 * A figure that an evaluation gives, as logs, reports and studies know it: by its name, its unit and which way is
 * better. What it means is the business of the task that gives it.
 */
export interface Metric {
  /** Key in results and logs, and the stem of column names: `top1`. */
  readonly name: string;
  /** In a sentence: `top-1`. */
  readonly title: string;
  /** Over a chart or a figure: `Top-1 accuracy`. Default: the title. */
  readonly heading?: string;
  /** `share`: a fraction in 0..1, shown in percent; any other text stands behind the number; `''` for a bare number. */
  readonly unit: string;
  readonly direction: 'higher' | 'lower';
  /** What a value of it is called: `accuracy`. Default: `score`. */
  readonly noun?: 'accuracy';
  /** Drawn over the epochs in a report, as the primary one always is. */
  readonly charted?: boolean;
}

/** Values by the names of metrics, over `images` pictures. */
export type Scores = Readonly<Record<string, number>> & { readonly images: number };

/**
 * Whether `a` is better than `b`. Nothing is better than a value that is not a number, and such a value is better than
 * nothing.
 */
export function isBetter({ direction }: Pick<Metric, 'direction'>, a: number, b: number | undefined): boolean {
  if (Number.isNaN(a)) return false;
  if (b === undefined || Number.isNaN(b)) return true;
  return direction === 'higher' ? a > b : a < b;
}

/** With a capital at its beginning. */
export const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/**
 * Where a metric's value stands in flat records: on the test pictures as `top1`, of other weights as `top1Raw`, on
 * others as `trainTop1`.
 */
export const suffixed = (name: string, suffix: 'raw' | 'ema' | 'minival'): string => `${name}${capital(suffix)}`;
export const ofTraining = (name: string): string => `train${capital(name)}`;

/** A value for people: `90.49 %`, `0.1230 m`. @param digits after the point of a percentage */
export function showMetric({ unit }: Pick<Metric, 'unit'>, value: number, digits = 2): string {
  if (unit === 'share') return `${(100 * value).toFixed(digits)} %`;
  const number = Math.abs(value) < 1000 ? value.toFixed(4) : value.toPrecision(6);
  return unit === '' ? number : `${number} ${unit}`;
}

/** How much better `a` is than `b`, in the metric's unit: a - b where higher is better, else b - a. */
export const betterBy = ({ direction }: Pick<Metric, 'direction'>, a: number, b: number): number =>
  direction === 'higher' ? a - b : b - a;

/**
 * What is left to a perfect score: 1 - value of a share where higher is better, the value itself where lower is better.
 * Undefined for other metrics, whose best value nobody knows.
 */
export function errorOf({ unit, direction }: Pick<Metric, 'unit' | 'direction'>, value: number): number | undefined {
  return direction === 'lower' ? value : unit === 'share' ? 1 - value : undefined;
}

/**
 * An interval of values of a metric: of a share it ends at 0 and 1, beyond which no share can lie, though Student's
 * interval of few seeds does. Differences of shares go from -1 to 1 and are none of its business.
 */
export const clipped = <T extends { readonly low?: number; readonly high?: number }>(
  { unit }: Pick<Metric, 'unit'>,
  interval: T,
): T => {
  const { low, high } = interval;
  return unit !== 'share' || low === undefined || high === undefined
    ? interval
    : { ...interval, low: Math.max(0, low), high: Math.min(1, high) };
};

/** What results and reports call a value of their metric, whatever it is, and the name that it is written by. */
const WRITTEN: Readonly<Record<string, (name: string) => string>> = {
  score: (name) => name,
  scoreRaw: (name) => suffixed(name, 'raw'),
  scoreEma: (name) => suffixed(name, 'ema'),
  trainScore: ofTraining,
};

/** The key that a file has for `score`, `scoreRaw`, `scoreEma` or `trainScore`: `top1` for `score`. Others stay. */
export const writtenKey = ({ name }: Pick<Metric, 'name'>, key: string): string =>
  Object.hasOwn(WRITTEN, key) ? WRITTEN[key]!(name) : key;
/** The inverse of `writtenKey`. */
export const readKey = ({ name }: Pick<Metric, 'name'>, key: string): string =>
  Object.keys(WRITTEN).find((known) => WRITTEN[known]!(name) === key) ?? key;

/** Plain data with the keys of all its objects, however deep, as they are written; in the same order. */
export const written = (metric: Pick<Metric, 'name'>, value: unknown): unknown =>
  withKeys(value, (key) => writtenKey(metric, key));
/** The inverse of `written`. */
export const readBack = (metric: Pick<Metric, 'name'>, value: unknown): unknown =>
  withKeys(value, (key) => readKey(metric, key));

function withKeys(value: unknown, named: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, named));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [named(key), withKeys(item, named)]));
}
