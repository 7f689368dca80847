import type { PathTableSpec } from './path-table.js';

/**
 * What pictures show beside a class, by their numbers in the data set: a part of a source's spec, that threads share. All arrays lie in shared
 * memory.
 */
export type Truth = BoxTable | MaskTable | DepthTable;

/** A class a pixel, each picture's in a PNG of its own. */
export interface MaskTable {
  readonly kind: 'masks';
  /** The files by the pictures' numbers, from the source's root. */
  readonly paths: PathTableSpec;
  /** [256]: the class that a number stands for, 255 where nothing is asked for, 254 where it stands for none. */
  readonly table: Uint8Array;
  /** The same by colour, where colours are listed: 0xRRGGBB, class. */
  readonly colours?: ReadonlyMap<number, number>;
  /** Where they are drawn of things that lie over each other: `paths` are those of the pictures then, and there are no files. */
  readonly shapes?: ShapeTable;
}

/** Things drawn over each other; see data/annotations/files/shapes.ts. Picture `id` has those from `starts[id]` to before `starts[id + 1]`. */
export interface ShapeTable {
  /** [pictures, 2]: width and height. */
  readonly sides: Int32Array;
  /** [pictures + 1] */
  readonly starts: Int32Array;
  /** [things]: a class, or 255 where nothing is asked for. The first thing of a picture lies lowest. */
  readonly classes: Uint8Array;
  /** [things + 1]: where each begins in `numbers`. */
  readonly at: Float64Array;
  /** Of polygons: the count of each one's numbers, and these; of runs: -1, then the runs. */
  readonly numbers: Float64Array;
  /** What pixels show that no thing covers. */
  readonly background: number;
}

/** Metres a pixel, each picture's in a PNG of 16 bits. */
export interface DepthTable {
  readonly kind: 'depth';
  readonly paths: PathTableSpec;
  /** Numbers of a metre: 1000 where they are millimetres. */
  readonly scale: number;
  /** Numbers that say that there is no reading. */
  readonly invalid: readonly number[];
}

/** Boxes around things. Picture `id` has those from `starts[id]` to before `starts[id + 1]`. */
export interface BoxTable {
  readonly kind: 'boxes';
  /** [pictures + 1] */
  readonly starts: Int32Array;
  /** [boxes, 4]: x0, y0, x1, y1, continuous edges in pixels of the picture as it is looked at, upright and before any reduction. */
  readonly boxes: Float32Array;
  /** [boxes]: indices into the source's classes. */
  readonly classes: Int32Array;
  /** [boxes]: `CROWD` or `DIFFICULT`, or both. */
  readonly flags: Uint8Array;
  /** [boxes]: pixels that the thing covers where the annotation says so, else width x height. */
  readonly areas: Float32Array;
  /** [pictures, 2]: width and height of the picture. */
  readonly sides: Int32Array;
  /** Of COCO's form: the numbers of the pictures, unique within a file, and of the classes that have one. */
  readonly coco?: { readonly pictures: Float64Array; readonly classes: readonly (number | undefined)[] };
}

/** A box around many things of its class, that nobody counted. */
export const CROWD = 1;
/** One that is not asked for in Pascal VOC's evaluation. */
export const DIFFICULT = 2;

/** What a picture shows, as it was annotated. */
export interface PictureBoxes {
  /** [n, 4], see `BoxTable`. */
  readonly boxes: Float32Array;
  readonly classes: Int32Array;
  readonly crowd: Uint8Array;
  readonly difficult: Uint8Array;
  readonly area: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** The boxes of the picture with this number. The arrays are copies. */
export function boxesOf({ starts, boxes, classes, flags, areas, sides }: BoxTable, id: number): PictureBoxes {
  const [from, to] = [starts[id]!, starts[id + 1]!];
  const own = flags.subarray(from, to);
  return {
    boxes: boxes.slice(4 * from, 4 * to),
    classes: classes.slice(from, to),
    crowd: Uint8Array.from(own, (flag) => (flag & CROWD ? 1 : 0)),
    difficult: Uint8Array.from(own, (flag) => (flag & DIFFICULT ? 1 : 0)),
    area: areas.slice(from, to),
    width: sides[2 * id]!,
    height: sides[2 * id + 1]!,
  };
}

/** An array of the same type in shared memory, so that worker threads see it without a copy. */
export function shared<T extends Int32Array | Float32Array | Float64Array | Uint8Array>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  values: ArrayLike<number>,
): T {
  const out = new type(new SharedArrayBuffer(values.length * type.BYTES_PER_ELEMENT));
  out.set(values);
  return out;
}
