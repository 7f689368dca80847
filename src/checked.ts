// What a check of a data set found: plain data that the check makes, and that the page and the command line put in words.
import type { Endings, MeasuredPart } from './part-words.js';

/** What is looked for, in the order in which it matters. The names are stable: --fail-on and --json have them. */
export const CHECK_KINDS = {
  broken: 'pictures that cannot be read',
  annotations: 'boxes, masks and depth maps that are broken, or whose pictures are missing',
  leaks: 'the same picture, or nearly, in two parts',
  conflicts: 'the same picture, or nearly, under two classes',
  duplicates: 'the same picture twice, byte for byte or pixel for pixel',
  'near-duplicates': 're-encoded, rescaled, slightly cropped or mirrored copies',
  absent: 'classes without pictures in a part',
  imbalance: 'a class with ten times as many training pictures as another, or more',
  few: 'too few pictures to measure on, in all or of a class',
  folders: 'folders that may not be what they seem, or that train refuses',
  ignored: 'files that are passed over, whose names do not end like those of pictures',
  odd: 'pictures of extreme size or shape, or of one colour',
} as const;

export type CheckKind = keyof typeof CHECK_KINDS;

/** A picture as it is told of. */
export interface CheckedPicture {
  /** From the data folder, with `/` on every system; of IDX files the file's name and the picture's number, of shards `train-000000.tar#000012.jpg`. */
  path: string;
  /** `all` where the data has no parts. */
  part: MeasuredPart;
  /** Its class folder, or its label in an IDX file; empty of pictures with boxes, masks or depth. */
  class: string;
}

/** A picture that cannot be read, and why. */
export interface BrokenFile extends CheckedPicture {
  reason: string;
}

/** Pictures that are the same, or nearly. */
export interface CheckedGroup {
  /** Which of leaks, conflicts, duplicates and near-duplicates it is. */
  kinds: CheckKind[];
  /**
   * What all of them have in common: `file`, every byte; `pixels`, every decoded pixel; `near`, what is left after
   * re-encoding, rescaling, cropping or mirroring.
   */
  match: 'file' | 'pixels' | 'near';
  /** Whether one of them is the mirror image of another. */
  mirrored: boolean;
  /** Two or more. */
  pictures: CheckedPicture[];
}

/** `small`, `large`: the size; `long`: one side is four times the other or more; `plain`: one colour. */
export type Oddity = 'small' | 'large' | 'long' | 'plain';

export interface OddPicture extends CheckedPicture {
  odd: Oddity;
  /** As it is looked at, in pixels. */
  width: number;
  height: number;
}

/**
 * `refused`: train does not accept the data; `note`: what train says of it; `loose`: pictures beside class folders;
 * `empty`, `single`: class folders with no or one picture; `alike`: names that differ by case, spaces or punctuation
 * alone; `system`: folders that a system or program left; `nested`: folders with the name of one class within another.
 */
export type Trap = 'refused' | 'note' | 'loose' | 'empty' | 'single' | 'alike' | 'system' | 'nested';

export interface FolderTrap {
  trap: Trap;
  text: string;
}

export interface CheckedPart {
  part: MeasuredPart;
  pictures: number;
  /** In the order of the classes. */
  byClass: number[];
}

/** What a check found. All paths start from the data folder. */
/** Of what data alone do not say: pictures or clips by class. */
export const CHECK_TASKS = ['classify', 'video'] as const;
export type CheckTask = (typeof CHECK_TASKS)[number];

export interface Checked {
  /** As it was given. */
  data: string;
  /** What is said to be learned of it; absent where the data themselves say it. */
  task?: CheckTask;
  /** The data folder's name. */
  name: string;
  /** Folders of pictures, IDX files, or tar shards. */
  kind: 'image-folder' | 'idx' | 'shards' | 'clips';
  /** How many were looked at, in all parts. */
  pictures: number;
  /** Names of all classes, in the order of `byClass`. */
  classes: string[];
  /** How many pictures each part has, of each class. */
  parts: CheckedPart[];
  /** Of each kind: groups of leaks, conflicts and duplicates; pictures, files, classes or folders of the others. */
  found: Record<CheckKind, number>;
  /** Pictures that cannot be read, and why. */
  broken: BrokenFile[];
  /** Annotations that are left out of a training, and why. */
  annotations: { place: string; reason: string }[];
  /** Copies: pictures that are the same, or nearly. */
  groups: CheckedGroup[];
  /** Classes without pictures in a part. */
  absent: { class: string; part: MeasuredPart }[];
  /** Of the training pictures, or of all. */
  balance: {
    part: MeasuredPart;
    largest: { class: string; pictures: number };
    smallest: { class: string; pictures: number };
  };
  /** What a training is measured on: a part, or what it sets aside (`split`). */
  measured:
    | { part: MeasuredPart; pictures: number; split: boolean; fewOf: { class: string; pictures: number }[] }
    | undefined;
  /** Folders that may not be what they seem. */
  folders: FolderTrap[];
  /** How many files were passed over, by their names' endings. */
  ignored: Endings;
  /** Pictures of extreme size or shape, or of one colour. */
  odd: OddPicture[];
  /** Pictures that are too small for copies to be told from mere likeness: only exact ones are found among them. */
  exactOnly: number;
  /** The time that the check took. */
  seconds: number;
}

/** Fewer to measure on are said to be too few: 80 % of 200 may be 73.9 to 84.9 %. */
export const FEW_MEASURED = 200;
/** Fewer of a class say next to nothing of it. */
export const FEW_OF_CLASS = 10;
/** Largest class to smallest. */
export const IMBALANCED = 10;
