import type { Pixels } from '../../augment/pixels.js';
import type { View } from '../../augment/view.js';
import type { Source } from '../sources/source.js';

type NumberArray = Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array;
/** What the pictures of a batch should give: named arrays, of a type and layout that the task decides. */
export type Targets = Readonly<Record<string, NumberArray | Float32Array | Float64Array | BigInt64Array>>;

/** A picture whose target is wanted. */
export interface TargetRequest {
  /** In the source. */
  readonly index: number;
  /** The picture as it was decoded: its sides, and all of its bytes where the reader asks for them (`wantsPixels`). */
  readonly pixels: Pick<Pixels, 'width' | 'height'> & Partial<Pixels>;
  /** How the network looks at it: a target on the picture's grid is looked at alike (augment/targets.ts). */
  readonly view: View;
}

/** Gathers the targets of one batch. */
export interface TargetWriter<T extends Targets> {
  /**
   * Adds the target of the next picture of the batch. Pictures that cannot be read are not asked for.
   * @throws BrokenPicture where this one has none that can be used: it is left out, and nothing of it may have been added
   */
  add(request: TargetRequest): void | Promise<void>;
  /** The targets of the pictures added, in that order. The arrays are given away: their buffers move to another thread. */
  finish(): T;
}

/** Gives targets for the pictures of a source. */
export interface TargetReader<T extends Targets> {
  /** Targets are made of the bytes of whole pictures, which otherwise need not be decoded further than a view shows. */
  readonly wantsPixels?: boolean;
  /** @param most pictures that will be added at most @param mode what the batch is for; what only an evaluation needs can be left out */
  writer(most: number, mode: 'train' | 'eval'): TargetWriter<T>;
}

/**
 * How a thread comes to the targets of a source: a module of this package whose `openTargets(source, data)` gives a `TargetReader`. Functions
 * do not go from thread to thread; the address of a module does.
 */
export interface TargetSpec<T extends Targets = Targets> {
  /** `import.meta.url` of the module. */
  readonly module: string;
  /** Whatever it needs besides the source. Structured-cloneable; large parts in shared memory. */
  readonly data?: unknown;
  /** Absent: it only carries the type. */
  readonly of?: T;
}

/** What the module of a `TargetSpec` exports. */
export interface TargetModule<T extends Targets = Targets> {
  openTargets(source: Source, data: unknown): TargetReader<T>;
}

/** Opens the targets of a source, in whatever thread. */
export async function openTargets<T extends Targets>(spec: TargetSpec<T>, source: Source): Promise<TargetReader<T>> {
  const module = (await import(spec.module)) as TargetModule<T>;
  return module.openTargets(source, spec.data);
}

/** The buffers to be moved, not copied, with the targets of a batch. */
export const buffersOf = (targets: Targets): ArrayBuffer[] => [
  ...new Set(Object.values(targets).map(({ buffer }) => buffer as ArrayBuffer)),
];
