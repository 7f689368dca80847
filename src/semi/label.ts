import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, type OptionKinds, wholeOption } from '../checks.js';
import { openPool, type Pool, type PoolPart } from '../data/pool.js';
import { readPixels } from '../data/sources/source.js';
import type { LatePicture } from '../deploy/picture.js';
import { RescaledError, UsageError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import { countLabels, type LabelCounts } from '../labels/counts.js';
import {
  type LabelledPart,
  type Manifest,
  manifestFile,
  partsFolder,
  readManifest,
  type Teacher,
} from '../labels/format.js';
import { PartLabels, Sidecar, writeSidecar } from '../labels/sidecar.js';
import { takeLock, withLock } from '../lock.js';
import { changedTeacher, type GivenTeacher, type OpenTeacher, openTeacher } from './teacher.js';

export interface PseudoLabelOptions {
  /** An ONNX file, a run, or weights. */
  teacher: string;
  /** Folders, patterns or shards. */
  pictures: readonly string[];
  /** The folder of labels. */
  out: string;
  /** How many classes of a picture are kept with their probabilities; 10 or all by default. */
  top?: number | undefined;
  /** This process is number `index` of `of`: it labels every `of`-th part. */
  index?: number | undefined;
  of?: number | undefined;
  /** Pictures a run of the teacher; default 8. */
  batch?: number | undefined;
  /** Of ONNX Runtime. */
  threads?: number | undefined;
  /** What the file of weights does not say. */
  given?: GivenTeacher | undefined;
  /** Share of a part's pictures that cannot be read above which it ends; default 0.1. */
  maxBroken?: number | undefined;
  signal?: AbortSignal | undefined;
}

const PSEUDO_LABEL_OPTIONS: OptionKinds<Required<PseudoLabelOptions>> = {
  ...{ teacher: 'path', pictures: 'texts', out: 'path', top: 'number', index: 'number', of: 'number' },
  ...{ batch: 'number', threads: 'number', given: 'object', maxBroken: 'number', signal: 'signal' },
};

export type PseudoLabelEvent =
  | {
      type: 'start';
      teacher: Teacher;
      classes: readonly string[];
      top: number;
      /** Of the whole pool, and of this process. */
      pictures: number;
      parts: number;
      ownPictures: number;
      ownParts: number;
      /** Parts of this process whose labels were there. */
      doneParts: number;
      donePictures: number;
      notes: readonly string[];
    }
  | { type: 'picture'; done: number; of: number }
  | { type: 'unreadable'; path: string; reason: string }
  /** A part that another process labels at this moment. */
  | { type: 'elsewhere'; part: string; pid: number | undefined }
  | { type: 'part'; part: string; pictures: number; unreadable: number; bytes: number; parts: number }
  | { type: 'end'; labelled: number; unreadable: number; seconds: number; counts: LabelCounts; manifest: Manifest };

/** Classes of a picture that are kept by default. */
const TOP = 10;
export function topOf(top: number | undefined, classes: number): number {
  wholeOption('top (--top)', top, 1, classes);
  return top ?? Math.min(TOP, classes);
}
/** So many may be broken in any part. */
const FEW_BROKEN = 10;

/**
 * Gives pseudo-labels to the pictures of a pool and writes them part by part into the folder `out`. A part is there whole or not at
 * all; the same call goes on after an interruption, and several processes may work in one folder at a time.
 * @throws UsageError when the folder was begun with another teacher or other pictures
 */
export async function* pseudoLabel(options: PseudoLabelOptions): AsyncGenerator<PseudoLabelEvent> {
  checkOptions('pseudoLabel', options, PSEUDO_LABEL_OPTIONS, ['teacher', 'pictures', 'out']);
  const { out: labels, index = 0, of = 1, batch = 8, signal, maxBroken = 0.1 } = options;
  wholeOption('of', of, 1, 100_000);
  wholeOption('index', index, 0, of - 1);
  wholeOption('batch', batch, 1, 4096);
  const pool = await openPool(options.pictures);
  checkFolder(labels);
  makeFolder(partsFolder(labels));
  const { teacher, manifest } = await withLock(join(labels, '.lock'), () => begin(options, pool)).catch((error) => {
    leaveNothing(labels);
    throw error;
  });
  const { predictor } = teacher;
  try {
    const own = pool.parts.flatMap((part, p) => (p % of === index ? [{ ...part, about: manifest.parts[p]! }] : []));
    const there = own.filter(({ about }) => isDone(labels, about, manifest));
    const sum = (parts: readonly PoolPart[]): number => parts.reduce((total, { begin, end }) => total + end - begin, 0);
    const [ownPictures, donePictures] = [sum(own), sum(there)];
    yield {
      type: 'start',
      teacher: teacher.about,
      classes: teacher.classes,
      top: manifest.top,
      pictures: pool.source.length,
      parts: pool.parts.length,
      ownPictures,
      ownParts: own.length,
      doneParts: there.length,
      donePictures,
      notes: predictor.notes,
    };
    const begun = performance.now();
    const head = { teacher: teacher.about, classes: teacher.classes };
    const left = own.filter((part) => !there.includes(part));
    const taken: { part: (typeof own)[number]; release: () => void }[] = [];
    const elsewhere: { part: string; pid: number | undefined }[] = [];
    let done = donePictures;
    let [labelled, unreadable, parts] = [0, 0, there.length];

    // Its process was killed after the labels were there.
    for (const { name } of there) if (existsSync(lockOf(labels, name))) (await claim(labels, name, () => {}))?.();

    // Pictures of the next part are decoded while the last ones of this part are with the teacher.
    async function* pictures(): AsyncGenerator<LatePicture> {
      for (const part of left) {
        const release = await claim(labels, part.name, (pid) => elsewhere.push({ part: part.name, pid }));
        if (release === undefined) continue;
        // An empty shard gives no picture after which its labels could be written.
        if (part.end === part.begin) writeSidecar(labels, head, part.about, new PartLabels(0, manifest.top), pool.key);
        if (isDone(labels, part.about, manifest)) {
          release();
          continue;
        }
        taken.push({ part, release });
        for (let i = part.begin; i < part.end; i++)
          yield { path: pool.source.describe(i), pixels: (targetSize) => readPixels(pool.source, i, targetSize) };
      }
    }
    try {
      let rows: PartLabels | undefined;
      let row = 0;
      for await (const { path, probabilities, error } of predictor.probabilities(pictures(), {
        batch,
        ...(signal === undefined ? {} : { signal }),
      })) {
        const { part, release } = taken[0]!;
        rows ??= new PartLabels(part.about.pictures, manifest.top);
        if (probabilities === undefined) {
          rows.setUnreadable(row, error!);
          yield { type: 'unreadable', path, reason: error! };
          checkBroken(rows.unreadable, part, labels, maxBroken);
        } else rows.set(row, probabilities);
        row++;
        yield { type: 'picture', done: ++done, of: ownPictures };
        if (row < part.about.pictures) continue;
        const bytes = writeSidecar(labels, head, part.about, rows, (at) => pool.key(part.begin + at));
        release();
        taken.shift();
        parts++;
        labelled += row - rows.unreadable.length;
        unreadable += rows.unreadable.length;
        const event = { part: part.name, pictures: row, unreadable: rows.unreadable.length, bytes, parts };
        [rows, row] = [undefined, 0];
        yield { type: 'part', ...event };
        for (const other of elsewhere.splice(0)) yield { type: 'elsewhere', ...other };
      }
    } finally {
      for (const { release } of taken) release();
    }
    for (const other of elsewhere.splice(0)) yield { type: 'elsewhere', ...other };
    const seconds = (performance.now() - begun) / 1000;
    yield { type: 'end', labelled, unreadable, seconds, counts: await countLabels(labels, manifest), manifest };
  } finally {
    await predictor.close();
  }
}

function checkFolder(labels: string): void {
  if (!existsSync(labels) || existsSync(manifestFile(labels))) return;
  // What a process leaves that was killed before its manifest was there.
  const other = readdirSync(labels).filter((name) => !/^(\..*|parts|teacher\.(onnx|labels\.json))$/.test(name));
  if (other.length > 0)
    throw new UsageError(
      `Expected a new folder, or one of pseudo-labels, for --out but ${labels} holds something else (${other.slice(0, 3).join(', ')}). ` +
        'Choose another.',
    );
}

/** Takes folders away that were made for labels that did not begin. */
function leaveNothing(labels: string): void {
  try {
    rmdirSync(partsFolder(labels));
    rmdirSync(labels);
  } catch {
    // Something lies there.
  }
}

/** Opens the teacher; writes the manifest, or compares it with what was begun. Nobody else does at the same time. */
async function begin(
  { teacher: target, out: labels, top, given, threads }: PseudoLabelOptions,
  pool: Pool,
): Promise<{ teacher: OpenTeacher; manifest: Manifest }> {
  const begun = existsSync(manifestFile(labels)) ? readManifest(labels) : undefined;
  const parts = pool.parts.map((part) => ({
    name: part.name,
    identity: pool.identity(part),
    pictures: part.end - part.begin,
  }));
  if (begun !== undefined) checkPool(labels, begun, parts);
  const teacher = await openTeacher(target, labels, begun, { given: given ?? {}, threads });
  try {
    const { about, classes, exported } = teacher;
    const k = topOf(top, classes.length);
    if (begun !== undefined) {
      if (begun.teacher.identity !== about.identity) throw changedTeacher(target, labels, begun, about.identity);
      if (top !== undefined && top !== begun.top)
        throw new UsageError(
          `Expected --top ${begun.top}, with which the labels in ${labels} were begun, but received ${top}. ` +
            'Leave it out, or write to another folder.',
        );
      return { teacher, manifest: begun };
    }
    const manifest: Manifest = {
      format: 1,
      kind: 'classes',
      teacher: about,
      classes: [...classes],
      top: k,
      ...(exported === undefined ? {} : { exported }),
      parts,
    };
    mkdirSync(partsFolder(labels), { recursive: true });
    writeFileAtomic(manifestFile(labels), `${JSON.stringify(manifest)}\n`);
    return { teacher, manifest };
  } catch (error) {
    await teacher.predictor.close();
    throw error;
  }
}

/** @throws UsageError when the labels were begun with other pictures */
function checkPool(labels: string, { parts: before }: Manifest, now: readonly LabelledPart[]): void {
  const advice = 'Labels that are there belong to the pictures as they were: give these, or write to another folder.';
  const changed = now.findIndex(
    ({ name, identity }, p) => before[p]?.name !== name || before[p]?.identity !== identity,
  );
  if (changed === -1 && before.length === now.length) return;
  const [part, old] = [now[changed], before[changed]];
  const what =
    changed === -1 || old === undefined
      ? `there are ${now.length} parts, not ${before.length}`
      : part!.name !== old.name
        ? `part ${changed + 1} is ${part!.name}, not ${old.name}`
        : `part ${old.name} has ${part!.pictures === old.pictures ? 'other pictures' : `${part!.pictures} pictures, not ${old.pictures}`}`;
  throw new UsageError(`Expected the pictures that the labels in ${labels} were begun with but ${what}. ${advice}`);
}

/** Whether a part's labels are there; they are this teacher's, of these pictures. */
function isDone(labels: string, part: LabelledPart, { teacher }: Manifest): boolean {
  if (!Sidecar.isThere(labels, part.name)) return false;
  Sidecar.open(labels, part, teacher.identity).close();
  return true;
}

const lockOf = (labels: string, part: string): string => join(partsFolder(labels), `.${part}.lock`);

/** Takes a part for this process; undefined where another has it. What a killed one left of it goes. */
async function claim(
  labels: string,
  part: string,
  busy: (pid: number | undefined) => void,
): Promise<(() => void) | undefined> {
  const folder = partsFolder(labels);
  let held = false;
  try {
    const release = await takeLock(lockOf(labels, part), {
      timeoutMs: 0,
      pollMs: 20,
      busy: (pid) => {
        held = true;
        busy(pid);
        return new RescaledError(`Part ${part} is labelled by process ${pid ?? '?'}.`);
      },
    });
    for (const name of readdirSync(folder))
      if (name.startsWith(`.${part}.safetensors.`) && name.endsWith('.tmp'))
        rmSync(join(folder, name), { force: true });
    return release;
  } catch (error) {
    if (held) return undefined;
    throw error;
  }
}

/** @throws RescaledError when so many cannot be read that something else is wrong, with the disk say */
function checkBroken(
  unreadable: readonly [number, string][],
  { name, begin, end }: PoolPart,
  labels: string,
  maxBroken: number,
): void {
  if (unreadable.length <= FEW_BROKEN || unreadable.length <= maxBroken * (end - begin)) return;
  throw new RescaledError(
    `Expected pictures in part ${name} but ${unreadable.length} of its ${end - begin} cannot be read: ${unreadable.at(-1)![1]}. ` +
      `Its labels were not written into ${labels}. If the pictures are like that, allow more with --max-broken.`,
  );
}
