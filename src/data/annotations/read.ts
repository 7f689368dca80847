import type { PartName } from '../parts.js';
import type { FoundFile } from '../sources/walk.js';
import type { Shape } from './files/shapes.js';
import type { Problem } from './problems.js';

/** A box as a file has it. */
export interface ReadBox {
  /** Edges in pixels, continuous. */
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number];
  /** The class's name. */
  readonly name: string;
  readonly crowd?: boolean;
  readonly difficult?: boolean;
  /** Pixels that the thing covers. */
  readonly area?: number;
  /** What it covers of the picture, of COCO's form. */
  readonly shape?: Shape;
  /** Where it stands, and its numbers as they stand there: `Annotations/a.xml: box 3 (RBC 1,2,3,4)`. */
  readonly place: string;
  /** What is wrong with its numbers as they stand there. */
  readonly wrong?: string;
}

/** A picture and what was read of it. */
export interface ReadPicture {
  readonly file: FoundFile;
  /** The file that says what is on it. */
  readonly source: string;
  readonly part?: PartName;
  /** Width and height that the annotation says; 0 or absent where it does not. */
  readonly width?: number;
  readonly height?: number;
  /** Its boxes are shares of the picture's sides. */
  readonly relative?: boolean;
  /** Its number in COCO's file. */
  readonly id?: number;
  readonly boxes: readonly ReadBox[];
}

/** What a reader of one kind of annotations gives. */
export interface ReadAnnotations {
  readonly pictures: readonly ReadPicture[];
  /** Names of the classes in their order, where a file says them. */
  readonly classes?: readonly string[];
  /** The file that says them. */
  readonly classesFrom?: string;
  /** Of COCO's files: numbers of the classes, by name. Absent where files disagree. */
  readonly categories?: ReadonlyMap<string, number>;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** Lists say which pictures are meant: others are no oversight. */
  readonly all?: boolean;
}

/** What is wrong with a box's numbers; undefined when nothing is. */
export function wrongBox(x0: number, y0: number, x1: number, y1: number): string | undefined {
  if (![x0, y0, x1, y1].every(Number.isFinite)) return 'its numbers are not finite';
  if (x1 < x0 || y1 < y0) return 'it is reversed: an end comes before its beginning';
  if (x1 === x0 || y1 === y0) return 'it is empty';
  return undefined;
}
