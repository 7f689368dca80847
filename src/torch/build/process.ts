// Programs that answer by what they print: compilers, and modules that load a native library and may take their process
// down with it, whose last words (of the dynamic linker too) stand in their error output. A task of this project that is
// told, stopped and answers by messages is another thing: src/child.
import { spawn } from 'node:child_process';

/** What a finished child process left behind. `missing` is true when the program is not on the PATH. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly missing: boolean;
  readonly timedOut: boolean;
}

/**
 * Runs a program without a shell and collects its output. Never rejects: a program that is absent, is killed, or
 * fails comes back as a `Finished` that says so, because the callers treat each of these as an ordinary answer.
 */
export function capture(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    let settled = false;
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill('SIGKILL');
            // A grandchild may hold the pipes open after the child is gone; the answer must not wait for it.
            child.stdout.destroy();
            child.stderr.destroy();
          }, options.timeoutMs);
    const finish = (code: number | null, signal: NodeJS.Signals | null, missing: boolean, note = ''): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8');
      resolve({ code, signal, stdout: text(out), stderr: text(err) + note, missing, timedOut });
    };
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error: NodeJS.ErrnoException) => finish(null, null, error.code === 'ENOENT', error.message));
    child.on('close', (code, signal) => finish(code, signal, false));
  });
}

/**
 * Runs `work` over `items`, at most `limit` at a time. The first failure stops new work and is thrown once the running
 * work ends.
 */
export async function parallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const item = items[next++] as T;
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, lane));
  if (failure !== undefined) throw failure.error;
}
