// Small helpers of the scripts in this folder. They run before anything is installed, so they use Node alone.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cli = join(root, 'dist', 'src', 'cli', 'main.js');

/** A failure whose message is all that a person needs; printed without a stack trace. */
export class StepError extends Error {}

/**
 * Runs a program without a shell. Never rejects: `missing` says that it is not on the PATH.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} [options] `onLine` gets standard
 * output line by line.
 * @returns {Promise<{ code: number | null, signal: string | null, output: string, stdout: string, missing: boolean }>}
 */
export function capture(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let stdout = '';
    let pending = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      stdout += text;
      pending += text;
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) =>
      resolve({
        code: null,
        signal: null,
        output: error.message,
        stdout,
        missing: /** @type {any} */ (error).code === 'ENOENT',
      }),
    );
    child.on('close', (code, signal) => {
      if (pending !== '') options.onLine?.(pending);
      resolve({ code, signal, output, stdout, missing: false });
    });
  });
}

/**
 * Runs a program in the foreground: it shares this terminal, is sent the signals that this process gets, and its
 * exit code (128 + signal number if it was killed) is the answer.
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<number>}
 */
export function foreground(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
    // Ctrl-C in a terminal reaches the child as well; a second SIGINT there would mean "at once" to it.
    const pass = (/** @type {NodeJS.Signals} */ signal) => {
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    };
    for (const signal of signals) process.on(signal, pass);
    const done = () => {
      for (const signal of signals) process.off(signal, pass);
    };
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('close', (code, signal) => {
      done();
      const numbers = { SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15, SIGABRT: 6, SIGHUP: 1 };
      resolve(code ?? 128 + (numbers[/** @type {keyof typeof numbers} */ (signal)] ?? 0));
    });
  });
}

/** @param {string} name @param {string} text */
export function say(name, text) {
  console.log(`${name.padEnd(16)}${text}`);
}

/** @param {number} started milliseconds, from Date.now() */
export function since(started) {
  const seconds = (Date.now() - started) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${seconds.toFixed(0)} s`;
}
