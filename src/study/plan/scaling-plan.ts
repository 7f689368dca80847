import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { Dataset } from '../../data/dataset.js';
import { typicalSide } from '../../data/sources/sides.js';
import { UsageError } from '../../errors.js';
import { makeFolder, writeFileAtomic } from '../../files.js';
import type { MeasuredPart } from '../../part-words.js';
import { taskNamed } from '../../tasks/index.js';
import { openTrainingData } from '../../tasks/runs.js';
import { CLASSES_RECIPE, checkStudy, type StudyFile } from './file.js';
import { parsePlan, planFile, readPlanJson, refuseOccupied } from './folder.js';
import { type Configuration, epochsOf, type LeftOut, layOut, ofStudy } from './grid.js';
import { studiedTask } from './studied-task.js';
import { planTrials, type Trial } from './trial.js';

export interface PlannedConfiguration extends Configuration {
  /** One a seed. */
  trials: Trial[];
}

/** A study that is laid out: what is trained, and what is not and why. */
export interface ScalingPlan {
  study: StudyFile;
  /** What the trials learn; `classify` where absent. */
  task?: string;
  data: {
    name: string;
    fingerprint: string;
    classes: number;
    trainPictures: number;
    /** Pictures that a trial is scored on. */
    testPictures: number;
    /** The part that they are; `test` where absent, as in plans of 0.1.0. */
    part?: MeasuredPart;
    /** Shorter side of a picture as it lies on disk; absent from plans of 0.1.0. */
    side?: number;
  };
  /** By epochs, then by multiply-adds. */
  configurations: PlannedConfiguration[];
  leftOut: LeftOut[];
}

/**
 * Lays a study out over its pictures.
 * @param dataset already opened data, else it is opened
 * @param where the study comes from, for the messages: its file
 * @throws UsageError without data, or where nothing is left to train
 */
export async function planScaling(given: StudyFile, dataset?: Dataset, where = given.name): Promise<ScalingPlan> {
  if (given.data === undefined)
    throw new UsageError(`Expected the folder of the pictures as "data" in ${where}, or as --data.`);
  const study = await withTask(given, given.data);
  const { task } = study;
  const opened =
    dataset ??
    (await openTrainingData({
      task,
      data: given.data,
      valSplit: study.valSplit,
      limitTrain: study.limitTrain,
      limitVal: study.limitTest,
    }));
  if (opened.train === undefined)
    throw new UsageError(`Expected training pictures in ${given.data} but there is only a validation part.`);
  const side = await typicalSide(opened.train);
  const ofTask = taskNamed(task);
  const data = {
    name: opened.name,
    fingerprint: opened.fingerprint,
    // Depth has none.
    classes: ofTask.counts(ofTask.settings(opened)).classes ?? 0,
    trainPictures: opened.train.length,
    testPictures: opened.val.length,
    part: opened.measured,
    ...(side === undefined ? {} : { side }),
  };
  const { configurations, leftOut } = await layOut(
    study,
    { path: given.data, classes: ofTask.outputs(ofTask.settings(opened)), trainPictures: data.trainPictures },
    where,
  );
  const planned: PlannedConfiguration[] = [];
  for (const configuration of configurations) {
    const stepFlops = 6 * configuration.multiplyAdds * configuration.batch;
    const options = { ...configuration.options, ...(task === undefined ? {} : { task }) };
    const trials = await ofStudy(where, () => planTrials(options, study.seeds, opened));
    planned.push({
      ...configuration,
      options,
      trials: trials.map((trial) => ({ ...trial, work: { ...trial.work, stepFlops } })),
    });
  }
  if (planned.length === 0)
    throw new UsageError(
      `Expected something to train in ${where} but every configuration is left out. The first: ` +
        `${leftOut[0]!.name}: ${leftOut[0]!.reason}`,
    );
  return { study, ...(task === undefined ? {} : { task }), data, configurations: planned, leftOut };
}

/** With what is learned, as the annotations beside the pictures say it, and the recipe of that task where the study names none. */
async function withTask(study: StudyFile, data: string): Promise<StudyFile> {
  const task = await studiedTask(data, study.task);
  if (task === undefined) return study;
  const { recipe } = taskNamed(task);
  return { ...study, task, recipe: study.recipe === CLASSES_RECIPE ? (recipe ?? study.recipe) : study.recipe };
}

/**
 * The shortest regime first, seed by seed, so that a study that is stopped early has every configuration; each trial
 * once.
 */
export function trialsInOrder({
  study,
  configurations,
}: Pick<ScalingPlan, 'study' | 'configurations'>): { trial: Trial; configuration: PlannedConfiguration }[] {
  const unique = new Map<string, { trial: Trial; configuration: PlannedConfiguration }>();
  for (const epochs of epochsOf(study))
    for (const [i] of study.seeds.entries())
      for (const configuration of configurations) {
        const trial = configuration.trials[i]!;
        if (configuration.epochs === epochs && !unique.has(trial.id)) unique.set(trial.id, { trial, configuration });
      }
  return [...unique.values()];
}

const planSchema = z.object({
  format: z.literal(1),
  kind: z.literal('scaling'),
  study: z.looseObject({ name: z.string() }),
  /** `classify` where absent. */
  task: z.string().optional(),
  data: z.object({
    name: z.string(),
    fingerprint: z.string(),
    classes: z.int(),
    trainPictures: z.int(),
    testPictures: z.int(),
    part: z.enum(['train', 'val', 'test', 'all']).optional(),
    side: z.int().optional(),
  }),
  configurations: z.array(
    z.looseObject({
      name: z.string(),
      trials: z.array(z.object({ id: z.string(), seed: z.int() })).min(1),
      work: z.object({ steps: z.number(), scored: z.number(), cost: z.string(), stepFlops: z.number() }),
    }),
  ),
  leftOut: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/** A configuration as the file has it: what its trials share stands once. */
type StoredConfiguration = Omit<PlannedConfiguration, 'trials'> & {
  trials: Pick<Trial, 'id' | 'seed'>[];
  work: Trial['work'];
};
const stored = ({ trials, ...configuration }: PlannedConfiguration): StoredConfiguration => ({
  ...configuration,
  trials: trials.map(({ id, seed }) => ({ id, seed })),
  work: trials[0]!.work,
});

/** Whether the folder holds a scaling study, or claims to. */
export const isStudyFolder = (folder: string): boolean => existsSync(planFile(folder));

/** @throws RescaledError when the folder's plan is not one of this version */
export function readPlan(folder: string): ScalingPlan {
  const file = planFile(folder);
  if (!existsSync(file))
    throw new UsageError(
      `Expected the folder of a study but ${folder} has no plan.json. "rescaled study run" makes it.`,
    );
  const json = readPlanJson(file);
  if (
    (json as { kind?: unknown } | null)?.kind !== 'scaling' &&
    typeof (json as { kind?: unknown } | null)?.kind === 'string'
  )
    throw new UsageError(
      `Expected a scaling study in ${folder} but it holds the study of "rescaled ablate". Choose another --out.`,
    );
  const parsed = parsePlan(planSchema, json, file);
  const { seeds, ...study } = parsed.study as unknown as StudyFile;
  const { data, leftOut, task } = parsed;
  const configurations = (parsed.configurations as unknown as StoredConfiguration[]).map(
    ({ trials, work, ...configuration }): PlannedConfiguration => {
      const { options, size } = configuration;
      return { ...configuration, trials: trials.map(({ id, seed }) => ({ id, seed, options, size, work })) };
    },
  );
  return {
    study: checkStudy({ ...study, seeds }, study.name, file),
    ...(task === undefined ? {} : { task }),
    data,
    configurations,
    leftOut,
  };
}

/**
 * Takes the folder for this plan, or finds it taken by the same or by a smaller one, which it then extends.
 * @throws UsageError when it holds another study's results, or other files
 */
export function claimStudy(folder: string, plan: ScalingPlan): void {
  if (isStudyFolder(folder)) {
    const differs = difference(readPlan(folder), plan);
    if (differs !== undefined)
      throw new UsageError(
        `Expected the results of this study in ${folder} but it holds another one: ${differs}. Choose ` +
          'another --out, or the study file of the first time.',
      );
  } else refuseOccupied(folder);
  makeFolder(folder);
  writeFileAtomic(
    planFile(folder),
    `${JSON.stringify({ format: 1, kind: 'scaling', ...plan, configurations: plan.configurations.map(stored) }, null, 1)}\n`,
  );
}

/** Why a plan does not go on with an earlier one: one of its trials is missing. */
function difference(earlier: ScalingPlan, plan: ScalingPlan): string | undefined {
  if (earlier.task !== plan.task)
    return `it is of ${earlier.task ?? 'classify'}, this one of ${plan.task ?? 'classify'}`;
  if (earlier.data.fingerprint !== plan.data.fingerprint)
    return `its pictures are others (${earlier.data.name}, or they have changed)`;
  const now = new Map(plan.configurations.map((configuration) => [configuration.name, configuration]));
  for (const { name, trials } of earlier.configurations) {
    const same = now.get(name);
    if (same === undefined) return `it has ${name}, this one has not`;
    const ids = new Set(same.trials.map(({ id }) => id));
    if (!trials.some(({ id }) => ids.has(id))) return `${name} has other settings there`;
    const missing = trials.find(({ id }) => !ids.has(id));
    if (missing !== undefined) return `it has seed ${missing.seed} of ${name}, this one has not`;
  }
  return undefined;
}
