import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { wholeOption } from '../../checks.js';
import { RescaledError, UsageError } from '../../errors.js';
import { type ModelOverrides, modelFacts, QuickCosts } from '../../models/index.js';
import { parseSetting } from '../../recipe/recipe.js';
import type { StudyFacts } from '../../studied/ablation-page.js';
import { ABLATED, type AblationOptions, planAblation } from '../../studied/ablation-plan.js';
import { claimFolder } from '../../study/plan/ablation.js';
import { longEpochsOf } from '../../study/plan/ladder.js';
import { DEFAULT_EPOCHS, LADDER_TASKS, longerThan, stepsOf } from '../../study/plan/task-ladders.js';
import { commandLine, didYouMean } from '../../suggest.js';
import { stemStrideAt } from '../../train/index.js';
import { integer, number } from '../options.js';
import { freeFolder } from '../output.js';
import { runAndTell, tellPlan } from './run.js';

export interface AblateFlags extends Omit<AblationOptions, 'data' | 'kind' | 'settings' | 'steps'> {
  seeds: number;
  workers: number;
  threads?: number;
  checkpointSeconds?: number;
  steps?: string;
  table?: string;
  leaveOneOut?: boolean;
  weightDecayTable?: boolean;
  set?: string[];
  out?: string;
  plan?: boolean;
  json?: boolean;
}

const { model: MODEL, width: WIDTH } = ABLATED;
const TABLES = [...LADDER_TASKS, 'weight-decay'];

export function register(program: Command): void {
  program
    .command('ablate')
    .description('what each ingredient of the recipe is worth on your pictures (paper Tables 1, 2 and 6)')
    .argument('<data>', 'pictures, as for train')
    .option(
      '--task <name>',
      `what is learned: ${LADDER_TASKS.join(', ')}; default by the annotations beside the pictures, as for train`,
    )
    .option(
      '-m, --model <name>',
      `a ResNet-RS; the study begins at the classic ResNet of its depth (default ${MODEL}; of boxes, masks, depth resnet-18, of videos resnet3d-14)`,
    )
    .option('--width <factor>', `width multiplier (default ${WIDTH}; of other tasks 0.5)`, number)
    .option('--size <pixels>', 'side of the pictures', integer)
    .option('--stem-stride <n>', 'total stride of the stem, as for train', integer)
    .option('-e, --epochs <n>', 'epochs before the step "more epochs" (default 90; of other tasks 20)', integer)
    .option(
      '--long-epochs <n>',
      'epochs from that step on (default 350/90 of --epochs; of other tasks 3 times)',
      integer,
    )
    .option('--seeds <n>', 'trainings of each row', integer, 3)
    .option('--limit-train <n>', 'use only so many training pictures, balanced over the classes', integer)
    .option('--limit-val <n>', 'use only so many of the pictures that each row is scored on', integer)
    .option('--val-split <share>', 'share of one folder kept for testing, default 0.2', number)
    .option('--table <name>', `whose steps: ${TABLES.join(', ')}; the same as --task, or --weight-decay-table`)
    .option('--steps <names>', 'only these steps, in this order, with commas between')
    .option('--order <file>', 'base and steps from a JSON file or a module')
    .option('--leave-one-out', 'all steps together, then without each one')
    .option('--weight-decay-table', 'two weight decays with and without regularisation (Table 2)')
    .option(
      '--set <key=value>',
      'a setting of the recipe for every row; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option('--workers <n>', 'trainings at a time, which share the threads', integer, 1)
    .option('--threads <n>', 'threads of all together', integer)
    .option('--device <name>', 'cpu, cuda, cuda:0, mps, auto')
    .option('--checkpoint-seconds <n>', 'time between checkpoints within an epoch, default 60', number)
    .option('-o, --out <folder>', 'folder of the study, default runs/ablate-<n>')
    .option('--plan', 'print what would be trained and how long it takes, and stop')
    .option('--json', 'print one event a line as JSON')
    .addHelpText(
      'after',
      `
Examples:
  rescaled ablate flowers --plan                                  what it would train, and for how long
  rescaled ablate flowers --epochs 12 --limit-train 3000 -o runs/worth
  rescaled ablate flowers --steps label-smoothing,randaugment     two steps alone
  rescaled ablate flowers --leave-one-out
  rescaled ablate flowers --order steps.json
  rescaled ablate cells --steps scale-jitter,focal-loss           boxes beside the pictures: their own steps, AP

${LADDER_TASKS.map(stepsText).join('\n')}
Ctrl-C saves; the same command with the same --out goes on.`,
    )
    .action(run);
}

async function run(data: string, given: AblateFlags): Promise<void> {
  const flags = withTable(given);
  check(flags);
  const { stemStride } = flags;
  const { steps, leaveOneOut, weightDecayTable, set = [], ...rest } = flags;
  const {
    workers,
    threads = availableParallelism(),
    checkpointSeconds,
    out: named,
    plan: alone,
    json,
    ...options
  } = rest;
  const {
    facts: known,
    dataset,
    ladder,
    ...plan
  } = await planAblation({
    ...options,
    data,
    settings: Object.fromEntries(set.map(parseSetting)),
    kind: weightDecayTable === true ? 'weight-decay' : leaveOneOut === true ? 'leave-one-out' : 'additive',
    ...(steps === undefined ? {} : { steps: steps.split(',') }),
  });
  const out = named ?? freeFolder('ablate');
  const shared = {
    study: out,
    workers,
    threads,
    checkpointSeconds,
  };
  if (alone === true)
    return tellPlan(plan, shared, json === true, {
      // An order of one's own has its lengths in its file.
      ...(flags.order === undefined ? lengthsOf(flags, plan.task) : {}),
      seeds: flags.seeds,
      size: plan.size,
      trainPictures: dataset.train?.length ?? 0,
      classes: dataset.classes.length,
      flopsAt: (other) =>
        flopsRatio(
          ladder.base.model,
          { width: plan.variants[0]!.trials[0]!.options.width ?? 1, stemStride, classes: dataset.classes.length },
          other,
          plan.size,
        ),
    });

  // A plan needs no page: the charts are most of all files.
  const { ablationPage, writeAblation } = await import('../../studied/ablation-page.js');
  claimFolder(out, plan);
  const facts: StudyFacts = { ...known, command: commandFor(out, named !== undefined) };
  writeAblation(out, plan, facts); // before the first trial, so that a page is there at once
  const { stopped, failed } = await runAndTell(plan, shared, () => writeAblation(out, plan, facts), json === true);
  writeAblation(out, plan, facts);
  const page = ablationPage(out);
  console.log(json === true ? JSON.stringify({ type: 'end', stopped, failed, page }) : page);
  if (stopped) console.error(`Stopped and saved. Go on with: ${facts.command}`);
  else if (failed > 0)
    throw new RescaledError(
      `${failed} trial${failed === 1 ? '' : 's'} failed; see the page. The same command tries them again: ` +
        `${facts.command}`,
    );
  if (stopped) process.exitCode = 1;
}

function lengthsOf({ epochs, longEpochs }: AblateFlags, task: string | undefined) {
  const short = epochs ?? DEFAULT_EPOCHS(task);
  return { epochs: short, longEpochs: longEpochs ?? (task === undefined ? longEpochsOf(short) : longerThan(short)) };
}

/** `The steps: cosine, ...`, of another task with its name. */
const stepsText = (task: string): string =>
  `The steps${task === 'classify' ? '' : ` of ${task}`}: ${stepsOf(task)
    .map(({ key }) => key)
    .join(', ')}.`;

/** FLOPs of the model of the first row at one size over those at another. */
function flopsRatio(
  model: string,
  { width, stemStride, classes }: { width: number; stemStride?: 1 | 2 | 4; classes: number },
  size: number,
  over: number,
): number | undefined {
  const costs = new QuickCosts();
  const flops = (side: number): number =>
    costs.of(model, {
      size: side,
      batch: 2,
      overrides: { width, classes, stemStride: stemStride ?? stemStrideAt(modelFacts(model), side) } as ModelOverrides,
    }).flops;
  try {
    return flops(size) / flops(over);
  } catch {
    return undefined;
  }
}

/** `--table video` is `--task video`, `--table weight-decay` the flag of that name. */
function withTable({ table, ...flags }: AblateFlags): AblateFlags {
  if (table === undefined) return flags;
  if (!TABLES.includes(table))
    throw new UsageError(`Expected --table ${TABLES.join(', ')} but received "${table}".${didYouMean(table, TABLES)}`);
  if (table === 'weight-decay') return { ...flags, weightDecayTable: true };
  if (flags.task !== undefined && flags.task !== table)
    throw new UsageError(`Expected one task but received --task ${flags.task} and --table ${table}.`);
  return { ...flags, task: table };
}

function check(flags: AblateFlags): void {
  wholeOption('--seeds', flags.seeds, 1, 1000);
  wholeOption('--workers', flags.workers, 1, 64);
  wholeOption('--threads', flags.threads, 1, 1024);
  wholeOption('--epochs', flags.epochs, 1, 100_000);
  wholeOption('--long-epochs', flags.longEpochs, 1, 100_000);
  const sorts = [
    ['--steps', flags.steps],
    ['--order', flags.order],
    ['--weight-decay-table', flags.weightDecayTable],
  ].filter(([, value]) => value !== undefined);
  if (sorts.length > 1)
    throw new UsageError(
      'Expected one of --steps, --order and --weight-decay-table but received ' +
        `${sorts.map(([name]) => String(name)).join(' and ')}.`,
    );
  if (flags.leaveOneOut === true && flags.weightDecayTable === true)
    throw new UsageError('Expected --leave-one-out or --weight-decay-table but received both.');
}

/** The command that was typed, with the folder in it. */
function commandFor(out: string, named: boolean): string {
  return commandLine(['rescaled', ...process.argv.slice(2), ...(named ? [] : ['-o', out])]);
}
