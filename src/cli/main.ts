#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { RescaledError } from '../errors.js';
import { packageRoot } from '../package-root.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
const program = new Command('rescaled')
  .description('Train, measure, scale and ship the right-sized image model (ResNet-RS).')
  .version(version)
  .showSuggestionAfterError()
  .exitOverride();

// Loaded one by one, so that commands start quickly and those that do not train do not need the engine.
const commands = ['quickstart', 'train', 'eval', 'predict', 'export', 'models', 'setup', 'doctor'];
for (const name of commands) {
  const module = (await import(`./${name}.js`)) as { register(program: Command): void };
  module.register(program);
}
for (const command of program.commands) command.exitOverride().showSuggestionAfterError();

// A reader that stops early, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
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
