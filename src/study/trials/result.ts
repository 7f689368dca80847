import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { type Metric, readKey, written, writtenKey } from '../../metric.js';
import { metricsOf } from '../../tasks/index.js';

/** @param value of the metric */
const doneOf = (value: z.ZodNumber) =>
  z.object({
    format: z.literal(1),
    status: z.literal('done'),
    id: z.string(),
    seed: z.int(),
    /** Absent from results of `classify`. */
    task: z.string().optional(),
    options: z.looseObject({}),
    /** By the task's primary metric, of the weights that the recipe uses, on `testPictures` pictures. */
    score: value,
    weights: z.enum(['ema', 'raw']),
    scoreRaw: value,
    scoreEma: value.optional(),
    /** Where the task measures it. */
    loss: z.number().optional(),
    testPictures: z.int(),
    /** Of the same weights on a fixed part of the training pictures, without augmentation. */
    trainScore: value,
    trainLoss: z.number().optional(),
    trainPictures: z.int(),
    /** Training alone, waiting for pictures included. */
    seconds: z.number(),
    /** From one step to the next, the median. */
    msPerStep: z.number(),
    imagesPerSecond: z.number(),
    scoredPerSecond: z.number(),
    epochs: z.int(),
    steps: z.int(),
    parameters: z.int(),
    threads: z.int(),
    versions: z.object({ rescaled: z.string(), engine: z.string(), node: z.string() }),
    finishedAt: z.string(),
  });
const failedSchema = z.object({
  format: z.literal(1),
  status: z.literal('failed'),
  id: z.string(),
  seed: z.int(),
  reason: z.string(),
  at: z.string(),
});
const resultOf = (value: z.ZodNumber) => z.discriminatedUnion('status', [doneOf(value), failedSchema]);
const [ofShares, ofNumbers] = [resultOf(z.number().min(0).max(1)), resultOf(z.number())];

/** What a trial has found. Its file has the name of the metric in place of `score`, in every key. */
export type TrialResult = z.infer<ReturnType<typeof doneOf>>;
export type TrialFailure = z.infer<typeof failedSchema>;

export const trialsFolder = (study: string): string => join(study, 'trials');
export const resultFile = (study: string, id: string): string => join(trialsFolder(study), `${id}.json`);
export const lockFile = (study: string, id: string): string => join(trialsFolder(study), `${id}.lock`);
/** The run folder of a trial that is not done. */
export const trialRun = (study: string, id: string): string => join(trialsFolder(study), id);

/** What `score` is in a result: the primary metric of its task, `classify` where it names none. */
const metricOf = ({ task }: { task?: unknown }): Metric => metricsOf(typeof task === 'string' ? task : undefined)[0];

export function writeResult(study: string, result: TrialResult | TrialFailure): void {
  mkdirSync(trialsFolder(study), { recursive: true });
  const file = result.status === 'done' ? written(metricOf(result), result) : result;
  writeFileAtomic(resultFile(study, result.id), `${JSON.stringify(file, null, 2)}\n`);
}

/** What is known of a trial; undefined when it has not ended yet. */
export function readResult(study: string, id: string): TrialResult | TrialFailure | undefined {
  const file = resultFile(study, id);
  if (!existsSync(file)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new RescaledError(
      `Expected the result of a trial in ${file} but it is no JSON: ${(error as Error).message}. ` +
        'Delete it, and the trial runs again.',
    );
  }
  const isRecord = typeof json === 'object' && json !== null && !Array.isArray(json);
  const metric = metricOf(isRecord ? (json as object) : {});
  const parsed = (metric.unit === 'share' ? ofShares : ofNumbers).safeParse(
    isRecord
      ? Object.fromEntries(Object.entries(json as object).map(([key, value]) => [readKey(metric, key), value]))
      : json,
  );
  if (parsed.success && parsed.data.id === id) return parsed.data;
  const [issue] = parsed.success ? [] : parsed.error.issues;
  const why = parsed.success
    ? `it is of trial ${parsed.data.id}`
    : `${issue!.path.map((key) => writtenKey(metric, String(key))).join('.')}: ${issue!.message}`;
  throw new RescaledError(
    `Expected the result of trial ${id} in ${file} but ${why}. Delete it, and the trial runs again.`,
  );
}
