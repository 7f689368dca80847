import { z } from 'zod';
import { UsageError } from '../../errors.js';

/** What stands beside shards: which there are, what is in them, and the names of the classes. */
export const MANIFEST = 'shards.json';
export const MANIFEST_FORMAT = 'rescaled shards 1';
/** Of a manifest or a list of classes. */
export const MANIFEST_BYTES = 64 * 2 ** 20;

/** A plain name, or one in folders: nothing outside of the manifest's own folder. */
const name = z
  .string()
  .max(1024)
  .regex(
    /^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[^\\:?#%\u0000-\u001f\u007f]+\.tar$/,
    'expected a name such as train-000000.tar',
  );

const schema = z.object({
  format: z.literal(MANIFEST_FORMAT),
  /** Of class numbers, in order; absent of pictures without labels. */
  classes: z.array(z.string().min(1)).optional(),
  shards: z
    .array(
      z.object({
        name,
        part: z.enum(['train', 'val', 'test']).optional(),
        /** Pictures in it. */
        count: z.int().min(1),
        bytes: z.int().min(1),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
});
export type Manifest = z.infer<typeof schema>;

/** @throws UsageError which says what does not fit */
export function readManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Expected a manifest of shards in ${path} but it is no JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const { success, data, error } = schema.safeParse(value);
  if (!success) {
    const [first] = error.issues;
    throw new UsageError(
      `Expected a manifest as "rescaled shards pack" writes it in ${path} but ${first!.path.join('.') || 'it'}: ${first!.message}.`,
    );
  }
  const names = new Set(data.shards.map((shard) => shard.name));
  if (names.size < data.shards.length) throw new UsageError(`Expected each shard once in ${path} but one comes twice.`);
  return data;
}

/** One name a line. @throws UsageError for one that comes twice */
export function readClassList(text: string, path: string): string[] {
  const names = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined)
    throw new UsageError(`Expected each class once in ${path} but "${twice}" comes twice. Correct it.`);
  return names;
}
