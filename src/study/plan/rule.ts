import { z } from 'zod';

/** Values of settings, as a study file has them. */
export const settingsSchema = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))]),
);

/** Settings for the trials that lie within all of its bounds, both ends included. */
export const ruleSchema = z.strictObject({
  epochsFrom: z.number().optional(),
  epochsUpTo: z.number().optional(),
  depthFrom: z.number().optional(),
  depthUpTo: z.number().optional(),
  widthFrom: z.number().optional(),
  widthUpTo: z.number().optional(),
  sizeFrom: z.number().optional(),
  sizeUpTo: z.number().optional(),
  settings: settingsSchema,
  /** Where it comes from. */
  source: z.string().optional(),
});
export type Rule = z.infer<typeof ruleSchema>;
