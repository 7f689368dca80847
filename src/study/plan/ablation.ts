import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { Dataset } from '../../data/dataset.js';
import { UsageError } from '../../errors.js';
import { makeFolder, writeFileAtomic } from '../../files.js';
import type { ModelSwitches } from '../../recipe/model-switches.js';
import { parsePlan, planFile, readPlanJson, refuseOccupied } from './folder.js';
import { DECAY_TABLE, DECAYS, findStep, type Ingredient, type Ladder, type Published } from './ladder.js';
import { planTrials, type Trial, type TrialOptions } from './trial.js';

export type StudyKind = 'additive' | 'leave-one-out' | 'weight-decay';

/** A row of a study: one set of options, trained with several seeds. */
export interface Variant {
  name: string;
  group?: Ingredient['group'];
  recipe: string;
  model: string;
  settings: Readonly<Record<string, unknown>>;
  modelOptions: ModelSwitches;
  /** What differs from the row it is compared with, in words. */
  changed: string;
  /** Position of that row. */
  against?: number;
  paper: Published;
  /** Its place in a table of two dimensions. */
  cell?: { row: string; column: string };
}

/** 0.00004 -> `4e-5`. */
const short = (value: unknown): string =>
  typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
const text = (values: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(values).map(([key, value]) => `${key}=${short(value)}`);
const changes = ({ settings, modelOptions }: Pick<Ingredient, 'settings' | 'modelOptions'>): string =>
  [...text(settings), ...text(modelOptions)].join(', ') || 'nothing';

/** The base with these steps on top. */
function withSteps(
  { base }: Ladder,
  steps: readonly Ingredient[],
): Pick<Variant, 'recipe' | 'model' | 'settings' | 'modelOptions'> {
  return {
    recipe: base.recipe,
    model: base.model,
    settings: Object.assign({}, base.settings, ...steps.map((step) => step.settings)) as Record<string, unknown>,
    modelOptions: Object.assign({}, base.modelOptions, ...steps.map((step) => step.modelOptions)) as ModelSwitches,
  };
}

/** Each row has one step more than the row before it. @param title of the base network, with its width */
export function additive(ladder: Ladder, title = ladder.base.model): Variant[] {
  const first: Variant = {
    name: ladder.base.name,
    ...withSteps(ladder, []),
    changed: `recipe ${ladder.base.recipe}, ${title}`,
    paper: ladder.base.paper ?? {},
  };
  return [
    first,
    ...ladder.steps.map(
      (step, i): Variant => ({
        name: `+ ${step.name}`,
        group: step.group,
        ...withSteps(ladder, ladder.steps.slice(0, i + 1)),
        changed: changes(step),
        against: i,
        paper: step.paper ?? {},
      }),
    ),
  ];
}

/** All steps, then each row without one of them. */
export function leaveOneOut(ladder: Ladder, title = ladder.base.model): Variant[] {
  const all: Variant = {
    name: 'all steps',
    ...withSteps(ladder, ladder.steps),
    changed: `${ladder.steps.length} steps on recipe ${ladder.base.recipe}, ${title}`,
    paper: ladder.steps.at(-1)?.paper ?? {},
  };
  return [
    all,
    ...ladder.steps.map(
      (step): Variant => ({
        name: `without ${step.name}`,
        group: step.group,
        ...withSteps(
          ladder,
          ladder.steps.filter((other) => other !== step),
        ),
        changed: `not ${changes(step)}`,
        against: 0,
        paper: {},
      }),
    ),
  ];
}

/**
 * Paper Table 2: each set of regularisers at both weight decays, one after the other. All rows have the training steps
 * (cosine, more epochs, EMA) and the classic architecture; which ones the paper's rows had is not stated in the sources
 * that we read.
 */
export function weightDecay(ladder: Ladder): Variant[] {
  const training = ladder.steps.filter(({ group }) => group === 'training');
  return DECAY_TABLE.flatMap((row, i) =>
    DECAYS.map((decay, j): Variant => {
      const with_ = withSteps(ladder, [...training, ...row.steps.map((key) => findStep(ladder.steps, key))]);
      return {
        name: `${row.name}, ${short(decay)}`,
        group: 'regularisation',
        ...with_,
        settings: { ...with_.settings, weightDecay: decay },
        changed: changes({ settings: { weightDecay: decay }, modelOptions: {} }),
        ...(j === 0 ? {} : { against: 2 * i }),
        paper: row.paper[j]!,
        cell: { row: row.name, column: `weight decay ${short(decay)}` },
      };
    }),
  );
}

/** A row with its trials, one a seed. */
export interface PlannedVariant extends Variant {
  trials: Trial[];
}
export interface StudyPlan {
  kind: StudyKind;
  /** What the trials learn; `classify` where absent. */
  task?: string;
  variants: PlannedVariant[];
  seeds: number[];
  /** Side of the pictures, in pixels. */
  size: number;
}

/**
 * @param common options of every row; its settings may name none that the study varies
 * @throws UsageError for options that no run can have
 */
export async function planStudy(
  kind: StudyKind,
  variants: readonly Variant[],
  seeds: readonly number[],
  common: Omit<TrialOptions, 'model' | 'recipe' | 'modelOptions'>,
  dataset: Dataset,
): Promise<StudyPlan> {
  for (const key of Object.keys(common.settings ?? {}))
    if (variants.some(({ settings }) => Object.hasOwn(settings, key)))
      throw new UsageError(
        'Expected --set for a setting that is the same in every row, but the study itself sets ' +
          `"${key}".${key === 'epochs' ? ' Use --epochs and --long-epochs.' : ''}`,
      );
  const planned: PlannedVariant[] = [];
  for (const variant of variants) {
    const { recipe, model, modelOptions } = variant;
    const options: TrialOptions = {
      ...common,
      recipe,
      model,
      modelOptions,
      settings: { ...common.settings, ...variant.settings },
    };
    planned.push({ ...variant, trials: await planTrials(options, seeds, dataset) });
  }
  return {
    kind,
    ...(common.task === undefined ? {} : { task: common.task }),
    variants: planned,
    seeds: [...seeds],
    size: planned[0]!.trials[0]!.size,
  };
}

/** What tells one plan from another: its rows. More seeds of the same rows go on with the same plan. */
const planSchema = z.object({
  format: z.literal(1),
  kind: z.enum(['additive', 'leave-one-out', 'weight-decay']),
  /** `classify` where absent. */
  task: z.string().optional(),
  rows: z.array(z.object({ name: z.string(), trials: z.record(z.string(), z.string()) })),
});

/**
 * Takes the folder for this plan, or finds it taken by the same.
 * @throws UsageError when it holds another study's results, or other files
 */
export function claimFolder(folder: string, { kind, task, variants }: StudyPlan): void {
  const file = planFile(folder);
  const rows = variants.map(({ name, trials }) => ({
    name,
    trials: Object.fromEntries(trials.map(({ seed, id }) => [String(seed), id])),
  }));
  if (existsSync(file)) {
    const earlier = parsePlan(planSchema, readPlanJson(file), file);
    const differs = why(earlier, { kind, task, rows });
    if (differs !== undefined)
      throw new UsageError(
        `Expected the results of this study in ${folder} but it holds another one: ${differs}. Choose ` +
          'another --out, or give the options of the first time.',
      );
    // Rows keep the seeds of an earlier call that this one does not ask for.
    rows.forEach((row, i) => Object.assign(row, { trials: { ...earlier.rows[i]!.trials, ...row.trials } }));
  } else refuseOccupied(folder);
  makeFolder(folder);
  writeFileAtomic(file, `${JSON.stringify({ format: 1, kind, task, rows }, null, 2)}\n`);
}

type PlanFile = z.infer<typeof planSchema>;

function why(earlier: PlanFile, { kind, task, rows }: Pick<PlanFile, 'kind' | 'task' | 'rows'>): string | undefined {
  if (earlier.task !== task) return `it is of ${earlier.task ?? 'classify'}, this one of ${task ?? 'classify'}`;
  if (earlier.kind !== kind) return `it is ${earlier.kind}, this one is ${kind}`;
  const names = (plan: Pick<PlanFile, 'rows'>): string => plan.rows.map(({ name }) => name).join(', ');
  if (names(earlier) !== names({ rows })) return `its rows are ${names(earlier)}`;
  for (const [i, row] of rows.entries()) {
    const shared = Object.keys(row.trials).filter((seed) => Object.hasOwn(earlier.rows[i]!.trials, seed));
    if (shared.length === 0) return 'it has other seeds';
    if (shared.some((seed) => earlier.rows[i]!.trials[seed] !== row.trials[seed]))
      return `"${row.name}" was trained on other pictures or with other settings`;
  }
  return undefined;
}
