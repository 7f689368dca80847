import { cpus } from 'node:os';
import { withoutPlaces } from '../files.js';
import { clipped, type Metric } from '../metric.js';
import { type ModelOverrides, modelFacts, QuickCosts } from '../models/index.js';
import type { StudyConfiguration, StudyReport } from '../report/study/report.js';
import { ADD_SEEDS } from '../report/study/words.js';
import { type Advice, advise } from '../study/advice/advise.js';
import type { Configuration as Neighbour } from '../study/advice/next.js';
import { comparableCost, meanScore, regimesOf } from '../study/analysis/dimensions.js';
import { halvingPlan, rungAgreement, SHORT_RUNS_MISLEAD } from '../study/analysis/halving.js';
import { marginalGains } from '../study/analysis/marginal.js';
import { meanOf, regimeSpread } from '../study/analysis/noise.js';
import { gapOf, overfitting } from '../study/analysis/overfitting.js';
import { paretoFrontier } from '../study/analysis/pareto.js';
import { COSTS, type StudyPoint } from '../study/analysis/points.js';
import { powerLaws } from '../study/analysis/power-law.js';
import { rankCosts } from '../study/analysis/rank-correlation.js';
import { type Estimate, LEAST_SEEDS, median } from '../study/analysis/statistics.js';
import type { ScalingPlan } from '../study/plan/scaling-plan.js';
import { readMeasured, timedId } from '../study/trials/measured.js';
import { pointsOf } from '../study/trials/points-of.js';
import { readResult } from '../study/trials/result.js';
import { rungsOf, trainedConfigurations } from '../study/trials/rungs.js';
import { commandLine } from '../suggest.js';
import { metricsOf } from '../tasks/index.js';
import { stemStrideAt } from '../train/index.js';

/** What a study compares its configurations by. */
export const metricOf = ({ task }: Pick<ScalingPlan, 'task'>): Metric => metricsOf(task)[0];

/** The advice that the results of a study give so far. */
export function adviceOf(plan: ScalingPlan, points: readonly StudyPoint[]): Advice {
  const { study, data } = plan;
  return advise(points, metricOf(plan), {
    flopsOf: flopsOf(plan),
    trainPictures: data.trainPictures,
    seeds: study.seeds.length,
    ...(data.side === undefined ? {} : { side: data.side }),
  });
}

/**
 * FLOPs of a network beside those of the study; undefined for one that cannot be built, or whose FLOPs do not follow
 * from three numbers.
 */
function flopsOf({ configurations }: ScalingPlan): (wanted: Neighbour) => number | undefined {
  const costs = new QuickCosts();
  return ({ family, depth, width, size }) => {
    const like = configurations.find((configuration) => configuration.family === family);
    if (like === undefined || !family.startsWith('resnet')) return undefined;
    try {
      const name = `${family}-${depth}`;
      return costs.of(name, {
        size,
        batch: 2,
        overrides: { ...like.overrides, width, stemStride: stemStrideAt(modelFacts(name), size) } as ModelOverrides,
      }).flops;
    } catch {
      return undefined;
    }
  };
}

/** Everything that the page of a study shows, as plain data. */
export function studyReport(plan: ScalingPlan, folder: string): StudyReport {
  const { study, data } = plan;
  const metric = metricOf(plan);
  const trained = trainedConfigurations(plan, folder);
  const points = pointsOf({ configurations: trained }, folder);
  const withResults = points.filter(({ score }) => score.size > 0);
  const families = [...new Set(points.map(({ family }) => family))];
  // A page that is passed on names no place of this machine.
  const inPage = study.data === undefined ? String : withoutPlaces(study.data, data.name);
  const smallest = withResults.reduce<StudyPoint | undefined>(
    (least, point) => (least === undefined || point.flops < least.flops ? point : least),
    undefined,
  );
  return {
    title: study.name,
    generatedAt: new Date().toISOString(),
    metric,
    data: {
      name: data.name,
      classes: data.classes,
      trainPictures: data.trainPictures,
      testPictures: data.testPictures,
      ...(data.part === undefined ? {} : { part: data.part }),
    },
    seeds: study.seeds,
    configurations: configurationsOf(points, metric).map(({ failed, ...one }) => ({
      ...one,
      failed: failed.map((trial) => ({ ...trial, reason: inPage(trial.reason) })),
    })),
    ...(smallest === undefined
      ? {}
      : { base: { family: smallest.family, depth: smallest.depth, width: smallest.width } }),
    powerLaws: powerLaws(withResults, metric).regimes,
    // A frontier is of one regime: the longest, which is what a model is shipped from.
    frontiers: COSTS.flatMap((cost) =>
      families.flatMap((family) => {
        const full = regimesOf(points).at(-1);
        const own = withResults.filter((point) => point.family === family && point.epochs === full);
        const names = paretoFrontier(
          own.flatMap((point) => {
            const value = comparableCost(point, cost);
            return value === undefined ? [] : [{ cost: value, score: meanScore(point)!, name: point.name }];
          }),
          metric,
        ).map(({ name }) => name);
        return names.length === 0 ? [] : [{ cost, family, names }];
      }),
    ),
    ranks: [
      rankCosts(points, 'flops', 'trainStepMs'),
      rankCosts(points, 'parameters', 'trainStepMs'),
      rankCosts(points, 'flops', 'inferenceMs'),
      rankCosts(points, 'parameters', 'inferenceMs'),
      rankCosts(points, 'flops', 'peakBytes'),
      rankCosts(points, 'parameters', 'peakBytes'),
    ],
    gains: marginalGains(points, metric),
    overfitting: overfitting(points, metric),
    advice: adviceOf(plan, points),
    ...(study.halving === undefined ? {} : { halving: halvingOf(plan, folder, points) }),
    common: [
      { key: 'Recipe', value: study.recipe },
      ...(plan.task === undefined
        ? []
        : [{ key: 'Costs', value: 'of the trunk: what stands on it for the task is not counted' }]),
      ...Object.entries(study.settings).map(([key, value]) => ({ key, value: String(value) })),
      {
        key: 'Regularisation',
        value:
          typeof study.regularisation === 'string'
            ? study.regularisation
            : `${study.regularisation.length} rules of the study's file`,
      },
      ...plan.leftOut.map(({ name, reason }) => ({ key: 'Left out', value: `${name}: ${reason}` })),
    ],
    environment: environment(plan, folder),
    commands: [
      { what: 'go on, or again', command: commandLine(['rescaled', 'study', 'run', folder]) },
      ...(study.seeds.length < LEAST_SEEDS ? [{ what: ADD_SEEDS, command: addSeeds(folder) }] : []),
      { what: 'advice', command: commandLine(['rescaled', 'study', 'advise', folder]) },
      { what: 'pick a model', command: commandLine(['rescaled', 'scale', folder, '--budget', budgetWithin(points)]) },
    ],
    warnings: warnings(plan, folder, points),
  };
}

/** The command that gives a study as many seeds as a judgement takes. */
export const addSeeds = (folder: string): string =>
  commandLine(['rescaled', 'study', 'run', folder, '--seeds', String(LEAST_SEEDS)]);

/** A budget that about half of the models keep: of time where they were timed, else of FLOPs. */
export function budgetWithin(points: readonly StudyPoint[]): string {
  const short = (value: number): string => String(Number(value.toPrecision(2)));
  const ms = median(points.flatMap(({ measured }) => measured?.inferenceMs ?? []));
  return ms === undefined
    ? `${short((median(points.map(({ flops }) => flops)) ?? 1e9) / 1e6)}MFLOPs`
    : `${short(ms)}ms`;
}

type Values = (point: StudyPoint) => ReadonlyMap<number, number>;
const valuesWith = (metric: Metric): Values[] => [
  ({ score }) => score,
  ({ trainScore }) => trainScore,
  gapOf(metric).of,
];

/** With the intervals that the trials of a regime have together. */
function configurationsOf(points: readonly StudyPoint[], metric: Metric): StudyConfiguration[] {
  const values = valuesWith(metric);
  const spreads = new Map(
    regimesOf(points).map((epochs) => [
      epochs,
      values.map((valuesOf) =>
        regimeSpread(
          points.filter((point) => point.epochs === epochs),
          valuesOf,
        ),
      ),
    ]),
  );
  return points.map((point) =>
    configurationOf(
      point,
      values.map((valuesOf, i) => meanOf(valuesOf(point), spreads.get(point.epochs)![i])),
      metric,
    ),
  );
}

function configurationOf(
  point: StudyPoint,
  [test, train, gap]: readonly (Estimate | undefined)[],
  metric: Metric,
): StudyConfiguration {
  const { score, trainScore, measured, failed, pending, ...rest } = point;
  return {
    ...rest,
    ...(measured === undefined ? {} : { measured }),
    ...(test === undefined ? {} : { score: clipped(metric, test) }),
    ...(train === undefined ? {} : { trainScore: clipped(metric, train) }),
    ...(gap === undefined ? {} : { gap }),
    done: [...score].map(([seed, value]) => ({
      seed,
      score: value,
      ...(trainScore.has(seed) ? { trainScore: trainScore.get(seed)! } : {}),
    })),
    failed,
    pending,
  };
}

function halvingOf(
  plan: ScalingPlan,
  folder: string,
  points: readonly StudyPoint[],
): NonNullable<StudyReport['halving']> {
  const { from, eta } = plan.study.halving!;
  const first = plan.configurations.filter(({ epochs }) => epochs === from).length;
  return {
    plan: halvingPlan({ configurations: Math.max(1, first), epochs: Math.max(...plan.study.epochs), first: from, eta }),
    outcomes: rungsOf(plan, folder).flatMap(({ outcome }) => outcome ?? []),
    agreement: rungAgreement(points, metricOf(plan)),
    warning: SHORT_RUNS_MISLEAD,
  };
}

function environment(plan: ScalingPlan, folder: string): { key: string; value: string }[] {
  const results = plan.configurations
    .flatMap(({ trials }) => trials.map(({ id }) => readResult(folder, id)))
    .filter((result) => result?.status === 'done');
  const measured = plan.configurations
    .map((configuration) => readMeasured(folder, timedId(configuration)))
    .filter((found) => found !== undefined);
  const list = (values: readonly (string | number)[]): string => [...new Set(values)].join(', ');
  return [
    { key: 'This page was made on', value: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores` },
    ...(results.length === 0
      ? []
      : [
          { key: 'Threads of a trial', value: list(results.map(({ threads }) => threads)) },
          {
            key: 'Versions',
            value:
              `Rescaled ${list(results.map(({ versions }) => versions.rescaled))}, ` +
              `${list(results.map(({ versions }) => versions.engine))}, ` +
              `Node.js ${list(results.map(({ versions }) => versions.node))}`,
          },
        ]),
    ...(measured.length === 0
      ? []
      : [
          {
            key: 'Times',
            value:
              `each model alone, medians, on ${list(measured.map(({ processor }) => processor))}, ` +
              `${list(measured.map(({ device }) => device))}, ${list(measured.map(({ threads }) => threads))} threads`,
          },
        ]),
  ];
}

function warnings(plan: ScalingPlan, folder: string, points: readonly StudyPoint[]): string[] {
  const measured = plan.configurations
    .map((configuration) => readMeasured(folder, timedId(configuration)))
    .filter((found) => found !== undefined);
  const machines = new Set(
    measured.map(({ processor, threads, device }) => `${processor}, ${threads} threads, ${device}`),
  );
  const untimed = points.filter((point) => point.score.size > 0 && point.measured === undefined).length;
  return [
    ...(machines.size > 1
      ? [
          `The times come from ${machines.size} kinds of machine (${[...machines].join('; ')}): they cannot be ` +
            'compared. Delete the folder "measured" and run again on one.',
        ]
      : []),
    ...(untimed > 0
      ? [
          `${untimed} trained configurations are not timed: ` +
            '"rescaled study run" times them when all trials have ended.',
        ]
      : []),
  ];
}
