import { existsSync } from 'node:fs';
import { isLocked } from '../../lock.js';
import { trialsInOrder } from '../../study/plan/scaling-plan.js';
import { readMeasured, timedModels } from '../../study/trials/measured.js';
import { lockFile, readResult, trialRun } from '../../study/trials/result.js';
import { trainedConfigurations } from '../../study/trials/rungs.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { duration } from '../progress.js';
import { table } from '../table.js';
import { commandLine } from '../words.js';
import { openBegun, type TargetFlags } from './target.js';

type State = 'done' | 'failed' | 'running' | 'begun' | 'waiting';

/** Prints how far a study is. */
export async function status(wanted: string, flags: TargetFlags & { json?: boolean }): Promise<void> {
  const { plan, folder } = await openBegun(wanted, flags);
  const time = new TimeLeft();
  // With halving the rungs so far: who trains in the next one is not known yet.
  const trials = trialsInOrder({ ...plan, configurations: trainedConfigurations(plan, folder) }).map(
    ({ trial, configuration }) => {
      const result = readResult(folder, trial.id);
      if (result?.status === 'done') time.learn(trial.work, result.msPerStep, result.scoredPerSecond);
      const state: State =
        result?.status ??
        (isLocked(lockFile(folder, trial.id))
          ? 'running'
          : existsSync(trialRun(folder, trial.id))
            ? 'begun'
            : 'waiting');
      return {
        trial,
        name: configuration.name,
        epochs: configuration.epochs,
        state,
        reason: result?.status === 'failed' ? result.reason : undefined,
      };
    },
  );
  const counts = (of: typeof trials): Record<State, number> =>
    Object.fromEntries(
      (['done', 'failed', 'running', 'begun', 'waiting'] as const).map((state) => [
        state,
        of.filter((each) => each.state === state).length,
      ]),
    ) as Record<State, number>;
  const models = timedModels(plan.configurations);
  const measured = models.filter(({ id }) => readMeasured(folder, id) !== undefined).length;
  const left = trials.filter(({ state }) => state !== 'done');
  const oneWorker = time.total(
    left.map(({ trial }) => trial),
    1,
  );
  if (flags.json === true)
    return console.log(
      JSON.stringify(
        {
          study: plan.study.name,
          folder,
          trials: trials.length,
          ...counts(trials),
          measured,
          models: models.length,
          secondsLeftOneAtATime: oneWorker,
          failures: trials
            .filter(({ state }) => state === 'failed')
            .map(({ trial, name, reason }) => ({ id: trial.id, name, seed: trial.seed, reason })),
        },
        null,
        2,
      ),
    );
  const regimes = [...new Set(trials.map(({ epochs }) => epochs))];
  const row = (label: string, of: typeof trials): string[] => [
    label,
    ...Object.values(counts(of)).map(String),
    String(of.length),
  ];
  console.log(`${plan.study.name} in ${folder}`);
  console.log(
    table(
      [
        ['epochs', 'done', 'failed', 'running', 'begun', 'waiting', 'all'],
        ...regimes.map((epochs) =>
          row(
            String(epochs),
            trials.filter((each) => each.epochs === epochs),
          ),
        ),
        ...(regimes.length > 1 ? [row('all', trials)] : []),
      ],
      0,
    ),
  );
  for (const { name, trial } of trials.filter(({ state }) => state === 'running'))
    console.log(`running: ${name}, seed ${trial.seed}`);
  for (const { name, trial, reason } of trials.filter(({ state }) => state === 'failed'))
    console.log(`failed: ${name}, seed ${trial.seed}: ${reason}`);
  console.log(
    `${measured} of ${models.length} models are timed${
      plan.leftOut.length > 0
        ? `; ${plan.leftOut.length} configurations are left out (rescaled study plan ${folder})`
        : ''
    }`,
  );
  if (oneWorker !== undefined && left.length > 0)
    console.log(`about ${duration(oneWorker)} of work left, one trial at a time`);
  if (left.length > 0) console.log(`go on with: ${commandLine(['rescaled', 'study', 'run', folder])}`);
}
