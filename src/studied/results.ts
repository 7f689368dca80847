import { existsSync } from 'node:fs';
import { isLocked } from '../lock.js';
import { type Budget, type BudgetPick, pickWithin } from '../study/advice/budget.js';
import { regimesOf } from '../study/analysis/dimensions.js';
import type { StudyPoint } from '../study/analysis/points.js';
import { type ScalingPlan, trialsInOrder } from '../study/plan/scaling-plan.js';
import { pointsOf } from '../study/trials/points-of.js';
import { lockFile, readResult, trialRun } from '../study/trials/result.js';
import { trainedConfigurations } from '../study/trials/rungs.js';
import { adviceOf, metricOf } from './facts.js';

/** What became of a trial so far: `begun` has checkpoints, and nobody is at it. */
export type TrialState = 'done' | 'failed' | 'running' | 'begun' | 'waiting';

/** The configurations with what their trials gave so far. */
export const trainedPoints = (plan: ScalingPlan, folder: string): StudyPoint[] =>
  pointsOf({ configurations: trainedConfigurations(plan, folder) }, folder);

/** The best within a budget, of the longest trainings: of the proposed family where there is one. */
export function pickOf(
  plan: ScalingPlan,
  folder: string,
  budget: Budget,
  any = false,
): BudgetPick & { from: 'family' | 'all'; candidates: readonly StudyPoint[] } {
  const points = trainedPoints(plan, folder);
  const longest = regimesOf(points).at(-1);
  const members = new Set(adviceOf(plan, points).full?.family.members.map(({ name }) => name));
  const fromFamily = !any && members.size > 0;
  const candidates = points.filter((point) => point.epochs === longest && (!fromFamily || members.has(point.name)));
  return { ...pickWithin(candidates, budget, metricOf(plan)), from: fromFamily ? 'family' : 'all', candidates };
}

/** Every trial so far and what became of it. With halving those of the rungs so far: who trains in the next one is not known yet. */
export function trialStates(plan: ScalingPlan, folder: string) {
  return trialsInOrder({ ...plan, configurations: trainedConfigurations(plan, folder) }).map(
    ({ trial, configuration }) => {
      const result = readResult(folder, trial.id);
      const state: TrialState =
        result?.status ??
        (isLocked(lockFile(folder, trial.id))
          ? 'running'
          : existsSync(trialRun(folder, trial.id))
            ? 'begun'
            : 'waiting');
      return { trial, configuration, result, state, reason: result?.status === 'failed' ? result.reason : undefined };
    },
  );
}
