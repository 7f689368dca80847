import sharp from 'sharp';
import { withTexts } from '../../data/annotations/files/png-write.js';
import { decodeBytes, decodeFile } from '../../data/decoding/decode.js';
import type { PictureResult } from '../../deploy/told.js';
import type { Colour } from '../../tasks/colours.js';
import { boxMarks } from './draw-boxes.js';
import { drawnDepth, drawnMask } from './draw-maps.js';
import { maskColours } from './map-files.js';
import { OutFolder, SOFTWARE } from './out-folder.js';

/** Writes pictures with what was found in them into a folder, as PNG: boxes, classes of pixels, depth. */
export class Drawer {
  readonly out: OutFolder;
  readonly #colours: readonly Colour[];

  constructor(folder: string, labels: readonly string[]) {
    this.out = new OutFolder(folder, '--draw');
    this.#colours = maskColours(labels.length);
  }

  /**
   * Those that could not be read are left out.
   * @param name as of `OutFolder.put` @param read of one that is no file of its own
   */
  async draw(name: string, result: PictureResult, read?: () => Promise<Uint8Array>): Promise<void> {
    const { path, boxes, mask, depth, error } = result;
    if (error !== undefined) return;
    const picture = read === undefined ? await decodeFile(path) : await decodeBytes(await read(), path);
    let png: Buffer;
    if (mask !== undefined) png = await drawnMask(picture, mask, this.#colours);
    else if (depth !== undefined) png = await drawnDepth(picture, depth);
    else {
      const { data, width, height } = picture;
      png = await sharp(data, { raw: { width, height, channels: 3 } })
        .composite([{ input: Buffer.from(boxMarks(boxes ?? [], width, height)) }])
        .png()
        .toBuffer();
    }
    await this.out.put(name, '.png', withTexts(png, SOFTWARE));
  }
}
