import { existsSync } from 'node:fs';
import { z } from 'zod';
import { RescaledError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { fromFloat32 } from '../weights/formats/dtypes.js';
import { encodeSafetensors, SafetensorsFile } from '../weights/formats/safetensors.js';
import { type LabelledPart, labelledPartSchema, partFile, type Teacher, teacherSchema } from './format.js';
import { foreign, intTensor, readFloats, readInts } from './tensors.js';

// The labels of a part, a safetensors file with one row a picture in the pool's order:
//
//   keys               U8 [bytes]   the pictures' keys one after the other, UTF-8
//   keys.ends          I32 [n]      where each one ends
//   class              I16/I32 [n]  the most probable class; -1 where the picture cannot be read
//   probability        F32 [n]      of that class; 0 where the picture cannot be read
//   topk.classes       I16/I32 [n, k]
//   topk.probabilities F16 [n, k]   most probable first; what is left of 1 is spread evenly over the other classes
//
// Its metadata: rescaled.labels (the format, 1), kind ("classes"), classes, teacher, part and unreadable (pairs of a row
// and why its picture cannot be read), JSON each.

const FORMAT = '1';
/** Class of a picture that cannot be read. */
export const UNREADABLE_CLASS = -1;

/** What all sidecars of a folder have in common. */
export interface SidecarHead {
  teacher: Teacher;
  classes: readonly string[];
}

/** The labels of a part while they come. */
export class PartLabels {
  readonly classOf: Int32Array;
  readonly probability: Float32Array;
  readonly topClasses: Int32Array;
  readonly topProbabilities: Float32Array;
  readonly unreadable: [row: number, reason: string][] = [];

  /**
   * @param pictures rows
   * @param top k: how many classes of a picture are kept
   */
  constructor(
    readonly pictures: number,
    readonly top: number,
  ) {
    this.classOf = new Int32Array(pictures).fill(UNREADABLE_CLASS);
    this.probability = new Float32Array(pictures);
    this.topClasses = new Int32Array(pictures * top);
    this.topProbabilities = new Float32Array(pictures * top);
  }

  /** @param probabilities of all classes, at least k of them */
  set(row: number, probabilities: Float32Array): void {
    const { top } = this;
    const at = row * top;
    let filled = 0;
    for (let k = 0; k < probabilities.length; k++) {
      const p = probabilities[k]!;
      if (filled === top && !(p > this.topProbabilities[at + top - 1]!)) continue;
      let place = filled < top ? filled++ : top - 1;
      for (; place > 0 && p > this.topProbabilities[at + place - 1]!; place--) {
        this.topProbabilities[at + place] = this.topProbabilities[at + place - 1]!;
        this.topClasses[at + place] = this.topClasses[at + place - 1]!;
      }
      this.topProbabilities[at + place] = p;
      this.topClasses[at + place] = k;
    }
    if (!(this.topProbabilities[at]! >= 0))
      throw new RescaledError(
        'Expected probabilities of the teacher but received what is no number: its weights are broken.',
      );
    this.classOf[row] = this.topClasses[at]!;
    this.probability[row] = this.topProbabilities[at]!;
  }

  setUnreadable(row: number, reason: string): void {
    this.unreadable.push([row, reason]);
  }
}

/**
 * Writes the labels of a part whole.
 * @param key of each row
 * @returns bytes of the file
 */
export function writeSidecar(
  labels: string,
  { teacher, classes }: SidecarHead,
  part: LabelledPart,
  rows: PartLabels,
  key: (row: number) => string,
): number {
  const ends = new Int32Array(part.pictures);
  const keys: Buffer[] = [];
  let at = 0;
  for (let row = 0; row < part.pictures; row++) {
    const bytes = Buffer.from(key(row));
    keys.push(bytes);
    ends[row] = at += bytes.length;
  }
  const metadata = {
    'rescaled.labels': FORMAT,
    kind: 'classes',
    classes: JSON.stringify(classes),
    teacher: JSON.stringify(teacher),
    part: JSON.stringify(part),
    unreadable: JSON.stringify(rows.unreadable),
  };
  let bytes = 0;
  const chunks = encodeSafetensors(
    [
      { name: 'keys', dtype: 'U8', shape: [at], bytes: Buffer.concat(keys) },
      intTensor('keys.ends', ends),
      intTensor('class', rows.classOf, classes.length),
      {
        name: 'probability',
        dtype: 'F32',
        shape: [part.pictures],
        bytes: fromFloat32(rows.probability, 'F32'),
      },
      intTensor('topk.classes', rows.topClasses, classes.length, rows.top),
      {
        name: 'topk.probabilities',
        dtype: 'F16',
        shape: [part.pictures, rows.top],
        bytes: fromFloat32(rows.topProbabilities, 'F16'),
      },
    ],
    metadata,
  );
  const counted = function* (): Generator<Uint8Array> {
    for (const chunk of chunks) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  };
  writeFileAtomic(partFile(labels, part.name), counted());
  return bytes;
}

/** Bytes that a sidecar takes, for a plan. */
export const sidecarBytes = {
  /** @param key mean bytes of a key */
  aPicture(key: number, classes: number, top: number): number {
    const label = classes <= 2 ** 15 ? 2 : 4;
    return key + 4 + label + 4 + top * (label + 2);
  },
  /** Of the header, some of which describes the tensors and the part. */
  aPart: (classes: readonly string[], teacher: Teacher): number =>
    640 + JSON.stringify(JSON.stringify(classes)).length + JSON.stringify(JSON.stringify(teacher)).length,
};

const unreadableSchema = z.array(z.tuple([z.int(), z.string()]));

/** The labels of a part, open for reading; tensors are read when asked for. Close it after use. */
export class Sidecar {
  private constructor(
    private readonly file: SafetensorsFile,
    readonly part: LabelledPart,
    readonly teacher: Teacher,
    /** How many classes of a picture are kept. */
    readonly top: number,
  ) {}

  /** Whether the labels of a part are there. */
  static isThere(labels: string, part: string): boolean {
    return existsSync(partFile(labels, part));
  }

  /**
   * @throws UsageError when there are none, naming the part, when they are another teacher's or of other pictures than
   * `wanted` says, or when the file holds something else; RescaledError when it is damaged
   */
  static open(labels: string, wanted: LabelledPart, teacher: string): Sidecar {
    const path = partFile(labels, wanted.name);
    if (!existsSync(path))
      throw new UsageError(
        `Expected the labels of part ${wanted.name} at ${path} but they are missing: the labelling has not ended. ` +
          'Go on with the same "rescaled pseudo-label" command.',
      );
    const file = SafetensorsFile.open(path);
    try {
      const { metadata } = file;
      if (metadata['rescaled.labels'] !== FORMAT || metadata['kind'] !== 'classes')
        throw foreign(path, 'rescaled.labels', undefined);
      const part = fromJson(metadata['part'], labelledPartSchema, path, 'part');
      const own = fromJson(metadata['teacher'], teacherSchema, path, 'teacher');
      if (own.identity !== teacher)
        throw new UsageError(
          `Expected labels of one teacher in ${labels} but part ${wanted.name} has those of another ` +
            `(${own.identity.slice(0, 12)}, not ${teacher.slice(0, 12)}). Remove ${path} and label that part again.`,
        );
      if (part.identity !== wanted.identity || part.pictures !== wanted.pictures)
        throw new UsageError(
          `Expected the labels of the ${wanted.pictures} pictures of part ${wanted.name} at ${path} but they are of ` +
            `${part.pictures === wanted.pictures ? 'other pictures' : `${part.pictures} pictures`}: the pictures have changed since. ` +
            'Label them anew, into another folder.',
        );
      const top = file.entries.get('topk.classes')?.shape[1];
      if (top === undefined) throw foreign(path, 'topk.classes', undefined);
      const sidecar = new Sidecar(file, part, own, top);
      for (const [name, length] of [
        ['class', part.pictures],
        ['probability', part.pictures],
        ['keys.ends', part.pictures],
        ['topk.classes', part.pictures * top],
        ['topk.probabilities', part.pictures * top],
      ] as const) {
        const entry = file.entries.get(name);
        if (entry === undefined || entry.shape.reduce((product, side) => product * side, 1) !== length)
          throw foreign(path, name, undefined);
      }
      return sidecar;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The most probable class of each row; -1 where the picture cannot be read. */
  classOf(): Int16Array | Int32Array {
    return readInts(this.file, 'class');
  }

  probability(): Float32Array {
    return readFloats(this.file, 'probability');
  }

  /** [n, k], most probable first. */
  topClasses(): Int16Array | Int32Array {
    return readInts(this.file, 'topk.classes');
  }

  /** [n, k] */
  topProbabilities(): Float32Array {
    return readFloats(this.file, 'topk.probabilities');
  }

  /** The bytes of each row's key. */
  keys(): (row: number) => Uint8Array {
    const bytes = this.file.read('keys');
    const ends = readInts(this.file, 'keys.ends');
    return (row) => bytes.subarray(row === 0 ? 0 : ends[row - 1], ends[row]);
  }

  /** Rows whose pictures cannot be read, and why. */
  unreadable(): [row: number, reason: string][] {
    return fromJson(this.file.metadata['unreadable'], unreadableSchema, this.file.path, 'unreadable');
  }

  close(): void {
    this.file.close();
  }
}

export function fromJson<T>(text: string | undefined, schema: z.ZodType<T>, path: string, name: string): T {
  let value: unknown;
  try {
    value = text === undefined ? undefined : JSON.parse(text);
  } catch {
    value = undefined;
  }
  const result = schema.safeParse(value);
  if (!result.success) throw foreign(path, name, undefined);
  return result.data;
}
