import { UsageError } from './errors.js';
import { knownNames } from './suggest.js';

/** A value that came, as it is named in an error: texts in quotes, so that `"32"` is seen to be no number. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return `${value.constructor?.name ?? 'an object'}`;
  return typeof value === 'function' ? 'a function' : String(value);
}

/** @throws UsageError when the option was given and is not a whole number in its range */
export function wholeOption(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
    throw new UsageError(
      `Expected a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`} for ${name} ` +
        `but received ${shown(value)}.`,
    );
}

/** @throws UsageError when the option was given and is not in its range */
export function numberOption(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && !(typeof value === 'number' && value >= least && value <= most))
    throw new UsageError(`Expected a number from ${least} to ${most} for ${name} but received ${shown(value)}.`);
}

const KINDS = {
  text: { words: 'a text', is: (value: unknown) => typeof value === 'string' },
  path: { words: 'a path', is: (value: unknown) => typeof value === 'string' && value !== '' },
  number: { words: 'a number', is: (value: unknown) => typeof value === 'number' },
  flag: { words: 'true or false', is: (value: unknown) => typeof value === 'boolean' },
  function: { words: 'a function', is: (value: unknown) => typeof value === 'function' },
  texts: {
    words: 'a list of texts',
    is: (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  },
  object: {
    words: 'an object',
    is: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  signal: { words: 'an AbortSignal', is: (value: unknown) => value instanceof AbortSignal },
} satisfies Record<string, { words: string; is: (value: unknown) => boolean }>;

/** What an option of a program's call may be. */
export type OptionKind = keyof typeof KINDS;

/** All options of a call: the compiler sees to it that none is forgotten. */
export type OptionKinds<T> = Readonly<Record<keyof T, OptionKind>>;

/** @throws UsageError when a value that a program gave is not of its kind; `undefined` is none */
export function checkValue(name: string, value: unknown, kind: OptionKind): void {
  if (!KINDS[kind].is(value))
    throw new UsageError(
      `Expected ${KINDS[kind].words} for ${name} but received ${value === '' ? 'an empty text' : shown(value)}.`,
    );
}

/**
 * Options as a program gave them, which no compiler may have seen. `undefined` counts as left out.
 * @param call whose they are, for the message: `train`
 * @param needed those that must be there
 * @throws UsageError for a name that is not known, with the nearest that is, and for a value that is not of its kind
 */
export function checkOptions<T extends object>(
  call: string,
  options: T,
  kinds: OptionKinds<Required<T>>,
  needed: readonly (keyof T & string)[] = [],
): void {
  checkValue(`the options of ${call}`, options, 'object');
  const known = Object.keys(kinds) as (keyof T & string)[];
  for (const name of needed) checkValue(`the option ${name} of ${call}`, options[name], kinds[name]);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const kind = kinds[name as keyof T];
    if (!Object.hasOwn(kinds, name))
      throw new UsageError(`Expected an option of ${call} but received "${name}".${knownNames(name, known)}.`);
    checkValue(`the option ${name} of ${call}`, value, kind);
  }
}
