/**
 * A figure that an evaluation gives, as logs, reports and studies know it: by its name, its unit and which way is better. What it means is the
 * business of the task that gives it.
 */
export interface Metric {
  /** Key in results and logs, and the stem of column names: `top1`. */
  readonly name: string;
  /** In a sentence: `top-1`. */
  readonly title: string;
  /** Over a chart or a figure: `Top-1 accuracy`. Default: the title. */
  readonly heading?: string;
  /** What it measures, in a word: `accuracy`. Default: the title. */
  readonly noun?: string;
  /** `share`: a fraction in 0..1, shown in percent; any other text stands behind the number; `''` for a bare number. */
  readonly unit: string;
  readonly direction: 'higher' | 'lower';
}

/** Values by the names of metrics, over `images` pictures. */
export type Scores = Readonly<Record<string, number>> & { readonly images: number };

/** Whether `a` is better than `b`. Nothing is better than a value that is not a number, and such a value is better than nothing. */
export function isBetter({ direction }: Pick<Metric, 'direction'>, a: number, b: number | undefined): boolean {
  if (Number.isNaN(a)) return false;
  if (b === undefined || Number.isNaN(b)) return true;
  return direction === 'higher' ? a > b : a < b;
}

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** Where a metric's value stands in flat records: on the test pictures as `top1`, of other weights as `top1Raw`, on others as `trainTop1`. */
export const suffixed = (name: string, suffix: 'raw' | 'ema' | 'minival'): string => `${name}${capital(suffix)}`;
export const ofTraining = (name: string): string => `train${capital(name)}`;

/** A value for people: `90.49 %`, `0.1230 m`. @param digits after the point of a percentage */
export function showMetric({ unit }: Pick<Metric, 'unit'>, value: number, digits = 2): string {
  if (unit === 'share') return `${(100 * value).toFixed(digits)} %`;
  const number = Math.abs(value) < 1000 ? value.toFixed(4) : value.toPrecision(6);
  return unit === '' ? number : `${number} ${unit}`;
}
