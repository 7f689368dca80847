import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClassList } from '../../data/annotations/files/class-list.js';
import { grey16Png, palettePng } from '../../data/annotations/files/png-write.js';
import type { PictureResult } from '../../deploy/told.js';
import { UsageError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { plural } from '../../suggest.js';
import { type Colour, classColours } from '../../tasks/colours.js';
import { OutFolder, SOFTWARE } from './out-folder.js';

/** The numbers at the ends of depth maps say that nothing was read. */
const [FIRST, LAST] = [1, 65534];
/** Numbers of a metre: millimetres, KITTI's where those end too near, and coarser ones. */
const SCALES = [1000, 256, 100, 10, 1, 0.5] as const;

/** Numbers of a metre for depths up to `farthest` metres: the finest of `SCALES` that holds them. */
export const depthScale = (farthest: number): number =>
  SCALES.find((scale) => farthest * scale <= LAST) ?? LAST / farthest;

/** The colours of `classColours`, no two alike: a reader may see colours alone. */
export function maskColours(count: number): Colour[] {
  const taken = new Set<string>();
  return classColours(count).map(([red, green, blue]) => {
    let own: Colour = [red, green, blue];
    for (let k = 1; taken.has(own.join()); k++) own = [red, green, (blue + k) % 256];
    taken.add(own.join());
    return own;
  });
}

/**
 * Writes masks (`rose.mask.png`, numbers of classes by a palette, with the list of classes beside them) or depth (`rose.depth.png`, 16 bits) as
 * `train` and `check` read them beside their pictures.
 */
export class MapFiles {
  readonly out: OutFolder;
  readonly #classes: string;
  readonly #colours: readonly Colour[];
  readonly #scale: number;
  #listed: boolean;

  private constructor(
    folder: string,
    readonly labels: readonly string[],
    farthest: number,
    listed: boolean,
  ) {
    this.out = new OutFolder(folder, '--out');
    this.#classes = classesFile(folder);
    this.#colours = maskColours(labels.length);
    this.#scale = depthScale(farthest);
    this.#listed = listed;
  }

  /**
   * @param labels of masks; none of depth
   * @param farthest of depth, in metres
   * @throws UsageError where the folder has another list of classes
   */
  static async open(folder: string, labels: readonly string[], farthest = 1): Promise<MapFiles> {
    const file = classesFile(folder);
    if (labels.length === 0 || !existsSync(file)) return new MapFiles(folder, labels, farthest, labels.length === 0);
    const listed =
      readFileSync(file, 'utf8') === listOf(labels) ? undefined : await readClassList(folder, 'classes.txt');
    if (
      listed !== undefined &&
      !(listed.length === labels.length && listed.every(({ name, value }) => labels[value] === name))
    )
      throw new UsageError(
        `Expected the model's classes in ${file} but it lists others (${plural(listed.length, 'class', 'classes')} against ${labels.length}). ` +
          'Choose another --out.',
      );
    return new MapFiles(folder, labels, farthest, true);
  }

  /** @param name as of `OutFolder.put` @returns where its map lies */
  async write(name: string, { mask, depth, width = 0, height = 0 }: PictureResult): Promise<string | undefined> {
    if (mask !== undefined) {
      if (!this.#listed) {
        this.out.makeFor(this.#classes);
        writeFileAtomic(this.#classes, listOf(this.labels));
        this.#listed = true;
      }
      const png = await palettePng({ data: mask.data, width, height }, this.#colours, SOFTWARE);
      return this.out.put(name, '.mask.png', png);
    }
    if (depth === undefined) return undefined;
    const scale = this.#scale;
    const data = Uint16Array.from(depth.data, (metres) => Math.min(LAST, Math.max(FIRST, Math.round(metres * scale))));
    const texts = { ...SOFTWARE, Description: `depth, ${scale} a metre` };
    return this.out.put(name, '.depth.png', await grey16Png({ data, width, height }, texts));
  }

  /** What was written and how it is to be read; for people. */
  summary(): string {
    const { written, folder } = this.out;
    if (this.labels.length === 0) {
      const unit = this.#scale === 1000 ? 'millimetres' : `${this.#scale} a metre`;
      return `${plural(written, 'depth map')} written into ${folder}: PNG of 16 bits, ${unit}`;
    }
    return `${plural(written, 'mask')} written into ${folder}; classes.txt there names their numbers`;
  }
}

const classesFile = (folder: string): string => join(folder, 'classes.txt');

/** With its number before each name, which may be a number itself. */
const listOf = (labels: readonly string[]): string => labels.map((label, i) => `${i}: ${label}\n`).join('');
