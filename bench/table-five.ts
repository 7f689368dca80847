// Paper Table 5 in small: what starts are worth for boxes, masks and depth, in one table.
//   npm run bench:table-five -- --start rs=RUN --start simclr=RUN --to CELLS --to STREETS --to ROOMS --work WORK [--page docs/tasks]
// Starts are runs of one network: one that learned classes of other pictures, one that learned without labels (npm run bench:self-supervised
// makes both). Random weights of the same network are added. It goes on where it was stopped; WORK/report.html has the result so far.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { benchOptions } from './options.js';
import { metricTable } from './self-supervised/table.js';

interface Options {
  start: string[];
  to: string[];
  work: string;
  page?: string;
  size: number;
  epochs: number;
  seeds: number;
  grid: string;
  threads: number;
  device: string;
  tableOnly?: boolean;
}

const collect = (value: string, all: string[] = []): string[] => [...all, value];
const options = await benchOptions<Options>(
  new Command('table-five')
    .requiredOption('--start <name=run>', 'may be repeated; random weights are added', collect)
    .requiredOption('--to <folder>', 'pictures with boxes, masks or depth; may be repeated', collect)
    .requiredOption('--work <folder>', 'where results lie')
    .option('--page <folder>', 'where the page and its figures are copied to')
    .option('--size <pixels>', 'a real one: 512 and more', Number, 96)
    .option('--epochs <n>', 'a real one: 60 and more', Number, 6)
    .option('--seeds <n>', '', Number, 3)
    .option('--grid <name>', 'of rescaled transfer; a real one: rates', 'one')
    .option('--threads <n>', '', Number, 1)
    .option('--device <name>', '', 'cpu')
    .option('--table-only', 'print what is known'),
  ({ start, to }) => {
    for (const path of [...start.map((text) => text.replace(/^[^=/\\]+=/, '')), ...to])
      if (!existsSync(path)) throw new UsageError(`Expected a run or a folder but there is nothing at ${path}.`);
  },
);
const { work, page } = options;

if (options.tableOnly !== true)
  await rescaled(
    ...['transfer', ...options.start, 'scratch', '--to', ...options.to, '--methods', 'finetune', '--labels', '100'],
    ...['--grid', options.grid, '--seeds', String(options.seeds), '--size', String(options.size)],
    ...[
      '--epochs',
      String(options.epochs),
      '--threads',
      String(options.threads),
      '--device',
      options.device,
      '-o',
      work,
    ],
  );
if (page !== undefined) {
  mkdirSync(page, { recursive: true });
  for (const name of ['report.html', 'report.json']) copyFileSync(join(work, name), join(page, name));
}
console.log(metricTable(work));

async function rescaled(...words: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) {
    console.error(`rescaled ${words.join(' ')} ended with exit code ${code}.`);
    process.exit(1);
  }
}
