import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import type { Endings, MeasuredPart } from '../part-words.js';
import { balancedSubset, checkLimit, checkShare } from './choose.js';
import type { DatasetKind, DatasetParts, NeededParts, TakenPart } from './parts.js';
import { findAddresses } from './shard-addresses.js';
import { openShards } from './shard-data.js';
import { findShards } from './shard-layout.js';
import { diskKey } from './sources/disk-key.js';
import { findIdxFiles, openIdx } from './sources/idx.js';
import { openImageFolder, openToMeasure } from './sources/image-folder.js';
import { openSource, type Source, sharedInts, subset } from './sources/source.js';
import { type FoundFile, listFolder } from './sources/walk.js';

export type { DatasetKind, NeededParts, PartName, TakenPart } from './parts.js';

export interface DatasetOptions {
  /** Share of each class set aside for validation where the dataset has no part of its own for it. Default 0.2. */
  valSplit?: number;
  /** Seed of that split and of the limits. Default 0. */
  seed?: number;
  /** Use only this many training pictures, balanced over the classes (`balancedSubset`). */
  limitTrain?: number;
  /** Use only this many validation pictures, balanced over the classes. */
  limitVal?: number;
  /** Default 'both'. */
  need?: NeededParts;
  /** To measure on data that need not be fit for training: what `val` shall be. Without it parts are those of a training. */
  take?: TakenPart;
  /** Read IDX files through the cache of decoded pictures (see `cacheFolder`). Default false. */
  cache?: boolean;
  /** Annotations: the most that may be wrong, as a share of the boxes and of the pictures. Default 0.01. */
  maxBroken?: number;
}

export interface Dataset {
  readonly kind: DatasetKind;
  /** The folder's name. */
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  readonly train?: Source;
  readonly val: Source;
  /** Measured once, after training; where there are training, validation and test pictures. No limit cuts it. */
  readonly test?: Source;
  /** Which part `val` is. */
  readonly measured: MeasuredPart;
  /** How validation pictures were set aside; undefined when the dataset has its own. */
  readonly split: { readonly valSplit: number; readonly seed: number } | undefined;
  /**
   * sha256 (hex) over the class names and each file's path and size (image folders) or the files' bytes as they lie on
   * disk (IDX), or over each
   * shard's name and the names, sizes and labels of its pictures. Limits and split do not enter, nor does a test part beside a validation part.
   */
  readonly fingerprint: string;
  /** Files that were passed over because their names do not end like a picture's. */
  readonly ignoredFiles: number;
  /** The same by ending. */
  readonly ignoredEndings: Endings;
  /** What a person should know of how the folder was understood. */
  readonly notes: readonly string[];
  /**
   * Of image folders and shards: a name of the pictures as they lie on this disk (see `diskKey`), and how many there are, whatever
   * the limits.
   */
  readonly onDisk?: { readonly key: string; readonly count: number };
  /** Why its pictures are not in the cache, where they could be: without a full stop. */
  readonly note?: string;
}

/**
 * Opens a dataset and tells its kind by its content: MNIST-like IDX files, tar shards, or class folders of pictures
 * (see `openIdx`, `findShards`, `openImageFolder`).
 * @throws UsageError on a wrong path, layout or option (exit 2); RescaledError when something there cannot be read
 * (exit 1)
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { valSplit = 0.2, seed = 0, limitTrain, limitVal, need = 'both', cache = false, take } = options;
  // Also where the data has its parts, and the share is of no use.
  checkShare(valSplit);
  if (limitTrain !== undefined) checkLimit('limitTrain (--limit-train)', limitTrain);
  if (limitVal !== undefined) checkLimit('limitVal (--limit-val)', limitVal);
  const shards = (await findAddresses(path)) ?? (await findShards(path));
  const folder = shards?.root ?? resolve(path);
  const names = shards === undefined ? (await listFolder(folder)).map((entry) => entry.name) : [];
  const idx = findIdxFiles(folder, names);
  let parts: DatasetParts;
  if (shards !== undefined) parts = await openShards(shards, { need, take, valSplit, seed });
  else if (idx !== undefined) {
    const whole = take === 'train' || take === 'every' || idx.val === undefined;
    const wanted = take === undefined ? need : whole && idx.train !== undefined ? 'both' : 'val';
    parts = taken(await openIdx(folder, idx, wanted, valSplit, seed, cache), folder, take);
  } else if (take !== undefined) parts = await openToMeasure(folder, take);
  else parts = await openImageFolder(folder, need, valSplit, seed);
  const train = parts.train && limited(parts.train, limitTrain, seed);
  if (train !== undefined && limitTrain !== undefined) {
    const seen = new Set(parts.train!.labels).size;
    if (train.length < seen) {
      throw new UsageError(
        `Expected limitTrain (--limit-train) to leave a picture for each of the ${seen} classes but received ` +
          `${limitTrain}. Use at least ${seen}.`,
      );
    }
  }
  return {
    kind: parts.kind,
    name: shards?.name ?? basename(folder),
    classes: parts.classes,
    ...(train && { train }),
    val: limited(parts.val, limitVal, seed),
    split: parts.split,
    fingerprint: fingerprint(parts.classes, parts.identity),
    ...(parts.test && { test: parts.test }),
    measured: parts.measured,
    ignoredFiles: Object.values(parts.ignored).reduce((sum, count) => sum + count, 0),
    ignoredEndings: parts.ignored,
    notes: parts.notes,
    ...(parts.onDisk && { onDisk: parts.onDisk }),
    ...(typeof parts.identity !== 'string' && {
      onDisk: { key: diskKey(folder, parts.identity), count: parts.identity.length },
    }),
    ...(parts.note !== undefined && { note: parts.note }),
  };
}

/** IDX files as they are to be measured. */
function taken(parts: DatasetParts, folder: string, take: TakenPart | undefined): DatasetParts {
  const { train, val, split, measured } = parts;
  if (take === undefined) return parts;
  const { train: _, ...rest } = parts;
  if (split !== undefined && (take === 'all' || take === 'every' || take === 'train')) {
    const [first, second] = [train!.spec, val.spec];
    if (first.kind !== 'idx' || second.kind !== 'idx') return parts;
    const labels = sharedInts([...first.labels, ...second.labels]);
    const positions = sharedInts([...first.positions, ...second.positions]);
    return { ...rest, val: openSource({ ...first, labels, positions }), measured: 'all', split: undefined };
  }
  if (take === 'train' && train !== undefined) return { ...rest, val: train, measured: 'train', split: undefined };
  if (take !== 'all' && take !== 'every' && take !== measured)
    throw new UsageError(`Expected a ${take} part in ${folder} but it has train and ${measured}. Choose one of them.`);
  return rest;
}

function limited(source: Source, limit: number | undefined, seed: number): Source {
  if (limit === undefined || limit >= source.length) return source;
  return subset(source, balancedSubset(source.labels, source.classes.length, limit, seed));
}

function fingerprint(classes: readonly string[], identity: readonly FoundFile[] | string): string {
  const hash = createHash('sha256');
  for (const name of classes) hash.update(`${name}\0`);
  hash.update('\n');
  if (typeof identity === 'string') hash.update(identity);
  else for (const { path, size } of identity) hash.update(`${path}\0${size}\0`);
  return hash.digest('hex');
}
