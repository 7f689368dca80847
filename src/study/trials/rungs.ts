import { metricsOf } from '../../tasks/index.js';
import { configurationOf } from '../analysis/dimensions.js';
import { keptOf, type RungOutcome, survivors } from '../analysis/halving.js';
import { epochsOf } from '../plan/grid.js';
import type { PlannedConfiguration, ScalingPlan } from '../plan/scaling-plan.js';
import { pointsOf } from './points-of.js';

/** A rung of successive halving: what trains in it, and how it ended. */
export interface StudyRung {
  epochs: number;
  configurations: PlannedConfiguration[];
  /** Absent from the last rung, which nobody leaves. */
  outcome?: RungOutcome;
}

/**
 * The rungs of a study with successive halving that can be told so far: each is of what the one before it left, as soon
 * as that is decided.
 */
export function rungsOf(
  { study, task, configurations }: Pick<ScalingPlan, 'study' | 'task' | 'configurations'>,
  folder: string,
): StudyRung[] {
  const all = epochsOf(study);
  const rungs: StudyRung[] = [];
  let goOn: ReadonlySet<string> | undefined;
  for (const [i, epochs] of all.entries()) {
    const here = configurations.filter(
      (configuration) => configuration.epochs === epochs && goOn?.has(configurationOf(configuration)) !== false,
    );
    if (i === all.length - 1) return [...rungs, { epochs, configurations: here }];
    const outcome = survivors(
      pointsOf({ configurations: here }, folder),
      keptOf(here.length, study.halving!.eta),
      metricsOf(task)[0],
    );
    rungs.push({ epochs, configurations: here, outcome });
    if (outcome.outcome !== 'decided') break;
    const kept = new Set(outcome.survivors);
    goOn = new Set(here.filter(({ name }) => kept.has(name)).map(configurationOf));
  }
  return rungs;
}

/** What a study trains as far as can be told: with halving the rungs so far, else everything. */
export const trainedConfigurations = (
  plan: Pick<ScalingPlan, 'study' | 'task' | 'configurations'>,
  folder: string,
): PlannedConfiguration[] =>
  plan.study.halving === undefined
    ? plan.configurations
    : rungsOf(plan, folder).flatMap(({ configurations }) => configurations);
