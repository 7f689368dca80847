import { z } from 'zod';
import { METHODS } from './ranges.js';

const share = z.number().min(0).max(1);
const change = z.number().min(-1).max(1);

/** Top-1 in float32 and in int8 on the same pictures. */
const comparedSchema = z.looseObject({
  /** Which pictures, in words: `test`, `validation`, `every other test`. */
  part: z.string(),
  pictures: z.int().min(1),
  float32: share,
  int8: share,
  /** int8 - float32, and its 95 % interval of paired pictures. */
  change,
  low: change,
  high: change,
});

const int8Schema = z.looseObject({
  type: z.literal('int8'),
  calibration: z.looseObject({
    /** How ranges are taken of values. */
    method: z.enum(METHODS),
    pictures: z.int().min(1),
    /** Where they come from, in words. */
    of: z.string(),
  }),
  /** Layers that int8 is known for, and those of them that were left in float32. */
  layers: z.int().min(1),
  float32: z.array(z.string()),
  /**
   * By what these were chosen: the share of pictures lost on them, and the upper end of the 95 % interval of what is expected to be, which is known
   * without labels too; `error`: mean squared error of the answer over its mean square, on calibration pictures held out.
   */
  chosenOn: z.looseObject({
    part: z.string(),
    pictures: z.int().min(1),
    labels: z.boolean(),
    lost: change,
    /** Files of 0.2 and before do not have it. */
    expected: share.optional(),
    error: z.number(),
  }),
  /** Absent where there were no labelled pictures. */
  top1: comparedSchema.optional(),
});

/** What a file says of its arithmetic where that is not float32. */
export const precisionSchema = z.discriminatedUnion('type', [
  int8Schema,
  z.looseObject({ type: z.literal('float16') }),
]);
export type Precision = z.infer<typeof precisionSchema>;
export type Int8Facts = z.infer<typeof int8Schema>;
