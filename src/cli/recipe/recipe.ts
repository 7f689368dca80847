import type { Command } from 'commander';
import { batchesOf } from '../../batches.js';
import { UsageError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { modelFacts } from '../../models/index.js';
import { openRecipe } from '../../recipe/file.js';
import { PRESETS, presetNames, RECIPE_KEYS } from '../../recipe/presets.js';
import { IMAGENET_PICTURES, parseSetting, resolveRecipe, type SourcedRecipe } from '../../recipe/recipe.js';
import { isUnused, shownValue } from '../../recipe/shown.js';
import { integer } from '../options.js';
import { checkOutput } from '../output.js';
import { registerFindRate } from './find-rate/command.js';
import { columns, peakText, recipeTable } from './table.js';

interface RecipeFlags {
  model: string;
  size?: number;
  pictures: number;
  set?: string[];
  json?: boolean;
}

/** What a recipe depends on besides itself. */
const withRun = (command: Command): Command =>
  command
    .option('-m, --model <name>', 'for this model', 'resnet-rs-50')
    .option('--size <pixels>', "side of the pictures; the model's published size by default", integer)
    .option('--pictures <n>', "number of training pictures; ImageNet's by default", integer, IMAGENET_PICTURES);

export function register(program: Command): void {
  const recipe = program.command('recipe').description('look into the training recipes: every value and its source');
  recipe
    .command('list')
    .description('the recipes by name')
    .option('--json', 'print as JSON')
    .action((flags: { json?: boolean }) => {
      const rows = presetNames().map((name) => ({ name, about: PRESETS[name]!.about }));
      console.log(
        flags.json === true
          ? JSON.stringify(rows, null, 2)
          : columns(rows.map(({ name, about }) => [name, about])).join('\n'),
      );
    });
  withRun(recipe.command('show'))
    .description('every value of a recipe with its source')
    .argument('<name>', 'a recipe, or a file')
    .option('--set <key=value>', 'one setting changed; may be repeated', (value: string, all: string[] = []) => [
      ...all,
      value,
    ])
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled recipe show resnet-rs --model resnet-rs-152 --size 256\n' +
        '  rescaled recipe show mine.json --pictures 4000',
    )
    .action(async (name: string, flags: RecipeFlags) => {
      const one = await resolved(name, flags);
      console.log(
        flags.json === true
          ? JSON.stringify(one, null, 2)
          : [heading(one, flags), '', ...recipeTable(one), ...(one.advice ?? []).map((text) => `note: ${text}`)].join(
              '\n',
            ),
      );
    });
  withRun(recipe.command('diff'))
    .description('where two recipes differ')
    .argument('<a>', 'a recipe, or a file')
    .argument('[b]', "another; the paper's by default", 'resnet-rs')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  rescaled recipe diff efficientnet\n  rescaled recipe diff mine.json quick')
    .action(async (a: string, b: string, flags: RecipeFlags) => {
      const rows = differences(await resolved(a, flags), await resolved(b, flags));
      if (flags.json === true) return console.log(JSON.stringify(rows, null, 2));
      if (rows.length === 0) return console.log(`${a} and ${b} are the same for ${flags.model}.`);
      console.log(
        columns([['', a, b, `why in ${a}`], ...rows.map(({ key, values, why }) => [key, ...values, why])]).join('\n'),
      );
    });
  withRun(recipe.command('plot'))
    .description('draw the learning rates and averages of recipes as a page')
    .argument('<names...>', 'up to six recipes, or files')
    .option('-o, --out <file>', 'the page to write', 'recipes.html')
    .option('--force', 'replace an existing file')
    .addHelpText('after', '\nExamples:\n  rescaled recipe plot resnet-rs resnet-rs-tf1 efficientnet -o recipes.html')
    .action(async (names: string[], flags: RecipeFlags & { out: string; force?: boolean }) => {
      checkOutput(flags.out, { endings: ['.html'], inputs: names, force: flags.force });
      if (names.length > 6)
        throw new UsageError(
          `Expected up to six recipes but received ${names.length}: more lines cannot be told apart.`,
        );
      const { plotPage } = await import('./plot.js');
      const recipes = [];
      for (const name of names) recipes.push(await resolved(name, flags));
      writeFileAtomic(
        flags.out,
        plotPage(recipes, { model: flags.model, size: sizeOf(flags), pictures: flags.pictures }),
      );
      console.log(flags.out);
    });
  registerFindRate(recipe);
}

const sizeOf = ({ model, size }: RecipeFlags): number => size ?? modelFacts(model).size;

async function resolved(name: string, flags: RecipeFlags): Promise<SourcedRecipe> {
  if (flags.pictures < 2) throw new UsageError(`Expected at least 2 for --pictures but received ${flags.pictures}.`);
  return resolveRecipe(
    await openRecipe(name),
    flags.model,
    sizeOf(flags),
    Object.fromEntries((flags.set ?? []).map(parseSetting)),
    flags.pictures,
  );
}

function heading({ preset, values }: SourcedRecipe, flags: RecipeFlags): string {
  const steps = batchesOf(flags.pictures, values.batch, 'spread') * values.epochs;
  return (
    `${preset} for ${flags.model} at ${sizeOf(flags)} pixels and ${flags.pictures} training pictures: ` +
    `${steps} steps; ` +
    peakText(values)
  );
}

/** Settings whose values differ; one that plays no part in a recipe is shown as `-`. */
export function differences(
  a: SourcedRecipe,
  b: SourcedRecipe,
): { key: string; values: [string, string]; why: string }[] {
  return RECIPE_KEYS.flatMap((key) => {
    const values = [a, b].map((recipe) => (isUnused(recipe, key) ? '-' : shownValue(recipe.values[key]))) as [
      string,
      string,
    ];
    return values[0] === values[1] ? [] : [{ key, values, why: a.sources[key] }];
  });
}
