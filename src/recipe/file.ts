import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { checkValue } from '../checks.js';
import { UsageError } from '../errors.js';
import { isDataFile, loadDataFile } from '../load-file.js';
import {
  checkKey,
  checkPreset,
  type NamedRecipe,
  type RecipeKey,
  recipeSchema,
  type Settings,
  settingKey,
} from './recipe.js';

/** `{ "extends": "resnet-rs", "labelSmoothing": 0, "epochs": { "value": 60, "source": "measured" } }` */
const fileSchema = z.record(z.string(), z.unknown());
const sourced = z.strictObject({ value: z.unknown(), source: z.string().min(1) });

/**
 * A recipe by the name of a preset or the path of a file: JSON, or a JavaScript or TypeScript module whose default
 * export is such an object. `extends` names a preset, or another file beside this one; `resnet-rs` without it. A module
 * is run, as any program that is imported.
 * @throws UsageError that names the file and the key
 */
export async function openRecipe(name: string): Promise<NamedRecipe> {
  checkValue('the recipe, a preset or a file,', name, 'path');
  if (!isDataFile(name)) {
    checkPreset(name);
    return { name, preset: name, settings: [] };
  }
  return openFile(name, resolve(name), []);
}

async function openFile(name: string, path: string, before: readonly string[]): Promise<NamedRecipe> {
  if (before.includes(path))
    throw new UsageError(
      `Expected recipes that extend one another in one direction but ${name} extends itself: ` +
        `${[...before, path].join(' -> ')}.`,
    );
  const parsed = fileSchema.safeParse(await loadDataFile(path, 'a recipe', name));
  if (!parsed.success)
    throw new UsageError(
      `Expected an object of recipe settings in ${name} but received something else, such as a list or a text.`,
    );
  const { extends: base = 'resnet-rs', ...entries } = parsed.data;
  if (typeof base !== 'string')
    throw new UsageError(
      `Expected the name of a recipe or of a file for extends in ${name} but received ${JSON.stringify(base)}.`,
    );
  const parent = isDataFile(base)
    ? await openFile(base, resolve(dirname(path), base), [...before, path])
    : await openRecipe(base);
  return { name, preset: parent.preset, settings: [...parent.settings, ...settingsOf(name, entries)] };
}

/** One `Settings` a source. */
function settingsOf(name: string, entries: Readonly<Record<string, unknown>>): Settings[] {
  return Object.entries(entries).map(([written, entry]) => {
    const key = settingKey(written);
    checkKey(key, ` in ${name}`);
    const pair = sourced.safeParse(entry);
    const value = pair.success ? pair.data.value : entry;
    const checked = recipeSchema.shape[key as RecipeKey].safeParse(value);
    if (!checked.success)
      throw new UsageError(
        `Expected another value for ${key} in ${name} but received ${JSON.stringify(value)}: ` +
          `${checked.error.issues[0]!.message.replace(/^.*: expected/, 'expected')}.`,
      );
    return { values: { [key]: value }, source: pair.success ? `${name}: ${pair.data.source}` : name };
  });
}
