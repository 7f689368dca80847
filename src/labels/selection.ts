import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { encodeSafetensors, SafetensorsFile } from '../weights/formats/safetensors.js';
import { type LabelledPart, labelledPartSchema, partFile, readJson } from './format.js';
import { fromJson } from './sidecar.js';
import { foreign, intTensor, readInts } from './tensors.js';

// What was selected of pseudo-labels, a folder:
//
//   selection.json           the rule, and what it kept of each class; written last
//   parts/PART.safetensors   rows I32 [m], rising, and copies I32 [m], 1 or more: how often a pass draws each of them
//   index.html               the same as a page

export const selectionFile = (selection: string): string => join(selection, 'selection.json');

const classSchema = z.object({
  name: z.string(),
  /** Pictures that the teacher calls so. */
  pictures: z.int(),
  /** The least probability that was kept; null where nothing was. */
  threshold: z.number().nullable(),
  /** Pictures at or above it. */
  above: z.int(),
  /** How many copies of each of these are expected: c = wanted / above. */
  copies: z.number(),
  /** Pictures with a copy or more, and all copies. */
  kept: z.int(),
  drawn: z.int(),
});
/** What a selection kept of a class. */
export type SelectedClass = z.infer<typeof classSchema>;

const schema = z.object({
  format: z.literal(1),
  kind: z.literal('selection'),
  /** The folder of labels, seen from this one. */
  labels: z.string(),
  teacher: z.string(),
  /** How it was selected, with all that the rule was given. */
  rule: z.looseObject({ name: z.string() }),
  seed: z.int(),
  pictures: z.int(),
  unreadable: z.int(),
  kept: z.int(),
  drawn: z.int(),
  classes: z.array(classSchema),
  /** Bins of 0.01 from 0 on: pictures of all classes, and those that were kept. */
  histogram: z.object({ pictures: z.array(z.int()), kept: z.array(z.int()) }),
  selectedAt: z.string(),
});
export type Selection = z.infer<typeof schema>;

/** The folder of labels that a selection is of. */
export const labelsOf = (selection: string, { labels }: Pick<Selection, 'labels'>): string =>
  resolve(selection, labels);
/** The same, as it is written. */
export const labelsFrom = (selection: string, labels: string): string =>
  relative(resolve(selection), resolve(labels)).split('\\').join('/') || '.';

export const isSelection = (folder: string): boolean => existsSync(selectionFile(folder));

export const readSelection = (folder: string): Selection => readJson(selectionFile(folder), schema, 'a selection');

/** Which rows of a part were selected, and how often each is drawn. */
export interface SelectedRows {
  rows: Int32Array;
  copies: Int32Array;
}

export function writeSelectedPart(
  selection: string,
  teacher: string,
  part: LabelledPart,
  { rows, copies }: SelectedRows,
): void {
  writeFileAtomic(
    partFile(selection, part.name),
    encodeSafetensors([intTensor('rows', rows), intTensor('copies', copies)], {
      'rescaled.selection': '1',
      teacher,
      part: JSON.stringify(part),
    }),
  );
}

/** @throws UsageError when the rows are missing, or were selected of other labels */
export function readSelectedPart(selection: string, wanted: LabelledPart, teacher: string): SelectedRows {
  const path = partFile(selection, wanted.name);
  const again = 'Select again with "rescaled pseudo-label select".';
  if (!existsSync(path))
    throw new UsageError(`Expected what was selected of part ${wanted.name} at ${path} but it is missing. ${again}`);
  const file = SafetensorsFile.open(path);
  try {
    const part = fromJson(file.metadata['part'], labelledPartSchema, path, 'part');
    if (file.metadata['teacher'] !== teacher || part.identity !== wanted.identity)
      throw new UsageError(
        `Expected a selection of the labels that are there but ${path} is one of others: they have changed since. ${again}`,
      );
    const [rows, copies] = [readInts(file, 'rows'), readInts(file, 'copies')];
    if (!(rows instanceof Int32Array && copies instanceof Int32Array && rows.length === copies.length))
      throw foreign(path, 'rows', undefined);
    for (let i = 0; i < rows.length; i++)
      if (!(rows[i]! > (rows[i - 1] ?? -1) && rows[i]! < wanted.pictures && copies[i]! > 0))
        throw foreign(path, 'rows', undefined);
    return { rows, copies };
  } finally {
    file.close();
  }
}
