// A large folder of pictures out of smaller ones, to see how long a check of so many takes.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../src/augment/random.js';
import { openToCheck } from '../src/data/check/opened.js';
import { UsageError } from '../src/errors.js';

/** Side of the pictures. */
const SIDE = 200;
/** Pictures of a part, of ten. */
const PARTS = ['train', 'train', 'train', 'train', 'train', 'train', 'train', 'validation', 'validation', 'test'];
const CLASSES = 10;

/**
 * Writes `count` JPEG files of 200 x 200 pixels (quality 85): square crops of 50 to 75 % of a picture's shorter side, each at a place of its
 * own, turned by the next of 0, 90, 180 and 270 degrees from one round through the pictures to the next, so that no two are near copies unless
 * their pictures are. A folder that has them is left as it is.
 */
export async function makeMany(given: readonly string[], count: number, folder: string, seed: number): Promise<void> {
  if (existsSync(join(folder, 'made'))) return;
  const sources: string[] = [];
  for (const data of given) {
    for (const { source } of (await openToCheck(data)).parts)
      if (source.spec.kind === 'files') for (let i = 0; i < source.length; i++) sources.push(source.describe(i));
  }
  if (sources.length === 0) throw new UsageError('Expected folders of picture files with --many but received others.');
  for (const part of new Set(PARTS))
    for (let k = 0; k < CLASSES; k++) mkdirSync(join(folder, part, `class-${k}`), { recursive: true });
  if (readdirSync(folder).length > 3)
    throw new UsageError(`Expected an empty folder for --into but ${folder} has files.`);
  const random = new Random(seed, 1);
  for (let n = 0; n < count; n++) {
    const round = Math.floor(n / sources.length);
    const { data, info } = await sharp(sources[n % sources.length]!)
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const side = Math.round(Math.min(width, height) * (0.5 + 0.25 * random.uniform()));
    const left = Math.floor((width - side + 1) * random.uniform());
    const top = Math.floor((height - side + 1) * random.uniform());
    const jpeg = await sharp(data, { raw: { width, height, channels } })
      .extract({ left, top, width: side, height: side })
      .resize(SIDE, SIDE)
      .rotate(90 * (round % 4))
      .jpeg({ quality: 85 })
      .toBuffer();
    writeFileSync(join(folder, PARTS[n % 10]!, `class-${Math.floor(n / 10) % CLASSES}`, `${n}.jpg`), jpeg);
  }
  writeFileSync(join(folder, 'made'), `${count} of ${sources.length}\n`);
}
