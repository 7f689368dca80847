import { mkdirSync } from 'node:fs';
import { basename, join, parse } from 'node:path';
import sharp from 'sharp';
import type { PictureResult } from '../../deploy/told.js';
import { escaped } from './xml.js';

/** Colours of classes in turn, told apart by colour-blind readers too (Okabe and Ito 2008). */
const COLOURS = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7', '#000000'];

/** Writes pictures with the boxes found in them into a folder, as PNG. */
export class Drawer {
  drawn = 0;
  readonly #names = new Set<string>();
  constructor(
    readonly folder: string,
    readonly labels: readonly string[],
  ) {
    mkdirSync(folder, { recursive: true });
  }

  /** Pictures that are no files of their own, or cannot be read, are left out. */
  async draw({ path, boxes, width = 0, height = 0, error }: PictureResult): Promise<void> {
    if (error !== undefined || boxes === undefined) return;
    const line = Math.max(1, Math.round(Math.max(width, height) / 400));
    const marks = boxes.map(({ label, index, score, box: [x0, y0, x1, y1] }) => {
      const colour = COLOURS[index % COLOURS.length]!;
      const size = 6 * line + 4;
      const text = `${escaped(label)} ${score.toFixed(2)}`;
      const up = y0 > size + 2 ? y0 - line - 1 : y0 + size;
      return (
        `<rect x="${x0}" y="${y0}" width="${x1 - x0}" height="${y1 - y0}" fill="none" stroke="${colour}" stroke-width="${line}"/>` +
        // White around it first: not every renderer knows which of the two to paint first.
        [`fill="#fff" stroke="#fff" stroke-width="${2 * line}"`, `fill="${colour}"`]
          .map(
            (paint) =>
              `<text x="${x0 + 1}" y="${up}" font-size="${size}" font-family="sans-serif" ${paint}>${text}</text>`,
          )
          .join('')
      );
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join('')}</svg>`;
    await sharp(path)
      .rotate()
      .flatten({ background: '#fff' })
      .composite([{ input: Buffer.from(svg) }])
      .png()
      .toFile(join(this.folder, this.#nameOf(path)));
    this.drawn++;
  }

  /** `rose.png`, and `rose-2.png` of a namesake from another folder. */
  #nameOf(path: string): string {
    const { name } = parse(basename(path));
    let own = `${name}.png`;
    for (let i = 2; this.#names.has(own); i++) own = `${name}-${i}.png`;
    this.#names.add(own);
    return own;
  }
}
