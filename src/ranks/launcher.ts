const launched = (): boolean => process.env['RESCALED_LAUNCH'] !== undefined;

/** Whether `rescaled launch` has started this process beside rank 0, with the same words. */
export const launchedBeside = (): boolean => launched() && process.env['RANK'] !== '0';

/** Whether a message repeats what rank 0, on the same terminal, says itself: see `Ranks` of train/step/ranks.ts. */
export const chiefSays = (message: string): boolean => launchedBeside() && message.startsWith('rank 0 failed: ');

/** Ends this rank as SIGTERM does when the launcher has gone. */
export function watchLauncher(): void {
  if (!launched()) return;
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref();
}
