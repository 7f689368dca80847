import type { Metric } from '../../src/metric.js';
import type { StudyPoint } from '../../src/study/analysis/points.js';

export const ACCURACY: Metric = { name: 'top1', title: 'top-1', unit: 'share', direction: 'higher', noun: 'accuracy' };
/** Lower is better, and no share. */
export const RMSE: Metric = { name: 'rmse', title: 'RMSE', unit: 'm', direction: 'lower' };
/** Higher is better, without a best value. */
export const PSNR: Metric = { name: 'psnr', title: 'PSNR', unit: 'dB', direction: 'higher' };

/** Noise that is the same on every machine: a linear congruence, and Box and Muller. */
export function noise(seed: number): { uniform: () => number; normal: () => number } {
  let state = seed;
  const uniform = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return { uniform, normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()) };
}

export const bySeed = (...values: number[]): Map<number, number> => new Map(values.map((value, i) => [i + 1, value]));

/** FLOPs of a pretended network: depth, the square of the width and of the side. */
export const pretendFlops = ({ depth, width, size }: { depth: number; width: number; size: number }): number =>
  1000 * depth * width ** 2 * size ** 2;

/** A point with what the test does not name made up: 1 ms of training step for 1e6 FLOPs of each of 10 pictures. */
export function point(given: Partial<StudyPoint> & { score: ReadonlyMap<number, number> }): StudyPoint {
  const [depth, width, size, epochs] = [given.depth ?? 26, given.width ?? 1, given.size ?? 32, given.epochs ?? 20];
  const flops = given.flops ?? pretendFlops({ depth, width, size });
  return {
    name: `resnet-rs-${depth} x${width} @${size} for ${epochs} epochs`,
    family: 'resnet-rs',
    model: `resnet-rs-${depth}`,
    depth,
    width,
    size,
    epochs,
    flops,
    parameters: depth * width ** 2 * 1e5,
    batch: 10,
    predictedBytes: flops,
    trainScore: new Map(),
    measured: { trainStepMs: flops / 1e5, inferenceMs: flops / 3e6, peakBytes: flops },
    failed: [],
    pending: [],
    ...given,
  };
}

export interface Grid {
  depths: readonly number[];
  widths: readonly number[];
  sizes: readonly number[];
  epochs?: readonly number[];
  seeds?: number;
}

/** Every point of a grid; `score` and `trainScore` say what one trial finds. */
export function grid(
  { depths, widths, sizes, epochs = [20], seeds = 3 }: Grid,
  score: (at: StudyPoint, seed: number) => number,
  trainScore?: (at: StudyPoint, seed: number) => number,
): StudyPoint[] {
  const all = Array.from({ length: seeds }, (_, i) => i + 1);
  return epochs.flatMap((e) =>
    depths.flatMap((depth) =>
      widths.flatMap((width) =>
        sizes.map((size) => {
          const at = point({ depth, width, size, epochs: e, score: new Map() });
          return {
            ...at,
            score: new Map(all.map((seed) => [seed, score(at, seed)])),
            trainScore: new Map(trainScore === undefined ? [] : all.map((seed) => [seed, trainScore(at, seed)])),
          };
        }),
      ),
    ),
  );
}

/** Relative difference at most `within`, or absolute where 0 is wanted. */
export function assertNear(got: number | undefined, wanted: number, within: number): void {
  if (got === undefined || !(Math.abs(got - wanted) <= within * (wanted === 0 ? 1 : Math.abs(wanted))))
    throw new Error(`Expected ${wanted} within ${within} but received ${got}.`);
}
