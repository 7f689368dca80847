import type { StudyPoint } from '../analysis/points.js';
import type { ScalingPlan } from '../plan/scaling-plan.js';
import { costsOf, readMeasured, timedId } from './measured.js';
import { readResult, type TrialResult } from './result.js';

/** What the result files of a study say of each configuration; trials that are missing or failed are named. */
export function pointsOf({ configurations }: Pick<ScalingPlan, 'configurations'>, study: string): StudyPoint[] {
  return configurations.map((configuration): StudyPoint => {
    const { name, family, model, depth, width, size, epochs, parameters, multiplyAdds, batch, predictedBytes, trials } =
      configuration;
    const known = trials.map(({ id, seed }) => ({ seed, result: readResult(study, id) }));
    const done = known.flatMap(({ result }) => (result?.status === 'done' ? [result] : []));
    const measured = readMeasured(study, timedId(configuration));
    return {
      name,
      family,
      model,
      depth,
      width,
      size,
      epochs,
      parameters,
      batch,
      predictedBytes,
      flops: 2 * multiplyAdds,
      score: bySeed(done, ({ score }) => score),
      trainScore: bySeed(done, ({ trainScore }) => trainScore),
      ...(measured === undefined ? {} : { measured: costsOf(measured) }),
      failed: known.flatMap(({ result }) =>
        result?.status === 'failed' ? [{ seed: result.seed, reason: result.reason }] : [],
      ),
      pending: known.flatMap(({ seed, result }) => (result === undefined ? [seed] : [])),
    };
  });
}

const bySeed = (results: readonly TrialResult[], pick: (result: TrialResult) => number): Map<number, number> =>
  new Map(results.map((result) => [result.seed, pick(result)]));
