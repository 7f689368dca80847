import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { balancedSubset, checkLimit } from './choose.js';
import type { DatasetKind, NeededParts } from './parts.js';
import { diskKey } from './sources/disk-key.js';
import { findIdxFiles, openIdx } from './sources/idx.js';
import { openImageFolder } from './sources/image-folder.js';
import { type Source, subset } from './sources/source.js';
import { ENDINGS, type FoundFile, findPictures, follow, listFolder } from './sources/walk.js';

export type { DatasetKind, NeededParts } from './parts.js';

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
  /** Read IDX files through the cache of decoded pictures (see `cacheFolder`). Default false. */
  cache?: boolean;
}

export interface Dataset {
  readonly kind: DatasetKind;
  /** The folder's name. */
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  readonly train?: Source;
  readonly val: Source;
  /** How validation pictures were set aside; undefined when the dataset has its own. */
  readonly split: { readonly valSplit: number; readonly seed: number } | undefined;
  /**
   * sha256 (hex) over the class names and each file's path and size (image folders) or the files' bytes as they lie on
   * disk (IDX). Limits and split do not enter.
   */
  readonly fingerprint: string;
  /** Files that were passed over because their names do not end like a picture's. */
  readonly ignoredFiles: number;
  /**
   * Of image folders: a name of the pictures as they lie on this disk (see `diskKey`), and how many there are, whatever
   * the limits.
   */
  readonly onDisk?: { readonly key: string; readonly count: number };
  /** Why its pictures are not in the cache, where they could be: without a full stop. */
  readonly note?: string;
}

/**
 * Opens a dataset folder and tells its kind by its content: MNIST-like IDX files, or class folders of pictures
 * (see `openIdx`, `openImageFolder`).
 * @throws UsageError on a wrong path, layout or option (exit 2); RescaledError when something there cannot be read
 * (exit 1)
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { valSplit = 0.2, seed = 0, limitTrain, limitVal, need = 'both', cache = false } = options;
  if (limitTrain !== undefined) checkLimit('limitTrain (--limit-train)', limitTrain);
  if (limitVal !== undefined) checkLimit('limitVal (--limit-val)', limitVal);
  const folder = resolve(path);
  const names = (await listFolder(folder)).map((entry) => entry.name);
  const idx = findIdxFiles(folder, names);
  const parts = idx
    ? await openIdx(folder, idx, need, valSplit, seed, cache)
    : await openImageFolder(folder, need, valSplit, seed);
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
    name: basename(folder),
    classes: parts.classes,
    ...(train && { train }),
    val: limited(parts.val, limitVal, seed),
    split: parts.split,
    fingerprint: fingerprint(parts.classes, parts.identity),
    ignoredFiles: parts.ignoredFiles,
    ...(typeof parts.identity !== 'string' && {
      onDisk: { key: diskKey(folder, parts.identity), count: parts.identity.length },
    }),
    ...(parts.note !== undefined && { note: parts.note }),
  };
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

/**
 * Picture files for prediction: files are taken as they are, whatever their names end in; folders give all pictures
 * below them, sorted. A file named twice comes twice.
 * @throws UsageError when a path is missing, a folder has no pictures, or nothing is given
 */
export async function openPictures(paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) throw new UsageError('Expected at least one picture or folder but received none.');
  const pictures: string[] = [];
  for (const path of paths) {
    const found = await follow(path);
    if (found === 'missing')
      throw new UsageError(
        `Expected a picture or a folder of pictures at ${path} but there is nothing. Check the path.`,
      );
    if (!found.isDirectory()) {
      pictures.push(path);
      continue;
    }
    const { files, ignored } = await findPictures(path);
    if (files.length === 0) {
      const others = ignored > 0 ? ` (${ignored} other file${ignored === 1 ? '' : 's'})` : '';
      throw new UsageError(`Expected pictures in ${path} but found none${others}. ${ENDINGS}`);
    }
    for (const file of files) pictures.push(join(path, file.path));
  }
  return pictures;
}
