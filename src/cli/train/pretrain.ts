import { type Command, Option } from 'commander';
import { UsageError } from '../../errors.js';
import { lastName } from '../../files.js';
import { modelFacts } from '../../models/index.js';
import type { TrainOptions } from '../../train/index.js';
import { weightsPath } from '../named-weights.js';
import { integer } from '../options.js';
import { claimFolder, freeFolder } from '../output.js';
import { modelOptions, recipeOptions, runOptions, settingsOf, type TrainingFlags } from '../training-options.js';
import { runThere } from './passed-over.js';
import { takePlace } from './ranked.js';
import { checkResume, explain, explainRun, finish } from './train.js';

interface PretrainFlags extends TrainingFlags {
  method: string;
  epochs?: number;
  out?: string;
  resume?: string;
  resumeIfThere?: boolean;
  data?: string;
  explain?: boolean;
  json?: boolean;
}

/** What a beginner's machine can learn from ten thousand pictures over night. */
const NETWORK = { model: 'resnet-rs-14', width: 0.5, size: 96 } as const;
const METHODS = ['simclr', 'simclrv2'] as const;

export function register(program: Command): void {
  const pretrain = program
    .command('pretrain')
    .description('learn features from pictures without labels (SimCLR, SimCLRv2)')
    .argument(
      '[pictures]',
      'folder of any depth, data set (its training part), IDX files, tar shards, pattern in quotes',
    )
    .addOption(
      new Option('--method <name>', 'what is learned, and how; a recipe of that name')
        .choices(METHODS)
        .default('simclr'),
    );
  const options = recipeOptions(
    modelOptions(pretrain).option('-e, --epochs <n>', 'passes over the pictures, default 100', integer),
    {
      recipes: `${METHODS.join(', ')}, or a file that goes on from one of them; default: the method`,
      valSplit: 'share set aside to measure on; default a tenth, of one folder of classes 0.2',
    },
  );
  runOptions(options, {
    folder: 'pictures',
    limitVal: 'measure on only so many of the pictures set aside',
    evalEvery: 'epochs from one evaluation to the next',
  })
    .addHelpText(
      'after',
      `
Without --model: ${NETWORK.model}, width ${NETWORK.width}, at ${NETWORK.size} pixels.

Examples:
  rescaled pretrain heap                                 SimCLR
  rescaled pretrain heap --method simclrv2 -e 200
  rescaled pretrain heap -m resnet-rs-50 --size 128 -b 128
  rescaled train flowers --from runs/heap-1              fine-tuning from it
  rescaled pretrain --resume runs/heap-1`,
    )
    .action(run);
}

async function run(pictures: string | undefined, flags: PretrainFlags, command: Command): Promise<void> {
  const { place, followed } = await takePlace(flags);
  if (followed) return;
  const ranked = place && { place };
  const {
    method,
    epochs,
    batch,
    set,
    out,
    resume,
    data,
    explain: explains,
    json,
    recipe,
    resumeIfThere: _,
    ...options
  } = flags;
  const shown = { ...(json && { json }), ...(explains && { explain: explains }) };
  const there = runThere(flags, command);
  if (there !== undefined) {
    if (explains === true) return explainRun(there, shown);
    return finish(there, shown, { type: 'resume', run: there, data: data ?? pictures, ...ranked });
  }
  if (resume !== undefined) {
    if (pictures !== undefined)
      throw new UsageError('Expected either PICTURES or --resume but received both: a resumed run knows its pictures.');
    // --method has a value that nobody gave.
    checkResume(Object.keys(flags).filter((flag) => command.getOptionValueSource(flag) === 'cli'));
    if (explains === true) return explainRun(resume, shown);
    return finish(resume, shown, { type: 'resume', run: resume, data, ...ranked });
  }
  if (pictures === undefined)
    throw new UsageError('Expected pictures: rescaled pretrain PICTURES. See "rescaled pretrain --help".');
  if (data !== undefined) throw new UsageError('Expected --data with --resume alone.');
  if (options.task !== undefined && options.task !== 'contrast')
    throw new UsageError(`Expected the task contrast but received ${options.task}: "rescaled train" does others.`);
  if (options.model !== undefined) modelFacts(options.model);
  if (options.from !== undefined) options.from = await weightsPath(options.from);
  const network = options.model === undefined && options.from === undefined ? NETWORK : {};
  const given: Omit<TrainOptions, 'out'> = {
    ...network,
    ...options,
    task: 'contrast',
    data: pictures,
    recipe: recipe ?? method,
    settings: settingsOf({ set, epochs, batch }),
  };
  const name = lastName(pictures) || 'run';
  if (explains === true) return explain({ ...given, out: freeFolder(name) }, json === true);
  const claimed = out === undefined ? claimFolder(name) : undefined;
  try {
    const folder = out ?? claimed!.folder;
    await finish(folder, shown, { type: 'train', options: { ...given, out: folder }, ...ranked });
  } finally {
    claimed?.release();
  }
}
