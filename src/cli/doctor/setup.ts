import type { Command } from 'commander';
import { megabytes } from '../../data/cache/folder.js';
import { buildEngine } from '../../torch/build/build.js';
import { requireLibtorch, sameFolder } from '../../torch/build/discover.js';
import { cleanEngines, preferEngine } from '../../torch/build/engine-cache.js';
import { type EngineStamp, engineStatusFor } from '../../torch/build/engine-file.js';
import { enginesFolder } from '../../torch/build/engine-places.js';
import { tellNext } from '../words.js';

interface SetupOptions {
  readonly force?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly clean?: boolean;
}

/** Adds `rescaled setup`: builds the engine (the C++ addon over libtorch) unless a fitting one is there. */
export function register(program: Command): void {
  program
    .command('setup')
    .description("build the engine that trains: a small C++ addon over PyTorch's libtorch")
    .option('--force', 'compile everything anew')
    .option('--verbose', 'say which files are compiled, and with which flags')
    .option('--clean', 'remove engines of other versions, and those whose libtorch is gone, and build nothing')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
libtorch is looked for in this order: the folder in RESCALED_LIBTORCH, the PyTorch that python3 can import, the system's.
An installed package keeps engines below RESCALED_ENGINES, else ~/.cache/rescaled/engines, one for each version and libtorch.
CXX names another compiler; RESCALED_BUILD_JOBS limits how many files are compiled at once (2 GB of memory each).`,
    )
    .action((options: SetupOptions) => (options.clean === true ? clean(options) : setup(options)));
}

function clean(options: SetupOptions): void {
  const removed = cleanEngines();
  if (options.json === true) return console.log(JSON.stringify({ removed }, null, 2));
  for (const { folder, bytes, unused } of removed) console.log(`removed ${folder}, ${megabytes(bytes)}: ${unused}`);
  if (removed.length === 0) console.log(`nothing to remove in ${enginesFolder()}`);
}

async function setup(options: SetupOptions): Promise<void> {
  const say = options.json === true ? (): void => {} : (line: string): void => console.log(line);
  const libtorch = await requireLibtorch();
  say(
    `libtorch ${libtorch.version} from ${libtorch.origin} ` +
      `(${libtorch.root})${libtorch.cuda === undefined ? '' : `, CUDA ${libtorch.cuda}`}`,
  );

  const status = engineStatusFor(libtorch);
  const fits =
    status.state === 'ok' && status.stamp !== undefined && sameFolder(status.stamp.libtorch.libDir, libtorch.libDir);
  if (fits && options.force !== true) {
    preferEngine(status.folder);
    say(`engine is up to date: ${status.addon}`);
    finish(options, status.addon, status.stamp as EngineStamp, 0, 0);
    return;
  }
  if (status.state === 'stale') say(`engine is rebuilt: ${status.reason ?? ''}`);
  const result = await buildEngine(libtorch, {
    force: options.force === true,
    log: (line) => {
      if (options.verbose === true || !line.startsWith('compiled ')) say(line);
    },
  });
  if (options.verbose === true) {
    say(`compiler: ${result.stamp.compiler}`);
    say(`compile flags: ${result.stamp.compileFlags.join(' ')}`);
    say(`link flags: ${result.stamp.linkFlags.join(' ')}`);
  }
  say(`engine built in ${result.seconds.toFixed(0)} s: ${result.addon}`);
  finish(options, result.addon, result.stamp, result.compiled, result.seconds);
}

function finish(options: SetupOptions, addon: string, stamp: EngineStamp, compiled: number, seconds: number): void {
  if (options.json !== true) return tellNext('rescaled', 'train', 'PICTURES');
  const { libtorch, compiler, date } = stamp;
  console.log(JSON.stringify({ addon, compiled, seconds, compiler, date, libtorch }, null, 2));
}
