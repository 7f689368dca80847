import { UsageError } from '../../errors.js';
import { betterBy, clipped, isBetter, type Metric } from '../../metric.js';
import { configurationOf, meanScore } from '../analysis/dimensions.js';
import { type Cost, costOf, type StudyPoint } from '../analysis/points.js';
import { type Difference, difference, type Estimate, estimate, LEAST_SEEDS } from '../analysis/statistics.js';

/** What a model may cost at most. */
export interface Budget {
  cost: Cost;
  /** In the unit of that cost: milliseconds, bytes, FLOPs or parameters. */
  limit: number;
  /** As it was written. */
  text: string;
}

const EXAMPLES =
  '5ms or 0.2s (inference of one picture), train:50ms (a training step), 200MFLOPs, 300MB or 2GiB (memory of ' +
  'training), 25Mparams';
const THOUSANDS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9, t: 1e12 };
const MILLISECONDS: Readonly<Record<string, number>> = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, min: 6e4 };

/**
 * `5ms`, `train:0.2s`, `200MFLOPs`, `2GiB`, `25M params`. FLOPs are those of one picture, 2 for a multiply-add; MB is
 * 1e6 bytes, MiB 2^20.
 * @param of what a time without a prefix is of
 * @throws UsageError for what is no budget
 */
export function parseBudget(text: string, of: 'inference' | 'train' = 'inference'): Budget {
  const wrong = (why: string): UsageError =>
    new UsageError(`Expected a budget such as ${EXAMPLES} but received "${text}"${why}.`);
  const parts = /^\s*(?:([a-z]+)\s*:\s*)?(\d+(?:\.\d+)?|\.\d+)(e[+-]?\d+)?\s*([a-zµ\s]*)$/i.exec(text);
  if (parts === null)
    throw wrong(
      /\d,\d/.test(text) ? ': write decimals with a point' : /^\s*-/.test(text) ? ': it must be above 0' : '',
    );
  const [, prefix, digits, exponent = '', written = ''] = parts;
  const unit = written.replace(/\s+/g, '').toLowerCase();
  const number = Number(digits + exponent);
  if (!(number > 0 && Number.isFinite(number))) throw wrong(': it must be above 0');
  if (prefix !== undefined && prefix !== 'train' && prefix !== 'inference')
    throw wrong(`: only train: and inference: may stand before a time, not ${prefix}:`);
  const found = (cost: Cost, limit: number): Budget => ({ cost, limit, text: text.trim() });
  const time = MILLISECONDS[unit];
  if (time !== undefined) return found((prefix ?? of) === 'train' ? 'trainStepMs' : 'inferenceMs', number * time);
  if (prefix !== undefined) throw wrong(`: only a time may have ${prefix}: before it`);
  const flops = /^([kmgt]?)flops?$/.exec(unit);
  if (flops !== null) return found('flops', number * THOUSANDS[flops[1]!]!);
  const parameters = /^([kmgb]?)param(?:s|eter|eters)?$/.exec(unit);
  if (parameters !== null) return found('parameters', number * THOUSANDS[parameters[1]!]!);
  const bytes = /^(?:([kmgt]?)b|([kmgt])ib|bytes?)$/.exec(unit);
  if (bytes !== null)
    return found(
      'peakBytes',
      number * (bytes[2] === undefined ? THOUSANDS[bytes[1] ?? '']! : 1024 ** ('kmgt'.indexOf(bytes[2]) + 1)),
    );
  throw wrong(
    unit === ''
      ? ': it has no unit'
      : /macs?$/.test(unit)
        ? ': FLOPs count 2 for each multiply-add'
        : /^[kmgbt]$/.test(unit)
          ? `: "${written.trim()}" of what? FLOPs, params or bytes`
          : '',
  );
}

export interface BudgetCandidate {
  name: string;
  cost: number;
  score: Estimate;
}

/** The most accurate model that a budget allows, and what else was looked at. */
export interface BudgetPick {
  /** As it was read. */
  budget: Budget;
  /** Why there is a pick or none; only with `fits` there is one. */
  outcome: 'fits' | 'none fits' | 'too few seeds' | 'nothing to choose from';
  /** The best at or under the limit; of equals the cheapest. */
  pick?: BudgetCandidate;
  /** The best of the other configurations under the limit, and the pick's score less its own, paired by seed. */
  runnerUp?: BudgetCandidate & { behind: Difference };
  /** Where none fits: the cheapest, and its cost over the limit. */
  cheapest?: BudgetCandidate & { timesOver: number };
  /** Where those that fit have too few seeds: the best mean of them, which is no pick. */
  soFar?: BudgetCandidate;
  /** How many fit. */
  fitting: number;
  /** Names of points that could not be looked at. */
  notMeasured: string[];
  /** Names of points without a finished trial. */
  withoutResult: string[];
  /** Fit, and have fewer than `LEAST_SEEDS` seeds: nothing is picked by their means. */
  tooFewSeeds: string[];
}

/** The best model that a budget allows. For a proposed family give the points of its members. */
export function pickWithin(
  points: readonly StudyPoint[],
  budget: Budget,
  metric: Pick<Metric, 'unit' | 'direction'>,
): BudgetPick {
  const withoutResult: string[] = [];
  const notMeasured: string[] = [];
  const known: { point: StudyPoint; cost: number; mean: number; score: Estimate }[] = [];
  for (const point of points) {
    const [cost, mean] = [costOf(point, budget.cost), meanScore(point)];
    if (mean === undefined) withoutResult.push(point.name);
    else if (cost === undefined || !Number.isFinite(cost)) notMeasured.push(point.name);
    else known.push({ point, cost, mean, score: clipped(metric, estimate([...point.score.values()])!) });
  }
  const shown = ({ point, cost, score }: (typeof known)[number]): BudgetCandidate => ({
    name: point.name,
    cost,
    score,
  });
  const within = known
    .filter(({ cost }) => cost <= budget.limit)
    .sort((a, b) => betterBy(metric, b.mean, a.mean) || a.cost - b.cost);
  const fitting = within.filter(({ score }) => score.n >= LEAST_SEEDS);
  const tooFewSeeds = within.filter(({ score }) => score.n < LEAST_SEEDS).map(({ point }) => point.name);
  const common = { budget, fitting: within.length, notMeasured, withoutResult, tooFewSeeds };
  const [pick] = fitting;
  if (pick !== undefined) {
    const other = fitting.find(({ point }) => configurationOf(point) !== configurationOf(pick.point));
    return {
      ...common,
      outcome: 'fits',
      pick: shown(pick),
      ...(other === undefined
        ? {}
        : { runnerUp: { ...shown(other), behind: difference(other.point.score, pick.point.score, metric)! } }),
    };
  }
  if (within.length > 0) return { ...common, outcome: 'too few seeds', soFar: shown(within[0]!) };
  if (known.length === 0) return { ...common, outcome: 'nothing to choose from' };
  const cheapest = known.reduce((a, b) =>
    b.cost < a.cost || (b.cost === a.cost && isBetter(metric, b.mean, a.mean)) ? b : a,
  );
  return { ...common, outcome: 'none fits', cheapest: { ...shown(cheapest), timesOver: cheapest.cost / budget.limit } };
}
