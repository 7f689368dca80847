import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after } from 'node:test';
import sharp from 'sharp';
import { runCommandLine } from '../../src/cli/program.js';
import { openDataset } from '../../src/data/dataset.js';
import { readPixels } from '../../src/data/sources/source.js';
import { packageRoot } from '../../src/package-root.js';

export const FASHION = '/usr/share/datasets/fashion-mnist';
const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');

/** Options of a training of seconds on pictures of 28 pixels. */
export const smallRun = (epochs: number): string[] => [
  ...['-m', 'resnet-rs-14', '--width', '0.125', '--size', '28'],
  ...['-r', 'quick', '-e', String(epochs), '--threads', '1'],
];

/** The file of a study whose trials take seconds. */
export const SMALL_STUDY = {
  data: FASHION,
  limitTrain: 200,
  limitTest: 50,
  models: [{ family: 'resnet-rs', depths: [14], widths: [0.125], sizes: [20] }],
  epochs: [1],
  seeds: 2,
  settings: { batch: 32 },
};

export interface Done {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The command in a process of its own, as users start it. That takes seconds of start, which `cli` saves. */
export const cliApart = (args: readonly string[], where: { cwd?: string; input?: string } = {}): Done =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: packageRoot, ...where });

/** What the command that runs in this process prints; what the test runner prints meanwhile is told from it by its asynchronous context. */
const heard = new AsyncLocalStorage<{ stdout: string; stderr: string }>();
for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name];
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const said = heard.getStore();
    if (said === undefined) return write(chunk, ...rest);
    said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const written = rest.at(-1);
    if (typeof written === 'function') process.nextTick(written as () => void);
    return true;
  }) as typeof stream.write;
}

/**
 * The command in this process: the same words, exit code and text without the start of another process, one at a time. What it leaves
 * open keeps this process from ending.
 * @param options `run`: of another copy of the package
 */
export async function cliHere(
  args: readonly string[],
  options: { cwd?: string; input?: string; run?: typeof runCommandLine } = {},
): Promise<Done> {
  const { cwd = packageRoot, input, run = runCommandLine } = options;
  const said = { stdout: '', stderr: '' };
  const before = { cwd: process.cwd(), exitCode: process.exitCode };
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;
  try {
    process.chdir(cwd);
    process.exitCode = undefined;
    if (input !== undefined)
      Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(input)]) });
    const status = await heard.run(said, () => run(args));
    return { status, ...said };
  } finally {
    process.chdir(before.cwd);
    process.exitCode = before.exitCode;
    Object.defineProperty(process, 'stdin', stdin);
  }
}
export const cli = (...args: string[]): Promise<Done> => cliHere(args);

/** Starts the command in a process group of its own, so that it can be killed together with its trainer. */
export function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    cwd: packageRoot,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The exit code of a child that was started, null when a signal ended it. */
export const exited = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve(child.exitCode) : child.once('close', resolve),
  );

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Real pictures of Fashion-MNIST as files: `classes` folders with `each` pictures, in turn PNG, JPEG and WebP. */
export async function pictureFolder(folder: string, classes: number, each: number): Promise<void> {
  const { val, classes: names } = await openDataset(FASHION, { need: 'val', limitVal: each * 10 });
  const done = new Array<number>(classes).fill(0);
  for (let i = 0; i < val.length; i++) {
    const label = val.labels[i]!;
    if (label >= classes || done[label]! >= each) continue;
    const kind = (['png', 'jpg', 'webp'] as const)[done[label]!++ % 3]!;
    const sub = join(folder, names[label]!.replace(/[^A-Za-z]+/g, '-').toLowerCase());
    mkdirSync(sub, { recursive: true });
    const { data, width, height } = await readPixels(val, i, 28);
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(join(sub, `${i}.${kind}`));
  }
}
