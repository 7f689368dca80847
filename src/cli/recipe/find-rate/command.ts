import type { Command } from 'commander';
import { RATE_RANGE } from '../../../train/find-rate/curve.js';
import { integer, number } from '../../options.js';
import { modelOptions, recipeOptions } from '../../training-options.js';
import type { FindRateFlags } from './run.js';

export function registerFindRate(recipe: Command): void {
  const command = recipe
    .command('find-rate')
    .description('look for a learning rate: train some steps while the rate rises, and see what the loss does')
    .argument('<data>', 'the pictures, as for "rescaled train"');
  recipeOptions(modelOptions(command, 'shown'))
    .option('--steps <n>', `steps of the test, default ${RATE_RANGE.steps}`, integer)
    .option('--lowest <rate>', `rate of the first step, default ${RATE_RANGE.lowest}`, number)
    .option('--highest <rate>', `rate of the last step, default ${RATE_RANGE.highest}`, number)
    .option('-o, --out <file>', 'the drawing to write, SVG or HTML; default runs/find-rate-<data>-<n>.svg')
    .option('--force', 'replace an existing file')
    .option('--json', 'print as JSON; a drawing is written where --out names it')
    .addHelpText(
      'after',
      '\nRates are given as the recipe has them, per 256 pictures (unless its rateScaling is another):\n' +
        'what is suggested can be typed as --set learningRate=...\n' +
        'It is a starting point. No run is made.\n' +
        '\nExamples:\n' +
        '  rescaled recipe find-rate flowers --recipe quick\n' +
        '  rescaled recipe find-rate flowers -m resnet-rs-50 --size 128 --steps 300 -o rates.html\n' +
        '  rescaled recipe find-rate flowers --set optimiser=adamw --highest 1',
    )
    .action(async (data: string, flags: FindRateFlags) => (await import('./run.js')).findRate(data, flags));
}
