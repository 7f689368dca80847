import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/augment/random.js';
import { FASHION_CLASSES } from '../../src/data/sources/idx.js';
import { type Pictures, readFashion, writeFashion } from '../idx.js';
import { writeDrawings } from './drawings.js';

/** Classes of Fashion-MNIST that are learned from first; the others are moved to. */
const FIRST = 5;
/** Side that photographs are reduced to: the networks see 32 pixels. */
const SIDE = 72;

/** The names of the sets that starts are moved to. */
export const TARGETS = ['second', 'clothing', 'drawings'] as const;

/**
 * Writes what is not there: `first`, 4,000 pictures of each of Fashion-MNIST's first five classes; `second`, 500 of each of the others;
 * `clothing`, photographs, reduced; `drawings`.
 * @param data folder of Fashion-MNIST's four files
 * @param photographs class folders in train/, validation/ and test/
 */
export async function prepare(work: string, data: string, photographs: string): Promise<void> {
  const made = async (name: string, make: (folder: string) => Promise<void> | void): Promise<void> => {
    const folder = join(work, name);
    if (existsSync(folder)) return;
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    await make(partial);
    renameSync(partial, folder);
  };
  await made('first', (folder) => half(folder, data, 0, { train: 4000, t10k: 400 }));
  await made('second', (folder) => half(folder, data, FIRST, { train: 500, t10k: 500 }));
  await made('drawings', (folder) => writeDrawings(folder, { train: 160, validation: 40, test: 100 }));
  await made('clothing', async (folder) => {
    for (const part of ['train', 'validation', 'test'])
      for (const name of readdirSync(join(photographs, part)).sort()) {
        mkdirSync(join(folder, part, name), { recursive: true });
        for (const file of readdirSync(join(photographs, part, name)).sort())
          await sharp(join(photographs, part, name, file))
            .rotate()
            .resize(SIDE, SIDE, { fit: 'outside' })
            .jpeg({ quality: 90 })
            .toFile(join(folder, part, name, file));
      }
  });
}

function half(folder: string, data: string, from: number, counts: Readonly<Record<'train' | 't10k', number>>): void {
  for (const stem of ['train', 't10k'] as const) {
    const pictures: Pictures = readFashion(data, stem);
    const taken = new Array<number>(10).fill(0);
    const list = [...new Random(0, from).permutation(pictures.classOf.length)].filter((i) => {
      const of = pictures.classOf[i]!;
      return of >= from && of < from + FIRST && taken[of]!++ < counts[stem];
    });
    writeFashion(folder, stem, pictures, list, (of) => of - from);
  }
  writeFileSync(join(folder, 'classes.txt'), `${FASHION_CLASSES.slice(from, from + FIRST).join('\n')}\n`);
}
