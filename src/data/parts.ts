import type { Source } from './sources/source.js';
import type { FoundFile } from './sources/walk.js';

export type DatasetKind = 'image-folder' | 'idx';

/** Which parts the caller will read: with 'val' a missing training part is no error. */
export type NeededParts = 'train' | 'val' | 'both';

/** What a reader of one kind of dataset gives. */
export interface DatasetParts {
  kind: DatasetKind;
  classes: readonly string[];
  train?: Source;
  val: Source;
  split: { valSplit: number; seed: number } | undefined;
  ignoredFiles: number;
  /** What tells one dataset from another: its files and their sizes, or a hash of its contents. */
  identity: readonly FoundFile[] | string;
  /** Why its pictures are not in the cache. */
  note?: string;
}
