import { type Command, CommanderError } from 'commander';
import { RescaledError } from '../src/errors.js';

/**
 * The options of a benchmark, read and checked. `--help` and wrong use end the process as the command line does: a
 * message without a stack trace, exit code 0 or 2.
 * @param check throws UsageError for what an option's own parser cannot tell
 */
export async function benchOptions<T extends object>(
  command: Command,
  check: (options: T) => Promise<void> | void,
): Promise<T> {
  command.exitOverride().showSuggestionAfterError().allowExcessArguments(false);
  try {
    command.parse();
    const options = command.opts<T>();
    await check(options);
    return options;
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    if (!(error instanceof RescaledError)) throw error;
    console.error(error.message);
    process.exit(error.exitCode);
  }
}
