/** A picture that was measured. */
interface Seen {
  /** In the source. */
  readonly index: number;
}

/** The pictures with the highest badness, the worst first, of equal ones the first of the source; no more than twice `count` are held. */
export function worstOf<T extends Seen>(
  count: number,
  badness: (one: T) => number,
): { add(make: () => T): void; list(): T[] } {
  let kept: T[] = [];
  const first = (): T[] => [...kept].sort((a, b) => badness(b) - badness(a) || a.index - b.index).slice(0, count);
  return {
    /** @param make of one that is to be shown, perhaps */
    add(make) {
      if (count === 0) return;
      kept.push(make());
      if (kept.length > 2 * count) kept = first();
    },
    list: first,
  };
}
