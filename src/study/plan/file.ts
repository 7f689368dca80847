import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../errors.js';
import { isAddress } from '../../files.js';
import { isDataFile, loadDataFile } from '../../load-file.js';
import { COMPARED_VARIANTS, PUBLISHED_EFFICIENTNET } from '../../models/index.js';
import { modelSwitchesSchema } from '../../recipe/model-switches.js';
import { didYouMean } from '../../suggest.js';
import { STUDY_PRESETS } from './presets.js';
import { ruleSchema, settingsSchema } from './rule.js';

const name = z.string().min(1).max(80);
const list = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(200);
const side = z.int().min(8).max(4096);
const multiplier = z.number().min(0.01).max(16);

const own = { recipe: z.string().optional(), settings: settingsSchema.optional() };
const resNets = z.strictObject({
  family: z.enum(['resnet-rs', 'resnet', 'resnet3d', 'resnet3d-rs']),
  depths: list(z.int().min(1)),
  widths: list(multiplier).default([1]),
  /** Sides of the pictures in pixels. */
  sizes: list(side),
  modelOptions: modelSwitchesSchema.optional(),
  /** Total stride of the stem, as `--stem-stride` of train. */
  stemStride: z.literal([1, 2, 4], 'expected 1, 2 or 4').optional(),
  ...own,
});
const efficientNets = z.strictObject({
  family: z.enum(['efficientnet', 'efficientnet-rs']),
  variants: list(z.enum(PUBLISHED_EFFICIENTNET.map(({ variant }) => variant))),
  /**
   * By default an EfficientNet has its published size. Those of an EfficientNet-RS that are not below the published one
   * are left out.
   */
  sizes: list(side).optional(),
  modelOptions: modelSwitchesSchema.optional(),
  stemStride: z.literal([1, 2], 'expected 1 or 2').optional(),
  ...own,
});
/** Depth and width of the published members, and any width. */
const compared = <const F extends keyof typeof COMPARED_VARIANTS>(family: F) =>
  z.strictObject({
    family: z.literal(family),
    variants: list(z.enum(COMPARED_VARIANTS[family])),
    /** Multipliers of all widths, in place of the variant's. */
    widths: list(multiplier).optional(),
    /** The published one by default. */
    sizes: list(side).optional(),
    modelOptions: modelSwitchesSchema.optional(),
    stemStride: z.literal([1, 2, 4], 'expected 1, 2 or 4').optional(),
    ...own,
  });
const tResNets = compared('tresnet');
const resNeSts = compared('resnest');
const nfNets = compared('nfnet');
const gridSchema = z.discriminatedUnion('family', [
  resNets,
  efficientNets,
  tResNets,
  resNeSts,
  nfNets,
  compared('dm-nfnet'),
  compared('eca-nfnet'),
  compared('nf-resnet'),
  compared('nf-seresnet'),
  compared('nf-ecaresnet'),
  compared('lambda-resnet'),
]);
export type Grid = z.infer<typeof gridSchema>;

/** Of a study that names none. */
export const CLASSES_RECIPE = 'resnet-rs';

const schema = z.strictObject({
  /** What the page calls it; the file's name by default. */
  name: name.optional(),
  /** What is learned; where absent what the data ask for, else classes. */
  task: z.string().min(1).optional(),
  /** Folder of the pictures, as for train; relative to the file. */
  data: z.string().min(1).optional(),
  limitTrain: z.int().min(1).optional(),
  /** Test pictures that trials are scored on; all by default. */
  limitTest: z.int().min(1).optional(),
  valSplit: z.number().gt(0).lt(1).optional(),
  device: z
    .string()
    .regex(/^(cpu|mps|cuda(:\d+)?)$/, 'expected cpu, cuda:0 or mps')
    .optional(),
  models: list(gridSchema),
  /** The training regimes: a trial for each. */
  epochs: list(z.int().min(1).max(100_000)),
  /** How many, or which. */
  seeds: z
    .union(
      [z.int().min(1).max(1000), list(z.int().min(0))],
      'expected a whole number from 1 to 1000, or a list of whole numbers',
    )
    .default(3),
  /** Of other tasks than classes by default that of the task. */
  recipe: z.string().default(CLASSES_RECIPE),
  settings: settingsSchema.default({}),
  /**
   * `recipe`: as the recipe has it; `paper`: by regime, width and depth as in the paper's scaling study; or rules, of
   * which later ones win.
   */
  regularisation: z
    .union([z.literal('recipe'), z.literal('paper'), z.array(ruleSchema).max(200)], {
      error: (issue) => (Array.isArray(issue.input) ? undefined : 'expected recipe, paper or a list of rules'),
    })
    .default('recipe'),
  /** Configurations beyond a limit are left out, by name. */
  limits: z
    .strictObject({
      /** Of one trial, as far as its time is known: see `study plan --measure`. */
      minutes: z.number().positive().optional(),
      /** Predicted peak memory of a training step, in GB. */
      memoryGB: z.number().positive().optional(),
      /** Of one picture, in millions. */
      multiplyAddsM: z.number().positive().optional(),
    })
    .default({}),
  /**
   * Successive halving: all configurations for `from` epochs, the best 1/eta of them for eta times as many, and so on
   * up to the largest of `epochs`.
   */
  halving: z.strictObject({ from: z.int().min(1), eta: z.int().min(2).max(16).default(3) }).optional(),
});
type Parsed = z.infer<typeof schema>;
export interface StudyFile extends Omit<Parsed, 'seeds' | 'name'> {
  name: string;
  seeds: number[];
}

/**
 * So many seeds, those of the study among them.
 * @throws UsageError for fewer than it has: a study may only grow
 */
export function withSeeds<T extends Pick<StudyFile, 'seeds'>>(study: T, wanted: number): T {
  const { seeds } = study;
  if (!(Number.isInteger(wanted) && wanted >= seeds.length && wanted <= 1000))
    throw new UsageError(
      `Expected a whole number from ${seeds.length} (the seeds of the study) to 1000 for --seeds but received ${wanted}. ` +
        'Seeds can be added, not taken away.',
    );
  const all = [...seeds];
  for (let seed = 1; all.length < wanted; seed++) if (!all.includes(seed)) all.push(seed);
  return { ...study, seeds: all };
}

/**
 * A study by the path of a file, JSON or a module, or by the name of a preset.
 * @throws UsageError that names the field, what it takes and what came
 */
export async function openStudy(wanted: string): Promise<StudyFile> {
  if (!isDataFile(wanted)) {
    const preset = STUDY_PRESETS[wanted];
    if (!Object.hasOwn(STUDY_PRESETS, wanted) || preset === undefined)
      throw new UsageError(
        'Expected a study: a file ending in .json, .js, .mjs or .ts, the folder of a study, or one of ' +
          `${Object.keys(STUDY_PRESETS).join(', ')}, but received ` +
          `"${wanted}".${didYouMean(wanted, Object.keys(STUDY_PRESETS))}`,
      );
    return checkStudy(preset.study, wanted, wanted);
  }
  const study = checkStudy(
    await loadDataFile(wanted, 'a study'),
    wanted.replace(/^.*[/\\]/, '').replace(/\.\w+$/, ''),
    wanted,
  );
  return study.data === undefined || isAddress(study.data)
    ? study
    : { ...study, data: resolve(dirname(wanted), study.data) };
}

/** @param where for the messages */
export function checkStudy(value: unknown, defaultName: string, where: string): StudyFile {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new UsageError(misfit(parsed.error.issues, where));
  const { seeds, name: title = defaultName, ...rest } = parsed.data;
  const study = {
    ...rest,
    name: title,
    seeds: typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds,
  };
  const lists: [string, readonly (string | number)[]][] = [
    ['epochs', study.epochs],
    ['seeds', study.seeds],
    ...study.models.flatMap((grid, i) =>
      Object.entries<unknown>(grid)
        .filter((entry): entry is [string, (string | number)[]] => Array.isArray(entry[1]))
        .map(([key, values]): [string, (string | number)[]] => [`models.${i}.${key}`, values]),
    ),
  ];
  for (const [key, values] of lists) {
    const twice = values.find((item, i) => values.indexOf(item) !== i);
    if (twice !== undefined)
      throw new UsageError(`Expected each value of ${key} once in ${where} but ${twice} comes twice.`);
  }
  for (const [at, part] of [
    ['settings', study.settings] as const,
    ...study.models.map((grid, i) => [`models.${i}.settings`, grid.settings ?? {}] as const),
    ...(typeof study.regularisation === 'string'
      ? []
      : study.regularisation.map((rule, i) => [`regularisation.${i}.settings`, rule.settings] as const)),
  ])
    if (Object.hasOwn(part, 'epochs'))
      throw new UsageError(`Expected the epochs of ${where} as "epochs" of the study but ${at} sets them too.`);
  if (typeof study.regularisation !== 'string')
    for (const [i, rule] of study.regularisation.entries())
      for (const [low, high] of [
        ['epochsFrom', 'epochsUpTo'],
        ['depthFrom', 'depthUpTo'],
        ['widthFrom', 'widthUpTo'],
        ['sizeFrom', 'sizeUpTo'],
      ] as const)
        if ((rule[low] ?? -Infinity) > (rule[high] ?? Infinity))
          throw new UsageError(
            `Expected ${low} of at most ${high} in regularisation.${i} of ${where} but received ${rule[low]} ` +
              `and ${rule[high]}: the rule would never apply.`,
          );
  const { halving } = study;
  const full = Math.max(...study.epochs);
  if (halving !== undefined && halving.from >= full)
    throw new UsageError(
      `Expected halving.from below the largest of epochs, ${full}, in ${where} but received ${halving.from}.`,
    );
  return study;
}

function misfit(issues: readonly z.core.$ZodIssue[], where: string): string {
  // A misspelt field says more than the one that is missing for it; of a union, what its last form found.
  const all = issues.flatMap((issue): z.core.$ZodIssue[] =>
    issue.code === 'invalid_union' && issue.errors.at(-1)?.some(({ path }) => path.length > 0) === true
      ? issue.errors.at(-1)!.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
      : [issue],
  );
  const issue = all.find(({ code }) => code === 'unrecognized_keys') ?? all[0]!;
  const at = issue.path.length === 0 ? 'the study' : issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return `Expected another value for ${at} in ${where}: ${issue.message}.`;
  const known = fieldsAt(issue.path);
  const [key] = issue.keys;
  return (
    `Expected a field of a study in ${where} but ${at} has "${key}".${didYouMean(key!, known)}` +
    (known.length === 0 ? '' : ` Known: ${known.join(', ')}.`)
  );
}

/** What may stand at a place of the file. */
function fieldsAt([first, , third]: readonly PropertyKey[]): string[] {
  if (first === undefined) return Object.keys(schema.shape);
  if (first === 'models')
    return third === 'modelOptions'
      ? Object.keys(modelSwitchesSchema.shape)
      : third === undefined
        ? [
            ...new Set([
              ...Object.keys(resNets.shape),
              ...Object.keys(efficientNets.shape),
              ...Object.keys(tResNets.shape),
            ]),
          ]
        : [];
  if (first === 'regularisation') return Object.keys(ruleSchema.shape);
  return first === 'limits' ? ['minutes', 'memoryGB', 'multiplyAddsM'] : first === 'halving' ? ['from', 'eta'] : [];
}
