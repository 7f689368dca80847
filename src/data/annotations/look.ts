import { join } from 'node:path';
import type { DatasetOptions } from '../dataset.js';
import { BrokenPicture, sidesOf } from '../decoding/decode.js';
import { PathTable } from '../sources/path-table.js';
import type { Source } from '../sources/source.js';
import { type DetectionData, openDetection } from './detection.js';
import { readDepth } from './files/map-file.js';
import { maskOf } from './files/shapes.js';
import { type MapData, openDepth, openSegmentation, otherSize } from './maps.js';
import type { Problem } from './problems.js';
import type { FoundAnnotations } from './which.js';

/** Files read at a time. */
const AT_ONCE = 8;

/** Opens what `whichAnnotations` found. */
export function openAnnotated(
  path: string,
  { kind }: FoundAnnotations,
  options: DatasetOptions,
): Promise<DetectionData | MapData> {
  if (kind === 'boxes') return openDetection(path, options);
  return kind === 'masks' ? openSegmentation(path, options) : openDepth(path, options);
}

/**
 * Reads the annotations of all pictures of a source.
 * @returns how many pictures show each class, and which maps cannot be read
 */
export async function lookAtTruth(
  source: Source,
  signal?: AbortSignal,
): Promise<{ byClass: number[]; problems: Problem[] }> {
  const { spec } = source;
  const byClass = new Array<number>(source.classes.length).fill(0);
  const problems: Problem[] = [];
  if (spec.kind !== 'files' || spec.truth === undefined) return { byClass, problems };
  const { truth, ids, root } = spec;
  const count = (classes: Iterable<number>): void => {
    for (const label of new Set(classes)) if (label < byClass.length) byClass[label]!++;
  };
  if (truth.kind === 'boxes') {
    for (const id of ids) count(truth.classes.subarray(truth.starts[id]!, truth.starts[id + 1]!));
    return { byClass, problems };
  }
  const paths = new PathTable(truth.paths);
  const found: (Problem | undefined)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < source.length) {
      signal?.throwIfAborted();
      const i = next++;
      const path = paths.at(ids[i]!);
      const fail = (reason: string): void => void (found[i] = { place: path, reason, of: 'picture' });
      try {
        const map =
          truth.kind === 'masks' ? await maskOf(truth, ids[i]!, join(root, path)) : await readDepth(join(root, path));
        const sides = await sidesOf(source.describe(i)).catch(() => undefined);
        if (sides !== undefined && (sides.width !== map.width || sides.height !== map.height))
          fail(otherSize(map, sides));
        else if (truth.kind === 'masks') count(map.data);
        else count([0]);
      } catch (error) {
        if (!(error instanceof BrokenPicture)) throw error;
        fail(error.reason);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { byClass, problems: found.filter((problem) => problem !== undefined) };
}
