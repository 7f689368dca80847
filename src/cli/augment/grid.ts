import type { Pixels } from '../../augment/pixels.js';
import type { OperationName, Step } from '../../augment/policies/operations.js';
import { resample } from '../../augment/resample.js';

/** One picture of the grid and what stands below it. */
export interface Cell {
  readonly picture: Pixels;
  readonly caption: string;
}
export interface Grid {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[] }[];
  /** Side of a picture, in pixels. Default 128. */
  readonly side?: number;
}

/** Lengths in pixels. */
const SIDE = 128;
const GAP = 8;
const CAPTION = 18;
const LEFT = 118;
const TOP = 62;

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!);

/** The grid as a PNG: a row a name, a column a strength, each picture shrunk to its side with its argument below. */
export async function gridPng({ title, columns, rows, side = SIDE }: Grid): Promise<Buffer> {
  const pitchX = side + GAP;
  const pitchY = side + CAPTION + GAP;
  const width = LEFT + pitchX * Math.max(...rows.map(({ cells }) => cells.length), columns.length) + GAP;
  const height = TOP + pitchY * rows.length + GAP;
  const canvas = new Uint8Array(3 * width * height).fill(255);
  const labels: string[] = [];
  const label = (x: number, y: number, text: string, style: string) =>
    labels.push(`<text x="${x}" y="${y}" ${style}>${escaped(text)}</text>`);
  label(GAP + 4, 24, title, 'font-size="15" font-weight="bold"');
  columns.forEach((text, c) =>
    label(LEFT + c * pitchX + side / 2, TOP - 10, text, 'font-size="13" text-anchor="middle"'),
  );
  rows.forEach(({ name, cells }, r) => {
    const top = TOP + r * pitchY;
    label(LEFT - 12, top + side / 2 + 4, name, 'font-size="13" text-anchor="end"');
    cells.forEach(({ picture, caption }, c) => {
      const left = LEFT + c * pitchX;
      const small = resample(picture, [0, 0, picture.width, picture.height], side, side);
      for (let y = 0; y < side; y++)
        canvas.set(small.subarray(3 * side * y, 3 * side * (y + 1)), 3 * ((top + y) * width + left));
      label(left + side / 2, top + side + 13, caption, 'font-size="11" fill="#555" text-anchor="middle"');
    });
  });
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="DejaVu Sans, Helvetica, Arial, sans-serif" fill="#111">${labels.join('')}</svg>`;
  const { default: sharp } = await import('sharp');
  return sharp(canvas, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
}

/** The picture in a page of its own. */
export function gridHtml(title: string, png: Buffer): string {
  const name = escaped(title);
  return (
    `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${name}</title>\n` +
    `<body style="margin:1rem"><img alt="${name.replaceAll('"', '&quot;')}" ` +
    `src="data:image/png;base64,${png.toString('base64')}">\n</body></html>\n`
  );
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
const UNITS: Partial<Record<OperationName, (argument: number) => string>> = {
  Rotate: (v) => `${short(v)}°`,
  Posterize: (v) => `${v} bit${v === 1 ? '' : 's'}`,
  Solarize: (v) => `from ${short(v)}`,
  SolarizeAdd: (v) => `+${v}`,
  Cutout: (v) => `${2 * v} px`,
  TranslateX: (v) => `${short(v)} px`,
  TranslateY: (v) => `${short(v)} px`,
  ShearX: (v) => `slope ${short(v)}`,
  ShearY: (v) => `slope ${short(v)}`,
  ...Object.fromEntries(
    (['Color', 'Contrast', 'Brightness', 'Sharpness'] as const).map((name) => [name, (v: number) => `x ${short(v)}`]),
  ),
};

/** A step's argument with its unit; empty where there is none. */
export const argumentText = ({ name, argument }: Step): string => UNITS[name]?.(argument) ?? '';
