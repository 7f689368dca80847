import type { Checked } from '../checked.js';
import { checkValue } from '../checks.js';
import { writeFileAtomic } from '../files.js';
import { nextCommands } from './next.js';
import { thumbnailsOf } from './thumbnails.js';

/**
 * Writes what a check found as a page: one HTML file that loads nothing, with the copies side by side, as `rescaled check -o` does. The
 * pictures that it shows are decoded again, from where they were; those that have gone meanwhile are left out. A file that is there is replaced.
 *
 * ```ts
 * const checking = checkData('flowers');
 * let turn = await checking.next();
 * while (turn.done !== true) turn = await checking.next();
 * await writeCheckPage(turn.value, 'check.html');
 * ```
 *
 * @throws RescaledError when the file cannot be written
 */
export async function writeCheckPage(checked: Checked, file: string): Promise<void> {
  checkValue('the first argument of writeCheckPage, what checkData found,', checked, 'object');
  checkValue('the second argument of writeCheckPage, its file,', file, 'path');
  const { renderCheckReport, shownPictures } = await import('../report/check/report.js');
  const thumbnails = await thumbnailsOf(checked, shownPictures(checked));
  const commands = nextCommands(checked, true);
  writeFileAtomic(file, renderCheckReport({ checked, generatedAt: new Date().toISOString(), thumbnails, commands }));
}
