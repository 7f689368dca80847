import { openBegun, type TargetFlags } from '../../studied/open.js';
import { type TrialState, trialStates } from '../../studied/results.js';
import { readMeasured, timedModels } from '../../study/trials/measured.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { commandLine } from '../../suggest.js';
import { duration } from '../progress.js';
import { table } from '../table.js';

/** Prints how far a study is. */
export async function status(wanted: string, flags: TargetFlags & { json?: boolean }): Promise<void> {
  const { plan, folder } = await openBegun(wanted, flags);
  const time = new TimeLeft();
  const trials = trialStates(plan, folder).map(({ trial, configuration, result, state, reason }) => {
    if (result?.status === 'done') time.learn(trial.work, result.msPerStep, result.scoredPerSecond);
    return { trial, name: configuration.name, epochs: configuration.epochs, state, reason };
  });
  const counts = (of: typeof trials): Record<TrialState, number> =>
    Object.fromEntries(
      (['done', 'failed', 'running', 'begun', 'waiting'] as const).map((state) => [
        state,
        of.filter((each) => each.state === state).length,
      ]),
    ) as Record<TrialState, number>;
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
