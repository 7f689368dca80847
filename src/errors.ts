/** Exit codes of errors (docs/exit-codes.md): 1 failed, 2 misuse, 75 (EX_TEMPFAIL) another process has gone: start again. */
export type ExitCode = 1 | 2 | 75;

/**
 * A mistake that a person can mend: the message says what was expected, what came and what to do.
 * The command line prints the message alone, without a stack trace, and exits with `exitCode`.
 */
export class RescaledError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RescaledError';
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Wrong use: an unknown option, name or path given by the caller. Exit code 2. */
export class UsageError extends RescaledError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: 2 });
    this.name = 'UsageError';
  }
}

/** An error of the kind that has this exit code. */
export const errorOf = (message: string, options: { exitCode: ExitCode; cause?: unknown }): RescaledError =>
  options.exitCode === 2 ? new UsageError(message, options) : new RescaledError(message, options);
