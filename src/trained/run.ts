import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, checkValue } from '../checks.js';
import { onnxFile } from '../deploy/model-file.js';
import { Predictor } from '../deploy/predictor.js';
import { UsageError } from '../errors.js';
import type { MeasuredPart } from '../part-words.js';
import { finalWeights, loadConfig, type RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { readEvents } from '../run/logs.js';
import { resumeTraining, train } from '../tasks/runs.js';
import { TRAIN_OPTIONS, type TrainOptions } from '../train/options.js';
import { dataToCompare, type Exported, exportModel, trainingFacts } from './export.js';
import { type ExportedInt8, exportInt8, INT8_OPTIONS, type Int8Options } from './files/int8.js';
import { finishRun, type RunFigures } from './finish.js';
import { loadModel } from './load.js';
import { MEASURE_OPTIONS, type MeasureOptions, measureOn, writeMeasured } from './measured.js';

/** What `train` and `Run.resume` tell; the last one only where they were to finish the run. */
export type RunEvent = TrainEvent | { type: 'finished'; figures: RunFigures };

/** How a training goes. */
export interface TrainingOptions {
  /** Saves and stops at the next step. */
  signal?: AbortSignal;
  /**
   * Ends as the command line does: measures the final weights once more, exports `model.onnx` and compares it with the model, writes
   * `report.html` and `report.json`. The event `finished` has the figures.
   */
  finish?: boolean;
}

/** What a run is worth on pictures. */
export interface RunEvaluation {
  /** Which pictures were measured, and where they lie. */
  part: MeasuredPart;
  path: string;
  /** How many were measured: those that can be read. */
  images: number;
  /** The task's metrics by name: `top1`, `top5` and `loss` of a classification, shares as fractions. */
  scores: Readonly<Record<string, number>>;
  /** What the task tells besides: the classes with their own figures, say. */
  told: Readonly<Record<string, unknown>>;
  /** Pictures that could not be read, and why. */
  broken: readonly { path: string; reason: string }[];
  /** What is to be known of the pictures, in words: that they have changed since the training, say. */
  notes: readonly string[];
  /** Decoding included. */
  imagesPerSecond: number;
}

/** Which weights: those that the run ended with (the default), or those of its best epoch. */
type Which = { best?: boolean };

/**
 * A run folder: what a training leaves.
 *
 * ```ts
 * const run = Run.open('runs/flowers-1');
 * const { scores } = await run.evaluate({ data: 'new-flowers' });
 * await run.export('flowers.onnx');
 * ```
 */
export class Run {
  private constructor(
    readonly folder: string,
    /** All that it is made of. */
    readonly config: RunConfig,
  ) {}

  /** @throws UsageError where there is no run */
  static open(folder: string): Run {
    checkValue('the folder of a run', folder, 'path');
    return new Run(folder, loadConfig(folder));
  }

  /** Whether its last epoch is done. */
  get trained(): boolean {
    return existsSync(finalWeights(this.folder));
  }

  /** What it told, so far. */
  events(): TrainEvent[] {
    return readEvents(this.folder);
  }

  /** What report.json says; undefined before the run was finished. */
  figures(): Readonly<Record<string, unknown>> | undefined {
    const file = join(this.folder, 'report.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : undefined;
  }

  /**
   * Measures its weights: on the pictures of its data that it did not learn from, on other data, or on a part.
   * @param options.report a page to write
   */
  async evaluate(options: MeasureOptions & Which & { report?: string } = {}): Promise<RunEvaluation> {
    checkOptions('Run.evaluate', options, { ...MEASURE_OPTIONS, best: 'flag', report: 'path' });
    const loaded = await loadModel(this.folder, options.best === true ? 'best' : 'final');
    try {
      const measured = await measureOn(loaded, options);
      if (options.report !== undefined) await writeMeasured(options.report, loaded, measured);
      const { images, ...scores } = measured.result.scores as Record<string, number>;
      return {
        part: measured.part,
        path: measured.path,
        images: images!,
        scores,
        told: loaded.task.told(measured.result, loaded.settings),
        broken: measured.broken,
        notes: measured.notes,
        imagesPerSecond: images! / measured.seconds,
      };
    } finally {
      loaded.model.dispose();
    }
  }

  /**
   * Writes its weights as one ONNX file that takes raw pixels, with its labels, and compares it with the model on real pictures.
   * @param file `model.onnx` in the run by default
   * @param options.float16 weights and activations in float16, for GPUs and the web
   * @param options.data where the run's data lies now, if not where it lay; where it cannot be opened there, pictures made by chance are
   * compared, and `parity.synthetic` says so
   */
  async export(
    file = onnxFile(this.folder),
    options: Which & { float16?: boolean; data?: string } = {},
  ): Promise<Exported> {
    checkValue('the file of Run.export', file, 'path');
    checkOptions('Run.export', options, { best: 'flag', float16: 'flag', data: 'path' });
    const { best = false, float16 = false } = options;
    const loaded = await loadModel(this.folder, best ? 'best' : 'final');
    try {
      const compared = await dataToCompare(this.config, options.data);
      const dataset = 'gone' in compared ? 'synthetic' : compared.dataset;
      return await exportModel(loaded, file, trainingFacts(this.config), dataset, { float16 });
    } finally {
      loaded.model.dispose();
    }
  }

  /**
   * Writes its weights as an ONNX file in int8, calibrated on its training pictures or on those of `calibrate`, and measures what that costs.
   * Classifiers alone.
   * @param file `model.int8.onnx` in the run, say
   */
  async exportInt8(file: string, options: Which & Int8Options = {}): Promise<ExportedInt8> {
    checkValue('the file of Run.exportInt8', file, 'path');
    checkOptions('Run.exportInt8', options, { best: 'flag', ...INT8_OPTIONS });
    const loaded = await loadModel(this.folder, options.best === true ? 'best' : 'final');
    try {
      const compared = await dataToCompare(this.config, options.data);
      if ('gone' in compared && options.calibrate === undefined) throw compared.gone;
      const data = 'gone' in compared ? undefined : compared.dataset;
      return await exportInt8(loaded, file, trainingFacts(this.config), data, options);
    } finally {
      loaded.model.dispose();
    }
  }

  /** Classifies pictures with its exported file, which is written if it is not there. */
  async predictor(): Promise<Predictor> {
    const file = onnxFile(this.folder);
    if (!existsSync(file)) await this.export(file);
    return Predictor.load(file);
  }

  /** Measures its final weights, exports them, and writes report.html and report.json anew. */
  async report(): Promise<RunFigures> {
    if (!this.trained)
      throw new UsageError(`Expected a finished training in ${this.folder} but it is not: go on with resume() first.`);
    return finishRun(this.folder, () => {});
  }

  /**
   * Goes on from the last checkpoint, as if it had never stopped.
   * @param options.data where its data lies now, if not where it lay
   */
  async *resume(options: TrainingOptions & { data?: string } = {}): AsyncGenerator<RunEvent> {
    checkOptions('Run.resume', options, { signal: 'signal', finish: 'flag', data: 'path' });
    yield* finished(resumeTraining(this.folder, options), this.folder, options.finish);
  }
}

async function* finished(
  events: AsyncGenerator<TrainEvent>,
  folder: string,
  finish: boolean | undefined,
): AsyncGenerator<RunEvent> {
  let ended = false;
  for await (const event of events) {
    if (event.type === 'end') ended = true;
    yield event;
  }
  if (ended && finish === true) yield { type: 'finished', figures: await finishRun(folder, () => {}) };
}

/**
 * Trains on a folder of pictures and writes the run folder `out`; see `Run`. Runs in the calling thread, which is busy during each step; a
 * program with other work calls it in a worker thread or a process.
 *
 * ```ts
 * const stop = new AbortController();
 * const events = trainRun({ data: 'pictures', out: 'runs/first', recipe: 'quick', epochs: 20 }, { signal: stop.signal, finish: true });
 * for await (const event of events) console.log(event);
 * ```
 */
export async function* trainRun(options: TrainOptions, training: TrainingOptions = {}): AsyncGenerator<RunEvent> {
  checkOptions('train', options, TRAIN_OPTIONS, ['data', 'out']);
  checkOptions('train, its second argument,', training, { signal: 'signal', finish: 'flag' });
  yield* finished(train(options, training), options.out, training.finish);
}
