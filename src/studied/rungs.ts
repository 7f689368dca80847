import type { RungOutcome } from '../study/analysis/halving.js';
import { epochsOf } from '../study/plan/grid.js';
import type { ScalingPlan } from '../study/plan/scaling-plan.js';
import { type MeasureStudyOptions, measureStudy, timedModels } from '../study/trials/measured.js';
import { pointsOf } from '../study/trials/points-of.js';
import { rungsOf } from '../study/trials/rungs.js';
import { namedTrials } from './plan.js';
import type { NamedTrials } from './speed.js';
import type { TrialsEnd } from './trials.js';

/** All at once; with successive halving a rung at a time, each of what the one before it left. */
export async function runRungs(
  plan: ScalingPlan,
  folder: string,
  train: (trials: NamedTrials) => Promise<TrialsEnd>,
  onRung: (epochs: number, outcome: RungOutcome) => void = () => {},
): Promise<TrialsEnd> {
  if (plan.study.halving === undefined) return train(namedTrials(plan));
  let failed = 0;
  for (const [i] of epochsOf(plan.study).entries()) {
    const rungs = rungsOf(plan, folder);
    const rung = rungs[i];
    if (rung === undefined) break; // every trial of the one before it failed
    if (i > 0) onRung(rung.epochs, rungs[i - 1]!.outcome!);
    const ended = await train(namedTrials({ study: plan.study, configurations: rung.configurations }));
    failed += ended.failed;
    if (ended.stopped) return { stopped: true, failed };
  }
  return { stopped: false, failed };
}

/** A machine's own share first, then what the others have not done: a share whose machine has died is thus done too. */
export function ownShareFirst(trials: NamedTrials, index: number, of: number): NamedTrials {
  const all = [...trials];
  return new Map([...all.filter((_, i) => i % of === index), ...all.filter((_, i) => i % of !== index)]);
}

/** Times the models that have results, each alone. */
export async function timeTrained(
  plan: ScalingPlan,
  folder: string,
  options: Pick<MeasureStudyOptions, 'threads' | 'signal' | 'onMeasured'>,
): Promise<void> {
  const trained = new Set(
    pointsOf(plan, folder)
      .filter(({ score }) => score.size > 0)
      .map(({ name }) => name),
  );
  const models = timedModels(plan.configurations.filter(({ name }) => trained.has(name)));
  await measureStudy(models, { study: folder, device: plan.study.device ?? 'cpu', ...options });
}
