import type { CheckedGroup, CheckedPicture, CheckKind } from '../../checked.js';

/** Two pictures that belong together. */
export interface Link {
  a: number;
  b: number;
  match: CheckedGroup['match'];
  mirrored: boolean;
}

/** Weaker to the right. */
const MATCHES = ['file', 'pixels', 'near'] as const;
const PART_ORDER = ['test', 'val', 'train', 'all'];

/**
 * Groups of pictures that links join, each sorted by part (those to measure on first) and path, the largest
 * entanglements of parts and classes first.
 */
export function groupsOf(links: readonly Link[], picture: (i: number) => CheckedPicture): CheckedGroup[] {
  const parent = new Map<number, number>();
  const rootOf = (i: number): number => {
    let root = i;
    while (parent.has(root) && parent.get(root) !== root) root = parent.get(root)!;
    for (let at = i; at !== root; ) {
      const next = parent.get(at)!;
      parent.set(at, root);
      at = next;
    }
    return root;
  };
  for (const { a, b } of links) {
    for (const i of [a, b]) if (!parent.has(i)) parent.set(i, i);
    const [first, second] = [rootOf(a), rootOf(b)];
    if (first !== second) parent.set(Math.max(first, second), Math.min(first, second));
  }
  const members = new Map<number, number[]>();
  for (const i of parent.keys()) members.set(rootOf(i), [...(members.get(rootOf(i)) ?? []), i]);
  const inside = new Map<number, Link[]>();
  for (const link of links) {
    const root = rootOf(link.a);
    const list = inside.get(root);
    if (list === undefined) inside.set(root, [link]);
    else list.push(link);
  }
  const groups = [...members].map(([root, list]) => groupOf(list.map(picture), inside.get(root)!));
  return groups.sort((a, b) => weight(b) - weight(a) || (a.pictures[0]!.path < b.pictures[0]!.path ? -1 : 1));
}

function groupOf(pictures: CheckedPicture[], links: readonly Link[]): CheckedGroup {
  const match = MATCHES[Math.max(...links.map((link) => MATCHES.indexOf(link.match)))]!;
  const kinds: CheckKind[] = [];
  if (new Set(pictures.map(({ part }) => part)).size > 1) kinds.push('leaks');
  if (new Set(pictures.map((one) => one.class)).size > 1) kinds.push('conflicts');
  if (links.some((link) => link.match !== 'near')) kinds.push('duplicates');
  if (links.some((link) => link.match === 'near')) kinds.push('near-duplicates');
  pictures.sort(
    (a, b) =>
      PART_ORDER.indexOf(a.part) - PART_ORDER.indexOf(b.part) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
  );
  return { kinds, match, mirrored: links.some(({ mirrored }) => mirrored), pictures };
}

const weight = ({ kinds, match }: CheckedGroup): number =>
  (kinds.includes('leaks') ? 8 : 0) + (kinds.includes('conflicts') ? 4 : 0) + (match === 'near' ? 0 : 1);
