import type { Change } from '../../../src/report/statistics.js';
import type {
  Dimension,
  Evidence,
  MarginalPair,
  PowerLaw,
  ProposedFamily,
  RegimeAdvice,
} from '../../../src/report/study/analysis.js';
import { STUDY_COSTS } from '../../../src/report/study/costs.js';
import { type StudyConfiguration, type StudyReport, studyCost } from '../../../src/report/study/data.js';
import { paretoFrontier } from '../../../src/study/analysis/pareto.js';
import { difference, estimate } from '../../../src/study/analysis/statistics.js';
import { ACCURACY } from '../../study/synthetic.js';

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
 * A study whose truth is known: error = 0.12 + 0.5 (GFLOPs of a 26-layer model)^-0.35, with width that over-fits in
 * long regimes; times grow with depth more than FLOPs do, so that FLOPs rank them badly.
 */
export function exampleStudy({
  depths = [26, 50, 101],
  widths = [0.5, 1, 1.5],
  sizes = [96, 128, 160],
  regimes = [10, 100],
  seeds = [1, 2, 3],
  families = ['resnet-rs'],
  measured = true,
}: Shape = {}): StudyReport {
  let n = 0;
  const configurations = families.flatMap((family) =>
    regimes.flatMap((epochs) =>
      sizes.flatMap((size) =>
        depths.flatMap((depth) =>
          widths.map((width): StudyConfiguration => {
            n++;
            const efficient = family.startsWith('efficientnet');
            const flops =
              1e9 *
              (depth / 26) *
              width ** 2 *
              (size / 128) ** 2 *
              (family === 'efficientnet-rs' ? 0.7 : efficient ? 0.5 : 1);
            const over = Math.max(0, Math.log(epochs / 10)) * 0.012 * Math.max(0, Math.log2(width * 2));
            const error = Math.min(
              0.95,
              Math.max(
                0.05,
                0.12 + 0.2 * (flops / 1e9) ** -0.35 + over + (epochs < 50 ? 0.05 * Math.log2(depth / 26) : 0),
              ),
            );
            const done = seeds.map((seed) => ({
              seed,
              score: 1 - error + 0.004 * noise(n * 7 + seed * 131),
              trainScore: Math.min(0.999, 1 - error * 0.7 + over + 0.002 * noise(n * 3 + seed)),
            }));
            return {
              name: `${family}-${depth} x${width} @${size} for ${epochs} epochs`,
              family,
              model: `${family}-${depth}-w${width}`,
              depth,
              width,
              size,
              epochs,
              flops,
              parameters: 1e6 * depth * width ** 2,
              batch: 64,
              predictedBytes: 4e8 * width * (size / 128) ** 2,
              ...(measured && {
                measured: {
                  trainStepMs:
                    900 *
                    (depth / 26) ** 1.2 *
                    width ** 1.1 *
                    (size / 128) ** 2 *
                    (family === 'efficientnet-rs' ? 1.1 : efficient ? 1.6 : 1),
                  inferenceMs: 8 * (depth / 26) * width ** 1.2 * (size / 128) ** 2,
                  peakBytes: 3e8 * (depth / 26) * width * (size / 128) ** 2 * (efficient ? 1.8 : 1),
                },
              }),
              ...(seeds.length > 0 && {
                score: estimate(done.map(({ score }) => score))!,
                trainScore: estimate(done.map(({ trainScore }) => trainScore))!,
                gap: estimate(done.map(({ score, trainScore }) => trainScore - score))!,
              }),
              done,
              failed: [],
              pending: [],
            };
          }),
        ),
      ),
    ),
  );
  return {
    title: 'flowers-scaling',
    generatedAt: '2026-03-02T14:05:12.000Z',
    metric: ACCURACY,
    data: { name: 'flowers', classes: 17, trainPictures: 3000, testPictures: 1000 },
    seeds,
    configurations,
    base: { family: families[0]!, depth: depths[0]!, width: widths.includes(1) ? 1 : widths[0]! },
    powerLaws: [],
    frontiers: STUDY_COSTS.flatMap((cost) =>
      families.map((family) => ({
        cost,
        family,
        names: frontierNames(
          configurations.filter((one) => one.family === family),
          cost,
        ),
      })),
    ).filter(({ names }) => names.length > 0),
    ranks: [],
    gains: regimes.map((epochs) => ({
      epochs,
      pairs: resolutionPairs(configurations.filter((one) => one.epochs === epochs)),
      diminishing: [],
    })),
    advice: {
      regimes: [],
      next: [],
      risk: {
        text: 'Train larger models for the full schedule before relying on this.',
        source: 'a source',
        otherwise: [],
      },
    },
    common: [{ key: 'Recipe', value: 'resnet-rs' }],
    environment: [{ key: 'Processor', value: 'a processor, 2 cores' }],
    commands: [{ what: 'On with what is left', command: 'rescaled scale flowers -o runs/scaling' }],
    warnings: [],
  };
}

/** The parts that an analysis adds, with figures that a test can look for. */
export function withAnalysis(report: StudyReport): StudyReport {
  const [a, b, c] = report.configurations as readonly [StudyConfiguration, StudyConfiguration, StudyConfiguration];
  const change = (mean: number, half: number): Change => ({
    mean,
    n: 3,
    low: mean - half,
    high: mean + half,
    paired: true,
    verdict: mean - half > 0 ? 'better' : mean + half < 0 ? 'worse' : 'noise',
  });
  const gain = (dimension: Dimension, mean: number, half: number): Evidence => ({
    kind: 'gain',
    dimension,
    perDoubling: change(mean, half),
    cost: 'trainStepMs',
    pairs: 9,
  });
  const regimes = [...new Set(report.configurations.map(({ epochs }) => epochs))];
  const family: ProposedFamily = {
    outcome: 'proposed',
    cost: 'trainStepMs',
    instead: false,
    passedOver: [{ name: c.name, against: a.name, reason: 'no gain beyond noise' }],
    members: [
      {
        name: a.name,
        depth: a.depth,
        width: a.width,
        size: a.size,
        flops: a.flops,
        cost: 3.28,
        score: { mean: 0.6612, n: 3, low: 0.655, high: 0.668 },
        why: 'the cheapest of the frontier',
        prediction: { seeds: 1, mean: 0.6612, low: 0.6498, high: 0.6732 },
      },
      {
        name: b.name,
        depth: b.depth,
        width: b.width,
        size: b.size,
        flops: b.flops,
        cost: 7.91,
        score: { mean: 0.7933, n: 3, low: 0.7808, high: 0.8058 },
        gain: change(0.1321, 0.02),
        why: 'gains beyond noise',
        insteadOf: c.name,
        prediction: { seeds: 1, mean: 0.7933, low: 0.771, high: 0.8155 },
      },
    ],
  };
  const advice = regimes.map(
    (epochs, i): RegimeAdvice =>
      [
        {
          epochs,
          pays: 'width' as const,
          among: ['width' as const],
          evidence: [
            gain('depth', 0.004, 0.006),
            gain('width', 0.021, 0.005),
            {
              kind: 'contrast' as const,
              first: 'depth' as const,
              second: 'width' as const,
              difference: change(-0.017, 0.008),
              cost: 'trainStepMs' as const,
            },
            { kind: 'overfitting' as const, direction: 'width' as const, overfits: 0, memorises: 1, judged: 12 },
          ],
          missing: [],
          family,
        },
        {
          epochs,
          pays: 'depth' as const,
          among: ['depth' as const],
          evidence: [
            gain('depth', 0.018, 0.006),
            gain('width', 0.003, 0.007),
            gain('resolution', 0.012, 0.004),
            { kind: 'overfitting' as const, direction: 'width' as const, overfits: 3, memorises: 1, judged: 12 },
          ],
          missing: [],
          family,
        },
        {
          epochs,
          pays: 'undecided' as const,
          among: ['depth' as const, 'resolution' as const],
          evidence: [gain('depth', 0.018, 0.006), gain('resolution', 0.016, 0.007)],
          missing: [
            { kind: 'more seeds' as const, first: 'depth' as const, second: 'resolution' as const, now: 3, needed: 11 },
          ],
          family,
        },
      ][i % 3]!,
  );
  return {
    ...report,
    powerLaws: regimes.map((epochs, i) =>
      law(
        epochs,
        report.configurations.filter((one) => one.epochs === epochs),
        0.21 - 0.02 * i,
        i === 0 ? undefined : 2.4e9 + 5e8 * i,
      ),
    ),
    ranks: [
      {
        a: 'flops',
        b: 'trainStepMs',
        outcome: 'compared',
        n: 27,
        tau: { value: 0.71, low: 0.6, high: 0.8 },
        rho: { value: 0.88, low: 0.75, high: 0.94 },
        inversions: [
          { more: b.name, less: c.name, aRatio: 1.83, bRatio: 2.5 },
          { more: c.name, less: a.name, aRatio: 1.4, bRatio: 1.25 },
        ],
      },
      {
        a: 'parameters',
        b: 'trainStepMs',
        outcome: 'compared',
        n: 27,
        tau: { value: 0.42, low: 0.25, high: 0.57 },
        rho: { value: 0.58 },
        inversions: [],
      },
      { a: 'flops', b: 'peakBytes', outcome: 'too few points', n: 2, inversions: [] },
    ],
    gains: report.gains.map((one) => ({
      ...one,
      diminishing: [
        {
          dimension: 'resolution' as const,
          lower: { perDoubling: change(0.032, 0.005) },
          upper: { perDoubling: change(0.0175, 0.005) },
          change: change(-0.0145, 0.006),
        },
      ],
    })),
    overfitting: {
      judged: 12,
      pairs: [
        {
          direction: 'width',
          from: a.name,
          to: b.name,
          epochs: 100,
          train: change(0.05, 0.01),
          test: change(-0.02, 0.01),
          gap: change(0.07, 0.01),
          verdict: 'overfits',
        },
        { direction: 'depth', from: a.name, to: c.name, epochs: 100, verdict: 'not enough evidence' },
      ],
    },
    advice: {
      ...report.advice,
      regimes: advice,
      full: advice.at(-1)!,
      next: [
        {
          family: a.family,
          depth: 270,
          width: 1,
          size: 160,
          epochs: 100,
          dimension: 'depth',
          where: 'beyond the grid',
          base: b.name,
          flopsRatio: 2.1,
          seconds: 5400,
          seeds: 3,
        },
      ],
    },
    halving: {
      plan: {
        rungs: [
          { epochs: 5, configurations: 27, keep: 9 },
          { epochs: 20, configurations: 9, keep: 3 },
          { epochs: 100, configurations: 3 },
        ],
        shareOfFull: 0.23,
      },
      outcomes: [
        {
          outcome: 'decided',
          ranking: [],
          dropped: [{ name: c.name, reasons: ['it failed'] }],
          cut: { last: a.name, first: b.name, behind: 0.003 },
        },
        { outcome: 'waiting', ranking: [], dropped: [] },
      ],
      agreement: [
        { epochs: 5, n: 3, tau: 0.33, best: { name: a.name, place: 2 } },
        { epochs: 20, n: 2 },
      ],
      warning: { text: 'An order after few epochs need not be the order at the end.', source: 'a source' },
    },
  };
}

/** A law through error 0.33 at 1 GFLOPs, which flattens to half its slope. */
function law(
  epochs: number,
  configurations: readonly StudyConfiguration[],
  exponent: number,
  knot: number | undefined,
): PowerLaw {
  const scale = 0.33 * 1e9 ** exponent;
  const known = configurations.filter(({ score }) => score !== undefined).sort((a, b) => a.flops - b.flops);
  const fitted = (flops: number): number =>
    scale * Math.min(flops, knot ?? flops) ** -exponent * (flops / Math.min(flops, knot ?? flops)) ** (-exponent / 2);
  if (known.length < 3)
    return {
      epochs,
      outcome: 'too few points',
      n: known.length,
      residuals: [],
      spread: [],
      excluded: configurations.map(({ name }) => ({ name, reason: 'no result' })),
    };
  const [best, worst] = known.slice(0, 2).sort((one, other) => other.score!.mean - one.score!.mean) as [
    StudyConfiguration,
    StudyConfiguration,
  ];
  return {
    epochs,
    outcome: 'fitted',
    n: known.length,
    exponent: { mean: exponent, n: known.length, low: exponent - 0.03, high: exponent + 0.03 },
    scale,
    r2: 0.93,
    residualFactor: 1.08,
    ...(knot === undefined
      ? { noBreak: 'no break seen' }
      : {
          break: {
            flops: knot,
            low: 0.8 * knot,
            high: 1.3 * knot,
            after: { mean: exponent / 2, n: 6 },
            direction: 'flattens',
          },
        }),
    residuals: known.map(({ name, flops, score }) => ({ name, flops, error: 1 - score!.mean, fitted: fitted(flops) })),
    spread: [
      {
        lowFlops: 1.8e9,
        highFlops: 1.95e9,
        n: 5,
        best: { name: best.name, error: 1 - best.score!.mean },
        worst: { name: worst.name, error: 1 - worst.score!.mean },
        ratio: (1 - worst.score!.mean) / (1 - best.score!.mean),
      },
    ],
    excluded: [],
  };
}

function frontierNames(configurations: readonly StudyConfiguration[], cost: (typeof STUDY_COSTS)[number]): string[] {
  return paretoFrontier(
    configurations.map((one) => ({
      cost: studyCost(one, cost) ?? Number.NaN,
      score: one.score?.mean ?? Number.NaN,
      name: one.name,
    })),
    ACCURACY,
  ).map(({ name }) => name);
}

function resolutionPairs(configurations: readonly StudyConfiguration[]): MarginalPair[] {
  const seedMap = ({ done }: StudyConfiguration): Map<number, number> =>
    new Map(done.map(({ seed, score }) => [seed, score]));
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
      const gain = difference(seedMap(from), seedMap(to), ACCURACY);
      const doublings = Math.log2(to.flops / from.flops);
      if (gain === undefined || !(doublings > 0)) return [];
      const perDoubling = {
        ...gain,
        mean: gain.mean / doublings,
        ...(gain.low !== undefined && { low: gain.low / doublings, high: gain.high! / doublings }),
      };
      return [
        {
          dimension: 'resolution' as const,
          from: from.name,
          to: to.name,
          fromValue: from.size,
          toValue: to.size,
          cost: 'flops' as const,
          doublings,
          perDoubling,
        },
      ];
    });
  });
}
