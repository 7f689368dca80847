import { setImmediate } from 'node:timers/promises';
import type { Pool, PoolPart } from '../data/pool.js';
import { UsageError } from '../errors.js';
import { type LabelledPart, type Manifest, readManifest, type Teacher } from './format.js';
import { isSelection, labelsOf, readSelectedPart, readSelection, type Selection } from './selection.js';
import { Sidecar } from './sidecar.js';

/**
 * Pseudo-labels of the pictures of a pool, one record a picture, in the pool's order. The arrays lie in shared memory, so
 * that threads see them without a copy.
 */
export interface PseudoLabels {
  /** Identity of who gave them, see `Teacher`. */
  readonly teacher: string;
  readonly about: Teacher;
  /** The classes that were asked for, in that order. */
  readonly classes: readonly string[];
  /** How many classes of a picture have their own probability; what is left of 1 is spread evenly over the others. */
  readonly k: number;
  /** Place in the pool of record i, rising. */
  readonly positions: Int32Array;
  /** How often record i is drawn in a pass; 1 without a selection. */
  readonly copies: Uint32Array;
  readonly classOf: Int32Array;
  /** Of that class, as the teacher gave it. */
  readonly probability: Float32Array;
  /** [n, k], most probable first. */
  readonly topClasses: Int32Array;
  /** [n, k], rounded to half precision. */
  readonly topProbabilities: Float32Array;
  /** Pictures of the pool that the teacher could not read; they have no record. */
  readonly unreadable: number;
  /** How the records were selected, where they were. */
  readonly selection?: Selection;
}

/** A folder of labels, or what was selected of one, opened as far as its JSON. */
export interface OpenLabels {
  readonly labels: string;
  readonly manifest: Manifest;
  readonly selection?: Selection;
}

/** @throws UsageError where there are no labels */
export function openLabels(folder: string): OpenLabels {
  if (!isSelection(folder)) return { labels: folder, manifest: readManifest(folder) };
  const selection = readSelection(folder);
  const labels = labelsOf(folder, selection);
  const manifest = readManifest(labels);
  if (selection.teacher !== manifest.teacher.identity)
    throw new UsageError(
      `Expected a selection of the labels in ${labels} but ${folder} is one of another teacher's. ` +
        'Select again with "rescaled pseudo-label select".',
    );
  return { labels, manifest, selection };
}

/**
 * The pseudo-labels of a pool's pictures.
 * @param folder LABELS of `rescaled pseudo-label`: all records; or a folder of `select`: those that it kept
 * @param classes in the order that the records are to have
 * @throws UsageError when the labels are of other classes, or are not there for a part of the pool as it is
 */
export async function readPseudoLabels(folder: string, pool: Pool, classes: readonly string[]): Promise<PseudoLabels> {
  const { labels, manifest, selection } = openLabels(folder);
  const order = classOrder(manifest.classes, classes, folder);
  const teacher = manifest.teacher.identity;
  const there = new Map(manifest.parts.map((part) => [part.name, part]));
  const wanted = pool.parts.map((part) => wantedOf(part, pool, there, folder));

  // First how many there are: a million records more would not fit into an array that is made twice as large.
  let total = 0;
  let unreadable = 0;
  // What was selected is read twice rather than held beside the records.
  const keptOf = (part: LabelledPart): ReturnType<typeof readSelectedPart> | undefined =>
    selection === undefined ? undefined : readSelectedPart(folder, part, teacher);
  for (const part of wanted) {
    const sidecar = Sidecar.open(labels, part, teacher);
    try {
      const broken = sidecar.unreadable().length;
      unreadable += broken;
      total += keptOf(part)?.rows.length ?? part.pictures - broken;
    } finally {
      sidecar.close();
    }
    await setImmediate();
  }

  const k = manifest.top;
  const found = {
    teacher,
    about: manifest.teacher,
    classes,
    k,
    positions: new Int32Array(new SharedArrayBuffer(4 * total)),
    copies: new Uint32Array(new SharedArrayBuffer(4 * total)),
    classOf: new Int32Array(new SharedArrayBuffer(4 * total)),
    probability: new Float32Array(new SharedArrayBuffer(4 * total)),
    topClasses: new Int32Array(new SharedArrayBuffer(4 * total * k)),
    topProbabilities: new Float32Array(new SharedArrayBuffer(4 * total * k)),
    unreadable,
    ...(selection === undefined ? {} : { selection }),
  };
  let at = 0;
  for (const [i, part] of wanted.entries()) {
    const sidecar = Sidecar.open(labels, part, teacher);
    try {
      const [classOf, probability] = [sidecar.classOf(), sidecar.probability()];
      const [topClasses, topProbabilities] = [sidecar.topClasses(), sidecar.topProbabilities()];
      const kept = keptOf(part);
      const rows = kept?.rows;
      for (let r = 0; r < (rows?.length ?? part.pictures); r++) {
        const row = rows?.[r] ?? r;
        if (classOf[row]! < 0) continue;
        found.positions[at] = pool.parts[i]!.begin + row;
        found.copies[at] = kept?.copies[r] ?? 1;
        found.classOf[at] = order[classOf[row]!]!;
        found.probability[at] = probability[row]!;
        for (let j = 0; j < k; j++) {
          found.topClasses[at * k + j] = order[topClasses[row * k + j]!]!;
          found.topProbabilities[at * k + j] = topProbabilities[row * k + j]!;
        }
        at++;
      }
    } finally {
      sidecar.close();
    }
    await setImmediate();
  }
  return found;
}

/** The part as the labels have to be of it. */
function wantedOf(part: PoolPart, pool: Pool, parts: ReadonlyMap<string, LabelledPart>, folder: string): LabelledPart {
  const own = { name: part.name, pictures: part.end - part.begin, identity: pool.identity(part) };
  const there = parts.get(part.name);
  const again = 'Give the pictures that were labelled, or label these: rescaled pseudo-label TEACHER PICTURES... -o ';
  if (there === undefined)
    throw new UsageError(
      `Expected labels of part ${part.name} of the pictures in ${folder} but they are of ` +
        `${[...parts.keys()].slice(0, 4).join(', ')}${parts.size > 4 ? ' and others' : ''}. ${again}LABELS.`,
    );
  if (there.identity !== own.identity)
    throw new UsageError(
      `Expected labels of the ${own.pictures} pictures of part ${part.name} but those in ${folder} are of ` +
        `${there.pictures === own.pictures ? 'other ones' : `${there.pictures}`}: pictures were added, removed or changed since. ` +
        `${again}ANOTHER_FOLDER.`,
    );
  return own;
}

/**
 * The place in `classes` of each class of the teacher.
 * @throws UsageError when they are other classes
 */
function classOrder(teacher: readonly string[], classes: readonly string[], folder: string): Int32Array {
  const place = new Map(classes.map((name, i) => [name, i]));
  const own = new Set(teacher);
  const more = teacher.filter((name) => !place.has(name));
  const fewer = classes.filter((name) => !own.has(name));
  if (more.length === 0 && fewer.length === 0) return Int32Array.from(teacher, (name) => place.get(name)!);
  const some = (names: readonly string[]): string =>
    `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
  throw new UsageError(
    `Expected labels of the ${classes.length} classes of the data but those in ${folder} are of other classes: ${[
      ...(more.length > 0 ? [`the teacher alone knows ${some(more)}`] : []),
      ...(fewer.length > 0 ? [`it does not know ${some(fewer)}`] : []),
    ].join('; ')}. Label with a teacher that was trained on these classes.`,
  );
}
