import { STUDY_COSTS, studyCost, type StudyConfiguration, type StudyReport } from '../../src/report/study-data.js';
import { paretoFrontier } from '../../src/study/pareto.js';
import { difference, estimate } from '../../src/study/statistics.js';

export interface Shape {
  depths?: readonly number[];
  widths?: readonly number[];
  sizes?: readonly number[];
  regimes?: readonly number[];
  seeds?: readonly number[];
  families?: readonly string[];
  measured?: boolean;
}

/** A fixed number in -1..1 for each whole number. */
const noise = (n: number): number => (((n * 48271 + 11) % 2147483647) % 2001) / 1000 - 1;

/**
 * A study whose truth is known: error = 0.12 + 0.5 (GFLOPs of a 26-layer model)^-0.35, with width that over-fits in long regimes; times grow with
 * depth more than FLOPs do, so that FLOPs rank them badly.
 */
export function exampleStudy({ depths = [26, 50, 101], widths = [0.5, 1, 1.5], sizes = [96, 128, 160], regimes = [10, 100], seeds = [1, 2, 3], families = ['resnet-rs'], measured = true }: Shape = {}): StudyReport {
  let n = 0;
  const configurations = families.flatMap((family) => regimes.flatMap((epochs) => sizes.flatMap((size) => depths.flatMap((depth) => widths.map((width): StudyConfiguration => {
    n++;
    const efficient = family.startsWith('efficientnet');
    const flops = 1e9 * (depth / 26) * width ** 2 * (size / 128) ** 2 * (efficient ? 0.5 : 1);
    const over = Math.max(0, Math.log(epochs / 10)) * 0.012 * Math.max(0, Math.log2(width * 2));
    const error = Math.min(0.95, Math.max(0.05, 0.12 + 0.2 * (flops / 1e9) ** -0.35 + over + (epochs < 50 ? 0.05 * Math.log2(depth / 26) : 0)));
    const done = seeds.map((seed) => ({ seed, top1: 1 - error + 0.004 * noise(n * 7 + seed * 131), trainTop1: Math.min(0.999, 1 - error * 0.7 + over + 0.002 * noise(n * 3 + seed)) }));
    return {
      name: `${family}-${depth} x${width} @${size} for ${epochs} epochs`, family, model: `${family}-${depth}-w${width}`, depth, width, size, epochs, flops, parameters: 1e6 * depth * width ** 2, batch: 64,
      predictedBytes: 4e8 * width * (size / 128) ** 2,
      ...(measured && { measured: { trainStepMs: 900 * (depth / 26) ** 1.2 * width ** 1.1 * (size / 128) ** 2 * (efficient ? 1.6 : 1), inferenceMs: 8 * (depth / 26) * width ** 1.2 * (size / 128) ** 2, peakBytes: 3e8 * (depth / 26) * width * (size / 128) ** 2 * (efficient ? 1.8 : 1) } }),
      ...(seeds.length > 0 && { top1: estimate(done.map(({ top1 }) => top1))!, trainTop1: estimate(done.map(({ trainTop1 }) => trainTop1))!, gap: estimate(done.map(({ top1, trainTop1 }) => trainTop1 - top1))! }),
      done, failed: [], pending: [],
    };
  })))));
  return {
    title: 'flowers-scaling', generatedAt: '2026-03-02T14:05:12.000Z', data: { name: 'flowers', classes: 17, trainPictures: 3000, testPictures: 1000 }, seeds, configurations,
    base: { family: families[0]!, depth: depths[0]!, width: widths.includes(1) ? 1 : widths[0]! },
    powerLaws: regimes.map((epochs, i) => ({ epochs, fit: { scale: 0.33 * 1e9 ** (0.21 - 0.02 * i), exponent: { mean: 0.21 - 0.02 * i, n: 9, low: 0.17, high: 0.25 - 0.02 * i }, from: 2e8, to: 2.4e9, n: 9, r2: 0.93, residualFactor: 1.08 }, ...(i > 0 && { break: { flops: 2.4e9, low: 1.9e9, high: 3.3e9, after: { mean: 0.06, n: 6 }, direction: 'flattens' as const } }) })),
    spreads: [],
    frontiers: STUDY_COSTS.flatMap((cost) => families.map((family) => ({ cost, family, names: frontierNames(configurations.filter((one) => one.family === family), cost) }))).filter(({ names }) => names.length > 0),
    ranks: [], inversions: [],
    resolutionGains: resolutionGains(configurations),
    diminishing: [],
    advice: { regimes: [], family: [], next: [], missing: [] },
    common: [{ key: 'Recipe', value: 'resnet-rs' }], environment: [{ key: 'Processor', value: 'a processor, 2 cores' }], commands: [{ what: 'On with what is left', command: 'rescaled scale flowers -o runs/scaling' }], warnings: [],
  };
}

/** The parts that an analysis adds, with figures that a test can look for. */
export function withAnalysis(report: StudyReport): StudyReport {
  const [a, b, c] = report.configurations as readonly [StudyConfiguration, StudyConfiguration, StudyConfiguration];
  return {
    ...report,
    spreads: [{ epochs: a.epochs, from: 1.8e9, to: 2.2e9, n: 5, best: b.name, worst: c.name, difference: { mean: 0.0431, n: 3, low: 0.031, high: 0.0552, paired: true, verdict: 'better' } }],
    ranks: [
      { cost: 'flops', against: 'trainStepMs', tau: 0.71, low: 0.6, high: 0.8, rho: 0.88, discordant: 0.145, n: 27 },
      { cost: 'parameters', against: 'trainStepMs', tau: 0.42, low: 0.25, high: 0.57, rho: 0.58, discordant: 0.29, n: 27 },
      { cost: 'flops', against: 'memory', tau: 0.66, rho: 0.8, discordant: 0.17, n: 27 },
    ],
    inversions: [{ first: b.name, second: c.name, cost: 'flops', against: 'trainStepMs', costRatio: 1.83, againstRatio: 0.37 }, { first: c.name, second: a.name, cost: 'flops', against: 'trainStepMs', costRatio: 1.4, againstRatio: 0.55 }],
    diminishing: [{ epochs: 100, lower: { mean: 0.032, n: 3, low: 0.027, high: 0.037 }, upper: { mean: 0.0175, n: 3, low: 0.012, high: 0.023 }, change: { mean: -0.0145, n: 3, low: -0.021, high: -0.008, paired: true, verdict: 'worse' } }],
    advice: {
      regimes: [
        { epochs: 10, pays: 'width', depth: { mean: 0.004, n: 3, low: -0.002, high: 0.01 }, width: { mean: 0.021, n: 3, low: 0.016, high: 0.026 }, difference: { mean: -0.017, n: 3, low: -0.025, high: -0.009 }, cost: 'trainStepMs', overfitting: 'no' },
        { epochs: 100, size: 96, pays: 'depth', depth: { mean: 0.018, n: 3, low: 0.012, high: 0.024 }, width: { mean: 0.003, n: 3, low: -0.004, high: 0.01 }, difference: { mean: 0.015, n: 3, low: 0.006, high: 0.024 }, cost: 'trainStepMs', overfitting: 'yes' },
        { epochs: 100, size: 160, pays: 'unknown', depth: { mean: 0.01, n: 1 }, cost: 'trainStepMs', overfitting: 'unknown', missing: 'No width but 1 was trained at 160 pixels: train one more there.' },
      ],
      family: [
        { name: 'flowers-s', model: 'resnet-rs-26-w0.5', depth: 26, width: 0.5, size: 96, flops: 1.4e8, parameters: 6.5e6, trainStepMs: 210, measured: { mean: 0.6612, n: 3, low: 0.655, high: 0.668 } },
        { name: 'flowers-m', model: 'resnet-rs-50', depth: 50, width: 1, size: 128, flops: 1.9e9, parameters: 5e7, trainStepMs: 1970, predicted: { mean: 0.7933, low: 0.771, high: 0.8155 } },
        { name: 'flowers-l', model: 'resnet-rs-101', depth: 101, width: 1, size: 160, flops: 6.1e9, parameters: 1.01e8, predicted: { mean: 0.8312, low: 0.781, high: 0.8705 }, note: 'Larger than anything trained here.' },
      ],
      next: [{ what: 'resnet-rs-101 at 160 pixels, 100 epochs, 3 seeds', why: 'It would settle whether depth still pays at 160 pixels.', seconds: 5400, command: 'rescaled scale flowers --only resnet-rs-101@160' }],
      missing: [],
    },
    halving: {
      rungs: [{ epochs: 5, started: 27, kept: 9, worstKept: 0.52, bestDropped: 0.517 }, { epochs: 20, started: 9, kept: 3, worstKept: 0.66, bestDropped: 0.655 }, { epochs: 100, started: 3, kept: 3 }],
      share: 0.23, warning: 'An order after few epochs need not be the order at the end: width wins early, depth late.', agreement: [{ epochs: 5, tau: 0.33, n: 3 }, { epochs: 20, tau: 1, n: 3 }],
    },
  };
}

function frontierNames(configurations: readonly StudyConfiguration[], cost: (typeof STUDY_COSTS)[number]): string[] {
  return paretoFrontier(configurations.map((one) => ({ cost: studyCost(one, cost) ?? Number.NaN, accuracy: one.top1?.mean ?? Number.NaN, name: one.name }))).map(({ name }) => name);
}

function resolutionGains(configurations: readonly StudyConfiguration[]): StudyReport['resolutionGains'] {
  const seedMap = ({ done }: StudyConfiguration): Map<number, number> => new Map(done.map(({ seed, top1 }) => [seed, top1]));
  const groups = new Map<string, StudyConfiguration[]>();
  for (const one of configurations) {
    const key = `${one.family} ${one.depth} ${one.width} ${one.epochs}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key)!.push(one);
  }
  return [...groups.values()].flatMap((group) => {
    const sorted = group.sort((a, b) => a.size - b.size);
    return sorted.slice(1).flatMap((to, i) => {
      const from = sorted[i]!;
      const gain = difference(seedMap(from), seedMap(to));
      const doublings = Math.log2(to.flops / from.flops);
      if (gain === undefined || !(doublings > 0)) return [];
      return [{ family: to.family, depth: to.depth, width: to.width, epochs: to.epochs, from: from.size, to: to.size, costRatio: to.flops / from.flops, cost: 'flops' as const, perDoubling: { ...gain, mean: gain.mean / doublings, ...(gain.low !== undefined && { low: gain.low / doublings, high: gain.high! / doublings }) } }];
    });
  });
}
