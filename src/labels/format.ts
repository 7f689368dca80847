import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../errors.js';

/**
 * A folder of pseudo-labels:
 *
 *     labels.json              the manifest: teacher, classes, the parts of the pool; written first
 *     teacher.onnx             the teacher, where it had to be exported
 *     parts/PART.safetensors   the labels of a part, see `sidecar.ts`; written whole or not at all
 *     selected/                what `select` kept of them, see `selection.ts`
 */
export const manifestFile = (labels: string): string => join(labels, 'labels.json');
export const partsFolder = (folder: string): string => join(folder, 'parts');
export const partFile = (folder: string, part: string): string => join(partsFolder(folder), `${part}.safetensors`);

/** Who gave the labels. */
export interface Teacher {
  /** sha256 (hex) of network and weights, names of classes, and how a picture is prepared for them. */
  identity: string;
  /** Its model's name. */
  model: string;
  /** Averaged weights or those as trained, where the file says it. */
  weights?: 'ema' | 'raw' | undefined;
  /** Side S of its pictures in pixels. */
  size: number;
  /** Everything about how a picture becomes its input: crop, interpolation, mean, deviation. */
  preprocess: Record<string, unknown>;
}

export const teacherSchema = z.object({
  identity: z.string().regex(/^[0-9a-f]{64}$/),
  model: z.string(),
  weights: z.enum(['ema', 'raw']).optional(),
  size: z.int().min(1),
  preprocess: z.record(z.string(), z.unknown()),
});

export const labelledPartSchema = z.object({
  /** As the pool names it. */
  name: z.string(),
  /** sha256 (hex) of the part's pictures, see `Pool.identity`. */
  identity: z.string(),
  pictures: z.int().min(0),
});
/** A part of the pool that labels were given to. */
export type LabelledPart = z.infer<typeof labelledPartSchema>;

const manifestSchema = z.object({
  format: z.literal(1),
  /** What a label is: of classes, and of nothing else so far. */
  kind: z.literal('classes'),
  teacher: teacherSchema,
  classes: z.array(z.string()).min(1),
  /** How many classes of a picture are kept with their probabilities. */
  top: z.int().min(1),
  /** The file that the teacher was exported from, and how it was asked for. */
  exported: z.object({ from: z.string(), sha256: z.string(), given: z.record(z.string(), z.unknown()) }).optional(),
  parts: z.array(labelledPartSchema).min(1),
});
/** What a folder of labels is of. */
export type Manifest = z.infer<typeof manifestSchema>;

/** @throws UsageError where there are no labels, or the manifest is damaged */
export function readManifest(labels: string): Manifest {
  const file = manifestFile(labels);
  if (!existsSync(file))
    throw new UsageError(
      `Expected pseudo-labels in ${labels} but there is no ${file}. Write them with ` +
        '"rescaled pseudo-label TEACHER PICTURES... -o LABELS".',
    );
  return readJson(file, manifestSchema, 'pseudo-labels');
}

/** @throws UsageError when the file is not JSON of this form */
export function readJson<T>(file: string, schema: z.ZodType<T>, of: string): T {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(
      `Expected the JSON of ${of} in ${file} but it cannot be read: ${(cause as Error).message}. Write them again.`,
      { cause },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new UsageError(
    `Expected the JSON of ${of} in ${file} but ${issue.path.join('.') || 'it'} is wrong: ${issue.message}. ` +
      'Was it written by another version, or by hand? Write them again.',
  );
}

/** Begins an identity so that people can tell two of them apart. */
export const shortIdentity = (identity: string): string => identity.slice(0, 12);
