// What two processes of one thread each reach beside one, on pictures twice as many (weak scaling), and the same of PyTorch's DistributedDataParallel.
//   npm run bench:ranks -- [--size 96 --batch 8 --steps 5 --rounds 3 --python /usr/bin/python3]
// ResNet-50, all in turn in each round; 1 is perfect. On one machine two share caches and memory before anything is sent: two that know nothing of
// each other are timed too, and what the sum of the gradients adds to them.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { packageRoot } from '../src/package-root.js';
import { freePort } from '../src/ranks/port.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  size: number;
  batch: number;
  steps: number;
  rounds: number;
  python: string;
}
interface Said {
  step: number;
  wait?: number;
}
const { size, batch, steps, rounds, python } = await benchOptions<Options>(
  new Command('ranks')
    .option('--size <pixels>', '', Number, 96)
    .option('--batch <n>', 'pictures of a process', Number, 8)
    .option('--steps <n>', 'in each round', Number, 5)
    .option('--rounds <n>', '', Number, 3)
    .option('--python <program>', 'with torch and torchvision', '/usr/bin/python3'),
  () => {},
);
const run = promisify(execFile);
/** The slowest of the processes: all wait for it. */
async function timed(program: string, script: string, world: number): Promise<Said> {
  const port = await freePort();
  const all = await Promise.all(
    Array.from({ length: world }, async (_, rank) => {
      const words = [script, ...[rank, world, port, size, batch, steps].map(String)];
      const { stdout } = await run(program, words, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
      return JSON.parse(stdout) as Said;
    }),
  );
  return all.reduce((slowest, one) => (one.step > slowest.step ? one : slowest));
}

/** Two at once that share no step; the slower one. */
async function apart(program: string, script: string): Promise<number> {
  const [a, b] = await Promise.all([timed(program, script, 1), timed(program, script, 1)]);
  return Math.max(a.step, b.step);
}

const ours = join(packageRoot, 'dist', 'bench', 'ranks-member.js');
const theirs = join(packageRoot, 'bench', 'pytorch_ddp.py');
const efficiencies: number[] = [];
const peers: number[] = [];
const waits: number[] = [];
/** How many times as fast as PyTorch's. */
const alones: number[] = [];
const twos: number[] = [];
/** Seconds that a step in two takes beyond one of two apart. */
const added: { ours: number[]; peers: number[] } = { ours: [], peers: [] };
for (let round = 0; round < rounds; round++) {
  const [alone, two] = [await timed(process.execPath, ours, 1), await timed(process.execPath, ours, 2)];
  const [peerAlone, peerTwo] = [await timed(python, theirs, 1), await timed(python, theirs, 2)];
  const [oursApart, peerApart] = [await apart(process.execPath, ours), await apart(python, theirs)];
  added.ours.push(two.step - oursApart);
  added.peers.push(peerTwo.step - peerApart);
  efficiencies.push(alone.step / two.step);
  peers.push(peerAlone.step / peerTwo.step);
  waits.push(two.wait! / two.step);
  alones.push(peerAlone.step / alone.step);
  twos.push(peerTwo.step / two.step);
  const ms = (seconds: number): string => `${(1000 * seconds).toFixed(0)} ms`;
  console.log(
    `ours ${ms(alone.step)} alone, ${ms(oursApart)} beside another, ${ms(two.step)} in two (${ms(two.wait!)} after backward); ` +
      `DDP ${ms(peerAlone.step)}, ${ms(peerApart)}, ${ms(peerTwo.step)}`,
  );
}
const range = (all: readonly number[], digits = 2): string =>
  `${median(all).toFixed(digits)} (${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)})`;
const milliseconds = (all: readonly number[]): string =>
  range(
    all.map((seconds) => 1000 * seconds),
    0,
  );
console.log(`weak scaling to 2 processes: ours ${range(efficiencies)}, DistributedDataParallel ${range(peers)}`);
console.log(`summing the gradients adds, ms: ours ${milliseconds(added.ours)}, DDP ${milliseconds(added.peers)}`);
console.log(`as fast as PyTorch: alone ${range(alones)}, in two ${range(twos)}`);
console.log(`waiting after the backward pass: ${range(waits)} of a step`);
