import { extname } from 'node:path';
import type { Checked, CheckedGroup, CheckKind, CheckTask } from '../../checked.js';
import { CHECK_TASKS, FEW_MEASURED } from '../../checked.js';
import { checkOptions, checkValue } from '../../checks.js';
import { UsageError } from '../../errors.js';
import type { Endings } from '../../part-words.js';
import { byName } from '../sources/walk.js';
import { absentOf, balanceOf, isImbalanced, measuredOf, oddOf, partsOf } from './counts.js';
import { folderTraps } from './folders.js';
import { groupsOf } from './groups.js';
import { linksOf } from './links.js';
import { look } from './look.js';
import { openToCheck, Pictures } from './opened.js';

/** How far a check is. */
export interface CheckProgress {
  /** Pictures are decoded first, then compared. */
  type: 'looking' | 'comparing';
  /** So many pictures so far. */
  done: number;
  /** All pictures. */
  of: number;
}

/**
 * Checks a data set before anything is trained on it: every picture is decoded once, and all are compared with all.
 * Nothing is written. An abort of the signal is thrown.
 * @throws UsageError on a path without a data set (exit 2); RescaledError when something there cannot be read (exit 1)
 */
export async function* checkData(
  data: string,
  options: { task?: CheckTask; signal?: AbortSignal } = {},
): AsyncGenerator<CheckProgress, Checked> {
  checkValue('the data of checkData', data, 'path');
  checkOptions('checkData', options, { task: 'text', signal: 'signal' });
  const { task, signal } = options;
  if (task !== undefined && !CHECK_TASKS.includes(task))
    throw new UsageError(
      `Expected ${CHECK_TASKS.join(' or ')} as the task of a check but received ${JSON.stringify(task)}.`,
    );
  const begin = performance.now();
  const opened = await openToCheck(data, { ...(task && { task }), ...(signal && { signal }) });
  const pictures = new Pictures(opened.parts);
  const of = pictures.length;
  const looking = look(pictures, opened.folder, { all: true, ...(signal && { signal }) });
  let turn = await looking.next();
  for (; turn.done !== true; turn = await looking.next()) yield { type: 'looking', done: turn.value, of };
  const looked = turn.value;

  const comparing = linksOf(pictures, looked, { ...(signal && { signal }) });
  let links = await comparing.next();
  for (; links.done !== true; links = await comparing.next())
    yield { type: 'comparing', done: Math.round(links.value * of), of };

  const told = (i: number) => pictures.told(i);
  const parts = partsOf(opened);
  const { traps, loose } = await folderTraps(opened);
  const facts = {
    data,
    ...(task && { task }),
    name: opened.name,
    kind: opened.kind,
    pictures: of,
    classes: opened.classes,
    parts,
    broken: [...looked.broken].map(([i, reason]) => ({ ...told(i), reason })).sort((a, b) => byName(a.path, b.path)),
    annotations: (opened.annotated?.problems ?? []).map(({ place, reason }) => ({ place, reason })),
    groups: groupsOf(links.value, told),
    absent: absentOf(parts, opened.classes),
    balance: balanceOf(parts, opened.classes),
    measured: measuredOf(opened),
    folders: traps,
    ignored: withoutLoose(opened.ignored, loose),
    odd: oddOf(pictures, looked),
    exactOnly: of - looked.broken.size - looked.compared.reduce((sum, one) => sum + one, 0),
  };
  return { ...facts, found: found(facts, opened.annotated !== undefined), seconds: (performance.now() - begin) / 1000 };
}

/** Loose pictures are passed over too, but not for their ending. */
function withoutLoose(ignored: Endings, loose: readonly string[]): Endings {
  const left: Record<string, number> = { ...ignored };
  for (const name of loose) {
    const ending = extname(name).toLowerCase();
    if (left[ending] !== undefined && --left[ending] === 0) delete left[ending];
  }
  return left;
}

/** @param annotated with boxes, masks or depth: a picture may show several classes */
function found(
  { broken, annotations, groups, absent, balance, measured, folders, ignored, odd }: Omit<Checked, 'found' | 'seconds'>,
  annotated: boolean,
): Record<CheckKind, number> {
  const of = (kind: CheckKind): number => groups.filter(({ kinds }: CheckedGroup) => kinds.includes(kind)).length;
  return {
    broken: broken.length,
    annotations: annotations.length,
    leaks: of('leaks'),
    conflicts: of('conflicts'),
    duplicates: of('duplicates'),
    'near-duplicates': of('near-duplicates'),
    absent: absent.length,
    imbalance: !annotated && isImbalanced(balance) ? 1 : 0,
    few: measured === undefined ? 0 : (measured.pictures < FEW_MEASURED ? 1 : 0) + measured.fewOf.length,
    folders: folders.length,
    ignored: Object.values(ignored).reduce((sum, n) => sum + n, 0),
    odd: odd.length,
  };
}
