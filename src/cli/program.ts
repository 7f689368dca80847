import { Command, CommanderError } from 'commander';
import { RescaledError } from '../errors.js';
import { refusal } from '../files.js';
import { packageVersion } from '../package-root.js';

const program = new Command('rescaled')
  .description('Train, measure, scale and ship the right-sized image model (ResNet-RS).')
  .version(packageVersion)
  .showSuggestionAfterError()
  .exitOverride();

// Only the one that is called is loaded, so that it starts quickly; all of them for help and for suggestions, none for
// the version.
const COMMANDS: Readonly<Record<string, string>> = {
  quickstart: 'train/quickstart',
  check: 'check/check',
  train: 'train/train',
  ablate: 'ablate/ablate',
  study: 'study/study',
  scale: 'study/scale',
  eval: 'trained/eval',
  predict: 'trained/predict',
  export: 'trained/export',
  models: 'models/models',
  profile: 'models/profile',
  weights: 'weights/weights',
  augment: 'augment/augment',
  recipe: 'recipe/recipe',
  setup: 'doctor/setup',
  doctor: 'doctor/doctor',
};
const called = Object.keys(COMMANDS).filter((name) => name === process.argv[2]);
const wanted = ['-V', '--version'].includes(process.argv[2] ?? '') ? [] : Object.keys(COMMANDS);
for (const name of called.length > 0 ? called : wanted) {
  const module = (await import(`./${COMMANDS[name]}.js`)) as { register(program: Command): void };
  module.register(program);
}
for (const command of program.commands) command.exitOverride().showSuggestionAfterError();

// A reader that stops early, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (thrown) {
  const error = refusal(thrown) ?? thrown;
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof RescaledError) {
    console.error(`rescaled: ${error.message}`);
    process.exitCode = error.exitCode;
  } else {
    console.error(error);
    console.error('\nThis is a fault of rescaled itself. Please report it with the lines above.');
    process.exitCode = 1;
  }
}
