import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OptionKinds, wholeOption } from '../../checks.js';
import { answerOf, runChild } from '../../child/run.js';
import type { Dataset } from '../../data/dataset.js';
import { labelsFile } from '../../deploy/model-file.js';
import { UsageError } from '../../errors.js';
import { loadConfig } from '../../run/config.js';
import { commandLine } from '../../suggest.js';
import { modelBytes } from '../export.js';
import type { LoadedModel } from '../load.js';
import { LEAST_CALIBRATION, type LoweredFile, type LowerJob } from './int8-process.js';

export interface Int8Options {
  /** Pictures to calibrate on in place of training pictures; they need no labels. */
  calibrate?: string;
  /** How many; 256 by default. */
  calibrationPictures?: number;
  /** Where the run's data lies now, if not where it lay. */
  data?: string;
  /** Threads of ONNX Runtime. */
  threads?: number;
  signal?: AbortSignal;
  onNote?: (text: string) => void;
}

export const INT8_OPTIONS: OptionKinds<Required<Int8Options>> = {
  calibrate: 'path',
  calibrationPictures: 'number',
  data: 'path',
  threads: 'number',
  signal: 'signal',
  onNote: 'function',
};

/** A file in int8, beside the same network in float32. */
export interface ExportedInt8 extends LoweredFile {
  path: string;
  /** Of the same network in float32. */
  float32Bytes: number;
  labels: string;
}

/**
 * Writes the ONNX file of a classifier in int8: see `lower` of deploy/quantise. It is calibrated and measured in a process of its own, since ONNX
 * Runtime and libtorch do not share one for long.
 * @param data of the run; undefined where it is gone
 */
export async function exportInt8(
  loaded: LoadedModel,
  path: string,
  facts: Record<string, unknown>,
  data: Dataset | undefined,
  options: Int8Options = {},
): Promise<ExportedInt8> {
  const { calibrate, calibrationPictures = 256, threads, signal, onNote = () => {} } = options;
  wholeOption('--calibration-pictures', calibrationPictures, LEAST_CALIBRATION, 65_536);
  const { run, task, settings } = loaded;
  if (task.exported?.(settings).kind !== 'classes' || task.clips === true || run === undefined)
    throw new UsageError(
      `Expected a classifier of pictures for --int8 but ${loaded.path} was learned by the task ${task.name}: ` +
        'export it in float32, or with --float16.',
    );
  if (data === undefined && calibrate === undefined)
    throw new UsageError(
      `Expected pictures to calibrate int8 on but the data of ${run} is gone. If it lies elsewhere now, name it: --data FOLDER. ` +
        `Else name pictures like those that it will see, with or without labels: rescaled export ${commandLine([run])} --int8 --calibrate FOLDER`,
    );
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-export-'));
  const file = join(folder, 'float32.onnx');
  try {
    const bytes = modelBytes(loaded, facts);
    writeFileSync(file, bytes);
    const end = await runChild<LowerJob>({
      module: new URL('./int8-process.js', import.meta.url),
      task: {
        ...{ file, run, path, calibrationPictures, classes: loaded.classes },
        ...(data !== undefined && { data: options.data ?? loadConfig(run).data.path }),
        ...(calibrate !== undefined && { calibrate }),
        ...(threads !== undefined && { threads }),
      },
      // There is nothing to save.
      ...(signal && { killSignal: signal }),
      onMessage: onNote,
    });
    if (end.type !== 'answer') signal?.throwIfAborted();
    const lowered = answerOf(end, {
      who: 'The process that calibrates',
      memory: 'try fewer --calibration-pictures',
      kept: 'No file was written.',
    });
    return { path, float32Bytes: bytes.length, labels: labelsFile(path), ...lowered };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
