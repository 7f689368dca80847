import { createHash, type Hash } from 'node:crypto';
import { basename } from 'node:path';
import { UsageError } from '../../errors.js';
import type { MeasuredPart } from '../../part-words.js';
import { plural } from '../../suggest.js';
import { balancedSubset, checkLimit, checkShare, splitByClass } from '../choose.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import type { PartName } from '../parts.js';
import { diskKey } from '../sources/disk-key.js';
import { PathTable } from '../sources/path-table.js';
import { openSource, type Source, sharedInts, subset } from '../sources/source.js';
import type { Truth } from '../sources/truth.js';
import type { FoundFile } from '../sources/walk.js';

const PARTS = ['train', 'val', 'test'] as const;

/** A picture with an annotation. */
interface Annotated {
  readonly file: FoundFile;
  readonly part?: PartName;
}

/** Which pictures are learned from and measured on. */
export interface ChosenParts<P extends Annotated> {
  readonly parts: Readonly<Partial<Record<PartName, readonly P[]>>>;
  /** Whether a share of the training part is set aside. */
  readonly split: boolean;
  readonly measured: MeasuredPart;
  readonly notes: readonly string[];
}

/** All of them by part. A picture's place here is its number, where none is left out. */
export const pictureList = <P extends Annotated>({ parts }: ChosenParts<P>): P[] =>
  PARTS.flatMap((part) => parts[part] ?? []);

/**
 * Chooses parts as they are chosen of class folders; see `openImageFolder` and `TakenPart`.
 * @throws UsageError where a part that is asked for is not there
 */
export function chooseParts<P extends Annotated>(
  root: string,
  pictures: readonly P[],
  { need = 'both', take }: DatasetOptions,
): ChosenParts<P> {
  const found: Partial<Record<PartName, P[]>> = {};
  for (const part of PARTS) {
    const own = pictures.filter((picture) => picture.part === part);
    if (own.length > 0) found[part] = own;
  }
  const there = PARTS.filter((part) => found[part] !== undefined);
  const loose = pictures.filter(({ part }) => part === undefined);
  const whole = { split: false, notes: [] as string[] };
  if (there.length === 0) {
    if (take === undefined) return { parts: { train: loose }, split: true, measured: 'val', notes: [] };
    if (take !== 'all' && take !== 'every')
      throw new UsageError(
        `Expected a ${take} part in ${root} but it has no parts. Without --split all of it is measured.`,
      );
    return { ...whole, parts: { val: loose }, measured: 'all' };
  }
  const notes =
    loose.length === 0
      ? []
      : [`${plural(loose.length, 'picture')} of no part ${loose.length === 1 ? 'is' : 'are'} not used`];
  const { train, val, test } = found;
  if (take === 'every')
    return { ...whole, parts: { val: [...(train ?? []), ...(val ?? []), ...(test ?? [])] }, measured: 'all', notes };
  if (take !== undefined) {
    const part = take === 'all' ? there.at(-1)! : take;
    const own = found[part];
    if (own === undefined)
      throw new UsageError(
        `Expected a ${part} part in ${root} but it has ${there.join(' and ')}. Choose --split ${there.join(' or ')}.`,
      );
    return { ...whole, parts: { val: own }, measured: part, notes };
  }
  if (train === undefined && need !== 'val')
    throw new UsageError(
      `Expected a training part in ${root} next to ${there.join(' and ')} but there is none. Add it, or give the folder that holds all.`,
    );
  const kept = { ...(train && { train }), notes };
  if (val !== undefined)
    return {
      ...kept,
      split: false,
      measured: 'val',
      parts: { ...(train && { train }), val, ...(train && test && { test }) },
    };
  if (test !== undefined) return { ...kept, split: false, measured: 'test', parts: { ...(train && { train }), test } };
  return { ...kept, split: true, measured: 'val', parts: { train: train! } };
}

/** What a data set is made of beside its pictures. */
interface Made {
  readonly classes: readonly string[];
  readonly truth: Truth;
  readonly options: DatasetOptions;
  readonly ignored: Readonly<Record<string, number>>;
  /** Adds what is annotated of a picture to the fingerprint. */
  hash(hash: Hash, id: number): void;
}

/**
 * The data set of these parts.
 * @param pictures those of `chosen` that are kept, in the order of their numbers, which `truth` knows them by
 */
export function buildDataset<P extends Annotated>(
  root: string,
  chosen: ChosenParts<P>,
  pictures: readonly P[],
  { classes, truth, options, ignored, hash }: Made,
): Dataset {
  const { valSplit = 0.2, seed = 0, limitTrain, limitVal } = options;
  if (limitTrain !== undefined) checkLimit('limitTrain (--limit-train)', limitTrain);
  if (limitVal !== undefined) checkLimit('limitVal (--limit-val)', limitVal);
  const name = basename(root);
  const ids = new Map(pictures.map((picture, id) => [picture, id]));
  const sourceOf = (part: PartName): Source | undefined => {
    const own = chosen.parts[part]?.filter((picture) => ids.has(picture));
    if (own === undefined) return undefined;
    if (own.length === 0)
      throw new UsageError(`Expected pictures that can be used in the ${part} part of ${root} but there are none.`);
    return openSource({
      kind: 'files',
      name: chosen.measured === 'all' ? name : `${name}/${part === 'val' ? chosen.measured : part}`,
      classes,
      labels: sharedInts(new Int32Array(own.length)),
      root,
      paths: PathTable.from(own.map(({ file }) => file.path)),
      ids: sharedInts(own.map((picture) => ids.get(picture)!)),
      truth,
    });
  };
  let [train, val, test] = [sourceOf('train'), sourceOf('val'), sourceOf('test')];
  if (chosen.split) {
    checkShare(valSplit);
    const all = train!;
    const halves = splitByClass(all.labels, 1, (i) => pictures[i]!.file.path, valSplit, seed);
    if (halves.val.length === 0)
      throw new UsageError(
        `Expected at least two annotated pictures in ${root}, one to measure on, but there is one. Add pictures.`,
      );
    const half = (part: 'train' | 'val'): Source =>
      openSource({ ...subset(all, halves[part]).spec, name: `${name}/${part}` });
    [train, val] = [half('train'), half('val')];
  } else if (val === undefined) [val, test] = [test, undefined];
  const limited = (source: Source, limit: number | undefined): Source =>
    limit === undefined || limit >= source.length
      ? source
      : subset(source, balancedSubset(source.labels, classes.length, limit, seed));
  // A test part beside a validation part is no part of what a run trains on and is chosen by; it comes last.
  const known = pictures.slice(0, pictures.length - (test?.length ?? 0)).map(({ file }) => file);
  const print = createHash('sha256');
  for (const one of classes) print.update(`${one}\0`);
  print.update('\n');
  for (const [id, { path, size }] of known.entries()) {
    print.update(`${path}\0${size}\0`);
    hash(print, id);
  }
  return {
    kind: 'image-folder',
    name,
    classes,
    ...(train && { train: limited(train, limitTrain) }),
    val: limited(val!, limitVal),
    ...(test && { test }),
    measured: chosen.measured,
    split: chosen.split ? { valSplit, seed } : undefined,
    fingerprint: print.digest('hex'),
    ignoredFiles: Object.values(ignored).reduce((sum, count) => sum + count, 0),
    ignoredEndings: ignored,
    notes: chosen.notes,
    onDisk: { key: diskKey(root, known), count: known.length },
  };
}
