import { basename, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { splitByClass } from '../choose.js';
import type { DatasetParts, NeededParts, PartName, TakenPart } from '../parts.js';
import { type ClassFolders, count, EXAMPLE, quoted, readClassFolders, sourceOf } from './class-folders.js';
import { checkLayout, type Layout, layoutOf } from './layout.js';
import { openSource, type Source, subset } from './source.js';
import { addEndings } from './walk.js';

/**
 * Opens a folder of pictures for training: a training part beside a validation part, a test part or both, each with one
 * folder per class (names in any spelling, see `partOf`); or one folder of class folders that is split class by class
 * (`valSplit`, see `splitByClass`). With all three parts `val` is the validation part. A test part without class folders
 * has no labels: the training part is split then. Classes are sorted by name.
 * @throws UsageError on any other layout; the message says what was expected, what was found and what to do
 */
export async function openImageFolder(
  folder: string,
  need: NeededParts,
  valSplit: number,
  seed: number,
): Promise<DatasetParts> {
  const layout = await layoutOf(folder);
  const name = basename(folder);
  const { parts, notes } = layout;
  if (layout.parted && parts.train === undefined && need !== 'val') {
    const there = parts.val ?? parts.test!;
    throw new UsageError(
      `Expected ${folder} to hold train/ next to ${there}/ but there is no train/. Add it, ` +
        'or give the folder that holds both.',
    );
  }
  if (!layout.parted) await checkLayout(layout);
  const train =
    !layout.parted || parts.train !== undefined ? await readClassFolders(folder, parts.train ?? '', true) : undefined;
  const val = parts.val === undefined ? undefined : await readClassFolders(folder, parts.val, false);
  const unlabelled = train === undefined ? undefined : await withoutLabels(layout, train);
  const alone = val === undefined;
  const test =
    parts.test === undefined || unlabelled !== undefined || (train === undefined && !alone)
      ? undefined
      : await readClassFolders(folder, parts.test, false);
  for (const part of [val, test]) if (train !== undefined && part !== undefined) checkSameClasses(folder, train, part);
  const ignored: Record<string, number> = {};
  for (const part of [train, val, test]) addEndings(ignored, part?.ignored ?? {});
  const common = { kind: 'image-folder' as const, ignored };

  const measured = val ?? test;
  if (measured !== undefined) {
    const classes = train?.classes ?? measured.classes;
    const first = train?.files.flat().length ?? 0;
    return {
      ...common,
      classes,
      ...(train && { train: sourceOf(folder, `${name}/train`, classes, [train]) }),
      val: sourceOf(folder, `${name}/${measured.prefix}`, classes, [measured], first),
      ...(val && test && { test: sourceOf(folder, `${name}/${test.prefix}`, classes, [test]) }),
      measured: val === undefined ? 'test' : 'val',
      split: undefined,
      notes: unlabelled === undefined ? notes : [...notes, unlabelled],
      // A test part beside a validation part is no part of what the run trains on and is chosen by.
      identity: [train, measured].flatMap((part) => part?.files.flat() ?? []),
    };
  }
  const all = sourceOf(folder, name, train!.classes, [train!]);
  const flat = train!.files.flat();
  const split = splitByClass(all.labels, train!.classes.length, (i) => flat[i]!.path, valSplit, seed);
  if (split.val.length === 0) {
    throw new UsageError(
      `Expected at least two pictures in some class of ${folder} to set one aside for validation, ` +
        'but every class has one. Add pictures.',
    );
  }
  const aside = `${100 * valSplit} % of ${parts.train}/ is set aside for validation`;
  return {
    ...common,
    classes: train!.classes,
    train: named(subset(all, split.train), `${name}/train`),
    val: named(subset(all, split.val), `${name}/val`),
    measured: 'val',
    split: { valSplit, seed },
    notes: unlabelled === undefined ? notes : [...notes, `${unlabelled}. ${aside}`],
    identity: flat,
  };
}

/**
 * Opens a folder to measure a model on, which need not be fit for training: a class may be empty, or all there is.
 * See `TakenPart`.
 */
export async function openToMeasure(folder: string, take: TakenPart): Promise<DatasetParts> {
  const layout = await layoutOf(folder);
  const { parts } = layout;
  const there = (['test', 'val', 'train'] as const).filter((part) => parts[part] !== undefined);
  let taken: PartName[] = [];
  if (!layout.parted) {
    if (take !== 'all' && take !== 'every')
      throw new UsageError(
        `Expected a ${take} part in ${folder} but it holds class folders alone. Without --split all of it is measured.`,
      );
    await checkLayout(layout);
  } else if (take === 'every') taken = [...there].reverse();
  else if (take === 'all') taken = [await firstLabelled(layout, there)];
  else if (parts[take] !== undefined) taken = [take];
  else
    throw new UsageError(
      `Expected a ${take} part in ${folder} but it has ${there.map((part) => `${parts[part]}/`).join(' and ')}. ` +
        `Choose --split ${there.join(' or ')}.`,
    );
  const found: ClassFolders[] = [];
  const ignored: Record<string, number> = {};
  for (const part of layout.parted ? taken : [undefined]) {
    const prefix = part === undefined ? '' : parts[part]!;
    if (take === 'every' && part === 'test' && !(await hasFolders(layout, prefix))) continue;
    const read = await readClassFolders(folder, prefix, false);
    addEndings(ignored, read.ignored);
    found.push(read);
  }
  // An empty folder is no class to measure.
  const classes = [
    ...new Set(found.flatMap((part) => part.classes.filter((_, i) => part.files[i]!.length > 0))),
  ].sort();
  const [only] = taken;
  return {
    kind: 'image-folder',
    classes,
    val: sourceOf(folder, [basename(folder), parts[only ?? 'train']].filter(Boolean).join('/'), classes, found),
    measured: layout.parted && taken.length === 1 ? only! : 'all',
    split: undefined,
    ignored,
    notes: layout.notes,
    identity: found.flatMap((part) => part.files.flat()),
  };
}

async function hasFolders({ subfolders }: Layout, part: string): Promise<boolean> {
  return (await subfolders(part)).length > 0;
}

/** Test pictures without class folders, as competitions give them, have no labels. */
async function firstLabelled(layout: Layout, there: readonly PartName[]): Promise<PartName> {
  for (const part of there) if (part !== 'test' || (await hasFolders(layout, layout.parts[part]!))) return part;
  throw new UsageError(
    `${EXAMPLE}, but ${join(layout.folder, layout.parts.test!)} has no class folders: its pictures have no labels to be ` +
      'measured against. "rescaled predict" says what they show.',
  );
}

/** Why the test part cannot be measured, as the begin of a sentence; undefined when it can, or is not there. */
async function withoutLabels(layout: Layout, train: ClassFolders): Promise<string | undefined> {
  const name = layout.parts.test;
  if (name === undefined) return undefined;
  const folders = await layout.subfolders(name);
  const strange = folders.length === 1 && !train.classes.includes(folders[0]!);
  if (folders.length > 0 && !strange) return undefined;
  const pictures = await layout.pictures(name);
  if (pictures === 0) return `${name}/ has no pictures`;
  const what = strange ? `no folder of a class of ${layout.parts.train}/ (only ${folders[0]}/)` : 'no class folders';
  return `${name}/ has ${what}: its ${count(pictures, 'picture')} have no labels and are not measured`;
}

function named(source: Source, name: string): Source {
  return openSource({ ...source.spec, name });
}

function checkSameClasses(folder: string, train: ClassFolders, part: ClassFolders): void {
  const unknown = part.classes.filter((name, i) => !train.classes.includes(name) && part.files[i]!.length > 0);
  if (unknown.length > 0) {
    throw new UsageError(
      `Expected the classes of ${join(folder, part.prefix)} among the ${train.classes.length} of ` +
        `${join(folder, train.prefix)} but ${quoted(unknown)} ` +
        `${unknown.length === 1 ? 'is' : 'are'} not there. ` +
        `Rename or remove ${unknown.length === 1 ? 'it' : 'them'}, or add training pictures.`,
    );
  }
}
