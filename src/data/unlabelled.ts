import { createHash } from 'node:crypto';
import type { Dataset } from './dataset.js';
import { type Pool, poolOf } from './pool.js';
import type { Source } from './sources/source.js';

/** What a teacher says that pictures of a pool show, as it is learned: a record a picture, the arrays by record. */
export interface TeacherLabels {
  /** Place in the pool, rising. */
  readonly positions: Int32Array;
  /** How often it is drawn in a pass over the pool. */
  readonly copies: ArrayLike<number>;
  /** The most probable class, an index into the classes of the labelled pictures. */
  readonly classOf: Int32Array;
  /** Classes that a record gives with their probabilities. */
  readonly k: number;
  /** [records, k] */
  readonly topClasses: Int32Array;
  /** [records, k] */
  readonly topProbabilities: Float32Array;
  /** Tells these labels from others: of the teacher, the pictures and what was selected. */
  readonly identity: string;
}

/** Pictures without labels that a run learns from beside its labelled ones. */
export interface Unlabelled {
  readonly pool: Pool;
  readonly source: Source;
  /** Places in the source, each as often as it is drawn in a pass. */
  readonly drawn: Int32Array;
  /** How many of the source's are drawn at all. */
  readonly pictures: number;
  /** Undefined where no teacher was asked. */
  readonly labels?: TeacherLabels;
  /** sha256 (hex) over the pictures' names and sizes, and over their labels. */
  readonly fingerprint: string;
}

/** What a run learns from and is measured on. */
export interface TrainingData extends Dataset {
  readonly unlabelled?: Unlabelled;
}

/** @param labels what a teacher says of them; without, all of them are drawn once */
export function unlabelledOf(pool: Pool, labels?: TeacherLabels): Unlabelled {
  const hash = createHash('sha256');
  for (const part of pool.parts) hash.update(`${part.name}\0${pool.identity(part)}\0`);
  if (labels !== undefined) hash.update(`labels\0${labels.identity}`);
  return {
    pool,
    source: pool.source,
    drawn: labels === undefined ? Int32Array.from({ length: pool.source.length }, (_, i) => i) : drawnOf(labels),
    pictures: labels?.positions.length ?? pool.source.length,
    ...(labels && { labels }),
    fingerprint: hash.digest('hex'),
  };
}

function drawnOf({ positions, copies }: TeacherLabels): Int32Array {
  let total = 0;
  for (let k = 0; k < positions.length; k++) total += copies[k]!;
  const drawn = new Int32Array(total);
  let n = 0;
  for (let k = 0; k < positions.length; k++) for (let copy = 0; copy < copies[k]!; copy++) drawn[n++] = positions[k]!;
  return drawn;
}

/** The same pictures, of which each member is another data set: one read from a cache. */
export function withMembers(unlabelled: Unlabelled, members: Pool['members']): Unlabelled {
  const pool = poolOf(members);
  return { ...unlabelled, pool, source: pool.source };
}
