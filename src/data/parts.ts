import type { Endings, MeasuredPart } from '../part-words.js';
import type { Source } from './sources/source.js';
import type { FoundFile } from './sources/walk.js';

export type DatasetKind = 'image-folder' | 'idx' | 'shards' | 'clips';
export type PartName = 'train' | 'val' | 'test';

/** Which parts the caller will read: with 'val' a missing training part is no error. */
export type NeededParts = 'train' | 'val' | 'both';

/**
 * What is to be measured, of data that need not be fit for training: `all` pictures of a folder without parts and the
 * test part (else the validation part, else the training part) of others; one part; or `every` picture, whatever part
 * it lies in.
 */
export type TakenPart = 'all' | 'every' | PartName;

/** What a reader of one kind of dataset gives. */
export interface DatasetParts {
  kind: DatasetKind;
  classes: readonly string[];
  train?: Source;
  val: Source;
  /** Where there are training, validation and test pictures. */
  test?: Source;
  /** Which part `val` is. */
  measured: MeasuredPart;
  split: { valSplit: number; seed: number } | undefined;
  /** Files that were passed over. */
  ignored: Endings;
  /** What a person should know of how the folder was understood. */
  notes: readonly string[];
  /** What tells one dataset from another: its files and their sizes, or a hash of its contents. */
  identity: readonly FoundFile[] | string;
  /** See `Dataset`; of class folders it follows from `identity`. */
  onDisk?: { key: string; count: number };
  /** Why its pictures are not in the cache. */
  note?: string;
}
