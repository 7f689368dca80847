import { join } from 'node:path';
import { viewDepth, viewMask } from '../../augment/targets.js';
import { frameOf } from '../../augment/view.js';
import { RescaledError } from '../../errors.js';
import { BrokenPicture } from '../decoding/decode.js';
import type { TargetReader, TargetRequest, TargetSpec, TargetWriter } from '../loading/targets.js';
import { PathTable } from '../sources/path-table.js';
import type { Source } from '../sources/source.js';
import type { DepthTable, MaskTable } from '../sources/truth.js';
import { IGNORED, type MapOf, readDepth } from './files/map-file.js';
import { maskOf } from './files/shapes.js';

/** What both kinds say of the pictures. */
type Looked = {
  /** [n]: the picture's place in its source. */
  readonly index: Int32Array;
  /** [n, 8]: see `DetectTargets`. */
  readonly views: Float32Array;
  /** [n, 2]: width and height of the pictures, upright and before any reduction. */
  readonly sides: Int32Array;
};

/** A class a pixel: an index into the source's classes, 255 where nothing is asked for. */
export type SegmentTargets = Looked & {
  /** [n, S, S]: as the network sees the pictures. */
  readonly masks: Uint8Array;
  /** In evaluation: whole, one after the other, each [height, width] of `sides`; in training none. */
  readonly truth: Uint8Array;
};

/** Metres a pixel; 0 where there is no reading. */
export type DepthTargets = Looked & {
  /** [n, S, S] */
  readonly depths: Float32Array;
  /** As of masks. */
  readonly truth: Float32Array;
};

export interface DepthTargetOptions {
  /**
   * In training: divide by how much larger things are seen than where the whole picture is shown (`fit=letterbox`), as if the camera stood
   * nearer. Default false.
   */
  zoom?: boolean;
}

/** The masks of a source of `openSegmentation` as targets. */
export const segmentTargets = (): TargetSpec<SegmentTargets> => ({ module: import.meta.url, data: { kind: 'masks' } });

/** The depth maps of a source of `openDepth` as targets. */
export const depthTargets = (options: DepthTargetOptions = {}): TargetSpec<DepthTargets> => ({
  module: import.meta.url,
  data: { kind: 'depth', ...options },
});

/** Maps that a thread keeps as they were read, so that the next epoch need not read them again. */
const KEPT_BYTES = 192 * 2 ** 20;

/** The last maps that were read, up to `KEPT_BYTES`; those that came first stay, since each comes once an epoch. */
class Kept<T extends Uint8Array | Uint16Array> {
  readonly #maps = new Map<number, MapOf<T>>();
  #bytes = 0;

  async read(id: number, work: () => Promise<MapOf<T>>): Promise<MapOf<T>> {
    const known = this.#maps.get(id);
    if (known !== undefined) return known;
    const map = await work();
    if (this.#bytes + map.data.byteLength <= KEPT_BYTES) {
      this.#maps.set(id, map);
      this.#bytes += map.data.byteLength;
    }
    return map;
  }
}

export function openTargets(source: Source, data: unknown): TargetReader<SegmentTargets> | TargetReader<DepthTargets> {
  const { kind, zoom = false } = data as { kind: 'masks' | 'depth'; zoom?: boolean };
  const { spec } = source;
  if (spec.kind !== 'files' || spec.truth?.kind !== kind)
    throw new RescaledError(`Expected pictures with ${kind} in ${spec.name} but there are none.`);
  const paths = new PathTable(spec.truth.paths);
  const common = { idOf: (i: number) => spec.ids[i]!, path: (id: number) => join(spec.root, paths.at(id)) };
  return spec.truth.kind === 'masks' ? masks(spec.truth, common) : depths(spec.truth, zoom, common);
}

interface Where {
  idOf(i: number): number;
  path(id: number): string;
}

function masks(table: MaskTable, { idOf, path }: Where): TargetReader<SegmentTargets> {
  const kept = new Kept<Uint8Array>();
  const read = (id: number): Promise<MapOf<Uint8Array>> => kept.read(id, () => maskOf(table, id, path(id)));
  return {
    writer(most, mode): TargetWriter<SegmentTargets> {
      const looked = lookedAt(most);
      const [views, whole]: Uint8Array[][] = [[], []];
      return {
        async add(request) {
          const id = idOf(request.index);
          const map = await read(id);
          looked.add(request, map, path(id));
          views!.push(viewMask(map.data, request.view, IGNORED, map));
          if (mode !== 'train') whole!.push(map.data);
        },
        finish: () => ({
          masks: together(Uint8Array, views!),
          truth: together(Uint8Array, whole!),
          ...looked.finish(),
        }),
      };
    },
  };
}

function depths({ scale, invalid }: DepthTable, zoom: boolean, { idOf, path }: Where): TargetReader<DepthTargets> {
  const kept = new Kept<Uint16Array>();
  const metres = Float32Array.from({ length: 65536 }, (_, value) => (invalid.includes(value) ? 0 : value / scale));
  return {
    writer(most, mode): TargetWriter<DepthTargets> {
      const looked = lookedAt(most);
      const [views, wholes]: Float32Array[][] = [[], []];
      return {
        async add(request) {
          const id = idOf(request.index);
          const map = await kept.read(id, () => readDepth(path(id)));
          looked.add(request, map, path(id));
          const depth = new Float32Array(map.data.length);
          for (let i = 0; i < depth.length; i++) depth[i] = metres[map.data[i]!]!;
          const near = zoom && mode === 'train';
          const view = viewDepth(depth, request.view, 0, { zoom: near, grid: map });
          // `viewDepth` divides by pixels of the view for each of the picture, of which a letterbox has so many.
          const whole = request.view.size / Math.max(map.width, map.height);
          if (near) for (let i = 0; i < view.length; i++) view[i]! *= whole;
          views!.push(view);
          if (mode !== 'train') wholes!.push(depth);
        },
        finish: () => ({
          depths: together(Float32Array, views!),
          truth: together(Float32Array, wholes!),
          ...looked.finish(),
        }),
      };
    },
  };
}

function lookedAt(most: number) {
  const index = new Int32Array(most);
  const views = new Float32Array(8 * most);
  const sides = new Int32Array(2 * most);
  let n = 0;
  return {
    /** @throws BrokenPicture for a map of another picture */
    add(
      { index: i, pixels, view }: TargetRequest,
      { width, height }: { width: number; height: number },
      path: string,
    ): void {
      // Each side is rounded where a picture is reduced.
      const same = Math.abs(pixels.width * height - pixels.height * width) <= Math.max(width, height);
      if (!same || pixels.width > width)
        throw new BrokenPicture(
          path,
          `its map has ${width} x ${height} pixels but the picture ${pixels.width} x ${pixels.height}`,
        );
      index[n] = i;
      sides.set([width, height], 2 * n);
      const { crop, shift } = frameOf(view);
      const scale = Math.max(pixels.width, pixels.height) / Math.max(width, height);
      views.set([crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, view.flip ? 1 : 0, scale], 8 * n);
      n++;
    },
    finish: (): Looked => ({ index: index.slice(0, n), views: views.slice(0, 8 * n), sides: sides.slice(0, 2 * n) }),
  };
}

function together<T extends Uint8Array | Float32Array>(type: new (length: number) => T, parts: readonly T[]): T {
  const out = new type(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part as never, at);
    at += part.length;
  }
  return out;
}
