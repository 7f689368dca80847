import { existsSync } from 'node:fs';
import { Random } from '../augment/random.js';
import { byClass } from '../data/choose.js';
import type { Dataset } from '../data/dataset.js';
import { splitMinival } from '../data/minival.js';
import { PathTable } from '../data/sources/path-table.js';
import { numbersOf, openSource, pathsOf, type Source, type StoredSpec, sharedInts } from '../data/sources/source.js';
import { UsageError } from '../errors.js';
import { placeOf } from '../files.js';
import type { Metric } from '../metric.js';
import { picturesOf } from '../part-words.js';
import { didYouMean, plural } from '../suggest.js';
import { metricsOf, taskNamed } from '../tasks/index.js';
import { taskOfData } from '../tasks/of-data.js';
import { digest } from './starts.js';

/** Tasks that starts are compared by. */
export const TARGET_TASKS = ['classify', 'detect', 'segment', 'depth', 'video'] as const;
export type TargetTask = (typeof TARGET_TASKS)[number];

/** Tasks whose pictures or videos have a class each. */
const ofClasses = (task: TargetTask): boolean => task === 'classify' || task === 'video';

/** A set of pictures to learn, in three parts that share none. */
export interface Target {
  name: string;
  path: string;
  given: string;
  /** What is learned of it: classes, boxes, masks, depth or classes of videos. */
  task: TargetTask;
  dataset: Dataset;
  train: Source;
  val: Source;
  /** Measured once for each result. */
  test: Source;
  classes: readonly string[];
  /** Names pictures, classes and parts. */
  identity: string;
  /** Whether the validation pictures were set aside of the training part. */
  setAside: boolean;
  /** What is to be known of its parts. */
  notes: string[];
}

/** What a target is, without its pictures. JSON. */
export interface TargetFacts {
  name: string;
  path: string;
  /** As it was typed. */
  given: string;
  identity: string;
  task: TargetTask;
  /** What its results are compared by: the primary metric of its task. */
  metric: Metric;
  /** Side of the pictures for all starts, of other tasks than classify: there each start has its own. */
  size?: number;
  /** 0 of depth. */
  classes: number;
  train: number;
  val: number;
  test: number;
  notes: readonly string[];
}

/** @param size that is asked for, of all targets; by default that of the task */
export function factsOfTarget(
  { name, path, given, identity, task, dataset, classes, train, val, test, notes }: Target,
  size?: number,
): TargetFacts {
  const side = task === 'classify' ? undefined : (size ?? taskNamed(task).network?.size);
  const { counts, settings } = taskNamed(task);
  return {
    ...{ name, path, given, identity, task, notes },
    metric: metricsOf(task)[0],
    ...(side !== undefined && { size: side }),
    classes: task === 'classify' ? classes.length : (counts(settings(dataset)).classes ?? 0),
    ...{ train: train.length, val: val.length, test: test.length },
  };
}

/** `10 classes`, `boxes of 3 classes`, `depth`. */
export function contentOf({ task, classes }: Pick<TargetFacts, 'task' | 'classes'>): string {
  const words = plural(classes, 'class', 'classes');
  const said = {
    classify: words,
    video: `videos of ${words}`,
    detect: `boxes of ${words}`,
    segment: `masks of ${words}`,
    depth: 'depth',
  };
  return said[task];
}

/** All starts see the same parts, whatever the seed of a result. */
const SPLIT_SEED = 0;

/** `depth=rooms`: a set, and what is to be learned of it. */
const WITH_TASK = new RegExp(`^(${TARGET_TASKS.join('|')})=(.+)$`, 's');

/** What `openTarget` opens alike in another process. */
export const asGiven = ({ task, path }: Pick<TargetFacts, 'task' | 'path'>): string => `${task}=${path}`;

/** The task of a target as it was typed: as it says itself, or as the annotations beside its pictures do. */
async function taskOf(given: string): Promise<{ task: TargetTask; path: string }> {
  const [, said, path] = existsSync(given) ? [] : (WITH_TASK.exec(given) ?? []);
  if (said !== undefined) return { task: said as TargetTask, path: path! };
  const [, wrong, rest] = existsSync(given) ? [] : (/^(\w+)=(.+)$/s.exec(given) ?? []);
  if (wrong !== undefined && existsSync(rest!))
    throw new UsageError(
      `Expected ${TARGET_TASKS.join(', ')} before = in --to ${given} but received "${wrong}".${didYouMean(wrong, TARGET_TASKS)}`,
    );
  try {
    return { task: (await taskOfData(given))?.task ?? 'classify', path: given };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // Here the task is said before the set.
    throw new UsageError(error.message.replace(/--task (.*)\.$/, (_, tasks) => `--to TASK=${given}: ${tasks}.`));
  }
}

/**
 * Opens a target set. Where it has no validation part, a share of the training part is set aside, class by class; where it has no test part
 * either, another one first.
 * @param given where it lies; `TASK=PATH` where it has annotations of several kinds, or they are not what is to be learned
 * @param share of it, between 0 and 1
 */
export async function openTarget(given: string, share = 0.2): Promise<Target> {
  const { task, path } = await taskOf(given);
  const dataset = await taskNamed(task).openData(path, { cache: true, valSplit: share, seed: SPLIT_SEED });
  const { train: all, name, classes } = dataset;
  if (all === undefined)
    throw new UsageError(`Expected training pictures in ${path} but there is only a part to measure on.`);
  const percent = `${Number((100 * share).toPrecision(4))} %`;
  const notes = [...dataset.notes];
  const own = dataset.test !== undefined;
  const parts = own ? { train: all, minival: dataset.val } : splitMinival(all, share, SPLIT_SEED);
  const [train, val, test] = [parts.train, parts.minival, dataset.test ?? dataset.val];
  if (val.length === 0)
    throw new UsageError(
      ofClasses(task)
        ? `Expected two training pictures of some class in ${path}, to set one aside for validation, but every class has one. Add pictures.`
        : `Expected two training pictures in ${path}, to set one aside for validation, but there is one. Add pictures.`,
    );
  if (dataset.split !== undefined)
    notes.push(
      `${name} has no test part: ${percent} of its pictures are set aside as one (${picturesOf('test', test.length)}), ` +
        `and ${percent} of the others for validation (${picturesOf('val', val.length)})`,
    );
  else if (!own)
    notes.push(
      `${name} has no validation part of its own beside a test part: ${percent} of its training pictures are set aside for it (${val.length})` +
        (dataset.measured === 'val' ? '; its validation part is measured once, as a test part' : ''),
    );
  for (const [label, members] of byClass(train.labels, classes.length).entries())
    if (ofClasses(task) && members.length === 0)
      throw new UsageError(
        `Expected a training picture of each class in ${path} but "${classes[label]}" has none. Add pictures, or remove the class.`,
      );
  const identity = digest(
    dataset.fingerprint,
    dataset.split === undefined && own ? [] : [share, SPLIT_SEED],
    test.length,
    dataset.test === undefined ? [] : (pathsOf(dataset.test) ?? []),
    ...(task === 'classify' ? [] : [task]),
  );
  return {
    name,
    path: placeOf(path),
    given,
    task,
    dataset,
    train,
    val,
    test,
    classes,
    identity,
    setAside: !own,
    notes,
  };
}

/** A batch has at least two. */
const LEAST_PICTURES = 2;

/** Keeps these draws apart from others of the same seed. */
const STREAM = -40;

/**
 * The training pictures whose labels are known: of each class round(share x pictures), at least one, of other annotations as many of all
 * pictures, at least two; in an order that depends on (seed, class) alone, so that a smaller share lies within a larger one.
 * @param percent of the labels, above 0 and at most 100
 * @returns rising indices into the training part
 */
export function labelled(
  { train, classes, task = 'classify' }: Pick<Target, 'train' | 'classes'> & Partial<Pick<Target, 'task'>>,
  percent: number,
  seed: number,
): number[] {
  if (percent >= 100) return Array.from({ length: train.length }, (_, i) => i);
  return byClass(train.labels, classes.length)
    .flatMap((members, label) => {
      const order = new Random(seed, STREAM, label).permutation(members.length);
      const least = ofClasses(task) ? 1 : Math.min(LEAST_PICTURES, members.length);
      const count = Math.max(least, Math.round((percent / 100) * members.length));
      return Array.from(order.subarray(0, count), (i) => members[i]!);
    })
    .sort((a, b) => a - b);
}

/** What a share of the labels comes to, where it leaves some class a single picture. */
export function scarceNote(target: Target, percent: number): string | undefined {
  const chosen = labelled(target, percent, 0);
  const counts = byClass(
    chosen.map((i) => target.train.labels[i]!),
    target.classes.length,
  ).map(({ length }) => length);
  const single = counts.filter((count) => count === 1).length;
  if (percent >= 100 || single === 0 || !ofClasses(target.task)) return undefined;
  return (
    `${percent} % of the labels of ${target.name} are ${plural(chosen.length, 'picture')} of ${target.classes.length} classes: ` +
    `${single === target.classes.length ? 'each class has' : `${plural(single, 'class', 'classes')} ${single === 1 ? 'has' : 'have'}`} only one`
  );
}

/** Two parts of one data set as one source. */
export function together(a: Source, b: Source): Source {
  const [one, two] = [a.spec, b.spec];
  const labels = sharedInts([...a.labels, ...b.labels]);
  if (one.kind === 'idx' && two.kind === 'idx')
    return openSource({ ...one, labels, positions: sharedInts([...one.positions, ...two.positions]) });
  const ids = sharedInts(
    [one, two].flatMap((spec, k) => Array.from((k === 0 ? a : b).labels, (_, i) => numbersOf(spec as StoredSpec)(i))),
  );
  if (one.kind === 'files' && two.kind === 'files')
    return openSource({ ...one, labels, ids, paths: PathTable.from([...pathsOf(a)!, ...pathsOf(b)!]) });
  if (one.kind === 'shards' && two.kind === 'shards') return openSource({ ...one, labels, ids });
  throw new UsageError(`Expected parts of one data set but ${a.name} and ${b.name} are kept differently.`);
}
