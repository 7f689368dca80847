import { niceInterval, niceRange } from './charts.js';

/** An axis of a drawing of marks: which values it shows, on which scale. */
export interface Scale {
  name?: string;
  /** Equal ratios lie at equal distances. */
  log?: boolean;
  min: number;
  max: number;
  /** Where the ticks lie; round values where absent. */
  ticks?: readonly number[];
  format: (value: number) => string;
}

/** A linear scale over the finite values, its ends on ticks. */
export function linearScale(
  values: readonly number[],
  { name, format, parts = 4 }: { name?: string; format: (value: number) => string; parts?: number },
): Scale {
  const [low, high] = ends(values.filter(Number.isFinite));
  const { min, max } = niceRange(low, high, parts);
  return { ...(name !== undefined && { name }), min, max, format };
}

/**
 * A logarithmic scale over the positive finite values, with a little room at both ends; a single value gets a factor of
 * 1.5 on both sides.
 */
export function logScale(
  values: readonly number[],
  { name, format }: { name?: string; format: (value: number) => string },
): Scale {
  const [low, high] = ends(values.filter((value) => Number.isFinite(value) && value > 0));
  const [from, to] = low === undefined || high === undefined ? [1, 10] : [low, high];
  const room = Math.max((to / from) ** 0.05, to / from < 1.05 ? 1.5 : 1);
  return { ...(name !== undefined && { name }), log: true, min: from / room, max: to * room, format };
}

/** `Math.min(...values)` would overflow the stack with many values. */
function ends(values: readonly number[]): [number | undefined, number | undefined] {
  let [low, high] = [values[0], values[0]];
  for (const value of values) {
    if (value < low!) low = value;
    if (value > high!) high = value;
  }
  return [low, high];
}

/** Multipliers of the powers of ten, from fine to coarse. */
const STEPS = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]] as const;

/** Round values in `min..max` at which a scale has its ticks, at most `parts + 1`. */
export function ticks({ log, min, max, ticks: given }: Scale, parts: number): number[] {
  if (given !== undefined) return given.filter((value) => value >= min && value <= max);
  if (log === true && max / min > 2.5) {
    for (const steps of STEPS) {
      const found = decades(min, max)
        .flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(6))))
        .filter((value) => value >= min && value <= max);
      if (found.length <= parts + 1 && found.length >= 2) return found;
    }
    const powers = decades(min, max)
      .map((power) => 10 ** power)
      .filter((value) => value >= min && value <= max);
    const skip = Math.ceil(powers.length / (parts + 1));
    return powers.filter((_, i) => i % skip === 0);
  }
  const interval = niceInterval(max - min, parts);
  const first = Math.ceil(min / interval - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(max / interval + 1e-9) - first + 1) }, (_, i) =>
    Number(((first + i) * interval).toPrecision(12)),
  );
}

function decades(min: number, max: number): number[] {
  const first = Math.floor(Math.log10(min));
  return Array.from({ length: Math.floor(Math.log10(max)) - first + 1 }, (_, i) => first + i);
}
