import { UsageError } from './errors.js';

/** @throws UsageError when the option was given and is not a whole number in its range */
export function wholeOption(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
    throw new UsageError(`Expected a whole number from ${least} to ${most} for ${name} but received ${value}.`);
}

/** @throws UsageError when the option was given and is not in its range */
export function numberOption(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && !(value >= least && value <= most))
    throw new UsageError(`Expected a number from ${least} to ${most} for ${name} but received ${value}.`);
}
