import type { Range } from './qdq.js';

/** How the range of a tensor is taken of the values that calibration shows. */
export const METHODS = ['min-max', 'percentile-99.999', 'percentile-99.99', 'mse'] as const;
export type Method = (typeof METHODS)[number];

const BINS = 2048;

/** What calibration shows of a tensor: its ends, and between them how often which value comes. Exact zeros are exact in int8 too: left out. */
export class Histogram {
  low = 0;
  high = 0;
  #counts: Float64Array | undefined;

  /** First pass: the ends. @returns whether all values are finite */
  widen(values: Float32Array): boolean {
    let [low, high, sum] = [this.low, this.high, 0];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      else if (value > high) high = value;
      sum += value;
    }
    this.low = low;
    this.high = high;
    return Number.isFinite(sum) && Number.isFinite(high - low);
  }

  /** Second pass, over the same values. */
  count(values: Float32Array): void {
    this.#counts ??= new Float64Array(BINS);
    const { low } = this;
    const counts = this.#counts;
    const perUnit = BINS / (this.high - low);
    if (!Number.isFinite(perUnit)) return;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value !== 0) counts[Math.min(BINS - 1, ((value - low) * perUnit) | 0)]!++;
    }
  }

  /**
   * The range by one of the methods; it holds 0, and lies within the ends.
   *
   *     min-max: all values;  percentile-p: without (1 - p) / 2 of the values at each end;
   *     mse: that of the least mean squared error of rounding, s^2 / 12 within it, and of clipping outside
   */
  range(method: Method): Range {
    const { low, high } = this;
    const counts = this.#counts;
    if (method === 'min-max' || counts === undefined || !(high > low)) return { low, high };
    if (method === 'mse') return this.#leastError(counts);
    const share = (1 - Number(method.slice('percentile-'.length)) / 100) / 2;
    const [left, right] = [this.#cut(counts, share), this.#cut(counts.toReversed(), share)];
    const width = (high - low) / BINS;
    return { low: Math.min(0, low + left * width), high: Math.max(0, high - right * width) };
  }

  /** How many whole bins from the first one hold no more than this share of the values. */
  #cut(counts: Float64Array, share: number): number {
    const allowed = share * counts.reduce((a, b) => a + b, 0);
    let sum = 0;
    for (let i = 0; i < BINS; i++) {
      sum += counts[i]!;
      if (sum > allowed) return i;
    }
    return 0;
  }

  /** First the upper end, then the lower one, in hundredths. */
  #leastError(counts: Float64Array): Range {
    let best: Range = { low: this.low, high: this.high };
    let least = this.#error(counts, best);
    for (const end of ['high', 'low'] as const)
      for (let share = 99; share >= 20; share--) {
        const range: Range = { ...best, [end]: (this[end] * share) / 100 };
        const error = this.#error(counts, range);
        if (error < least) [least, best] = [error, range];
      }
    return best;
  }

  #error(counts: Float64Array, { low, high }: Range): number {
    const width = (this.high - this.low) / BINS;
    const rounding = ((high - low) / 255) ** 2 / 12;
    let sum = 0;
    for (let i = 0; i < BINS; i++) {
      const value = this.low + (i + 0.5) * width;
      const outside = value > high ? value - high : value < low ? low - value : 0;
      sum += counts[i]! * (outside > 0 ? outside * outside : rounding);
    }
    return sum;
  }
}
