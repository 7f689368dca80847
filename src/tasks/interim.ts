import { resolve } from 'node:path';
import sharp from 'sharp';
import { viewDepth, viewMask } from '../augment/targets.js';
import { frameOf } from '../augment/view.js';
import { buildDataset, chooseParts, pictureList } from '../data/annotations/dataset.js';
import { partOfPath } from '../data/annotations/names.js';
import type { Dataset, DatasetOptions } from '../data/dataset.js';
import type { TargetReader, TargetRequest } from '../data/loading/targets.js';
import type { Source } from '../data/sources/source.js';
import { shared } from '../data/sources/truth.js';
import { findFiles, isPictureName } from '../data/sources/walk.js';

export type SegmentTargets = {
  readonly masks: Uint8Array;
  readonly index: Int32Array;
  readonly views: Float32Array;
  readonly sides: Int32Array;
  readonly truth: Uint8Array;
};
export type DepthTargets = {
  readonly depths: Float32Array;
  readonly index: Int32Array;
  readonly views: Float32Array;
  readonly sides: Int32Array;
  readonly truth: Float32Array;
};

export const maskPath = (path: string): string => path.replace(/\/(train|val|test)\/([^/]+)$/, '/$1annot/$2');
export const depthPath = (path: string): string => path.replace(/\.color\.jpg$/, '.depth.png');

export async function openPaired(
  path: string,
  options: DatasetOptions,
  classes: string[],
  of: (path: string) => string,
): Promise<Dataset> {
  const root = resolve(path);
  const { files, ignored } = await findFiles(root, isPictureName);
  const pictures = files
    .filter((file) => of(`/${file.path}`) !== `/${file.path}`)
    .map((file) => {
      const frame = /frame-(\d+)\.color/.exec(file.path);
      const part =
        frame !== null ? (Number(frame[1]) < 750 ? ('train' as const) : ('test' as const)) : partOfPath(file.path);
      return { file, ...(part && { part }) };
    });
  const chosen = chooseParts(root, pictures, options);
  const list = pictureList(chosen);
  const none = {
    kind: 'boxes' as const,
    starts: shared(Int32Array, new Int32Array(list.length + 1)),
    boxes: shared(Float32Array, []),
    classes: shared(Int32Array, []),
    flags: shared(Uint8Array, []),
    areas: shared(Float32Array, []),
    sides: shared(Int32Array, new Int32Array(2 * list.length)),
  };
  return buildDataset(root, chosen, list, { classes, truth: none, options, ignored, hash: () => {} });
}

function common(most: number) {
  const index = new Int32Array(most);
  const views = new Float32Array(8 * most);
  const sides = new Int32Array(2 * most);
  let n = 0;
  return {
    add({ index: i, view, pixels }: TargetRequest, width: number, height: number) {
      index[n] = i;
      const { crop, shift } = frameOf(view);
      const scale = pixels.width / width;
      views.set([crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, view.flip ? 1 : 0, scale], 8 * n);
      sides.set([width, height], 2 * n);
      n++;
    },
    finish: () => ({ index: index.slice(0, n), views: views.slice(0, 8 * n), sides: sides.slice(0, 2 * n) }),
  };
}

function concat<T extends Uint8Array | Float32Array>(arrays: T[]): T {
  const total = arrays.reduce((sum, { length }) => sum + length, 0);
  const out = new (arrays[0]!.constructor as new (n: number) => T)(total);
  let at = 0;
  for (const array of arrays) {
    out.set(array as never, at);
    at += array.length;
  }
  return out;
}

export function openTargets(source: Source, data: unknown): TargetReader<SegmentTargets> | TargetReader<DepthTargets> {
  const { kind, classes } = data as { kind: 'masks' | 'depth'; classes: number };
  if (kind === 'masks')
    return {
      writer(most) {
        const rest = common(most);
        const masks: Uint8Array[] = [];
        const truth: Uint8Array[] = [];
        return {
          async add(request) {
            const { data: raw, info } = await sharp(maskPath(source.describe(request.index)))
              .toColourspace('b-w')
              .raw()
              .toBuffer({ resolveWithObject: true });
            const mask = Uint8Array.from({ length: info.width * info.height }, (_, i) => {
              const value = raw[i * info.channels]!;
              return value < classes ? value : 255;
            });
            masks.push(viewMask(mask, request.view, 255, info));
            truth.push(mask);
            rest.add(request, info.width, info.height);
          },
          finish: () => ({ masks: concat(masks), truth: concat(truth), ...rest.finish() }),
        };
      },
    };
  return {
    writer(most) {
      const rest = common(most);
      const depths: Float32Array[] = [];
      const truth: Float32Array[] = [];
      return {
        async add(request) {
          const { data: raw, info } = await sharp(depthPath(source.describe(request.index)))
            .toColourspace('grey16')
            .raw({ depth: 'ushort' })
            .toBuffer({ resolveWithObject: true });
          const values = new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);
          const depth = Float32Array.from({ length: info.width * info.height }, (_, i) => {
            const value = values[i * info.channels]!;
            return value === 65535 ? 0 : value / 1000;
          });
          depths.push(viewDepth(depth, request.view, 0, { grid: info }));
          truth.push(depth);
          rest.add(request, info.width, info.height);
        },
        finish: () => ({ depths: concat(depths), truth: concat(truth), ...rest.finish() }),
      };
    },
  };
}

export const interimModule = import.meta.url;
