import type { Checked, CheckedPicture } from '../checked.js';
import { pixelsOfChecked } from '../data/check/shown.js';

/** Longest side, in pixels: twice as large as it is shown, for screens of two pixels a pixel. */
const SIDE = 256;

/** Base64 of small JPEG files, by the pictures' paths. */
export async function thumbnailsOf(
  data: Pick<Checked, 'data' | 'task'>,
  wanted: readonly CheckedPicture[],
): Promise<Map<string, string>> {
  const thumbnails = new Map<string, string>();
  for await (const { path, pixels } of pixelsOfChecked(data, wanted, SIDE)) {
    const { width, height } = pixels;
    const { default: sharp } = await import('sharp');
    const jpeg = await sharp(pixels.data, { raw: { width, height, channels: 3 } })
      .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 75 })
      .toBuffer();
    thumbnails.set(path, jpeg.toString('base64'));
  }
  return thumbnails;
}
