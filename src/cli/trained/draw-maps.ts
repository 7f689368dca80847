import sharp from 'sharp';
import type { Pixels } from '../../augment/pixels.js';
import type { DepthPrediction, MaskPrediction } from '../../deploy/told.js';
import { type Colour, depthColour, tinted } from '../../tasks/colours.js';
import { escaped } from './xml.js';

/** Least width of a drawing: below it a legend has no room. */
const LEAST_WIDTH = 240;
/** Classes in a legend. */
const NAMED = 24;
/** Width of a letter in parts of its height, of the fonts that `sans-serif` may be: a little more than the mean. */
const LETTER = 0.62;

const hex = ([red, green, blue]: Colour): string =>
  `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`;

const letters = (width: number): number => Math.min(40, Math.max(12, Math.round(width / 45)));

/** A picture under the colours of its classes, and below it what they stand for. */
export async function drawnMask(
  picture: Pixels,
  { data, classes }: MaskPrediction,
  colours: readonly Colour[],
): Promise<Buffer> {
  const shown = tinted(picture.data, (i) => colours[data[i]!]);
  const width = Math.max(LEAST_WIDTH, picture.width);
  const size = letters(width);
  const line = Math.round(1.6 * size);
  const words = classes.slice(0, NAMED).map(({ label, index, share }) => ({
    text: `${label} ${percent(share)}`,
    colour: hex(colours[index]!),
  }));
  if (classes.length > NAMED) words.push({ text: `and ${classes.length - NAMED} more`, colour: 'none' });
  let [x, row] = [size / 2, 0];
  const marks = words.map(({ text, colour }) => {
    const wide = (text.length * LETTER + 2.6) * size;
    if (x + wide > width && x > size) [x, row] = [size / 2, row + 1];
    const y = picture.height + row * line + 0.4 * size;
    const mark =
      `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="${colour}"/>` +
      `<text x="${x + 1.4 * size}" y="${y + 0.87 * size}">${escaped(text)}</text>`;
    x += wide;
    return mark;
  });
  const below = (row + 1) * line + Math.round(0.2 * size);
  return sheet({ ...picture, data: shown }, { width, height: picture.height + below, size }, marks);
}

/** A share of a picture: what is there is never 0. */
const percent = (share: number): string => (share < 0.001 ? '< 0.1 %' : `${(100 * share).toFixed(1)} %`);

/** A picture beside its depth in colours, near yellow and far dark blue, and below that their scale. */
export async function drawnDepth(picture: Pixels, { data }: DepthPrediction): Promise<Buffer> {
  const { width, height } = picture;
  const [near, far] = ends(data);
  const colours = Array.from({ length: 256 }, (_, i) => depthColour(i / 255));
  const shareOf = (metres: number): number => Math.min(1, Math.max(0, (metres - near) / Math.max(1e-6, far - near)));
  const gap = Math.max(2, Math.round(width / 100));
  const both = { data: new Uint8Array(3 * (2 * width + gap) * height).fill(255), width: 2 * width + gap, height };
  for (let y = 0; y < height; y++) {
    const from = 3 * y * both.width;
    both.data.set(picture.data.subarray(3 * y * width, 3 * (y + 1) * width), from);
    for (let x = 0; x < width; x++)
      both.data.set(colours[Math.round(255 * shareOf(data[y * width + x]!))]!, from + 3 * (width + gap + x));
  }
  const room = Math.max(LEAST_WIDTH, width);
  const [left, size] = [width + gap, letters(room)];
  const [top, thick] = [height + 0.5 * size, 0.8 * size];
  const stops = [0, 0.25, 0.5, 0.75, 1].map(
    (share) => `<stop offset="${share}" stop-color="${hex(depthColour(share))}"/>`,
  );
  const marks = [
    `<linearGradient id="scale">${stops.join('')}</linearGradient>`,
    `<rect x="${left}" y="${top}" width="${room}" height="${thick}" fill="url(#scale)"/>`,
    ...[
      [0, 'start'],
      [0.5, 'middle'],
      [1, 'end'],
    ].map(([share, anchor]) => {
      const metres = near + Number(share) * (far - near);
      const inside = left + Number(share) * room;
      return `<text x="${inside}" y="${top + thick + 1.1 * size}" text-anchor="${anchor}">${metres.toFixed(2)} m</text>`;
    }),
  ];
  const below = Math.round(2.9 * size);
  return sheet(both, { width: left + room, height: height + below, size }, marks);
}

/** Depths that the ends of the colours stand for: 2 in 100 lie beyond each, so that a few odd ones do not take all colours. */
function ends(data: Float32Array): [near: number, far: number] {
  const step = Math.max(1, Math.floor(data.length / 1e5));
  const some = Float32Array.from({ length: Math.ceil(data.length / step) }, (_, i) => data[i * step]!).sort();
  return [some[Math.floor(0.02 * some.length)]!, some[Math.ceil(0.98 * some.length) - 1]!];
}

/** Pixels in the upper left corner of a white sheet, and marks on it. @param size of letters */
async function sheet(
  { data, width, height }: Pixels,
  whole: { width: number; height: number; size: number },
  marks: readonly string[],
): Promise<Buffer> {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${whole.width}" height="${whole.height}" font-family="sans-serif" ` +
    `font-size="${whole.size}" fill="#111">${marks.join('')}</svg>`;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extend({ right: whole.width - width, bottom: whole.height - height, background: '#fff' })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
}
