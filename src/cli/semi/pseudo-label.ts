import type { Command } from 'commander';
import { integer, number } from '../options.js';
import type { LabelFlags } from './label.js';
import type { SelectFlags } from './select.js';

// Each part loads what it needs when it is called.

export function register(program: Command): void {
  const command = program
    // Here and below: what stands after "select" is of "select", which has an --out of its own.
    .enablePositionalOptions()
    .command('pseudo-label')
    .enablePositionalOptions()
    .description('let a trained model label pictures that have no labels, to train on them as well')
    .argument('<teacher>', 'run folder, exported file (ONNX) or weights file')
    .argument('<pictures...>', 'folders (at any depth), patterns in quotes, shards')
    .option('-o, --out <folder>', 'where the labels are written; the same command goes on')
    .option('-k, --top <n>', 'classes kept of each picture, with their probabilities; default 10', integer)
    .option('--plan', 'label nothing: measure some pictures and say what all of them cost')
    .option('--pictures <n>', 'with --plan: for so many pictures such as these', integer)
    .option('--index <n>', 'of several processes or machines: the number of this one, from 0', integer, 0)
    .option('--of <n>', 'how many there are', integer, 1)
    .option('-b, --batch <n>', 'pictures at a time', integer, 8)
    .option('--threads <n>', 'threads of ONNX Runtime', integer)
    .option('--max-broken <share>', 'share of unreadable pictures of a part above which it stops', number, 0.1)
    .option('-m, --model <name>', 'of weights that do not say which model they are of')
    .option('--size <pixels>', 'of weights: side of the pictures', integer)
    .option('--crop <share>', 'of weights: share of the shorter side that is kept', number)
    .option('--select <key>', 'of a checkpoint with several weights: which ones')
    .option('--json', 'print one event a line as JSON')
    .addHelpText(
      'after',
      `
Pictures are seen as the teacher learned to see them: its size, its crop, averaged weights, no augmentation. Labels are
written part by part, whole or not at all; after an interruption the same command goes on with the part that was begun.
Several processes may work in one folder at a time.

Examples:
  rescaled pseudo-label runs/flowers-1 heap --plan --pictures 1000000
  rescaled pseudo-label runs/flowers-1 heap -o heap-labels
  rescaled pseudo-label runs/flowers-1 heap -o heap-labels --index 0 --of 4      on the first of four machines
  rescaled pseudo-label select heap-labels                                       choose among them
  rescaled pseudo-label select --help`,
    )
    .action(async (teacher: string, pictures: string[], flags: LabelFlags) =>
      (await import('./label.js')).label(teacher, pictures, flags),
    );
  command
    .command('select')
    .description('choose which pseudo-labels to train on, and how often each')
    .argument('<labels>', 'folder that pseudo-label wrote')
    .option('-o, --out <folder>', 'where to write; default LABELS/selected')
    .option('--floor <p>', 'least probability; a multiple of 0.01; default 0.3', number)
    .option('--per-class <n>', 'pictures of each class; default as many as a class has on average', integer)
    .option('--copies <how>', 'balanced; thinned: none twice; one: all of them once; default balanced')
    .option('--most-copies <n>', 'so often at most each picture', integer)
    .option('--threshold <p>', 'in place of all these: every picture of at least this probability, once', number)
    .option('--share <share>', 'in place of all these: of each class the most probable share, once', number)
    .option('--seed <n>', 'of the coins that are thrown for part of a copy', integer, 0)
    .option('--force', 'replace a selection that is there')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
The rule is that of Noisy Student. Of each class the highest threshold (in steps of 0.01) that leaves --per-class pictures
or more, but not below --floor; n pictures at or above it are drawn N / n times each: a whole number always, and once more
for the share that is left, by a hash of the seed and the picture's key. Rare classes are repeated, rich ones thinned.

Examples:
  rescaled pseudo-label select heap-labels
  rescaled pseudo-label select heap-labels --per-class 130000              Noisy Student's for ImageNet
  rescaled pseudo-label select heap-labels --floor 0                       no threshold
  rescaled pseudo-label select heap-labels --threshold 0.8 -o sure         no balance
  rescaled pseudo-label select heap-labels --share 0.1 -o best`,
    )
    .action(async (labels: string, flags: SelectFlags) => (await import('./select.js')).select(labels, flags));
}
