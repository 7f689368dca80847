import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { type ChosenParts, chooseParts } from '../annotations/dataset.js';
import { balancedSubset, checkLimit, checkShare, splitByClass } from '../choose.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import type { PartName } from '../parts.js';
import { stampsKey } from '../sources/disk-key.js';
import { PathTable } from '../sources/path-table.js';
import { openSource, type Source, sharedInts, subset } from '../sources/source.js';
import { byName } from '../sources/walk.js';
import { ANIMATION_EXTENSIONS } from '../video/kinds.js';
import { CLIP_LIMITS } from '../video/limits.js';
import { findFfmpeg, missingFfmpeg } from '../video/programs.js';
import { type FoundClip, type FoundClips, findClips } from './found.js';
import { findLists, readList } from './list.js';

/** Raised when clips are decoded or packed differently. */
const VERSION = 1;

/**
 * Opens videos by class: class folders (`findClips`), or lists (`findLists`). Parts are chosen as of pictures.
 * @throws UsageError on a wrong path, layout or option; RescaledError where video files need ffmpeg and it is not there
 */
export async function openClips(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { valSplit = 0.2, seed = 0, limitTrain, limitVal } = options;
  checkShare(valSplit);
  if (limitTrain !== undefined) checkLimit('limitTrain (--limit-train)', limitTrain);
  if (limitVal !== undefined) checkLimit('limitVal (--limit-val)', limitVal);
  const found = await clipsAt(resolve(path));
  needPrograms(found.clips);
  const { root } = found;
  const chosen = chooseParts(root, found.clips, options);
  const classes = classesOf(root, chosen);
  const all = (['train', 'val', 'test'] as const).flatMap((part) => chosen.parts[part] ?? []);
  const ids = new Map(all.map((clip, id) => [clip, id]));
  const spans = spansOf(all);
  const name = basename(root);
  const sourceOf = (part: PartName): Source | undefined => {
    const own = chosen.parts[part];
    if (own === undefined) return undefined;
    return openSource({
      kind: 'files',
      name: chosen.measured === 'all' ? name : `${name}/${part === 'val' ? chosen.measured : part}`,
      classes,
      labels: sharedInts(own.map(({ label }) => classes.indexOf(label))),
      root,
      paths: PathTable.from(own.map(({ file }) => file.path)),
      ids: sharedInts(own.map((clip) => ids.get(clip)!)),
      clips: spans === undefined ? {} : { spans },
    });
  };
  let [train, val, test] = [sourceOf('train'), sourceOf('val'), sourceOf('test')];
  if (chosen.split) {
    const whole = train!;
    const halves = splitByClass(whole.labels, classes.length, (i) => all[i]!.file.path, valSplit, seed);
    if (halves.val.length === 0)
      throw new UsageError(
        `Expected at least two clips in some class of ${root} to set one aside for validation, but every class has one. Add clips.`,
      );
    const half = (part: 'train' | 'val'): Source =>
      openSource({ ...subset(whole, halves[part]).spec, name: `${name}/${part}` });
    [train, val] = [half('train'), half('val')];
  } else if (val === undefined) [val, test] = [test, undefined];
  const limited = (source: Source, limit: number | undefined): Source =>
    limit === undefined || limit >= source.length
      ? source
      : subset(source, balancedSubset(source.labels, classes.length, limit, seed));
  const known = all.slice(0, all.length - (test?.length ?? 0));
  const print = createHash('sha256');
  for (const one of classes) print.update(`${one}\0`);
  print.update('\n');
  for (const { file, label, start, end } of known)
    print.update(`${file.path}\0${file.size}\0${label}\0${start ?? ''}\0${end ?? ''}\0`);
  return {
    kind: 'clips',
    name,
    classes,
    ...(train && { train: limited(train, limitTrain) }),
    val: limited(val!, limitVal),
    ...(test && { test }),
    measured: chosen.measured,
    split: chosen.split ? { valSplit, seed } : undefined,
    fingerprint: print.digest('hex'),
    ignoredFiles: Object.values(found.ignored).reduce((sum, count) => sum + count, 0),
    ignoredEndings: found.ignored,
    notes: [...found.notes, ...chosen.notes],
    onDisk: { key: keyOf(root, all), count: all.length },
  };
}

async function clipsAt(path: string): Promise<FoundClips> {
  const lists = await findLists(path);
  if (lists === undefined) return findClips(path);
  const clips = [];
  for (const list of lists.lists) clips.push(...(await readList(lists.root, list)));
  return { root: lists.root, clips, ignored: {}, notes: [] };
}

/** Before anything is decoded. */
function needPrograms(clips: readonly FoundClip[]): void {
  const endings = clips.flatMap(({ file, folder }) => {
    const ending = /\.[^./]*$/.exec(file.path)?.[0].toLowerCase() ?? '';
    return folder || ANIMATION_EXTENSIONS.has(ending) ? [] : [ending];
  });
  if (endings.length === 0 || findFfmpeg() !== undefined) return;
  throw missingFfmpeg(`${plural(endings.length, 'video file')} (${[...new Set(endings)].slice(0, 4).join(', ')})`);
}

/** Sorted; numbers by their value. Those of the training part, where there is one. @throws UsageError */
function classesOf(root: string, { parts, measured }: ChosenParts<FoundClip>): string[] {
  const namesIn = (clips: readonly FoundClip[]): string[] => {
    const names = [...new Set(clips.map(({ label }) => label))];
    const numbers = names.every((name) => /^\d{1,9}$/.test(name));
    return names.sort(numbers ? (a, b) => Number(a) - Number(b) : byName);
  };
  const { train } = parts;
  const rest = [...(parts.val ?? []), ...(parts.test ?? [])];
  if (train === undefined) return namesIn(rest);
  const classes = namesIn(train);
  if (classes.length < 2)
    throw new UsageError(
      `Expected clips of at least two classes in ${root} but all are of "${classes[0]}". A classifier needs something to tell apart.`,
    );
  const unknown = namesIn(rest).filter((name) => !classes.includes(name));
  if (unknown.length > 0)
    throw new UsageError(
      `Expected the classes of the ${measured} clips of ${root} among the ${classes.length} that are trained on but "${unknown[0]}" ` +
        `${unknown.length > 1 ? `and ${unknown.length - 1} more are` : 'is'} not there. Add training clips of it, or take it out.`,
    );
  return classes;
}

function spansOf(clips: readonly FoundClip[]): Float64Array | undefined {
  if (clips.every(({ start, end }) => start === undefined && end === undefined)) return undefined;
  const spans = new Float64Array(new SharedArrayBuffer(16 * clips.length));
  for (const [i, { start, end }] of clips.entries()) {
    spans[2 * i] = start ?? Number.NaN;
    spans[2 * i + 1] = end ?? Number.NaN;
  }
  return spans;
}

/** Another file, or another way to keep its frames, gives another key. */
const keyOf = (root: string, clips: readonly FoundClip[]): string =>
  stampsKey(root, [
    `clips ${VERSION} ${CLIP_LIMITS.frames}`,
    ...clips.map(
      ({ file, start, end }) =>
        `${file.path}\0${file.size} ${file.modified} ${file.changed} ${file.inode} ${start ?? ''} ${end ?? ''}`,
    ),
  ]);
