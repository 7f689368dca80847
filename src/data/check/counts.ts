import {
  type Checked,
  type CheckedPart,
  FEW_OF_CLASS,
  IMBALANCED,
  type Oddity,
  type OddPicture,
} from '../../checked.js';
import { byName } from '../sources/walk.js';
import { LEAST_SIDE } from './facts.js';
import type { Looked } from './look.js';
import type { Opened, OpenedPart, Pictures } from './opened.js';

/** Pictures of each class in each part, where pictures that were set aside are of no part of their own. */
export function partsOf({ parts, classes, annotated }: Opened): CheckedPart[] {
  const found = new Map<string, CheckedPart>();
  for (const { part, source } of parts) {
    const into = found.get(part) ?? { part, pictures: 0, byClass: new Array<number>(classes.length).fill(0) };
    found.set(part, into);
    into.pictures += source.length;
    count(source, classes, annotated).forEach((n, i) => (into.byClass[i]! += n));
  }
  return [...found.values()];
}

function count(
  source: OpenedPart['source'],
  classes: readonly string[],
  annotated: Opened['annotated'],
): readonly number[] {
  const known = annotated?.counts.get(source);
  if (known !== undefined) return known;
  const place = source.classes.map((name) => classes.indexOf(name));
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of source.labels) counts[place[label]!]!++;
  return counts;
}

/** Classes that lack pictures in a part, though another part has some. */
export function absentOf(parts: readonly CheckedPart[], classes: readonly string[]): Checked['absent'] {
  return parts.flatMap(({ part, byClass }) =>
    classes.flatMap((name, i) =>
      byClass[i] === 0 && parts.some((other) => other.byClass[i]! > 0) ? [{ class: name, part }] : [],
    ),
  );
}

/** Largest and smallest class of those that have pictures, in the training part or in all. */
export function balanceOf(parts: readonly CheckedPart[], classes: readonly string[]): Checked['balance'] {
  const { part, byClass } = parts.find((one) => one.part === 'train') ?? parts[0]!;
  const there = classes.flatMap((name, i) => (byClass[i]! > 0 ? [{ class: name, pictures: byClass[i]! }] : []));
  const by = (better: (a: number, b: number) => boolean): (typeof there)[number] =>
    there.reduce((a, b) => (better(b.pictures, a.pictures) ? b : a));
  return { part, largest: by((a, b) => a > b), smallest: by((a, b) => a < b) };
}

export const isImbalanced = ({ largest, smallest }: Checked['balance']): boolean =>
  largest.pictures >= IMBALANCED * smallest.pictures;

export function measuredOf({ measured, classes, annotated }: Opened): Checked['measured'] {
  if (measured === undefined) return undefined;
  const counts = count(measured.source, classes, annotated);
  const fewOf = classes.flatMap((name, i) =>
    counts[i]! > 0 && counts[i]! < FEW_OF_CLASS ? [{ class: name, pictures: counts[i]! }] : [],
  );
  return { part: measured.part, pictures: measured.source.length, split: measured.split, fewOf };
}

/** More pixels than this are slow to decode and seldom meant. */
const LARGE = 50e6;
/** Longer side to shorter. */
const LONG = 4;

/** Pictures of extreme size or shape beside the others, or of one colour. */
export function oddOf(pictures: Pictures, { width, height, plain, broken }: Looked): OddPicture[] {
  const sides: number[] = [];
  for (let i = 0; i < pictures.length; i++) if (!broken.has(i)) sides.push(Math.min(width[i]!, height[i]!));
  const typical = sides.sort((a, b) => a - b)[sides.length >> 1] ?? 0;
  const odd: OddPicture[] = [];
  for (let i = 0; i < pictures.length; i++) {
    if (broken.has(i)) continue;
    const [w, h] = [width[i]!, height[i]!];
    const shorter = Math.min(w, h);
    const found: Oddity[] = [
      ...(shorter < LEAST_SIDE && shorter <= typical / 4 ? (['small'] as const) : []),
      ...(w * h > LARGE ? (['large'] as const) : []),
      ...(Math.max(w, h) >= LONG * shorter ? (['long'] as const) : []),
      ...(plain[i] === 1 ? (['plain'] as const) : []),
    ];
    for (const one of found) odd.push({ ...pictures.told(i), odd: one, width: w, height: h });
  }
  return interleaved(odd.sort((a, b) => byName(a.path, b.path)));
}

/** The first of each oddity, then the second: a few of them show what there is. */
function interleaved(odd: readonly OddPicture[]): OddPicture[] {
  const seen = new Map<Oddity, number>();
  const ranked = odd.map((one) => {
    const rank = seen.get(one.odd) ?? 0;
    seen.set(one.odd, rank + 1);
    return { one, rank };
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ one }) => one);
}
