import { z } from 'zod';
import { MEAN_COLOUR } from '../augment/view.js';
import { UsageError } from '../errors.js';
import type { DetectorFacts } from '../models/detect/index.js';
import { type Precision, precisionSchema } from './quantise/precision.js';
import { type ClipFacts, clipFactsSchema } from './video/clip-facts.js';

/** How a picture becomes the file's input; the normalisation itself is part of the graph. */
export interface Preprocess {
  /** Side S of the input in pixels. */
  size: number;
  /** Share of the shorter side that the centre crop keeps. */
  evalCrop: number;
  /** All of the picture with its aspect kept, in place of a centre crop. */
  fit?: 'letterbox';
  interpolation: 'bicubic' | 'bilinear';
  /** Of the input tensor: bytes [N, S, S, 3], channels red, green, blue; of clips [N, T, S, S, 3]. */
  layout: 'NHWC' | 'NTHWC';
  channels: 'RGB';
  /** Mean and standard deviation of each channel on a scale of 0 to 1: x -> (x / 255 - mean) / std. */
  mean: [number, number, number];
  std: [number, number, number];
  /** The resize rule in words, for whoever runs the file without this package. */
  resizeRule: string;
  /** How clips are taken of videos; absent of pictures. */
  clip?: ClipFacts;
}

/** What stands beside every accuracy. More fields may follow; all must be JSON. */
export interface TrainingFacts {
  model: string;
  dataset?: string;
  trainImages?: number;
  testImages?: number;
  epochs?: number;
  /** Fraction of test pictures classified rightly, 0 to 1, measured with `evalCrop`. */
  top1?: number;
  /** Exponential moving average of the weights, or the weights as trained. */
  weights?: 'ema' | 'raw';
  seed?: number;
  [fact: string]: unknown;
}

/**
 * What an exported file gives out for a picture. Of classes: `logits` and `probabilities` [N, K], their softmax. Of
 * numbers: `numbers` [N, K] as the model gives them. Of boxes: `boxes` [M, 4], `scores`, `classes` and `pictures` [M] of all N pictures together,
 * after non-maximum suppression (onnx/boxes.ts). Of masks and depth: onnx/outputs.ts.
 */
export type ExportedOutput =
  | { readonly kind: 'classes'; readonly labels: readonly string[] }
  | { readonly kind: 'numbers'; readonly names: readonly string[] }
  | { readonly kind: 'boxes'; readonly labels: readonly string[]; readonly detector: DetectorFacts }
  | { readonly kind: 'masks'; readonly labels: readonly string[] }
  | { readonly kind: 'depth'; readonly farthest: number };

/** Names of what stands in a row of the output; none of depth. */
export const rowOf = ({ labels, numbers }: Pick<OnnxMetadata, 'labels' | 'numbers'>): readonly string[] =>
  numbers ?? labels;

/** All that an exported file says about itself. */
export interface OnnxMetadata {
  /** Of the package that wrote the file. */
  version: string;
  /** One a class, in the order of the outputs; none where the file gives numbers or depth. */
  labels: string[];
  /** Names of the numbers that the file gives, where it knows no classes. */
  numbers?: string[];
  /** Where the file gives boxes: which of them count. */
  boxes?: { scoreThreshold: number; perPicture: number };
  /** Where the file gives depth, and no labels: its unit, and what it was learned and measured up to. */
  depth?: { unit: 'metre'; farthest: number };
  preprocess: Preprocess;
  training: TrainingFacts;
  /** Where it computes in another precision than float32. */
  precision?: Precision;
}

const triple = z.tuple([z.number(), z.number(), z.number()]);
const namesSchema = z.array(z.string()).min(1);
const preprocessSchema = z.looseObject({
  size: z.int().min(1).max(4096),
  evalCrop: z.number().gt(0).max(1),
  fit: z.literal('letterbox').optional(),
  interpolation: z.enum(['bicubic', 'bilinear']),
  layout: z.enum(['NHWC', 'NTHWC']),
  channels: z.literal('RGB'),
  mean: triple,
  std: triple,
  resizeRule: z.string(),
  clip: clipFactsSchema.optional(),
});
const boxesSchema = z.looseObject({ scoreThreshold: z.number(), perPicture: z.int().min(1) });
const depthSchema = z.looseObject({ unit: z.literal('metre'), farthest: z.number().gt(0) });
const trainingSchema = z.looseObject({ model: z.string() });

/** The resize rule in words. `size` and `evalCrop` as in `Preprocess`. */
export function resizeRule(size: number, evalCrop: number, interpolation: string, fit?: 'letterbox'): string {
  if (fit === 'letterbox')
    return (
      `Upright 8-bit sRGB, transparency on white. Resize it so that its longer side is ${size} pixels, the other rounded: ${interpolation}, ` +
      `antialiased, as Pillow does. Put it into the upper left corner of ${size} x ${size} pixels of the colour ${MEAN_COLOUR.join(', ')}. ` +
      'Pass the bytes as they are.'
    );
  const pad = Math.round(size * (1 / evalCrop - 1));
  return (
    `Upright 8-bit sRGB, transparency on white. Cut the centred square of side ` +
    `floor(${size} * min(width, height) / ${size + pad}), ` +
    `then resize it to ${size} x ${size}: ${interpolation}, antialiased, as Pillow does. Pass the bytes as they are.`
  );
}

/** Metadata as the key-value strings of an ONNX file. */
export function toProperties(metadata: OnnxMetadata): { key: string; value: string }[] {
  return [
    { key: 'rescaled.version', value: metadata.version },
    metadata.depth === undefined
      ? { key: metadata.numbers === undefined ? 'labels' : 'numbers', value: JSON.stringify(rowOf(metadata)) }
      : { key: 'depth', value: JSON.stringify(metadata.depth) },
    ...(metadata.boxes === undefined ? [] : [{ key: 'boxes', value: JSON.stringify(metadata.boxes) }]),
    { key: 'preprocess', value: JSON.stringify(metadata.preprocess) },
    { key: 'training', value: JSON.stringify(metadata.training) },
    ...(metadata.precision === undefined ? [] : [{ key: 'precision', value: JSON.stringify(metadata.precision) }]),
  ];
}

/**
 * Reads back what `toProperties` wrote.
 * @param name the file, for messages
 * @throws UsageError when the file was not written by this package or its metadata was damaged.
 */
export function fromProperties(properties: readonly { key: string; value: string }[], name: string): OnnxMetadata {
  const values = new Map(properties.map(({ key, value }) => [key, value]));
  const version = values.get('rescaled.version');
  if (version === undefined) {
    throw new UsageError(
      `${name} is an ONNX file, but not one exported by rescaled: ` +
        'expected the metadata "rescaled.version", "labels" and "preprocess" but ' +
        `found ${
          values.size === 0
            ? 'none'
            : [...values.keys()]
                .slice(0, 8)
                .map((key) => `"${key}"`)
                .join(', ')
        }. ` +
        'Export a trained run with `rescaled export`.',
    );
  }
  const parsed = <T>(key: string, schema: z.ZodType<T>): T => {
    const result = schema.safeParse(parseJson(values.get(key)));
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    const place = [key, ...issue.path].join('.');
    throw new UsageError(`The metadata of ${name} is damaged: ${place}: ${issue.message}. Export the run again.`);
  };
  return {
    version,
    ...(values.has('depth')
      ? { labels: [], depth: parsed('depth', depthSchema) }
      : values.has('numbers')
        ? { labels: [], numbers: parsed('numbers', namesSchema) }
        : { labels: parsed('labels', namesSchema) }),
    ...(values.has('boxes') && { boxes: parsed('boxes', boxesSchema) }),
    preprocess: parsed('preprocess', preprocessSchema),
    training: parsed('training', trainingSchema),
    ...(values.has('precision') && { precision: parsed('precision', precisionSchema) }),
  };
}

/**
 * Of a file that lost its metadata: the class names that lie beside it, and a picture cut and resized as is usual.
 * @param fit of masks: the whole picture
 */
export function assumedMetadata(labels: string[], size: number, fit?: 'letterbox'): OnnxMetadata {
  const { evalCrop, interpolation } = { evalCrop: 0.875, interpolation: 'bicubic' as const };
  return {
    version: 'unknown',
    labels,
    preprocess: {
      size,
      evalCrop,
      ...(fit && { fit }),
      interpolation,
      layout: 'NHWC',
      channels: 'RGB',
      // They are in the graph; what they are cannot be told from outside.
      mean: [0, 0, 0],
      std: [1, 1, 1],
      resizeRule: resizeRule(size, evalCrop, interpolation, fit),
    },
    training: { model: 'unknown' },
  };
}

/** undefined for what is missing or not JSON: the schema then says what was expected. */
function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
