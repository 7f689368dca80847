import type { Checked, CheckedGroup } from '../checked.js';
import { commandLine } from '../suggest.js';

/** A leak that the training pictures have a part in. */
const ofTraining = ({ kinds, pictures }: CheckedGroup): boolean =>
  kinds.includes('leaks') && pictures.some(({ part }) => part === 'train');

/** What to do now. @param page whether one was written */
export function nextCommands(checked: Checked, page: boolean): { what: string; command: string }[] {
  const { found, data, folders } = checked;
  const task = checked.task === undefined ? [] : ['--task', checked.task];
  const copies = found.leaks + found.conflicts + found.duplicates + found['near-duplicates'] > 0;
  const some = Object.values(found).some((n) => n > 0);
  // More broken ones than --max-broken allows, or perhaps.
  const refused =
    folders.some(({ trap }) => trap === 'refused') ||
    Math.max(found.broken, found.annotations) > 0.01 * checked.pictures;
  const trained = found.leaks > 0 && checked.groups.some(ofTraining);
  const options = [
    ...(found.imbalance > 0 ? ['--set', 'classWeights=balanced'] : []),
    ...(trained ? ['--leave-out', 'leaks'] : []),
  ];
  return [
    ...(copies && !page
      ? [
          {
            what: 'the pictures side by side',
            command: commandLine(['rescaled', 'check', data, ...task, '-o', 'check.html']),
          },
        ]
      : []),
    ...(some
      ? [{ what: 'all of it, for a program', command: commandLine(['rescaled', 'check', data, ...task, '--json']) }]
      : []),
    ...(refused
      ? []
      : [{ what: 'train on it', command: commandLine(['rescaled', 'train', data, ...task, ...options]) }]),
  ];
}
