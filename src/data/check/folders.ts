import { basename, join } from 'node:path';
import type { FolderTrap } from '../../checked.js';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { layoutOf } from '../sources/layout.js';
import { findPictures, isFolder, isPictureName, listFolder } from '../sources/walk.js';
import type { Opened } from './opened.js';

/** What systems and programs leave, lower case. (What begins with a dot is passed over everywhere.) */
const SYSTEM = new Set([
  ...['@eadir', '#recycle', '$recycle.bin', 'recycler', 'system volume information', 'lost+found', 'found.000'],
  ...['__pycache__', 'node_modules', 'cvs', 'thumbs', 'thumbnails'],
]);

/** A folder that holds class folders. */
interface Root {
  /** Its name as people see it. */
  shown: string;
  /** Pictures that lie beside the class folders. */
  loose: string[];
  /** Class folders with their pictures, paths from the class folder. */
  classes: { name: string; paths: string[] }[];
}

/** What may be wrong with the folders of a data set. @returns also how many loose pictures of each ending there are */
export async function folderTraps(opened: Opened): Promise<{ traps: FolderTrap[]; loose: string[] }> {
  const traps: FolderTrap[] = [];
  if (opened.refusal !== undefined) traps.push({ trap: 'refused', text: opened.refusal });
  for (const text of opened.notes) traps.push({ trap: 'note', text });
  if (opened.kind !== 'image-folder' || opened.annotated !== undefined) return { traps, loose: [] };
  const roots = await rootsOf(opened.folder);
  for (const root of roots) traps.push(...looseTraps(root), ...emptyTraps(root));
  traps.push(...alikeTraps(roots), ...roots.flatMap(systemTraps), ...nestedTraps(roots));
  return { traps, loose: roots.flatMap(({ loose }) => loose) };
}

async function rootsOf(folder: string): Promise<Root[]> {
  let names: string[];
  try {
    const { parted, parts } = await layoutOf(folder);
    names = parted ? ['.', ...Object.values(parts)] : [''];
  } catch (error) {
    if (error instanceof UsageError) return [];
    throw error;
  }
  const roots: Root[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const root: Root = { shown: name === '' || name === '.' ? basename(folder) : name, loose: [], classes: [] };
    for (const entry of await listFolder(path))
      if (await isFolder(join(path, entry.name))) {
        // Beside parts only loose pictures are of interest.
        if (name !== '.')
          root.classes.push({
            name: entry.name,
            paths: (await findPictures(join(path, entry.name))).files.map((file) => file.path),
          });
      } else if (isPictureName(entry.name)) root.loose.push(entry.name);
    // A test part without class folders has no labels: a note tells of it.
    if (name === '' || name === '.' || root.classes.length > 0) roots.push(root);
  }
  return roots;
}

function looseTraps({ shown, loose }: Root): FolderTrap[] {
  if (loose.length === 0) return [];
  const [first] = loose;
  const lie = loose.length === 1 ? 'lies' : 'lie';
  return [
    {
      trap: 'loose',
      text: `${plural(loose.length, 'picture')} ${lie} directly in ${shown}/ and in no class (${first}): not used`,
    },
  ];
}

function emptyTraps({ shown, classes }: Root): FolderTrap[] {
  const named = (count: number): string[] =>
    classes.filter(({ paths }) => paths.length === count).map(({ name }) => name);
  const tell = (trap: 'empty' | 'single', names: string[], what: string): FolderTrap[] =>
    names.map((name) => ({ trap, text: `the class folder ${shown}/${name}/ holds ${what}` }));
  return [...tell('empty', named(0), 'no picture'), ...tell('single', named(1), 'one picture alone')];
}

/** One name in several spellings is several classes. */
function alikeTraps(roots: readonly Root[]): FolderTrap[] {
  const spellings = new Map<string, Set<string>>();
  for (const { classes } of roots)
    for (const { name } of classes) {
      const key = name
        .normalize('NFKC')
        .toLowerCase()
        .replace(/[\s_.,'-]+/g, '');
      spellings.set(key, (spellings.get(key) ?? new Set()).add(name));
    }
  return [...spellings.values()]
    .filter((names) => names.size > 1)
    .map((names) => ({
      trap: 'alike',
      text: `${[...names]
        .sort()
        .map((name) => `"${name}"`)
        .join(' and ')} are different classes, but their names differ by case, spaces or punctuation alone`,
    }));
}

function systemTraps({ shown, classes }: Root): FolderTrap[] {
  const traps: FolderTrap[] = [];
  for (const { name, paths } of classes) {
    if (SYSTEM.has(name.toLowerCase()))
      traps.push({
        trap: 'system',
        text: `${shown}/${name}/ counts as a class, but looks like a folder that a system or program left`,
      });
    const inside = new Map<string, number>();
    for (const path of paths)
      for (const folder of path.split('/').slice(0, -1))
        if (SYSTEM.has(folder.toLowerCase())) inside.set(folder, (inside.get(folder) ?? 0) + 1);
    for (const [folder, count] of inside)
      traps.push({
        trap: 'system',
        text: `${plural(count, 'picture')} of ${shown}/${name}/ ${count === 1 ? 'lies' : 'lie'} in ${folder}/, which a system or program left`,
      });
  }
  return traps;
}

/** cat/dog/1.jpg is a cat. */
function nestedTraps(roots: readonly Root[]): FolderTrap[] {
  const traps: FolderTrap[] = [];
  for (const { shown, classes } of roots) {
    const names = new Set(classes.map(({ name }) => name.toLowerCase()));
    for (const { name, paths } of classes) {
      const inside = new Map<string, number>();
      for (const path of paths) {
        const [folder, ...rest] = path.split('/');
        if (rest.length > 0 && folder!.toLowerCase() !== name.toLowerCase() && names.has(folder!.toLowerCase()))
          inside.set(folder!, (inside.get(folder!) ?? 0) + 1);
      }
      for (const [folder, count] of inside)
        traps.push({
          trap: 'nested',
          text: `${plural(count, 'picture')} in ${shown}/${name}/${folder}/ ${count === 1 ? 'counts' : 'count'} as "${name}", not as "${folder}"`,
        });
    }
  }
  return traps;
}
