import { Command, CommanderError } from 'commander';
import { forgetInterrupt, interruptCode, interruptedBy } from '../child/interrupt.js';
import { RescaledError } from '../errors.js';
import { refusal } from '../files.js';
import { packageVersion } from '../package-root.js';
import { chiefSays, launchedBeside } from '../ranks/launcher.js';

// Only the one that is called is loaded, so that it starts quickly; all of them for help and for suggestions, none for
// the version.
const COMMANDS: Readonly<Record<string, string>> = {
  quickstart: 'train/quickstart',
  check: 'check/check',
  shards: 'shards/shards',
  train: 'train/train',
  launch: 'launch/launch',
  'plan-run': 'launch/plan-run',
  pretrain: 'train/pretrain',
  'self-train': 'semi/self-train',
  transfer: 'transfer/transfer',
  ablate: 'ablate/ablate',
  study: 'study/study',
  scale: 'study/scale',
  eval: 'trained/eval',
  predict: 'trained/predict',
  'pseudo-label': 'semi/pseudo-label',
  export: 'trained/export',
  models: 'models/models',
  profile: 'models/profile',
  bench: 'models/bench',
  weights: 'weights/weights',
  augment: 'augment/augment',
  recipe: 'recipe/recipe',
  setup: 'doctor/setup',
  doctor: 'doctor/doctor',
};

/** Runs one command line, without `node` and the program. @returns the exit code, see docs/exit-codes.md */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  forgetInterrupt();
  const code = await run(words);
  // Whatever had to be said of it has been.
  return code === 0 ? 0 : (interruptCode() ?? code);
}

async function run(words: readonly string[]): Promise<number> {
  const program = new Command('rescaled')
    .description('Train, measure, scale and ship the right-sized image model (ResNet-RS).')
    .version(packageVersion)
    .showSuggestionAfterError()
    .exitOverride();
  const [first = ''] = words;
  const wanted = ['-V', '--version'].includes(first) ? [] : Object.keys(COMMANDS);
  const ready = stoppable();
  try {
    for (const name of Object.hasOwn(COMMANDS, first) ? [first] : wanted) {
      const module = (await import(`./${COMMANDS[name]}.js`)) as { register(program: Command): void };
      module.register(program);
    }
  } finally {
    ready();
  }
  for (const command of program.commands) command.exitOverride().showSuggestionAfterError();
  // Rank 0 has the same words and tells what is wrong with them.
  if (launchedBeside())
    for (const one of [program, ...program.commands]) one.configureOutput({ outputError: () => {} });
  try {
    await program.parseAsync(words, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (thrown) {
    const error = refusal(thrown) ?? thrown;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof RescaledError) {
      if (!chiefSays(error.message)) console.error(`rescaled: ${error.message}`);
      return error.exitCode;
    }
    console.error(error);
    console.error('\nThis is a fault of rescaled itself. Please report it with the lines above.');
    return 1;
  }
}

/** Says so when Ctrl-C or SIGTERM comes while a command is being loaded, which may take seconds. @returns to be called when it is */
function stoppable(): () => void {
  const stop = (name: 'SIGINT' | 'SIGTERM'): void => {
    interruptedBy(name);
    console.error('rescaled: Stopped before anything was done.');
    process.exit(interruptCode());
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return () => void process.off('SIGINT', stop).off('SIGTERM', stop);
}
