import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach } from 'node:test';
import type { Patience } from '../../../src/net/patience.js';
import { packageRoot } from '../../../src/package-root.js';
import type { Done } from '../../cli/helpers.js';

/** Tests wait for nobody. */
export const QUICK: Patience = { tries: 4, pauseMs: 5, longestMs: 2000 };

const NAMES = [
  'HF_ENDPOINT',
  'HF_HOME',
  'HF_HUB_CACHE',
  'HUGGINGFACE_HUB_CACHE',
  'HF_HUB_OFFLINE',
  'HF_TOKEN',
  'TORCH_HOME',
].concat(['RESCALED_OFFLINE', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']);

/** Before each test the variables that matter are unset but for caches in a fresh folder; `folder()` is it. */
export function freshCaches(): () => string {
  let folder = '';
  const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  const folders: string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rescaled-hub-'));
    folders.push(folder);
    for (const name of NAMES) delete process.env[name];
    process.env['HF_HOME'] = join(folder, 'hf');
    process.env['TORCH_HOME'] = join(folder, 'torch');
  });
  after(() => {
    for (const one of folders) rmSync(one, { recursive: true, force: true });
    for (const [name, value] of Object.entries(before)) if (value !== undefined) process.env[name] = value;
  });
  return () => folder;
}

/** Bytes that are no web page. */
export const someBytes = (count: number): Buffer => Buffer.concat([Buffer.from('\0\0\0\0'), randomBytes(count - 4)]);

/** The command line beside this process, whose servers answer it; with the environment of now. */
export function cliBeside(args: readonly string[], interrupt?: (stderr: string) => boolean): Promise<Done> {
  const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, ...args], { cwd: packageRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr, sent] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (!sent && interrupt?.(stderr) === true) {
      sent = true;
      child.kill('SIGINT');
    }
  });
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
}
