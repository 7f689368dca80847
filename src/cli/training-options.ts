import { type Command, Option } from 'commander';
import { presetNames } from '../recipe/presets.js';
import { parseSetting } from '../recipe/recipe.js';
import { taskOfData } from '../tasks/of-data.js';
import type { TrainOptions } from '../train/index.js';
import { integer, number } from './options.js';

/** What the two functions below give, as the command line has it. */
export interface TrainingFlags extends Omit<TrainOptions, 'data' | 'out' | 'settings'> {
  batch?: number;
  set?: string[];
}

/** Of commands that train: what is trained. @param task whether help speaks of tasks: where there is a choice */
export const modelOptions = (command: Command, task: 'shown' | 'hidden' = 'hidden'): Command =>
  command
    .addOption(
      new Option(
        '--task <name>',
        'what is learned: classify, detect, segment, depth or video; default by what the data are',
      ).hideHelp(task === 'hidden'),
    )
    .option('-m, --model <name>', 'resnet-rs-50, resnet-rs-101@192, resnet-50, ... (see "rescaled models")')
    .option(
      '--from <weights>',
      'start from a weights file, a run, or a name of "rescaled weights list", which is fetched; ' +
        'the head is renewed for other classes',
    )
    .option('--select <key>', 'which weights of a checkpoint with several, such as state_dict_ema')
    .option('--size <pixels>', "side of the pictures; the model's published size by default", integer)
    .option('--width <factor>', 'width multiplier of the model', number)
    .option(
      '--stem-stride <n>',
      'total stride of the stem: 1, 2 or 4 (EfficientNet: 1 or 2); half the usual up to 64 pixels',
      integer,
    );

interface RecipeWords {
  /** The recipes that can be named, and which is taken otherwise. */
  recipes: string;
  valSplit: string;
}
const OF_CLASSES: RecipeWords = {
  recipes: `${presetNames().join(', ')}, or a file; default quick, with --from finetune, with --model resnet-rs`,
  valSplit: 'share of one folder set aside for validation, default 0.2',
};

/** Of commands that train: how. */
export const recipeOptions = (command: Command, words = OF_CLASSES): Command =>
  command
    .option('-b, --batch <n>', 'pictures in a step', integer)
    .option('-r, --recipe <name>', words.recipes)
    .option('--set <key=value>', 'one setting of the recipe; may be repeated', (value: string, all: string[] = []) => [
      ...all,
      value,
    ])
    .option('--seed <n>', 'the same seed gives the same weights', integer)
    .option('--threads <n>', 'threads of the engine', integer)
    .option('--workers <n>', 'threads that decode pictures', integer)
    .option('--device <name>', 'cpu, cuda, cuda:0, mps, or auto: the fastest there is; default cpu')
    .option('--val-split <share>', words.valSplit, number)
    .option('--limit-train <n>', 'use only so many training pictures, balanced over the classes', integer);

/** Of commands that make a run: what it measures, keeps and prints. */
export const runOptions = (
  command: Command,
  { folder, limitVal, evalEvery }: { folder: string; limitVal: string; evalEvery: string },
): Command =>
  command
    .option('--limit-val <n>', limitVal, integer)
    .option('--max-broken <share>', 'share of broken pictures above which the run fails, default 0.01', number)
    .option('--strict', 'fail where any picture is broken')
    .option('--checkpoint-seconds <n>', 'time between checkpoints within an epoch, default 60', number)
    .option('--eval-every <n>', evalEvery, integer)
    .option('-o, --out <folder>', `run folder, default runs/<${folder}>-<n>`)
    .option('--resume <run>', 'go on with a run from its last checkpoint')
    .option(
      '--resume-if-there',
      'go on with --out where it has a checkpoint, else begin: for jobs that are started again',
    )
    .option('--data <folder>', `with --resume: where the ${folder} of the run lie now`)
    .option('--explain', 'print every setting with its source, and stop')
    .option('--json', 'print one event a line as JSON');

/** The recipe's settings that were given. */
export function settingsOf({
  set = [],
  ...named
}: {
  set?: readonly string[];
  epochs?: number;
  batch?: number;
}): Record<string, unknown> {
  const settings = Object.fromEntries(set.map(parseSetting)) as Record<string, unknown>;
  if (named.epochs !== undefined) settings['epochs'] = named.epochs;
  if (named.batch !== undefined) settings['batch'] = named.batch;
  return settings;
}

/** The task that data ask for, which is said. @returns undefined where they say nothing */
export async function askedTask(data: string): Promise<string | undefined> {
  const found = await taskOfData(data);
  if (found !== undefined) console.error(`task ${found.task}: ${found.why}`);
  return found?.task;
}
