/** Two-sided 97.5 % quantiles of Student's t by degrees of freedom. */
const T = [Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Mean and 95 % interval over seeds, `71.20 ± 2.31`, by Student's t. */
export function estimate(values: readonly number[]): string {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return `${mean.toFixed(2)}`;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return `${mean.toFixed(2)} ± ${((T[n - 1]! * sd) / Math.sqrt(n)).toFixed(2)}`;
}
