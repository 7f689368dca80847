import { checkShare, splitByClass } from '../../data/choose.js';
import { type Dataset, type DatasetOptions, openDataset } from '../../data/dataset.js';
import { openPool, type Pool } from '../../data/pool.js';
import { subset } from '../../data/sources/source.js';
import { unlabelledOf } from '../../data/unlabelled.js';
import { UsageError } from '../../errors.js';

/** Pictures of a heap that are measured on at most where nobody says how many: more tell little more and cost time. */
const MOST_MEASURED = 2000;

/**
 * Pictures to learn from without their labels. What is laid out as a data set is opened as one: its training part is learned from, and its
 * classes serve as a gauge alone. Anything else (folders of any depth, shards without labels, patterns) is a heap: a tenth of it, up to 2,000
 * pictures, is set aside to measure on.
 * @throws UsageError for a path that leads to no pictures, or to too few
 */
export async function openContrastData(path: string, options: DatasetOptions): Promise<Dataset> {
  // What is no data set is opened as a heap, whatever made it none.
  if (options.valSplit !== undefined) checkShare(options.valSplit);
  let dataset: Dataset;
  try {
    dataset = await openDataset(path, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return openHeap(path, options, error);
  }
  // Folders that have names of their own look like classes; with pictures that lie in none, or deeper, they are none.
  const { kind, split, train, val, onDisk } = dataset;
  if (kind !== 'image-folder' || split === undefined) return dataset;
  const pool = await openPool([path]);
  return pool.source.length > (onDisk?.count ?? val.length + (train?.length ?? 0))
    ? openHeap(path, options, undefined, pool)
    : dataset;
}

/** @param why no data set is there @param opened the pictures, where they are open */
async function openHeap(path: string, options: DatasetOptions, why?: UsageError, opened?: Pool): Promise<Dataset> {
  const { seed = 0, valSplit, limitTrain, limitVal, need = 'both', take } = options;
  const pool =
    opened ??
    (await openPool([path]).catch((error: unknown) => {
      // Of two reasons the one that speaks of what was found there.
      throw why !== undefined && !/there is nothing|found none/.test((error as Error).message) ? why : error;
    }));
  const { source } = pool;
  const { fingerprint } = unlabelledOf(pool);
  const [{ dataset: member }] = pool.members as [(typeof pool.members)[0]];
  const common = {
    kind: source.spec.kind === 'shards' ? ('shards' as const) : ('image-folder' as const),
    name: source.name,
    classes: source.classes,
    fingerprint,
    ignoredFiles: 0,
    ignoredEndings: {},
    ...(member.onDisk && { onDisk: member.onDisk }),
  };
  if (take === 'all' || take === 'every' || need === 'val' || source.length < 8) {
    if (need !== 'val' && take === undefined)
      throw new UsageError(
        `Expected 8 pictures or more to learn from at ${path} but there are ${source.length}. Give a larger folder.`,
      );
    return { ...common, val: source, measured: 'all', split: undefined, notes: [] };
  }
  const share = valSplit ?? Math.min(0.1, MOST_MEASURED / source.length);
  const { train, val } = splitByClass(source.labels, source.classes.length, (i) => `heap\0${pool.key(i)}`, share, seed);
  const first = (list: ArrayLike<number>, limit: number | undefined): number[] => Array.from(list).slice(0, limit);
  return {
    ...common,
    train: subset(source, first(train, limitTrain)),
    val: subset(source, first(val, limitVal)),
    measured: 'val',
    split: { valSplit: share, seed },
    notes: [`read as ${source.length} pictures without classes: there is no k-NN or linear accuracy to follow`],
  };
}
