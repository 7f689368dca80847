import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RescaledError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { isBetter, type Metric, readBack, written } from '../metric.js';
import { metricsOf } from '../tasks/index.js';

const common = {
  format: z.literal(1),
  id: z.string(),
  /** Absent from results of `classify`. */
  task: z.string().optional(),
};

/**
 * What a start is worth on a target, with one method, share of labels and seed. Its file has the name of the metric in place of `score`, in
 * every key.
 */
const cellSchema = z.object({
  ...common,
  status: z.literal('done'),
  kind: z.literal('cell'),
  /** Names at the time of the result, for people. */
  start: z.string(),
  target: z.string(),
  method: z.enum(['linear', 'knn', 'finetune']),
  labels: z.number(),
  seed: z.int(),
  /** By the task's primary metric, on the test pictures that can be read. */
  score: z.number(),
  testPictures: z.int(),
  /** Of classes a character for each test picture: 1 right, 0 wrong, - unreadable. */
  right: z.string().optional(),
  /** Of others the score on drawn sets of these pictures, of which the k-th is the same for every result with as many; see `drawnSets`. */
  drawn: z.array(z.number().nullable()).optional(),
  validation: z.object({ score: z.number(), pictures: z.int() }),
  /** Pictures that were learned from, and those whose labels chose the setting. */
  trainPictures: z.int(),
  /** What validation chose: a penalty, a rate and a decay. */
  chosen: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  /** Whether the chosen one lies at an end of what was tried, so that more may be gained beyond. */
  edge: z.array(z.string()),
  /** Of training or solving for this result alone, the grid not included. */
  seconds: z.number(),
  finishedAt: z.string(),
});

/** A training of a grid, measured on validation pictures alone. */
const pointSchema = z.object({
  ...common,
  status: z.literal('done'),
  kind: z.literal('point'),
  rate: z.number(),
  decay: z.number(),
  score: z.number(),
  /** Where the task measures it. */
  loss: z.number().optional(),
  steps: z.int(),
  batch: z.int(),
  epochs: z.int(),
  msPerStep: z.number(),
  seconds: z.number(),
});

const failureSchema = z.object({
  ...common,
  status: z.literal('failed'),
  reason: z.string(),
  /** The loss was no longer finite: another call would end the same, and the setting counts as the worst. */
  diverged: z.boolean(),
  at: z.string(),
});

export type CellResult = z.infer<typeof cellSchema>;
export type PointResult = z.infer<typeof pointSchema>;
export type Failure = z.infer<typeof failureSchema>;
const resultSchema = z.union([cellSchema, pointSchema, failureSchema]);

export const trialsFolder = (out: string): string => join(out, 'trials');
export const resultFile = (out: string, id: string): string => join(trialsFolder(out), `${id}.json`);
export const lockFile = (out: string, id: string): string => join(trialsFolder(out), `${id}.lock`);
/** The run folder of a training. */
export const runFolder = (out: string, id: string): string => join(trialsFolder(out), id);

/** What `score` is in a result. */
export const metricOf = ({ task }: { task?: unknown }): Metric =>
  metricsOf(typeof task === 'string' ? task : undefined)[0];

export function writeResult(out: string, result: CellResult | PointResult | Failure): void {
  mkdirSync(trialsFolder(out), { recursive: true });
  const { drawn, ...rest } = result as CellResult;
  // A line of many numbers, not many lines.
  const text = JSON.stringify(written(metricOf(result), rest), null, 2).replace(
    /\n\}$/,
    drawn === undefined ? '\n}' : `,\n  "drawn": ${JSON.stringify(drawn)}\n}`,
  );
  writeFileAtomic(resultFile(out, result.id), `${text}\n`);
}

function read(out: string, id: string): CellResult | PointResult | Failure | undefined {
  const file = resultFile(out, id);
  if (!existsSync(file)) return undefined;
  const wrong = (why: string): RescaledError =>
    new RescaledError(`Expected the result ${id} in ${file} but ${why}. Delete it, and it is made again.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong(`it is no JSON: ${(error as Error).message}`);
  }
  const isRecord = typeof json === 'object' && json !== null;
  const parsed = resultSchema.safeParse(isRecord ? readBack(metricOf(json as object), json) : json);
  if (!parsed.success) throw wrong(`it is of another form or version`);
  if (parsed.data.id !== id) throw wrong(`it is of ${parsed.data.id}`);
  return parsed.data;
}

/** What is known of a cell; undefined when it has not ended yet. */
export function readCell(out: string, id: string): CellResult | Failure | undefined {
  const found = read(out, id);
  return found?.status === 'done' && found.kind === 'point' ? undefined : (found as CellResult | Failure | undefined);
}

export function readPoint(out: string, id: string): PointResult | Failure | undefined {
  const found = read(out, id);
  return found?.status === 'done' && found.kind === 'cell' ? undefined : (found as PointResult | Failure | undefined);
}

/** Whether the cell has its figures. */
export const isDone = (out: string, id: string): boolean => read(out, id)?.status === 'done';

/** The best of a grid on validation pictures: the best score, of equals the lower loss. */
export function bestPoint(out: string, ids: readonly string[]): PointResult | undefined {
  let best: PointResult | undefined;
  for (const id of ids) {
    const point = readPoint(out, id);
    if (point?.status !== 'done') continue;
    const equal = best !== undefined && point.score === best.score;
    if (equal ? (point.loss ?? 0) < (best!.loss ?? 0) : isBetter(metricOf(point), point.score, best?.score))
      best = point;
  }
  return best;
}

/** Whether nothing more will be known of a setting. */
export function isSettled(out: string, id: string): boolean {
  const known = readPoint(out, id);
  return known !== undefined && (known.status === 'done' || known.diverged);
}
