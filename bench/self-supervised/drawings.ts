import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/augment/random.js';

/** Side of a drawing in pixels. */
const SIDE = 48;

/** Ten things to draw, each in a square from -10 to 10. */
const SHAPES: Readonly<Record<string, string>> = {
  arrow: 'M-9 -3H1V-8L9 0L1 8V3H-9Z',
  crescent: 'M4 -9A9 9 0 1 0 4 9A11 11 0 0 1 4 -9Z',
  cross: 'M-3 -9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z',
  cup: 'M-8 -6H4V-3H8V5H4V8H-8ZM4 -1V3H6V-1Z',
  fish: 'M-9 -6L-4 -1C0 -8 6 -6 9 0C6 6 0 8 -4 1L-9 6Z',
  heart: 'M0 9C-14 -1 -7 -11 0 -4C7 -11 14 -1 0 9Z',
  house: 'M-9 0L0 -9L9 0H6V9H2V3H-2V9H-6V0Z',
  ring: 'M-9 0A9 9 0 1 0 9 0A9 9 0 1 0 -9 0ZM-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0Z',
  star: 'M0 -9L2.6 -3H9L4 1.4L6 8L0 4.2L-6 8L-4 1.4L-9 -3H-2.6Z',
  tree: 'M0 -10L6 -3H3L8 4H2V9H-2V4H-8L-3 -3H-6Z',
};

/**
 * Drawings of ten things as class folders in `train`, `validation` and `test`: one shape each, filled or in outline, of any colour on any
 * other, turned by up to 30 degrees, moved and scaled, with a few lines across. A function of the seed.
 * @param counts pictures of a class in each part
 */
export async function writeDrawings(folder: string, counts: Readonly<Record<string, number>>, seed = 0): Promise<void> {
  const parts = Object.entries(counts);
  for (const [part, [name, count]] of parts.entries())
    for (const [k, [label, path]] of Object.entries(SHAPES).entries()) {
      const into = join(folder, name, label);
      mkdirSync(into, { recursive: true });
      for (let i = 0; i < count; i++)
        await sharp(Buffer.from(drawing(path, new Random(seed, part, k, i))))
          .png()
          .toFile(join(into, `${String(i).padStart(4, '0')}.png`));
    }
}

function drawing(path: string, random: Random): string {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const hue = between(0, 360);
  const [ground, ink] = random.int(2) === 0 ? [between(70, 95), between(15, 45)] : [between(10, 35), between(60, 90)];
  const colour = (angle: number, light: number): string => `hsl(${angle % 360}, ${between(20, 90)}%, ${light}%)`;
  const own = colour(hue + between(60, 300), ink);
  const look =
    random.int(2) === 0
      ? `fill="${own}"`
      : `fill="none" stroke="${own}" stroke-width="${between(1, 2)}" stroke-linejoin="round"`;
  const place = `translate(${between(18, 30)} ${between(18, 30)}) rotate(${between(-30, 30)}) scale(${between(0.9, 1.7)})`;
  const lines = Array.from({ length: random.int(4) }, () => {
    const [x, y, u, v] = Array.from({ length: 4 }, () => between(0, SIDE));
    return `<path d="M${x} ${y}L${u} ${v}" stroke="${colour(hue + between(0, 360), between(20, 80))}"/>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">` +
    `<rect width="100%" height="100%" fill="${colour(hue, ground)}"/>` +
    `<path d="${path}" fill-rule="evenodd" transform="${place}" ${look}/>${lines.join('')}</svg>`
  );
}
