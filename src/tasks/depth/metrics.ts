import { RescaledError, UsageError } from '../../errors.js';
import { type BootstrapOptions, kept, type Spread, spreads } from '../bootstrap.js';

/**
 * The figures of depth, after cleinc/bts @ 5e3406b, pytorch/bts_main.py, `compute_errors` and `online_eval`. With p predicted, g read,
 * both in metres, over the pixels of a picture that count:
 */
export interface DepthFigures {
  /** The shares of pixels with max(p / g, g / p) < 1.25, 1.25^2, 1.25^3. */
  readonly d1: number;
  readonly d2: number;
  readonly d3: number;
  /** mean |p - g| / g */
  readonly absRel: number;
  /** mean (p - g)^2 / g, metres */
  readonly sqRel: number;
  /** sqrt(mean (p - g)^2), metres */
  readonly rmse: number;
  /** sqrt(mean (ln p - ln g)^2) */
  readonly rmseLog: number;
  /** mean |log10 p - log10 g| */
  readonly log10: number;
  /** 100 sqrt(mean e^2 - (mean e)^2), e = ln p - ln g: without what a common factor would mend */
  readonly silog: number;
}

export const DEPTH_FIGURES = [
  ...(['d1', 'd2', 'd3', 'absRel', 'sqRel', 'rmse', 'rmseLog', 'log10', 'silog'] as const),
] as const satisfies readonly (keyof DepthFigures)[];

/**
 * The pixels that count. `eigen`: rows 45 to 470 and columns 41 to 600 of NYU Depth's 640 x 480, and of nothing else. `garg`: rows from 0.408 to
 * 0.992 and columns from 0.036 to 0.964 of the sides (KITTI).
 */
export const DEPTH_CROPS = ['none', 'eigen', 'garg'] as const;
export type DepthCrop = (typeof DEPTH_CROPS)[number];

export interface DepthOptions {
  /** Metres. Readings count that lie between, both ends excluded; predictions are moved to the nearer end. Default 0.001 and 10. */
  readonly min?: number;
  readonly max?: number;
  /** Default `none`. */
  readonly crop?: DepthCrop;
}

export interface Sides {
  readonly width: number;
  readonly height: number;
}

export interface DepthResult {
  /** Of each picture by itself, then the mean: what is usually published. Undefined without a pixel that counts. */
  readonly mean?: DepthFigures;
  /** Over all pixels at once, whichever picture they are of: the RMSE differs. */
  readonly pooled?: DepthFigures;
  /** Pictures with pixels that count; those without are left out of both. */
  readonly images: number;
  readonly skipped: number;
  readonly pixels: number;
  /** By the reading, in equal steps from 0 to `max`. */
  readonly distances: readonly DistanceBin[];
}

/** Pixels whose reading lies in [from, to) metres. */
export interface DistanceBin {
  readonly from: number;
  readonly to: number;
  readonly pixels: number;
  /** mean |p - g| / g, sqrt(mean (p - g)^2), mean (p - g) and the share within 1.25; undefined without pixels. */
  readonly absRel?: number;
  readonly rmse?: number;
  readonly bias?: number;
  readonly d1?: number;
}

/** Gathers pictures one by one. */
export interface DepthScorer {
  /**
   * @param predicted metres
   * @param truth metres; 0, NaN and infinity are no readings
   */
  add(predicted: ArrayLike<number>, truth: ArrayLike<number>, sides: Sides): void;
  /** @param times how often each picture counts, in the order they were added. Default: once */
  result(times?: ArrayLike<number>): DepthResult;
  /** Of picture i alone; undefined where no pixel of it counts. */
  picture(i: number): DepthFigures | undefined;
  /** 95 % intervals by drawing pictures. */
  intervals(options?: BootstrapOptions): DepthIntervals;
}

export interface DepthIntervals
  extends Readonly<Record<'mean' | 'pooled', Readonly<Partial<Record<keyof DepthFigures, Spread>>>>> {
  /** In the order of the distances. */
  readonly distances: readonly Readonly<Partial<Record<(typeof BIN_FIGURES)[number], Spread>>>[];
}

/** What a distance has an interval of. */
const BIN_FIGURES = ['absRel', 'rmse', 'bias', 'd1'] as const;

/** Steps of distance. */
const STEPS = 40;

/** Sums over the pixels of a picture that count. */
interface Sums {
  /**
   * Pixels; those within 1.25, 1.25^2, 1.25^3; |p - g| / g, (p - g)^2 / g, (p - g)^2, ln p - ln g and its square,
   * |log10 p - log10 g|.
   */
  readonly totals: Float64Array;
  /** [step x 5]: pixels, |p - g| / g, (p - g)^2, p - g, those within 1.25. */
  readonly steps: Float64Array;
}
const TOTALS = 10;

export function depthScorer(options: DepthOptions = {}): DepthScorer {
  const limits = limitsOf(options);
  const pictures: { sums: Sums; own?: DepthFigures }[] = [];
  const measured = (times?: ArrayLike<number>): Omit<DepthResult, 'distances'> => {
    const totals = new Float64Array(TOTALS);
    const means = new Float64Array(DEPTH_FIGURES.length);
    let [images, skipped] = [0, 0];
    for (const [i, { sums, own }] of pictures.entries()) {
      const copies = times === undefined ? 1 : times[i]!;
      if (own === undefined) skipped += copies;
      if (own === undefined || copies === 0) continue;
      images += copies;
      for (let k = 0; k < TOTALS; k++) totals[k]! += copies * sums.totals[k]!;
      for (const [k, name] of DEPTH_FIGURES.entries()) means[k]! += copies * own[name];
    }
    const pooled = figuresOf(totals);
    const mean = named(Array.from(means, (sum) => sum / images)) as Readonly<Record<keyof DepthFigures, number>>;
    return { ...(pooled !== undefined && { pooled, mean }), images, skipped, pixels: totals[0]! };
  };
  const bins = (times?: ArrayLike<number>): DistanceBin[] =>
    distancesOf(
      pictures.map(({ sums }) => sums),
      limits.max,
      times,
    );
  const { intervals, forget } = kept((options?: BootstrapOptions): DepthIntervals => {
    const found = spreads(
      pictures.length,
      (times) => {
        const { mean, pooled } = measured(times);
        return [
          ...[mean, pooled].flatMap((figures) => DEPTH_FIGURES.map((name) => figures?.[name] ?? Number.NaN)),
          ...bins(times).flatMap((bin) => BIN_FIGURES.map((name) => bin[name] ?? Number.NaN)),
        ];
      },
      options,
    );
    const count = DEPTH_FIGURES.length;
    return {
      mean: named(found.slice(0, count)),
      pooled: named(found.slice(count, 2 * count)),
      distances: Array.from({ length: STEPS }, (_, i) =>
        Object.fromEntries(
          BIN_FIGURES.flatMap((name, k) => {
            const spread = found[2 * count + BIN_FIGURES.length * i + k];
            return spread === undefined ? [] : [[name, spread]];
          }),
        ),
      ),
    };
  });
  return {
    add(predicted, truth, sides) {
      forget();
      const sums = sumsOf(predicted, truth, sides, limits);
      const own = figuresOf(sums.totals);
      pictures.push({ sums, ...(own !== undefined && { own }) });
    },
    result: (times) => ({ ...measured(times), distances: bins(times) }),
    picture: (i) => {
      if (!(i in pictures)) throw new RescaledError(`Expected a picture below ${pictures.length} but received ${i}.`);
      return pictures[i]!.own;
    },
    intervals,
  };
}

const named = <V>(values: readonly (V | undefined)[]): Partial<Record<keyof DepthFigures, V>> =>
  Object.fromEntries(DEPTH_FIGURES.flatMap((name, k) => (values[k] === undefined ? [] : [[name, values[k]]])));

/** The figures of one picture; undefined where no pixel of it counts. */
export const depthFigures = (
  predicted: ArrayLike<number>,
  truth: ArrayLike<number>,
  sides: Sides,
  options: DepthOptions = {},
): DepthFigures | undefined => figuresOf(sumsOf(predicted, truth, sides, limitsOf(options)).totals);

function limitsOf({ min = 1e-3, max = 10, crop = 'none' }: DepthOptions): Required<DepthOptions> {
  if (!(min > 0 && min < max && Number.isFinite(max)))
    throw new UsageError(`Expected depths to measure from more than 0 to more metres but received ${min} to ${max}.`);
  if (!DEPTH_CROPS.includes(crop))
    throw new UsageError(`Expected a crop of ${DEPTH_CROPS.join(', ')} but received "${crop}".`);
  return { min, max, crop };
}

/** Rows and columns that count, from and to before. */
function window(crop: DepthCrop, { width, height }: Sides): { rows: [number, number]; columns: [number, number] } {
  if (crop === 'none') return { rows: [0, height], columns: [0, width] };
  if (crop === 'garg')
    return {
      rows: [Math.trunc(0.40810811 * height), Math.trunc(0.99189189 * height)],
      columns: [Math.trunc(0.03594771 * width), Math.trunc(0.96405229 * width)],
    };
  if (width !== 640 || height !== 480)
    throw new UsageError(
      `Expected pictures of 640 x 480 for the crop "eigen", which is of NYU Depth alone, but received one of ${width} x ${height}. ` +
        'Measure the others without a crop.',
    );
  return { rows: [45, 471], columns: [41, 601] };
}

function sumsOf(
  predicted: ArrayLike<number>,
  truth: ArrayLike<number>,
  sides: Sides,
  { min, max, crop }: Required<DepthOptions>,
): Sums {
  const size = sides.width * sides.height;
  for (const [what, { length }] of [
    ['predicted', predicted],
    ['true', truth],
  ] as const)
    if (length !== size)
      throw new RescaledError(
        `Expected ${sides.width} x ${sides.height} ${what} depths for a picture of that size but received ${length}.`,
      );
  const { rows, columns } = window(crop, sides);
  const steps = new Float64Array(5 * STEPS);
  let [pixels, d1, d2, d3, absRel, sqRel, square, log, logSquare, log10] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let y = rows[0]; y < rows[1]; y++)
    for (let x = columns[0]; x < columns[1]; x++) {
      const g = truth[y * sides.width + x]!;
      if (!(g > min && g < max)) continue;
      const given = predicted[y * sides.width + x]!;
      const p = given >= min ? Math.min(given, max) : min;
      const ratio = Math.max(p / g, g / p);
      const off = p - g;
      const e = Math.log(p) - Math.log(g);
      pixels++;
      if (ratio < 1.25) d1++;
      if (ratio < 1.25 ** 2) d2++;
      if (ratio < 1.25 ** 3) d3++;
      absRel += Math.abs(off) / g;
      sqRel += off ** 2 / g;
      square += off ** 2;
      log += e;
      logSquare += e ** 2;
      log10 += Math.abs(Math.log10(p) - Math.log10(g));
      const at = 5 * Math.min(STEPS - 1, Math.floor((g / max) * STEPS));
      steps[at]!++;
      steps[at + 1]! += Math.abs(off) / g;
      steps[at + 2]! += off ** 2;
      steps[at + 3]! += off;
      if (ratio < 1.25) steps[at + 4]!++;
    }
  return { totals: Float64Array.of(pixels, d1, d2, d3, absRel, sqRel, square, log, logSquare, log10), steps };
}

function figuresOf(totals: Float64Array): DepthFigures | undefined {
  const pixels = totals[0]!;
  if (pixels === 0) return undefined;
  const mean = (k: number): number => totals[k]! / pixels;
  return {
    ...{ d1: mean(1), d2: mean(2), d3: mean(3), absRel: mean(4), sqRel: mean(5), rmse: Math.sqrt(mean(6)) },
    ...{ rmseLog: Math.sqrt(mean(8)), log10: mean(9) },
    // Of a prediction that is off by one factor everywhere the difference is 0, which rounding can bring below: the source then has NaN.
    silog: 100 * Math.sqrt(Math.max(0, mean(8) - mean(7) ** 2)),
  };
}

function distancesOf(pictures: readonly Sums[], max: number, times?: ArrayLike<number>): DistanceBin[] {
  const all = new Float64Array(5 * STEPS);
  for (const [i, { steps }] of pictures.entries()) {
    const copies = times === undefined ? 1 : times[i]!;
    if (copies !== 0) for (let k = 0; k < all.length; k++) all[k]! += copies * steps[k]!;
  }
  return Array.from({ length: STEPS }, (_, i): DistanceBin => {
    const pixels = all[5 * i]!;
    const range = { from: (i * max) / STEPS, to: ((i + 1) * max) / STEPS, pixels };
    if (pixels === 0) return range;
    const mean = (k: number): number => all[5 * i + k]! / pixels;
    return { ...range, absRel: mean(1), rmse: Math.sqrt(mean(2)), bias: mean(3), d1: mean(4) };
  });
}
