import type { PictureResult } from '../../deploy/told.js';
import { escaped } from './xml.js';

/** Colours of classes in turn, told apart by colour-blind readers too (Okabe and Ito 2008). */
const COLOURS = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7', '#000000'];

/** Boxes over a picture of these sides, with their classes and scores, as SVG. */
export function boxMarks(boxes: NonNullable<PictureResult['boxes']>, width: number, height: number): string {
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
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join('')}</svg>`;
}
