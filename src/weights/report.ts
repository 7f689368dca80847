/** How the tensors of a file fit those of a model. */
export interface KeyMatch {
  loaded: string[];
  missing: string[];
  unexpected: string[];
  wrongShape: { key: string; expected: readonly number[]; found: readonly number[] }[];
  /** PyTorch's batch counters, which have no use here. */
  ignored: string[];
  /** Left at their fresh values on purpose, and why. */
  renewed: string[];
  renewedWhy?: string;
}

/** Compares state keys and shapes: nothing is skipped silently. */
export function matchKeys(expected: ReadonlyMap<string, readonly number[]>, found: ReadonlyMap<string, readonly number[]>): KeyMatch {
  const match: KeyMatch = { loaded: [], missing: [], unexpected: [], wrongShape: [], ignored: [], renewed: [] };
  for (const [key, shape] of expected) {
    const other = found.get(key);
    if (other === undefined) match.missing.push(key);
    else if (other.length !== shape.length || other.some((n, i) => n !== shape[i])) match.wrongShape.push({ key, expected: shape, found: other });
    else match.loaded.push(key);
  }
  for (const key of found.keys()) {
    if (expected.has(key)) continue;
    (key.endsWith('.num_batches_tracked') ? match.ignored : match.unexpected).push(key);
  }
  return match;
}

/** A few lines for a person; long lists are cut at 10 with their count. */
export function formatMatch(match: KeyMatch): string {
  const list = (title: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : [`${title}: ${items.length}`, ...items.slice(0, 10).map((item) => `  ${item}`), ...(items.length > 10 ? [`  and ${items.length - 10} more`] : [])];
  return [
    `loaded: ${match.loaded.length}`,
    ...list('missing', match.missing),
    ...list('unexpected', match.unexpected),
    ...list('wrong shape', match.wrongShape.map(({ key, expected, found }) => `${key}: expected [${expected.join(', ')}], found [${found.join(', ')}]`)),
    ...list(`renewed, since ${match.renewedWhy}`, match.renewed),
    ...list('ignored', match.ignored),
  ].join('\n');
}
