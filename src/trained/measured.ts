import { numberOption, type OptionKinds } from '../checks.js';
import type { PartName } from '../data/dataset.js';
import type { Source } from '../data/sources/source.js';
import { RescaledError, UsageError } from '../errors.js';
import { isAddress, publicAddress, seenFrom, withoutPlaces, writeFileAtomic } from '../files.js';
import { type MeasuredPart, picturesOf } from '../part-words.js';
import { loadConfig } from '../run/config.js';
import type { Evaluation } from '../train/index.js';
import { type LoadedModel, measure, pictureOf, preprocessFor, shownMetrics } from './load.js';
import { picturesFor } from './pictures.js';
import { seenBatch } from './seen.js';
import { mapsOf } from './shown.js';

/** What a model is measured on, and how. */
export interface MeasureOptions {
  /** Labelled pictures; those of the training that the model did not learn from by default. */
  data?: string;
  /** Which part of them. */
  split?: PartName;
  /** Pictures at a time; 64 by default. */
  batch?: number;
  /** Threads that decode pictures; 1 by default. */
  workers?: number;
  /**
   * Share of pictures that cannot be read above which it fails. By default 0.01; of a part of the run's own data as many as its training
   * allowed of all its pictures, since it has told of them.
   */
  maxBroken?: number;
  /** Told before it begins. */
  onNote?: (text: string) => void;
  /** Told of each picture that cannot be read. */
  onBroken?: (path: string, reason: string) => void;
}

export const MEASURE_OPTIONS: OptionKinds<Required<MeasureOptions>> = {
  data: 'path',
  split: 'text',
  batch: 'number',
  workers: 'number',
  maxBroken: 'number',
  onNote: 'function',
  onBroken: 'function',
};

/** What a model is worth on pictures. */
export interface Measured {
  /** Which pictures. */
  part: MeasuredPart;
  /** Where they lie, and the name of the data. */
  path: string;
  data: string;
  /** Whether the user named that place. */
  typed: boolean;
  /** The pictures themselves. */
  source: Source;
  /** What was found: the task's metrics by name, as fractions where they are shares, and its details. */
  result: Evaluation;
  broken: { path: string; reason: string }[];
  seconds: number;
  notes: readonly string[];
  ignoredFiles: number;
  ignoredEndings: Readonly<Record<string, number>>;
}

/** Measures a loaded model. @throws UsageError for pictures that do not fit it; RescaledError when too many are broken */
export async function measureOn(loaded: LoadedModel, options: MeasureOptions = {}): Promise<Measured> {
  const { task, settings } = loaded;
  const { batch = 64, workers = 1 } = options;
  numberOption('--max-broken', options.maxBroken, 0, 1);
  const { dataset, part, path, notes } = await picturesFor(loaded, options);
  const fit = task.fits(settings, dataset, { weights: loaded.path, data: path });
  const source = fit?.val ?? dataset.val;
  const told = [...notes, ...(fit?.notes ?? [])];
  for (const text of told) options.onNote?.(text);
  const broken: { path: string; reason: string }[] = [];
  const result = await measure(loaded, source, {
    batch,
    workers,
    onBroken: (file, reason) => {
      broken.push({ path: file, reason });
      options.onBroken?.(file, reason);
    },
  });
  const allowed = allowedBroken(loaded, options, source.length);
  if (result.broken > allowed.share * allowed.of)
    throw new RescaledError(
      `${result.broken} of ${source.length} pictures cannot be read, more than the allowed ${100 * allowed.share} %` +
        `${allowed.of === source.length ? '' : ` of all ${allowed.of} of the run`} (--max-broken). ` +
        `The first: ${broken[0]!.path}: ${broken[0]!.reason}`,
    );
  if (result.scores.images === 0) throw new UsageError(`Expected pictures to measure in ${path} but none can be read.`);
  return {
    part,
    path,
    data: dataset.name,
    typed: options.data !== undefined,
    source,
    result,
    broken,
    seconds: result.seconds,
    notes: told,
    ignoredFiles: dataset.ignoredFiles,
    ignoredEndings: dataset.ignoredEndings,
  };
}

function allowedBroken(
  { run }: LoadedModel,
  { data, maxBroken }: MeasureOptions,
  pictures: number,
): { share: number; of: number } {
  if (maxBroken !== undefined || data !== undefined || run === undefined)
    return { share: maxBroken ?? 0.01, of: pictures };
  const { maxBroken: share, trainImages, valImages, testImages = 0 } = loadConfig(run);
  return { share, of: Math.max(pictures, trainImages + valImages + testImages) };
}

export const WEIGHTS = { ema: 'EMA weights', raw: 'raw weights', unknown: 'weights' };

/** Writes the page of a measurement. Needs the model, which must not be disposed of yet. */
export async function writeMeasured(file: string, loaded: LoadedModel, measured: Measured): Promise<void> {
  const { task, settings, size, evalCrop, fit } = loaded;
  const { result, source, part, path, data, notes, broken } = measured;
  const view = preprocessFor(loaded);
  const picture = (i: number): Promise<string> => pictureOf(source, i, view);
  const maps = mapsOf(loaded, source);
  const parts = await task.report(result, { settings, source, part, folder: path, picture, maps });
  const seen = loaded.run === undefined ? undefined : await seenBatch(task, loadConfig(loaded.run), 'open');
  const place = isAddress(path)
    ? publicAddress(path)
    : loaded.run === undefined || measured.typed
      ? path
      : seenFrom(loaded.run, path);
  const where = place === path || isAddress(path) ? place : `${place} (from the run's folder)`;
  const inPage = withoutPlaces(path, data);
  const { renderMeasuredReport } = await import('../report/measured/report.js');
  const html = renderMeasuredReport({
    title: `${loaded.title} on ${data}`,
    generatedAt: new Date().toISOString(),
    model: loaded.title,
    data,
    part,
    images: result.scores.images,
    metrics: shownMetrics(task, settings, result.scores),
    scores: result.scores,
    task: parts,
    ...(seen === undefined ? {} : { seen }),
    facts: [
      { key: 'weights', value: `${WEIGHTS[loaded.weights ?? 'unknown']} of ${loaded.path}` },
      { key: 'pictures', value: `${picturesOf(part, result.scores.images)} of ${where}` },
      { key: 'size', value: `${size} pixels, ${fit === 'letterbox' ? 'the whole picture' : `crop ${evalCrop}`}` },
    ],
    warnings: [...notes, ...broken.map((one) => `Left out, cannot be read: ${one.path}: ${one.reason}`)].map(inPage),
    commands: [],
  });
  writeFileAtomic(file, html);
}
