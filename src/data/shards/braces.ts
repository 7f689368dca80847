import { UsageError } from '../../errors.js';

/** Shards of one pattern. */
const MOST = 1_000_000;

/**
 * Spells out the braces of a pattern as a shell does: `{000..012}` counts with as many digits, `{train,val}` names. Braces do not stand in
 * braces.
 * @throws UsageError where they cannot be spelled out
 */
export function expandBraces(pattern: string): string[] {
  let out = [''];
  let rest = pattern;
  for (;;) {
    const begin = rest.indexOf('{');
    const end = rest.indexOf('}', begin);
    if (begin < 0) {
      if (rest.includes('}')) throw wrong(pattern);
      return out.map((text) => text + rest);
    }
    const inside = rest.slice(begin + 1, end);
    if (end < 0 || inside.includes('{') || inside === '') throw wrong(pattern);
    const choices = choicesOf(inside, pattern);
    if (out.length * choices.length > MOST)
      throw new UsageError(`Expected at most ${MOST} shards but ${pattern} names more. Is a digit too many in it?`);
    const before = rest.slice(0, begin);
    out = out.flatMap((text) => choices.map((choice) => text + before + choice));
    rest = rest.slice(end + 1);
  }
}

function choicesOf(inside: string, pattern: string): string[] {
  const range = /^(\d{1,15})\.\.(\d{1,15})$/.exec(inside);
  if (range === null) {
    if (!inside.includes(',') || inside.includes('..')) throw wrong(pattern);
    return inside.split(',');
  }
  const [first, last] = [Number(range[1]), Number(range[2])];
  if (first > last || last - first >= MOST) throw wrong(pattern);
  // As many digits as the first number has, or the last where that begins with zeros.
  const digits = /^0/.test(range[1]!) || /^0/.test(range[2]!) ? Math.max(range[1]!.length, range[2]!.length) : 1;
  return Array.from({ length: last - first + 1 }, (_, k) => String(first + k).padStart(digits, '0'));
}

const wrong = (pattern: string): UsageError =>
  new UsageError(
    `Expected braces such as {000000..000123}, rising, or {train,val} in ${pattern}, and none within another. Correct the pattern.`,
  );
