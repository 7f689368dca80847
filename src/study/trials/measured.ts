import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../../child/messages.js';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import type { ModelOverrides } from '../../models/index.js';
import type { Measured } from '../../train/index.js';
import { measureApart } from '../../train/timing/measure-apart.js';
import type { MeasuredCost } from '../analysis/points.js';
import type { Configuration } from '../plan/grid.js';

/** A model as it is timed: the regimes of a study share it. */
export interface TimedModel {
  /** Also its file's name. */
  id: string;
  model: string;
  size: number;
  batch: number;
  overrides: ModelOverrides;
  multiplyAdds: number;
}

const schema = z.object({
  format: z.literal(1),
  id: z.string(),
  trainStepMs: z.number().positive(),
  inferenceMs: z.number().positive(),
  peakBytes: z.number().positive(),
  batch: z.int(),
  threads: z.int(),
  device: z.string(),
  processor: z.string(),
  at: z.string(),
});
export type MeasuredFile = z.infer<typeof schema>;

export const measuredFolder = (study: string): string => join(study, 'measured');
const measuredFile = (study: string, id: string): string => join(measuredFolder(study), `${id}.json`);

export const timedId = ({
  model,
  width,
  size,
  batch,
}: Pick<Configuration, 'model' | 'width' | 'size' | 'batch'>): string => `${model}-x${width}-${size}px-batch${batch}`;

/** Each model of a study once, the smallest first. */
export function timedModels(configurations: readonly Configuration[]): TimedModel[] {
  const models = new Map<string, TimedModel>();
  for (const configuration of configurations) {
    const { options, size, batch, overrides, multiplyAdds } = configuration;
    models.set(timedId(configuration), {
      id: timedId(configuration),
      model: options.model!,
      size,
      batch,
      overrides,
      multiplyAdds,
    });
  }
  return [...models.values()].sort((a, b) => a.multiplyAdds - b.multiplyAdds);
}

export function readMeasured(study: string, id: string): MeasuredFile | undefined {
  const file = measuredFile(study, id);
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new RescaledError(
      `Expected the measured cost of ${id} in ${file} but it is something else. Delete it, and "rescaled ` +
        'study run" measures again.',
      { cause: error },
    );
  }
}

export const costsOf = ({ trainStepMs, inferenceMs, peakBytes }: MeasuredFile): MeasuredCost => ({
  trainStepMs,
  inferenceMs,
  peakBytes,
});

export interface MeasureStudyOptions {
  study: string;
  threads: number;
  device: string;
  /** Timed runs of each kind; 5 by default. */
  runs?: number;
  signal?: AbortSignal;
  onMeasured?: (model: TimedModel, found: MeasuredFile | { failed: string }) => void;
}

/**
 * Times each model that has not been timed yet, one at a time on all threads: while others train beside it, its time
 * would be theirs too. A model that cannot be timed (memory) is told of and left without.
 */
export async function measureStudy(
  models: readonly TimedModel[],
  { study, threads, device, runs = 5, signal, onMeasured = () => {} }: MeasureStudyOptions,
): Promise<void> {
  mkdirSync(measuredFolder(study), { recursive: true });
  const stopped = (): boolean => signal?.aborted === true;
  for (const model of models) {
    if (stopped()) return;
    if (readMeasured(study, model.id) !== undefined) continue;
    const { size, batch, overrides } = model;
    let measured: Measured;
    try {
      measured = await measureApart(
        { model: model.model, options: { size, batch, overrides, runs, threads, device } },
        { signal },
      );
    } catch (error) {
      if (stopped()) return;
      onMeasured(model, { failed: reasonOf(error) });
      continue;
    }
    const { train, inference, peakMemoryBytes } = measured;
    if (peakMemoryBytes === null) {
      onMeasured(model, { failed: 'The peak of the memory cannot be read here.' });
      continue;
    }
    const found: MeasuredFile = {
      format: 1,
      id: model.id,
      trainStepMs: train.median,
      inferenceMs: inference.median / batch,
      peakBytes: peakMemoryBytes,
      batch,
      threads,
      device,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      at: new Date().toISOString(),
    };
    writeFileAtomic(measuredFile(study, model.id), `${JSON.stringify(found, null, 2)}\n`);
    onMeasured(model, found);
  }
}
