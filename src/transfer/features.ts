import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../data/cache/folder.js';
import { LABELS } from '../data/loading/labels.js';
import { BatchLoader } from '../data/loading/loader.js';
import { type Source, subset } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import type { ImageModel } from '../models/index.js';
import { commandLine } from '../suggest.js';
import { flatten, globalAvgPool2d, noGrad, scope, setThreads } from '../torch/index.js';
import { Normaliser } from '../train/index.js';
import { preprocessFor } from '../trained/load.js';
import { encodeSafetensors, SafetensorsFile } from '../weights/formats/safetensors.js';
import { type Features, stacked } from './solve/rows.js';
import { digest, loadTrunk, type Start } from './starts.js';
import type { Target } from './targets.js';

/** Features of the pictures of one part that can be read, and which pictures these are. */
export interface PartFeatures extends Features {
  indices: Int32Array;
}
export type TargetFeatures = Record<'train' | 'val' | 'test', PartFeatures>;

export interface FeatureOptions {
  /** Of random weights. */
  seed?: number;
  threads?: number;
  /** Threads that decode. */
  workers?: number;
  device?: string;
  signal?: AbortSignal;
  /** Share of pictures that cannot be read above which it fails; default 0.01. */
  maxBroken?: number;
  onProgress?: (done: number, of: number) => void;
  onBroken?: (path: string, reason: string) => void;
}

/** Pictures of a file of the cache: what is lost at most when it is stopped. */
const CHUNK = 2048;
const BATCH = 64;
/** Most bytes of all features that are kept; those not used for longest go first. */
const MOST_BYTES = 4e9;

/** Where features are kept: below the cache of decoded pictures; undefined when that is off. */
const featuresFolder = (): string | undefined => {
  const folder = cacheFolder();
  return folder === undefined ? undefined : join(folder, 'features');
};

/**
 * What the trunk gives for each picture of a target, averaged over its positions: what goes into the head. Each picture once, in the centre
 * view of the start's own preprocessing; batch norm in inference mode. Kept on disk by weights, preprocessing and pictures, in pieces: a
 * call that was stopped goes on there.
 * @returns undefined when it was stopped
 */
export async function featuresOf(
  start: Start,
  target: Target,
  options: FeatureOptions = {},
): Promise<TargetFeatures | undefined> {
  const { seed = 0, threads = availableParallelism(), signal } = options;
  const key = digest(start.identity, start.kind === 'scratch' ? seed : 0, target.identity).slice(0, 24);
  const base = featuresFolder();
  const parts = ['train', 'val', 'test'] as const;
  const all = parts.reduce((sum, part) => sum + target[part].length, 0);
  const bytes = 4 * all * start.cost.features;
  // One set alone must leave room for others.
  const folder = base === undefined || bytes > MOST_BYTES / 2 ? undefined : join(base, key);
  if (folder !== undefined) makeRoom(base!, folder, bytes);
  let model: ImageModel | undefined;
  let [done, broken] = [0, 0];
  const found: Partial<TargetFeatures> = {};
  try {
    for (const part of parts) {
      const source = target[part];
      const pieces: PartFeatures[] = [];
      for (let from = 0; from < source.length; from += CHUNK) {
        const count = Math.min(CHUNK, source.length - from);
        const file = folder && join(folder, `${part}-${from}.safetensors`);
        let piece = file === undefined ? undefined : readPiece(file, start.cost.features);
        if (piece === undefined) {
          setThreads(threads);
          model ??= (await loadTrunk(start, seed)).to({ device: options.device ?? 'cpu' });
          const own = await extract(model, start, source, from, count, {
            ...options,
            onProgress: (n) => options.onProgress?.(done + n, all),
          });
          if (own === undefined) return undefined;
          piece = own;
          if (file !== undefined) writePiece(file, piece);
        }
        broken += count - piece.n;
        done += count;
        options.onProgress?.(done, all);
        pieces.push(piece);
        if (signal?.aborted === true) return undefined;
      }
      const rows = stacked(pieces);
      found[part] = { ...rows, indices: Int32Array.from(pieces.flatMap(({ indices }) => [...indices])) };
    }
  } finally {
    model?.dispose();
  }
  const { maxBroken = 0.01 } = options;
  if (broken > maxBroken * all)
    throw new RescaledError(
      `Expected at most ${(100 * maxBroken).toFixed(1)} % of the ${all} pictures of ${target.path} to be unreadable but ${broken} are. ` +
        `"rescaled check ${commandLine([target.path])}" names them; allow more with --max-broken.`,
    );
  return found as TargetFeatures;
}

async function extract(
  model: ImageModel,
  start: Start,
  whole: Source,
  from: number,
  count: number,
  {
    workers = 1,
    device = 'cpu',
    signal,
    onProgress,
    onBroken,
  }: FeatureOptions & { onProgress?: (done: number) => void },
): Promise<PartFeatures | undefined> {
  const source = subset(
    whole,
    Array.from({ length: count }, (_, i) => from + i),
  );
  const d = start.cost.features;
  const data = new Float32Array(count * d);
  const indices = new Int32Array(count);
  let n = 0;
  const preprocess = preprocessFor(start);
  const loader = new BatchLoader({ source, targets: LABELS, batch: BATCH, mode: 'eval', preprocess, seed: 0, workers });
  loader.onBroken = (_, path, reason) => onBroken?.(path, reason);
  const normaliser = new Normaliser(device, start.input);
  try {
    for await (const batch of loader.batches(0)) {
      if (signal?.aborted === true) return undefined;
      if (batch.n === 0) continue;
      const rows = scope(() =>
        noGrad(() => {
          const x = normaliser.input(batch.images, batch.n, start.size);
          return flatten(globalAvgPool2d(model.averaged!(x))).data() as Float32Array;
        }),
      );
      data.set(rows, n * d);
      for (let i = 0; i < batch.n; i++) indices[n + i] = from + batch.indices[i]!;
      n += batch.n;
      onProgress?.(n);
    }
  } finally {
    await loader.close();
    normaliser.dispose();
  }
  return { data: data.slice(0, n * d), n, d, indices: indices.slice(0, n) };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function writePiece(file: string, { data, n, d, indices }: PartFeatures): void {
  writeFileAtomic(
    file,
    encodeSafetensors([
      { name: 'features', dtype: 'F32', shape: [n, d], bytes: bytesOf(data) },
      { name: 'indices', dtype: 'I32', shape: [n], bytes: bytesOf(indices) },
    ]),
  );
}

/** A piece of the cache; one that cannot be read is made anew. */
function readPiece(path: string, width: number): PartFeatures | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const file = SafetensorsFile.open(path);
    try {
      const [n, d] = file.entries.get('features')?.shape ?? [];
      if (n === undefined || d !== width) return undefined;
      return { data: file.readFloat32('features'), n, d, indices: new Int32Array(file.read('indices').buffer) };
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof RescaledError) return undefined;
    throw error;
  }
}

/** Makes the folder, and takes away what was not used for longest until all fits. */
function makeRoom(base: string, folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true });
  utimesSync(folder, new Date(), new Date());
  const sizeOf = (path: string): number =>
    readdirSync(path).reduce(
      (sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  const others = readdirSync(base)
    .map((name) => join(base, name))
    .filter((path) => path !== folder && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    .map((path) => ({ path, bytes: sizeOf(path), used: statSync(path).mtimeMs }))
    .sort((a, b) => a.used - b.used);
  let total = bytes + others.reduce((sum, other) => sum + other.bytes, 0);
  for (const other of others) {
    if (total <= MOST_BYTES) break;
    rmSync(other.path, { recursive: true, force: true });
    total -= other.bytes;
  }
}
