import type { CheckedGroup, CheckedPicture } from '../../checked.js';
import type { MeasuredPart } from '../../part-words.js';
import type { Dataset } from '../dataset.js';
import { pathsOf, subset } from '../sources/source.js';
import { groupsOf, type Link } from './groups.js';
import { linksOf } from './links.js';
import { look, recall } from './look.js';
import { type OpenedPart, Pictures, partOf } from './opened.js';

/** What training pictures can be left out for. The names are those of the check. */
export const LEAVABLE = {
  leaks: 'stand in the pictures to measure on too, or nearly',
  conflicts: 'stand under another class too, or nearly',
  duplicates: 'are the same as another training picture',
  'near-duplicates': 'are nearly the same as another training picture',
} as const;
export type Leavable = keyof typeof LEAVABLE;

/** Paths of training pictures from the data folder, each under the first reason. */
export type LeftOut = Partial<Record<Leavable, readonly string[]>>;

/** Copies among the pictures that a training learns from and is measured on. */
export interface Copies {
  /** Groups with training pictures and others. */
  leaks: CheckedGroup[];
  leftOut: LeftOut;
}

/**
 * Looks for copies between the training pictures of a data set and those that it is measured on. Nothing is decoded:
 * where a picture is not known (see `KnownFacts`) nothing is found out. For those that are to be left out it is.
 * @param leaveOut in this order
 * @returns undefined where not all pictures are known
 */
export async function* findCopies(
  dataset: Dataset,
  root: string,
  leaveOut: readonly Leavable[],
  signal?: AbortSignal,
): AsyncGenerator<{ done: number; of: number }, Copies | undefined> {
  const { train, val, test, measured } = dataset;
  const parts: OpenedPart[] = [
    ...(train === undefined ? [] : [partOf('train', train)]),
    partOf(measured, val),
    ...(test === undefined ? [] : [partOf('test', test)]),
  ];
  const pictures = new Pictures(parts);
  let looked = recall(pictures, root);
  if (looked === undefined && leaveOut.length === 0) return undefined;
  if (looked === undefined) {
    const looking = look(pictures, root, { all: false, ...(signal && { signal }) });
    let turn = await looking.next();
    for (; turn.done !== true; turn = await looking.next()) yield { done: turn.value, of: pictures.length };
    looked = turn.value;
  }
  const training = train?.length ?? 0;
  const sides = Uint8Array.from({ length: pictures.length }, (_, i) => (i < training ? 1 : 2));
  const within = leaveOut.some((kind) => kind !== 'leaks');
  const linking = linksOf(pictures, looked, { ...(within ? {} : { sides }), ...(signal && { signal }) });
  let links = await linking.next();
  while (links.done !== true) links = await linking.next();
  const told = (i: number): CheckedPicture => pictures.told(i);
  const groups = groupsOf(links.value, told);
  const leaks = groups.filter(({ pictures: group }) => {
    const count = group.filter(({ part }) => part === 'train').length;
    return count > 0 && count < group.length;
  });
  return { leaks, leftOut: chosen(leaveOut, groups, leaks, repeated(links.value, told, training)) };
}

/** Groups of training pictures that are the same. */
const repeated = (links: readonly Link[], told: (i: number) => CheckedPicture, training: number): CheckedGroup[] =>
  groupsOf(
    links.filter(({ a, b, match }) => match !== 'near' && a < training && b < training),
    told,
  );

function chosen(
  kinds: readonly Leavable[],
  groups: readonly CheckedGroup[],
  leaks: readonly CheckedGroup[],
  same: readonly CheckedGroup[],
): LeftOut {
  const gone = new Set<string>();
  const take = (from: readonly CheckedGroup[], kept: number): string[] => {
    const taken = from.flatMap(({ pictures }) =>
      pictures
        .filter(({ part, path }) => part === 'train' && !gone.has(path))
        .slice(kept)
        .map(({ path }) => path),
    );
    for (const path of taken) gone.add(path);
    return taken.sort();
  };
  const of: Readonly<Record<Leavable, () => string[]>> = {
    leaks: () => take(leaks, 0),
    conflicts: () =>
      take(
        groups.filter((group) => group.kinds.includes('conflicts')),
        0,
      ),
    duplicates: () => take(same, 1),
    'near-duplicates': () => take(groups, 1),
  };
  const found: Partial<Record<Leavable, string[]>> = {};
  for (const kind of Object.keys(LEAVABLE) as Leavable[]) if (kinds.includes(kind)) found[kind] = of[kind]();
  return found;
}

/** The same data without these training pictures. */
export function withoutPictures(dataset: Dataset, leftOut: LeftOut | undefined): Dataset {
  const gone = new Set(Object.values(leftOut ?? {}).flat());
  if (gone.size === 0 || dataset.train === undefined) return dataset;
  const { train } = dataset;
  const paths = pathsOf(train) ?? Array.from({ length: train.length }, (_, i) => train.describe(i));
  return {
    ...dataset,
    train: subset(
      train,
      [...paths.keys()].filter((i) => !gone.has(paths[i]!)),
    ),
  };
}

/** How many pictures of each part stand in training too, and which: their paths, and how alike the copies are. */
export function leakedOf(
  leaks: readonly CheckedGroup[],
  part: MeasuredPart,
): { path: string; match: CheckedGroup['match'] }[] {
  return leaks.flatMap(({ pictures, match }) =>
    pictures.filter((one) => one.part === part).map(({ path }) => ({ path, match })),
  );
}
