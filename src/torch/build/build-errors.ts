/**
 * A readable message for a failed compiler run: the first errors (later ones mostly follow from them) and where the
 * whole output is.
 */
export function describeFailure(what: string, output: string, signal: NodeJS.Signals | null, logPath: string): string {
  const lines = output.split('\n');
  const isError = /(^|\s)(fatal error|error|undefined reference|cannot find -l|multiple definition)\b/;
  const errors = lines.filter((line) => isError.test(line) && !/ld returned \d+ exit status/.test(line)).slice(0, 5);
  const shown = errors.length > 0 ? errors : lines.filter((line) => line.trim() !== '').slice(-5);
  const parts = [`Failed at ${what}:`, ...shown.map((line) => `  ${line.trim()}`)];
  if (signal === 'SIGKILL' || /Killed signal|out of memory|cannot allocate memory/i.test(output)) {
    parts.push(
      'The compiler seems to have run out of memory (it needs about 2 GB a file). ' +
        'Try again with RESCALED_BUILD_JOBS=1.',
    );
  }
  parts.push(`The whole output is in ${logPath}`);
  return parts.join('\n');
}
