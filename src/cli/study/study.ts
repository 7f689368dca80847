import type { Command } from 'commander';
import type { TargetFlags } from '../../studied/open.js';
import { STUDY_PRESETS } from '../../study/plan/presets.js';
import { integer, number } from '../options.js';
import type { InitFlags } from './init.js';
import type { PlanFlags } from './plan.js';
import type { RunFlags } from './run.js';

const ABOUT = Object.entries(STUDY_PRESETS)
  .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n');

// Each part loads what it needs when it is called: a plan needs none of the pages, whose charts are most of all files.

/** Every part takes the study's file, a preset's name, or the folder of results. */
const withTarget = (command: Command): Command =>
  command
    .argument(
      '<study>',
      'a study file (JSON or a module), the name of a preset, or the folder of a study that has begun',
    )
    .option('-d, --data <folder>', 'pictures, in place of those that the study names')
    .option('-o, --out <folder>', 'folder of the study, default runs/study-NAME');

export function register(program: Command): void {
  const study = program
    .command('study')
    .description('train a family of models over scales, draw the frontier, decide (paper section 6)')
    .addHelpText(
      'after',
      `
Presets:
${ABOUT}

Examples:
  rescaled study init flowers -o study.json        a study file for these pictures, of about an hour
  rescaled study plan paper                        what the paper's grid costs
  rescaled study plan small --data flowers --measure
  rescaled study run study.json -o runs/flowers
  rescaled study run runs/flowers --seeds 3        the seeds that are missing
  rescaled study advise runs/flowers
  rescaled scale runs/flowers --budget 5ms`,
    );
  study
    .command('init')
    .description('write a study file for your pictures and this machine')
    .argument('<data>', 'pictures, as for train')
    .option('-o, --out <file>', 'the file to write', 'study.json')
    .option('--minutes <n>', 'how long the study may take', number, 60)
    .option('--threads <n>', 'threads of all trials together', integer)
    .option('--force', 'replace the file')
    .action(async (data: string, flags: InitFlags) => (await import('./init.js')).init(data, flags));
  withTarget(study.command('plan'))
    .description('what would be trained and what it costs, before anything runs')
    .option('--measure', 'then time a few of the trials, to tell how long all take')
    .option('--seeds <n>', 'seeds in all: those of the study and more', integer)
    .option('--workers <n>', 'trials at a time; by default one a thread, as far as the memory goes', integer)
    .option('--threads <n>', 'threads of all together', integer)
    .option('--all', 'every line of the table')
    .option('--csv', 'print the table as CSV')
    .option('--json', 'print as JSON')
    .action(async (wanted: string, flags: PlanFlags) => (await import('./plan.js')).plan(wanted, flags));
  withTarget(study.command('run'))
    .description('train what is not done yet, time the models, write the report')
    .option(
      '--workers <n>',
      'trials at a time, which share the threads; by default one a thread, as far as the memory goes',
      integer,
    )
    .option('--threads <n>', 'threads of all together', integer)
    .option('--seeds <n>', 'seeds in all: those of the study and more', integer)
    .option('--index <n>', 'of many machines with a shared folder: the number of this one, from 0', integer, 0)
    .option('--of <n>', 'how many machines there are', integer, 1)
    .option('--checkpoint-seconds <n>', 'time between checkpoints within an epoch, default 60', number)
    .option('--no-measure', 'do not time the models at the end')
    .option('--json', 'print one event a line as JSON')
    .addHelpText(
      'after',
      '\nCtrl-C saves; the same command goes on. A trial that was killed goes on from its checkpoint.',
    )
    .action(async (wanted: string, flags: RunFlags) => (await import('./run.js')).run(wanted, flags));
  withTarget(study.command('status'))
    .description('how far it is')
    .option('--json', 'print as JSON')
    .action(async (wanted: string, flags: TargetFlags & { json?: boolean }) =>
      (await import('./status.js')).status(wanted, flags),
    );
  withTarget(study.command('report'))
    .description("write the page, the figures' numbers as CSV, and all as JSON, from what is done")
    .action(async (wanted: string, flags: TargetFlags) => (await import('./report.js')).report(wanted, flags));
  withTarget(study.command('advise'))
    .description('which dimension pays, the family of models that follows, what to try next')
    .option('--json', 'print as JSON')
    .action(async (wanted: string, flags: TargetFlags & { json?: boolean }) =>
      (await import('./advise.js')).adviseOn(wanted, flags),
    );
}
