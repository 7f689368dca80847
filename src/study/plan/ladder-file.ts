import { z } from 'zod';
import { UsageError } from '../../errors.js';
import { loadDataFile } from '../../load-file.js';
import { modelSwitchesSchema } from '../../train/index.js';
import { findStep, type Ingredient, type Ladder } from './ladder.js';
import { settingsSchema } from './rule.js';

const percent = z.number().min(0).max(100);
const step = z.strictObject({
  name: z.string().min(1).max(80),
  settings: settingsSchema.default({}),
  modelOptions: modelSwitchesSchema.default({}),
  /** A published accuracy in percent, with this and all before it. */
  paper: percent.optional(),
});
const schema = z.strictObject({
  base: z
    .strictObject({
      name: z.string().min(1).max(80).optional(),
      recipe: z.string().optional(),
      model: z.string().optional(),
      settings: settingsSchema.optional(),
      modelOptions: modelSwitchesSchema.optional(),
      paper: percent.optional(),
    })
    .default({}),
  /** A known step by its name, or one of your own. */
  steps: z
    .array(z.union([z.string(), step]))
    .min(1)
    .max(64),
});

const published = (accuracy: number | undefined) => (accuracy === undefined ? {} : { paper: { published: accuracy } });

/**
 * A ladder from a file: JSON, or a module whose default export is the same object.
 * ```json
 * { "base": { "recipe": "quick", "model": "resnet-rs-26" },
 *   "steps": ["randaugment", { "name": "AdamW", "settings": { "optimiser": "adamw" } }] }
 * ```
 * @param own what steps named by a text mean, and the base where the file has none
 */
export async function readLadder(file: string, own: Ladder): Promise<Ladder> {
  const parsed = schema.safeParse(await loadDataFile(file, 'an order of steps'));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new UsageError(
      `Expected { "base": {...}, "steps": [...] } in ${file} but ` +
        `${path.length === 0 ? 'it' : path.join('.')} does not fit: ${message}.`,
    );
  }
  const { base, steps } = parsed.data;
  const ladder: Ladder = {
    base: {
      name: base.name ?? (base.recipe === undefined && base.model === undefined ? own.base.name : 'base'),
      recipe: base.recipe ?? own.base.recipe,
      model: base.model ?? own.base.model,
      // Another recipe brings its own length.
      settings: base.settings ?? (base.recipe === undefined ? own.base.settings : {}),
      modelOptions: base.modelOptions ?? {},
      ...published(base.paper),
    },
    steps: steps.map((item): Ingredient => {
      if (typeof item !== 'string')
        return {
          key: keyOf(item.name),
          name: item.name,
          settings: item.settings,
          modelOptions: item.modelOptions,
          ...published(item.paper),
        };
      // Its published accuracy belongs to the paper's order.
      const { paper: _other, ...known } = findStep(own.steps, item);
      return known;
    }),
  };
  const keys = ladder.steps.map(({ key }) => key);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) throw new UsageError(`Expected each step once in ${file} but "${twice}" comes twice.`);
  return ladder;
}

const keyOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '') || name;
