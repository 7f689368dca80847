import { closest, distance } from 'fastest-levenshtein';

/** The known name nearest to `name`, or undefined when none is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const best = closest(name.toLowerCase(), known as string[]);
  return distance(name.toLowerCase(), best.toLowerCase()) <= Math.max(2, Math.floor(name.length / 3))
    ? best
    : undefined;
}

/**
 * ` Did you mean "X"?` and the names nearest to it: ` Known: a, b and 30 more (rescaled models).`
 * @param all where all of them are to be seen
 */
export function knownNames(name: string, known: readonly string[], all?: string): string {
  const most = 8;
  const near =
    known.length <= most
      ? known
      : [...known].sort(
          (a, b) => distance(name.toLowerCase(), a.toLowerCase()) - distance(name.toLowerCase(), b.toLowerCase()),
        );
  const rest = known.length - most;
  const more = rest > 0 ? ` and ${rest} more${all === undefined ? '' : ` (${all})`}` : '';
  return `${didYouMean(name, known)} Known: ${near.slice(0, most).join(', ')}${more}`;
}

/** `1 epoch`, `2 epochs`. */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** The first dozen, and how many more there are. */
export const listed = (items: readonly string[]): string =>
  items.length > 12 ? `${items.slice(0, 12).join(', ')} and ${items.length - 12} more` : items.join(', ');

/** ` Did you mean "X"?` or an empty string. */
export function didYouMean(name: string, known: readonly string[]): string {
  const best = nearest(name, known);
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}

/** A command as it is typed: words that a shell would take apart stand in quotes. */
export const commandLine = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');

/** Lines of a table for a terminal: columns as wide as their widest cell, the first `left` of them to the left, the others to the right. */
export function tableLines(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
