import { RescaledError, UsageError } from '../../errors.js';
import { written } from '../../metric.js';
import { addSeeds, budgetWithin, metricOf } from '../../studied/facts.js';
import { openBegun } from '../../studied/open.js';
import { pickOf } from '../../studied/results.js';
import { type BudgetCandidate, type BudgetPick, parseBudget } from '../../study/advice/budget.js';
import type { Cost } from '../../study/analysis/points.js';
import { LEAST_SEEDS } from '../../study/analysis/statistics.js';
import { trainCommand } from './advise.js';
import { scoreWithInterval } from './words.js';

export interface ScaleFlags {
  budget: string;
  any?: boolean;
  json?: boolean;
}

const UNITS: Readonly<Record<Cost, (value: number) => string>> = {
  trainStepMs: (ms) => `${ms.toPrecision(3)} ms a training step`,
  inferenceMs: (ms) => `${ms.toPrecision(3)} ms a picture`,
  peakBytes: (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`,
  flops: (flops) => `${(flops / 1e6).toPrecision(3)} MFLOPs`,
  parameters: (n) => `${(n / 1e6).toPrecision(3)} M parameters`,
};

export async function scale(wanted: string, { budget: text, any = false, json = false }: ScaleFlags): Promise<void> {
  const budget = parseBudget(text);
  const { plan, folder } = await openBegun(wanted, {});
  const metric = metricOf(plan);
  const { from, candidates, ...pick } = pickOf(plan, folder, budget, any);
  if (json)
    return console.log(
      JSON.stringify(
        written(metric, {
          from,
          ...pick,
          ...(pick.pick === undefined ? {} : { command: trainCommand(plan, pick.pick.name) }),
        }),
        null,
        2,
      ),
    );
  const shown = ({ name, cost, score }: BudgetCandidate): string =>
    `${name}: ${UNITS[budget.cost](cost)}, ${metric.title} ${scoreWithInterval(metric, score)}`;
  const { pick: best, runnerUp } = pick;
  if (best === undefined) throw none(pick, shown, folder, budgetWithin(candidates));
  console.log(shown(best));
  if (runnerUp !== undefined)
    console.log(
      `next best: ${shown(runnerUp)}${runnerUp.behind.verdict === 'better' ? '' : '; the two are not told apart'}`,
    );
  if (from === 'all' && !any) console.log('(of all configurations: no family is proposed yet)');
  if (pick.tooFewSeeds.length > 0)
    console.log(
      `${pick.tooFewSeeds.length} models that fit have fewer than ${LEAST_SEEDS} seeds and were not looked at; ` +
        `add them: ${addSeeds(folder)}`,
    );
  if (pick.notMeasured.length > 0)
    console.log(`${pick.notMeasured.length} models are not timed and were not looked at`);
  console.log(`train it: ${trainCommand(plan, best.name)}`);
}

function none(
  { outcome, cheapest, soFar, fitting, notMeasured, withoutResult, budget }: BudgetPick,
  shown: (candidate: BudgetCandidate) => string,
  folder: string,
  known: string,
): RescaledError {
  if (outcome === 'too few seeds')
    return new RescaledError(
      `Expected ${LEAST_SEEDS} seeds or more of a model to pick it but the ${fitting} within ${budget.text} have fewer: ` +
        `a difference between them may be chance. Add seeds: ${addSeeds(folder)}. The best mean so far, which is no ` +
        `pick: ${shown(soFar!)}.`,
    );
  if (outcome === 'none fits')
    return new RescaledError(
      `Expected a model within ${budget.text} but none is: the cheapest is ` +
        `${cheapest!.timesOver.toFixed(2)} times over it. ${shown(cheapest!)}. ` +
        `Raise the budget (about half of the models keep ${known}), or study smaller ones.`,
    );
  const why =
    notMeasured.length > 0
      ? `none of ${notMeasured.length} is timed: "rescaled study run ${folder}" times them when its trials have ended. ` +
        `FLOPs and parameters are known without: give a budget such as ${known} or 5Mparams`
      : `none of ${withoutResult.length} has a result yet`;
  return new UsageError(`Expected models to choose from but ${why}.`);
}
