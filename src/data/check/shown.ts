import type { Pixels } from '../../augment/pixels.js';
import type { Checked, CheckedPicture } from '../../checked.js';
import { BrokenPicture } from '../decoding/decode.js';
import { openToCheck, Pictures } from './opened.js';

/**
 * Pixels of some pictures of a check, to be shown; those that have gone meanwhile are left out.
 * @param side of what is shown, in pixels: larger pictures may come reduced, but not below
 */
export async function* pixelsOfChecked(
  { data, task }: Pick<Checked, 'data' | 'task'>,
  wanted: readonly CheckedPicture[],
  side: number,
): AsyncGenerator<{ path: string; pixels: Pixels }> {
  const pictures = new Pictures((await openToCheck(data, { ...(task && { task }) })).parts);
  const left = new Set(wanted.map(({ path }) => path));
  for (let i = 0; i < pictures.length && left.size > 0; i++) {
    const { path } = pictures.told(i);
    if (!left.delete(path)) continue;
    const encoded = pictures.encoded(i);
    try {
      yield { path, pixels: (await (encoded?.examine({ targetSize: side / 4 }) ?? pictures.ready(i))).pixels };
    } catch (error) {
      if (!(error instanceof BrokenPicture)) throw error;
    }
  }
}
