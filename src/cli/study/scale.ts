import type { Command } from 'commander';
import type { ScaleFlags } from './pick.js';

export function register(program: Command): void {
  program
    .command('scale')
    .description('the most accurate model of a study that a budget allows')
    .argument('<study>', 'the folder of a study, or its file')
    .requiredOption(
      '--budget <limit>',
      '5ms (one picture, inference), train:50ms (a training step), 200MFLOPs, 2GiB (training memory), 25Mparams',
    )
    .option('--any', 'of all configurations of the longest regime, not only of the proposed family')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled scale runs/flowers --budget 5ms\n  rescaled scale runs/flowers --budget 200MFLOPs --any',
    )
    .action(async (wanted: string, flags: ScaleFlags) => (await import('./pick.js')).scale(wanted, flags));
}
