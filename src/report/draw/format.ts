/** Figures and their units are joined by a no-break space (U+00A0). */

/** What stands where a figure is missing or not finite. */
export const missing = '–';

/** Made when it is needed, which takes 50 ms. */
let integers: Intl.NumberFormat | undefined;

/** 60000 -> `60,000`. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return missing;
  integers ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  return integers.format(value);
}

/** With so many decimals and the sign of a minus: -0.2049 -> `−0.20`. */
export function decimals(value: number | undefined, digits = 2): string {
  return value === undefined || !Number.isFinite(value) ? missing : value.toFixed(digits).replace('-', '−');
}

/** A fraction in 0..1 as a percentage: 0.9184 -> `91.84 %`. */
export function percent(fraction: number | undefined, digits = 2): string {
  return fraction === undefined || !Number.isFinite(fraction) ? missing : `${(fraction * 100).toFixed(digits)}\u00a0%`;
}

/** Three significant digits and a unit: 11689512 -> `11.7 M`, 1.81e9 -> `1.81 G`. */
export function compact(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return missing;
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    // 0.9995: what would round to 1000 of a unit is written as 1 of the next.
    if (Math.abs(value) >= size * 0.9995) return `${significant(value / size, 3)}\u00a0${unit}`;
  }
  return significant(value, 3);
}

/** `digits` significant digits without an exponent while that stays short: 0.09876 -> `0.0988`, 1e-7 -> `1e-7`. */
export function significant(value: number | undefined, digits = 4): string {
  if (value === undefined || !Number.isFinite(value)) return missing;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(digits - 1).replace(/\.?0*e\+?/, 'e');
  return size >= 10 ** digits ? value.toFixed(0) : value.toPrecision(digits);
}

/** Seconds as `48 s`, `12 min 5 s`, `3 h 20 min` or `2 d 4 h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return missing;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Bytes in powers of 1000, as a disk's maker and `ls --si` count: 44700000 -> `44.7 MB`. */
export function bytes(value: number): string {
  return Number.isFinite(value) && value >= 0 ? (value < 1000 ? `${value}\u00a0B` : `${compact(value)}B`) : missing;
}

/** A difference of two fractions, in percentage points with its sign: 0.0063 -> `+0.63 points`. */
export function points(difference: number): string {
  if (!Number.isFinite(difference)) return missing;
  const text = (Math.abs(difference) * 100).toFixed(2);
  return `${text === '0.00' ? '' : difference < 0 ? '−' : '+'}${text} points`;
}

/** An ISO time as `2025-06-01 14:03 UTC`; text that is no time is shown as it came. */
export function moment(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
