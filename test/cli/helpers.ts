import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

export function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: packageRoot });
}

/**
 * The command in this process, which saves the start of another: for what is refused before any work. What it prints on stdout is the test
 * runner's as well and is not caught.
 */
export async function refused(...args: string[]): Promise<{ status: number; stderr: string }> {
  const { stderr } = process;
  const write = stderr.write;
  const before = process.exitCode;
  let text = '';
  stderr.write = ((chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  }) as typeof stderr.write;
  try {
    process.exitCode = undefined;
    const status = await runCommandLine(args);
    return { status, stderr: text };
  } finally {
    stderr.write = write;
    process.exitCode = before;
  }
}

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
