import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/augment/random.js';
import { UsageError } from '../../src/errors.js';

/**
 * The Sprites videos of Li and Mandt, ICML 2018: characters of the Liberated Pixel Cup that walk, cast a spell or slash, seen from three sides,
 * 8 frames of 64 x 64. Which cells of a sheet make a video: random_character.py and frame_to_npy.py of YingzhenLi/Sprites.
 */
const ACTIONS = {
  spellcast: { row: 0, columns: [0, 1, 2, 3, 4, 5, 4, 6] },
  walk: { row: 8, columns: [8, 1, 2, 3, 4, 5, 6, 7] },
  slash: { row: 12, columns: [0, 1, 2, 3, 4, 5, 4, 0] },
} as const;
/** Rows of an action in a sheet, from its first one. */
const DIRECTIONS = { left: 1, front: 2, right: 3 } as const;
const CELL = 64;
/** Layers of a character from below, and how many of each the published set takes. */
const LAYERS = ['body', 'bottomwear', 'topwear', 'hair'] as const;
const KINDS = 6;
const SHOES = join('shoes', '1.png');

/** All characters, in an order of a seed. */
export const charactersIn = (seed: number): readonly number[] => [
  ...new Random(seed, 7).permutation(KINDS ** LAYERS.length),
];

/** Writes the nine videos of each character as animated GIFs, `FOLDER/ACTION-DIRECTION/CHARACTER.gif`. @param data the repository's folder */
export async function writeSprites(data: string, folder: string, characters: readonly number[]): Promise<void> {
  if (!existsSync(join(data, SHOES)))
    throw new UsageError(`Expected the sheets of YingzhenLi/Sprites (body/, hair/, ..., ${SHOES}) in ${data}.`);
  for (const character of characters) {
    // Digits in base 6, as the published set counts.
    const kinds = LAYERS.map((_, i) => Math.floor(character / KINDS ** (LAYERS.length - 1 - i)) % KINDS);
    const [body, ...others] = [...LAYERS.map((layer, i) => join(layer, `${kinds[i]}.png`)), SHOES];
    const { data: sheet, info } = await sharp(join(data, body!))
      .composite(others.map((input) => ({ input: join(data, input) })))
      .flatten({ background: 'black' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    for (const [action, { row, columns }] of Object.entries(ACTIONS))
      for (const [direction, down] of Object.entries(DIRECTIONS)) {
        const cells = columns.map((column) => cell(sheet, info.width, column, row + down));
        const into = join(folder, `${action}-${direction}`);
        mkdirSync(into, { recursive: true });
        await sharp(Buffer.concat(cells), {
          raw: { width: CELL, height: cells.length * CELL, channels: 3, pageHeight: CELL },
        } as never)
          .gif({ delay: cells.map(() => 100), loop: 0, dither: 0 })
          .toFile(join(into, `${kinds.join('')}.gif`));
      }
  }
}

/** One cell of a sheet of `width` pixels a row, three bytes a pixel. */
function cell(sheet: Buffer, width: number, column: number, row: number): Buffer {
  return Buffer.concat(
    Array.from({ length: CELL }, (_, v) => {
      const at = 3 * ((row * CELL + v) * width + column * CELL);
      return sheet.subarray(at, at + 3 * CELL);
    }),
  );
}
