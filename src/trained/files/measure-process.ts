// The process that measures an exported file. measureFile() starts it. libtorch is never loaded here.
import { dirname } from 'node:path';
import { preprocessOptions } from '../../augment/preprocess.js';
import type { TaskHandler } from '../../child/messages.js';
import type { PartName } from '../../data/dataset.js';
import { fromProperties } from '../../deploy/metadata.js';
import { modelHeader, readModel } from '../../deploy/model-file.js';
import type { Precision } from '../../deploy/quantise/precision.js';
import { OnnxSession } from '../../deploy/session.js';
import { UsageError } from '../../errors.js';
import type { MeasuredPart } from '../../part-words.js';
import { isRun, loadConfig } from '../../run/config.js';
import { taskNamed } from '../../tasks/index.js';
import { picturesFor } from '../pictures.js';
import { batchesOf } from './pictures.js';

export interface MeasureJob {
  task: {
    file: string;
    data?: string;
    split?: PartName;
    maxBroken?: number;
    threads?: number;
  };
  message: { type: 'note' | 'broken'; text: string };
  answer: MeasuredFile;
}

/** What an exported classifier is worth on labelled pictures. */
export interface MeasuredFile {
  scores: { top1: number; top5: number; loss: number; images: number };
  /** Which pictures, and where they lie. */
  part: MeasuredPart;
  path: string;
  size: number;
  evalCrop: number;
  precision: Precision | { type: 'float32' };
  broken: number;
  seconds: number;
}

export const handle: TaskHandler<MeasureJob> = async (asked, { send }) => {
  const { file, data, split, maxBroken = 0.01, threads } = asked;
  const bytes = await readModel(file);
  const metadata = fromProperties(modelHeader(bytes, file).metadataProps, file);
  const { labels, preprocess, precision = { type: 'float32' as const } } = metadata;
  const session = await OnnxSession.create(bytes, file, threads === undefined ? {} : { threads });
  if (session.output !== 'logits' || session.frames !== undefined)
    throw new UsageError(
      `Expected the file of a classifier of pictures but ${file} is another: measure the run that it comes from, "rescaled eval RUN".`,
    );
  const run = isRun(dirname(file)) ? dirname(file) : undefined;
  if (run === undefined && data === undefined)
    throw new UsageError(`Expected labelled pictures beside a file that lies in no run: rescaled eval ${file} DATA.`);
  const config = run === undefined ? undefined : loadConfig(run);
  const task = taskNamed('classify');
  const own = config && { ...config.data, seed: config.seed };
  const about = { task, path: file, ...(own && { data: own }), ...(run !== undefined && { run }) };
  const choice = { ...(split && { split }), maxBroken };
  const { dataset, part, path, notes } = await picturesFor(about, data === undefined ? choice : { ...choice, data });
  const settings = task.settingsOf({ classes: labels }, labels.length);
  const fit = task.fits(settings, dataset, { weights: file, data: path });
  const source = fit?.val ?? dataset.val;
  for (const text of [...notes, ...(fit?.notes ?? [])]) send({ type: 'note', text });

  const { size, evalCrop, fit: whole, interpolation } = preprocess;
  const view = preprocessOptions({ size, evalCrop, ...(whole && { fit: whole }), filter: interpolation });
  const began = performance.now();
  const scores = { top1: 0, top5: 0, loss: 0, images: 0 };
  let broken = 0;
  const left = (text: string): void => {
    broken++;
    send({ type: 'broken', text });
  };
  for await (const { images, n, labels: classes } of batchesOf(source, view, left)) {
    const { values, probabilities } = await session.run(images, n);
    for (let i = 0; i < n; i++) {
      const row = values.subarray(i * labels.length, (i + 1) * labels.length);
      const label = classes![i]!;
      // Equal ones count in favour of the lower class, as in training.
      const above = row.reduce(
        (sum, value, k) => sum + Number(value > row[label]! || (value === row[label] && k < label)),
        0,
      );
      scores.top1 += Number(above === 0);
      scores.top5 += Number(above < 5);
      scores.loss -= Math.log(Math.max(probabilities[i * labels.length + label]!, Number.MIN_VALUE));
    }
    scores.images += n;
  }
  await session.close();
  if (broken > maxBroken * source.length || scores.images === 0)
    throw new UsageError(
      `${broken} of ${source.length} pictures cannot be read, more than the allowed ${100 * maxBroken} % (--max-broken).`,
    );
  for (const name of ['top1', 'top5', 'loss'] as const) scores[name] /= scores.images;
  const seconds = (performance.now() - began) / 1000;
  return { scores, part, path, size, evalCrop, precision, broken, seconds };
};
