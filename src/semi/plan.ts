import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { wholeOption } from '../checks.js';
import { openPool, PART_PICTURES, type Pool } from '../data/pool.js';
import { readPixels } from '../data/sources/source.js';
import type { LatePicture } from '../deploy/picture.js';
import type { Teacher } from '../labels/format.js';
import { PartLabels, sidecarBytes } from '../labels/sidecar.js';
import { type PseudoLabelOptions, topOf } from './label.js';
import { openTeacher } from './teacher.js';

export interface LabelPlan {
  teacher: Teacher;
  classes: number;
  top: number;
  /** Planned for, those that are there, and the few that were measured. */
  pictures: number;
  there: number;
  measured: number;
  unreadable: number;
  seconds: number;
  picturesPerSecond: number;
  threads: number;
  /** For all pictures, on this machine alone. */
  hours: number;
  /** Of the pictures, where they are files; of their labels; of a selection that keeps all. */
  pictureBytes?: number;
  labelBytes: number;
  selectionBytes: number;
  /** Parts of the labels, as the pool is cut. */
  parts: number;
  /** Shards of 512 MB for these pictures, where their bytes are known. */
  shards?: number;
}

/** Seconds that are measured for, after some batches that start threads and choose kernels. */
const SECONDS = 6;
const WARM_BATCHES = 4;
const SHARD_BYTES = 512e6;
/** Keys and sizes that are looked at. */
const SAMPLE = 2000;

/**
 * What labels of `count` pictures such as these cost on this machine: some batches of pictures from all of the pool are labelled and
 * thrown away.
 * @param count as many as there are by default
 * @param measureSeconds how long is measured
 */
export async function planLabels(
  options: Omit<PseudoLabelOptions, 'out' | 'index' | 'of'>,
  count?: number,
  measureSeconds = SECONDS,
): Promise<LabelPlan> {
  wholeOption('pictures', count, 1, 1e12);
  const { batch = 8, threads = availableParallelism(), given = {}, signal } = options;
  wholeOption('batch', batch, 1, 4096);
  const pool = await openPool(options.pictures);
  const into = mkdtempSync(join(tmpdir(), 'rescaled-teacher-'));
  try {
    const { predictor, about, classes } = await openTeacher(options.teacher, into, undefined, { given, threads });
    try {
      const top = topOf(options.top, classes.length);
      let [seconds, measured, unreadable, seen, begun] = [0, 0, 0, 0, 0];
      const rows = new PartLabels(1, top);
      for await (const { probabilities } of predictor.probabilities(spread(pool), {
        batch,
        ...(signal === undefined ? {} : { signal }),
      })) {
        if (probabilities === undefined) unreadable++;
        else rows.set(0, probabilities);
        if (++seen < WARM_BATCHES * batch) continue;
        if (seen === WARM_BATCHES * batch) begun = performance.now();
        else measured++;
        seconds = (performance.now() - begun) / 1000;
        if (seconds > measureSeconds && measured >= 2 * batch) break;
      }
      const rate = measured / seconds;
      const there = pool.source.length;
      const pictures = count ?? there;
      // Shards are as large as they are; folders are cut.
      const cut = pool.members.every(({ names }) => names === undefined);
      const perPart = cut ? PART_PICTURES : there / pool.parts.length;
      const parts = Math.ceil(pictures / perPart);
      const { size, key } = means(pool);
      const labelBytes =
        pictures * sidecarBytes.aPicture(key, classes.length, top) + parts * sidecarBytes.aPart(classes, about);
      return {
        teacher: about,
        classes: classes.length,
        top,
        pictures,
        there,
        measured,
        unreadable,
        seconds,
        picturesPerSecond: rate,
        threads,
        hours: pictures / rate / 3600,
        labelBytes,
        selectionBytes: 8 * pictures,
        parts,
        ...(size > 0 ? { pictureBytes: size * pictures, shards: Math.ceil((size * pictures) / SHARD_BYTES) } : {}),
      };
    } finally {
      await predictor.close();
    }
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

/** Pictures of a pool far from each other, round and round: whoever listens says when it is enough. */
function* spread(pool: Pool): Generator<LatePicture> {
  const { source } = pool;
  // The golden ratio's steps fall between those before.
  for (let k = 0; ; k++) {
    const i = Math.floor(((k * 0.6180339887498949) % 1) * source.length);
    yield { path: source.describe(i), pixels: (targetSize) => readPixels(source, i, targetSize) };
  }
}

/** Mean bytes of a picture as it lies encoded, 0 where that is not known, and of its key. */
function means({ members, key, source }: Pool): { size: number; key: number } {
  let [bytes, files, keys] = [0, 0, 0];
  const most = Math.min(SAMPLE, source.length);
  for (const { dataset, size } of members) {
    const count = dataset.val.length;
    const step = Math.max(1, Math.floor(count / SAMPLE));
    let [sum, looked] = [0, 0];
    for (let i = 0; i < count; i += step, looked++) sum += size(i);
    if (looked > 0) bytes += (sum / looked) * count;
    files += count;
  }
  for (let k = 0; k < most; k++) keys += Buffer.byteLength(key(Math.floor((k * source.length) / most)));
  return { size: files === 0 ? 0 : bytes / files, key: keys / most };
}
