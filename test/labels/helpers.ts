import { mkdirSync } from 'node:fs';
import { openPool, type Pool } from '../../src/data/pool.js';
import { writeFileAtomic } from '../../src/files.js';
import { type Manifest, manifestFile, partsFolder, type Teacher } from '../../src/labels/format.js';
import { PartLabels, writeSidecar } from '../../src/labels/sidecar.js';
import { writeTree } from '../data/helpers.js';

export const TEACHER: Teacher = {
  identity: 'a'.repeat(64),
  model: 'resnet-rs-50',
  weights: 'ema',
  size: 32,
  preprocess: { size: 32 },
};

/** A pool of files whose content is their name: for what only looks at names and sizes. */
export async function poolOfNames(folder: string, names: readonly string[]): Promise<Pool> {
  writeTree(folder, Object.fromEntries(names.map((name) => [name, name])));
  return openPool([folder]);
}

/**
 * Labels of a whole pool, without a teacher.
 * @param probabilities of picture i, one a class; undefined where it cannot be read
 */
export function writeLabels(
  labels: string,
  pool: Pool,
  classes: readonly string[],
  probabilities: (i: number) => readonly number[] | undefined,
  top = classes.length,
): Manifest {
  mkdirSync(partsFolder(labels), { recursive: true });
  const parts = pool.parts.map((part) => ({
    name: part.name,
    pictures: part.end - part.begin,
    identity: pool.identity(part),
  }));
  const manifest: Manifest = { format: 1, kind: 'classes', teacher: TEACHER, classes: [...classes], top, parts };
  writeFileAtomic(manifestFile(labels), JSON.stringify(manifest));
  for (const [p, part] of parts.entries()) {
    const { begin } = pool.parts[p]!;
    const rows = new PartLabels(part.pictures, top);
    for (let row = 0; row < part.pictures; row++) {
      const found = probabilities(begin + row);
      if (found === undefined) rows.setUnreadable(row, 'it is empty');
      else rows.set(row, Float32Array.from(found));
    }
    writeSidecar(labels, manifest, part, rows, (row) => pool.key(begin + row));
  }
  return manifest;
}
