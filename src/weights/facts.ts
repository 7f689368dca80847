import { z } from 'zod';
import { RescaledError } from '../errors.js';

/** Fields of the classifiers of all models: what `head` of a model may be. */
export const CLASSIFIERS = ['fc', 'classifier', 'head.fc'] as const;

/** Rows of the classifier among these tensors; undefined where there is none. */
export const outputsIn = (tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): number | undefined =>
  CLASSIFIERS.map((name) => tensors.get(`${name}.weight`)).find((tensor) => tensor !== undefined)?.shape[0];

const triple = z.tuple([z.number(), z.number(), z.number()]);
const factsSchema = z.object({
  /** What they were trained for, where it is not to tell classes apart. */
  task: z.string().optional(),
  model: z.string().optional(),
  modelOptions: z.record(z.string(), z.unknown()).optional(),
  classes: z.array(z.string()).optional(),
  /** Classes that a linear layer beside the head tells apart, which was no part of the training. */
  gauge: z.array(z.string()).optional(),
  /** The projection head beside the trunk: outputs of its layers, those of the trunk first. */
  projection: z.object({ version: z.enum(['v1', 'v2']), widths: z.array(z.int().min(1)).min(2).max(9) }).optional(),
  /** Of a detector, what its tensors do not say: how anchors lie, and which boxes are taken. */
  detector: z.record(z.string(), z.unknown()).optional(),
  /** What stands on the trunk of a model of pixels, as far as its tensors do not say it; metres of depth. */
  decoder: z.record(z.string(), z.unknown()).optional(),
  depth: z.record(z.string(), z.unknown()).optional(),
  size: z.int().min(1).max(8192).optional(),
  evalCrop: z.number().gt(0).max(1).optional(),
  /** What is looked at of a picture, where it is not a crop. */
  fit: z.enum(['crop', 'letterbox']).optional(),
  mean: triple.optional(),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).optional(),
  interpolation: z.enum(['bicubic', 'bilinear']).optional(),
  /** `swish` is TensorFlow's name of `silu`. */
  activation: z.enum(['relu', 'silu', 'swish']).optional(),
  /** How clips are taken of videos, and how many of each are looked at. */
  clip: z
    .object({
      frames: z.int().min(1).max(1024),
      stride: z.int().min(0).max(256),
      rule: z.enum(['garden', 'slowfast']),
      fps: z.number().min(0).max(1000).optional(),
      clips: z.int().min(1).max(100),
      crops: z.int().min(1).max(10),
    })
    .optional(),
  weights: z.enum(['ema', 'raw']).optional(),
});

/**
 * What weights say about themselves in the header of a safetensors file: the model and its options, the classes, and
 * how a picture becomes the input. `mean` and `std` are of RGB on a scale of 0 to 1. Numbers and lists are written as
 * JSON.
 */
export type WeightsFacts = z.infer<typeof factsSchema>;

/** The facts of a header; keys that are none are left alone. @throws RescaledError naming the file and the key */
export function readFacts(metadata: Readonly<Record<string, string>>, path: string): WeightsFacts {
  const facts: Record<string, unknown> = {};
  for (const [key, type] of Object.entries(factsSchema.shape)) {
    const text = metadata[key];
    if (text === undefined) continue;
    let value: unknown = text;
    if (!(type.unwrap() instanceof z.ZodString || type.unwrap() instanceof z.ZodEnum)) {
      try {
        value = JSON.parse(text);
      } catch {
        // The check below names it.
      }
    }
    const parsed = type.safeParse(value);
    if (!parsed.success)
      throw new RescaledError(
        `Expected a valid "${key}" in the header of ${path} but it is ${text.slice(0, 60)}: ` +
          `${parsed.error.issues[0]!.message}.`,
      );
    facts[key] = parsed.data;
  }
  return facts;
}

/** The header strings of these facts. */
export function writeFacts(facts: WeightsFacts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
