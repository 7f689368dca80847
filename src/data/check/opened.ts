import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { montage } from '../../augment/clips/strip.js';
import type { CheckedPicture, CheckTask } from '../../checked.js';
import { UsageError } from '../../errors.js';
import type { Endings, MeasuredPart } from '../../part-words.js';
import { lookAtTruth, openAnnotated } from '../annotations/look.js';
import { type FoundAnnotations, whichAnnotations } from '../annotations/which.js';
import { openClips } from '../clips/dataset.js';
import { whichVideo } from '../clips/which.js';
import { type Dataset, openDataset, type PartName } from '../dataset.js';
import type { DecodeOptions, Examined } from '../decoding/decode.js';
import { hasClips, type IdxSpec, pathsOf, rootOf, type Source, storedSpec } from '../sources/source.js';
import { addEndings } from '../sources/walk.js';

/** Pictures of one part. */
export interface OpenedPart {
  part: MeasuredPart;
  source: Source;
  paths: readonly string[];
}

/** A data set as a training sees it, or as much of it as can be opened where a training would refuse it. */
export interface Opened {
  folder: string;
  name: string;
  kind: Dataset['kind'];
  classes: string[];
  parts: OpenedPart[];
  /** What a training would be measured on; pictures that it sets aside are no part (`split`). */
  measured: { part: MeasuredPart; source: Source; split: boolean } | undefined;
  notes: readonly string[];
  ignored: Endings;
  /** Why a training would refuse it. */
  refusal: string | undefined;
  /** Of pictures with boxes, masks or depth. */
  annotated?: {
    /** Pictures that show each class. */
    counts: ReadonlyMap<Source, readonly number[]>;
    problems: readonly { place: string; reason: string }[];
  };
}

/**
 * Opens a data set to be checked: as `train` does, so that what it refuses is told in its words, and then, where that
 * does not keep the pictures from being found, part by part.
 * @throws UsageError where there are no pictures in class folders; RescaledError when something there cannot be read
 */
export async function openToCheck(
  path: string,
  { task, signal }: { task?: CheckTask; signal?: AbortSignal } = {},
): Promise<Opened> {
  const folder = existsSync(path) && statSync(path).isDirectory();
  // As `taskOfData` has it: annotations come before videos.
  const found = task === undefined && folder ? await whichAnnotations(path) : undefined;
  if (found !== undefined) return openAnnotations(path, found, signal);
  if ((task ?? ((await whichVideo(path)) && 'video')) === 'video') return trained(path, await openClips(path));
  try {
    return trained(path, await openDataset(path));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const parts: { part: MeasuredPart; dataset: Dataset }[] = [];
    for (const part of ['train', 'val', 'test'] as const) {
      const dataset = await tolerant(path, part);
      if (dataset !== undefined) parts.push({ part: dataset.measured, dataset });
    }
    if (parts.length === 0) {
      const dataset = await tolerant(path, 'all');
      if (dataset !== undefined) parts.push({ part: 'all', dataset });
    }
    if (parts.length === 0) throw error;
    return refused(path, parts, error.message);
  }
}

/** Pictures with boxes, masks or depth, and all that is wrong with these. */
async function openAnnotations(
  path: string,
  found: FoundAnnotations,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  let dataset: Awaited<ReturnType<typeof openAnnotated>>;
  let refusal: string | undefined;
  try {
    dataset = await openAnnotated(path, found, { maxBroken: 1 });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    refusal = error.message;
    dataset = await openAnnotated(path, found, { maxBroken: 1, need: 'val', take: 'every' });
  }
  const opened = { ...trained(path, dataset), refusal };
  const counts = new Map<Source, readonly number[]>();
  const problems = [...dataset.problems];
  const told = new Set(problems.map(({ place }) => place));
  for (const { source } of opened.parts) {
    const looked = await lookAtTruth(source, signal);
    counts.set(source, looked.byClass);
    problems.push(...looked.problems.filter(({ place }) => !told.has(place)));
  }
  // What is left out is told one by one.
  const notes = opened.notes.filter((note) => !/ left out: /.test(note));
  return { ...opened, notes, annotated: { counts, problems } };
}

async function tolerant(path: string, take: PartName | 'all'): Promise<Dataset | undefined> {
  try {
    return await openDataset(path, { need: 'val', take });
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function trained(path: string, dataset: Dataset): Opened {
  const { train, val, test, measured, split } = dataset;
  const whole = split === undefined;
  return {
    folder: rootIn(path, dataset),
    name: dataset.name,
    kind: dataset.kind,
    classes: [...dataset.classes],
    parts: [
      ...(train ? [partOf(whole ? 'train' : 'all', train)] : []),
      partOf(whole ? measured : 'all', val),
      ...(test ? [partOf('test', test)] : []),
    ],
    measured: { part: test ? 'test' : measured, source: test ?? val, split: !whole },
    notes: dataset.notes,
    ignored: dataset.ignoredEndings,
    refusal: undefined,
  };
}

/** What paths of pictures start from. */
function rootIn(path: string, { val }: Dataset): string {
  const spec = storedSpec(val);
  return spec === undefined ? resolve(path) : rootOf(spec);
}

function refused(path: string, opened: readonly { part: MeasuredPart; dataset: Dataset }[], refusal: string): Opened {
  const ignored: Record<string, number> = {};
  for (const { dataset } of opened) addEndings(ignored, dataset.ignoredEndings);
  const measured = opened.find(({ part }) => part === 'test') ?? opened.find(({ part }) => part === 'val');
  return {
    folder: rootIn(path, opened[0]!.dataset),
    name: opened[0]!.dataset.name,
    kind: opened[0]!.dataset.kind,
    classes: [...new Set(opened.flatMap(({ dataset }) => dataset.classes))],
    parts: opened.map(({ part, dataset }) => partOf(part, dataset.val)),
    measured: measured && { part: measured.part, source: measured.dataset.val, split: false },
    notes: opened[0]!.dataset.notes,
    ignored,
    refusal,
  };
}

const annotated = ({ spec }: Source): boolean => spec.kind === 'files' && spec.truth !== undefined;

export function partOf(part: MeasuredPart, source: Source): OpenedPart {
  const paths = pathsOf(source) ?? Array.from({ length: source.length }, (_, i) => source.describe(i));
  return { part, source, paths };
}

/** What a video is decoded for: its frames are then of at least 64 pixels, where they are so large. */
const CLIP_SIDE = 56;

/** A picture as it lies encoded. */
export interface EncodedPicture {
  /** Names it as it lies there now; undefined where it does not. */
  stamp(): string | undefined;
  /** @throws BrokenPicture */
  examine(options: DecodeOptions): Promise<Examined>;
}

/** All pictures of a data set, one after the other. */
export class Pictures {
  readonly length: number;
  readonly #parts: readonly OpenedPart[];
  readonly #starts: number[] = [];

  constructor(parts: readonly OpenedPart[]) {
    let start = 0;
    for (const { source } of parts) {
      this.#starts.push(start);
      start += source.length;
    }
    this.#parts = parts;
    this.length = start;
  }

  #at(i: number): [OpenedPart, number] {
    const k = this.#starts.findLastIndex((start) => start <= i);
    return [this.#parts[k]!, i - this.#starts[k]!];
  }

  told(i: number): CheckedPicture {
    const [{ part, source, paths }, k] = this.#at(i);
    return { path: paths[k]!, part, class: annotated(source) ? '' : source.classes[source.labels[k]!]! };
  }

  /** Picture i as it lies encoded: where, and how it is read; undefined of IDX files. */
  encoded(i: number): EncodedPicture | undefined {
    const [{ source }, k] = this.#at(i);
    const { encoded } = source;
    if (encoded === undefined) return undefined;
    const examine = async (options: DecodeOptions): Promise<Examined> => {
      const seen = await source.examine!(k, hasClips(source) ? { targetSize: CLIP_SIDE } : options);
      // A video is told from others by some of its frames, and from all others by all.
      return hasClips(source) ? { ...seen, pixels: montage(seen.pixels), bytes: seen.pixels.data } : seen;
    };
    return { stamp: () => encoded.stamp(k), examine };
  }

  /** Of IDX files. */
  ready(i: number): { pixels: NonNullable<ReturnType<Source['ready']>>; width: number; height: number } {
    const [{ source }, k] = this.#at(i);
    const { columns, rows } = source.spec as IdxSpec;
    return { pixels: source.ready(k, Math.min(columns, rows))!, width: columns, height: rows };
  }
}
