import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeMoving } from '../../src/data/clips/moving.js';
import { openDataset } from '../../src/data/dataset.js';
import { charactersIn, writeSprites } from './sprites.js';

/** A set of clips with so few to learn from that a network learns them by heart. */
interface Set {
  /** For `--help`. */
  data: string;
  /** Writes class folders of clips to learn from and to measure on; the former are a function of the seed, the latter of nothing. */
  write(data: string, train: string, test: string, seed: number): Promise<void>;
  epochs: number;
  batch: number;
}

const MOVING = { train: 4, test: 60, side: 32, frames: 16 };
const SPRITES = { train: 1, test: 50 };

export const SETS: Readonly<Record<string, Set>> = {
  moving: {
    data: 'Fashion-MNIST as IDX files',
    epochs: 200,
    batch: 16,
    async write(data, into, test, seed) {
      const { train, val } = await openDataset(data);
      const { side, frames } = MOVING;
      await writeMoving(into, train!, { side, frames, perMotion: MOVING.train, seed });
      await writeMoving(test, val, { side, frames, perMotion: MOVING.test, seed: 1000 });
    },
  },
  sprites: {
    data: "YingzhenLi/Sprites' sheets",
    epochs: 300,
    batch: 8,
    async write(data, into, test, seed) {
      // The same characters to measure on for all seeds; the order of a seed, without them, gives those to learn from.
      const tested = new Set(charactersIn(1000).slice(0, SPRITES.test));
      const learned = charactersIn(seed).filter((one) => !tested.has(one));
      await writeSprites(data, into, learned.slice(0, SPRITES.train));
      await writeSprites(data, test, [...tested]);
    },
  },
};

/** The folder of a set for a seed, `train/` beside `test/`; written whole, once. */
export async function prepared(set: string, data: string, work: string, seed: number): Promise<string> {
  const folder = join(work, `${set}-clips`, String(seed));
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await SETS[set]!.write(data, join(unfinished, 'train'), join(unfinished, 'test'), seed);
  renameSync(unfinished, folder);
  return folder;
}
