/** Ends this rank as SIGTERM does when the launcher has gone. */
export function watchLauncher(): void {
  if (process.env['RESCALED_LAUNCH'] === undefined) return;
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref();
}
