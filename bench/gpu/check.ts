// All that a machine with a CUDA card can say about this engine, in one command: scripts/gpu-check.
//   node dist/bench/gpu/check.js [--out result.json] [--only agreement,tests,training,loader,ranks,speed] [--python python3] [--batch 128] [--runs 5]
//   tests      the engine's tests with this libtorch
//   agreement  networks of each family on the card against the processor
//   training   float32, bfloat16 and float16; a run that is ended and goes on; whether the same seed gives the same bytes
//   loader     pictures a second of JPEG files to ResNet-18 at 160 pixels, by workers, and the share of waiting for them
//   ranks      NCCL over all cards (over one where there is one), Gloo with two ranks on one card
//   speed      training steps beside timm's, in turn: float32 and AMP in bfloat16 (--python: a Python with torch with CUDA and timm)
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { UsageError } from '../../src/errors.js';
import { packageRoot } from '../../src/package-root.js';
import { freePort } from '../../src/ranks/port.js';
import { distributedBackends, engineInfo } from '../../src/torch/index.js';
import { median } from '../median.js';
import { benchOptions } from '../options.js';
import { Side } from '../side.js';

const PARTS = ['tests', 'agreement', 'training', 'loader', 'ranks', 'speed'] as const;
interface Options {
  out?: string;
  only: string;
  python: string;
  batch: number;
  runs: number;
}
const options = await benchOptions<Options>(
  new Command('gpu-check')
    .description('checks and measures on CUDA cards all that they are for')
    .option('--out <file>', 'figures as JSON')
    .option('--only <parts>', PARTS.join(', '), PARTS.join(','))
    .option('--python <program>', 'with torch with CUDA and timm', 'python3')
    .option('--batch <n>', 'pictures of a timed step', Number, 128)
    .option('--runs <n>', 'timed runs', Number, 5),
  ({ only, batch, runs }) => {
    const wrong = only.split(',').find((part) => !(PARTS as readonly string[]).includes(part));
    if (wrong !== undefined)
      throw new UsageError(`Expected some of ${PARTS.join(', ')} for --only but received "${wrong}".`);
    for (const [name, value] of Object.entries({ batch, runs }))
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError(`Expected a whole number of 1 or more for --${name} but received ${value}.`);
  },
);
const info = engineInfo();
const cards = info.devices.filter((device) => device.startsWith('cuda'));
if (cards.length === 0) {
  console.error(
    `Expected a CUDA card but this engine (libtorch ${info.libtorch}) has ${info.devices.join(', ')}. ` +
      'RESCALED_LIBTORCH=.../site-packages/torch npx rescaled setup builds it with another libtorch.',
  );
  process.exit(1);
}
const asked = new Set(options.only.split(','));
const work = mkdtempSync(join(tmpdir(), 'rescaled-gpu-'));
const found: Record<string, unknown> = {
  libtorch: info.libtorch,
  devices: cards,
  backends: distributedBackends(),
  node: process.version,
  cores: availableParallelism(),
};
let failed = 0;
const say = (ok: boolean, text: string): void => {
  if (!ok) failed++;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${text}`);
};

interface Ended {
  code: number | null;
  stdout: string;
  text: string;
}
/** A program's end and what it said. */
function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, text] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    stdout += piece;
    text += piece;
  });
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, text })));
}
const start = (file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
  spawn(process.execPath, [join(packageRoot, file), ...args], {
    cwd: work,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const lastLines = ({ text }: Ended): string => text.trim().split('\n').slice(-6).join('\n       ');

async function tests(): Promise<void> {
  const end = await ended(
    spawn(
      process.execPath,
      [join(packageRoot, 'scripts', 'test.mjs'), '--no-setup', 'torch', 'nn', 'models', 'optim'],
      {
        cwd: packageRoot,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    ),
  );
  const tally = end.stdout.trim().split('\n').at(-1) ?? '';
  say(end.code === 0, `tests of the engine, layers, models, optimisers: ${end.code === 0 ? tally : lastLines(end)}`);
  found['tests'] = tally;
}

interface Agreement {
  name: string;
  outputs: number;
  gradients: [number, number];
  contiguous: number;
  loss: number;
  bfloat16: number;
  float16: number;
}
async function agreement(): Promise<void> {
  const end = await ended(start('dist/bench/gpu/agreement.js', [cards[0]!]));
  const rows = end.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Agreement);
  if (end.code !== 0) say(false, `agreement with the processor ended early: ${lastLines(end)}`);
  for (const row of rows) {
    const { name, outputs, gradients, contiguous, loss, bfloat16, float16 } = row;
    const fine =
      outputs < 1e-3 && gradients[0] < 1e-2 && contiguous < 1e-3 && bfloat16 < 0.05 * loss && float16 < 0.02 * loss;
    say(
      fine,
      `${name}: outputs ${outputs.toExponential(1)}, gradients ${gradients.map((one) => one.toExponential(1)).join(', worst ')} of the largest; ` +
        `loss ${loss.toFixed(4)}, off by ${contiguous.toExponential(1)} in the other format, ` +
        `${bfloat16.toExponential(1)} in bfloat16, ${float16.toExponential(1)} in float16`,
    );
  }
  found['agreement'] = rows;
}

/** JPEG files of four classes: stripes of two directions in two colours, on noise. */
async function pictures(count: number): Promise<string> {
  const folder = join(work, 'pictures');
  const [width, height] = [400, 300];
  for (let k = 0; k < 4; k++) mkdirSync(join(folder, `class-${k}`), { recursive: true });
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const making: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const k = i % 4;
    const period = 12 + 20 * random();
    const pixels = Buffer.alloc(3 * width * height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const bright = (Math.floor((k & 1 ? x : y) / period) & 1) * 90 + 60;
        for (let c = 0; c < 3; c++)
          pixels[3 * (y * width + x) + c] = bright + (c === (k & 2 ? 0 : 2) ? 50 : 0) + 50 * random();
      }
    const file = join(folder, `class-${k}`, `${i}.jpg`);
    making.push(
      sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 90 })
        .toFile(file),
    );
    if (making.length === 16) await Promise.all(making.splice(0));
  }
  await Promise.all(making);
  return folder;
}

interface Run {
  end: Ended;
  out: string;
  events: { type: string; imagesPerSecond?: number; loaderWaitShare?: number; trainLoss?: number }[];
  bytes: string;
}
async function train(name: string, args: readonly string[], stopAfter?: number): Promise<Run> {
  const out = join(work, name);
  const child = start('dist/src/cli/main.js', [
    ...(args[0] === 'launch' ? args : ['train', ...args]),
    '-o',
    out,
    '--json',
  ]);
  if (stopAfter !== undefined)
    child.stdout!.on('data', (piece: Buffer) => {
      if (new RegExp(`"type":"step","step":${stopAfter}\\b`).test(piece.toString())) child.kill('SIGTERM');
    });
  return looked(await ended(child), out);
}
function looked(end: Ended, out: string): Run {
  const events = end.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Run['events'][number]);
  let bytes = '';
  try {
    bytes = createHash('sha256')
      .update(readFileSync(join(out, 'weights.safetensors')))
      .digest('hex')
      .slice(0, 12);
  } catch {
    // a run that failed has none
  }
  return { end, out, events, bytes };
}

async function training(): Promise<void> {
  const data = await pictures(400);
  const common = [
    '-m',
    'resnet-18',
    '--width',
    '0.5',
    '--size',
    '96',
    '-b',
    '32',
    '-e',
    '3',
    '--device',
    cards[0]!,
    '--seed',
    '1',
  ];
  const result: Record<string, unknown> = {};
  for (const precision of ['float32', 'bfloat16', 'float16']) {
    const run = await train(precision, [data, ...common, '--set', `precision=${precision}`]);
    const loss = run.events.filter(({ type }) => type === 'epoch').at(-1)?.trainLoss;
    result[precision] = loss ?? lastLines(run.end);
    say(
      run.end.code === 0,
      `training in ${precision}: ${run.end.code === 0 ? `loss ${loss?.toFixed(3)}` : lastLines(run.end)}`,
    );
  }
  const again = await train('again', [data, ...common, '--set', 'precision=float32']);
  const first = looked({ code: 0, stdout: '', text: '' }, join(work, 'float32')).bytes;
  const stopped = await train('stopped', [data, ...common, '--set', 'precision=float32'], 12);
  const resumed = looked(
    await ended(start('dist/src/cli/main.js', ['train', '--resume', stopped.out, '--json'])),
    stopped.out,
  );
  say(
    resumed.end.code === 0,
    `a run that was ended at step 12 (exit code ${stopped.end.code}) goes on: ${resumed.end.code === 0 ? 'to its end' : lastLines(resumed.end)}`,
  );
  say(
    again.bytes === first,
    `the same seed again: ${again.bytes === first ? 'the same bytes' : `other bytes (${first}, ${again.bytes})`}`,
  );
  say(
    resumed.bytes === first,
    `ended and gone on with: ${resumed.bytes === first ? 'the same bytes' : `other bytes (${first}, ${resumed.bytes})`}`,
  );
  found['training'] = { ...result, sameBytes: again.bytes === first, sameBytesResumed: resumed.bytes === first };
  rmSync(data, { recursive: true });
}

async function loader(): Promise<void> {
  const data = await pictures(2000);
  const rows: unknown[] = [];
  for (const workers of [1, 4, 8, 16].filter((count) => count <= Math.max(1, availableParallelism()))) {
    const run = await train(`loader-${workers}`, [
      data,
      ...[
        '-m',
        'resnet-18',
        '--size',
        '160',
        '-b',
        '128',
        '-e',
        '3',
        '--device',
        cards[0]!,
        '--workers',
        String(workers),
      ],
      ...['--set', 'precision=bfloat16', '--set', 'minival=0.02'],
    ]);
    const epochs = run.events.filter(({ type }) => type === 'epoch');
    const [speed, wait] = [epochs.at(-1)?.imagesPerSecond ?? 0, epochs.at(-1)?.loaderWaitShare ?? 1];
    const first = Math.round(epochs[0]?.imagesPerSecond ?? 0);
    const told = `${first} pictures/s in the first epoch, ${Math.round(speed)} in the last, ${(100 * wait).toFixed(0)} % of it waiting`;
    rows.push({ workers, first: epochs[0]?.imagesPerSecond, last: speed, wait });
    say(run.end.code === 0, `loader of ${workers}: ${run.end.code === 0 ? told : lastLines(run.end)}`);
  }
  found['loader'] = rows;
  rmSync(data, { recursive: true });
}

async function ranks(): Promise<void> {
  const rows: unknown[] = [];
  const group = async (way: 'nccl' | 'gloo', places: readonly number[]): Promise<void> => {
    const port = String(await freePort());
    const args = (rank: number): string[] => [String(rank), String(places.length), port, String(places[rank]), way];
    const ends = await Promise.all(
      places.map((_, rank) => ended(start('dist/bench/gpu/group.js', args(rank), { RESCALED_RANKS_TIMEOUT: '60' }))),
    );
    const wrong = ends.find(({ code }) => code !== 0);
    const title = `${way} with ${places.length} ${places.length === 1 ? 'rank' : 'ranks'} on ${new Set(places).size} of ${cards.length} cards`;
    if (wrong !== undefined) {
      say(false, `${title}: ${lastLines(wrong)}`);
      return;
    }
    const all = ends.map(({ stdout }) => JSON.parse(stdout) as { sum: number[]; gradients: number; ms: number });
    const n = places.length;
    const fine = all.every(
      ({ sum, gradients }) => sum[0] === (n * (n + 1)) / 2 && sum[1] === n && gradients === all[0]!.gradients,
    );
    rows.push({ way, ranks: n, ms: all[0]!.ms });
    say(fine, `${title}: sums and gradients alike, ${all[0]!.ms.toFixed(1)} ms a step of ResNet-18`);
  };
  if (distributedBackends().includes('nccl'))
    await group(
      'nccl',
      cards.map((_, i) => i),
    );
  else say(false, "this engine was built without NCCL: its headers and CUDA's were not found");
  await group('gloo', [0, 0]);
  if (cards.length > 1) {
    const data = await pictures(400);
    const run = await train('ranks', [
      ...['launch', '-n', String(cards.length), '--', 'train', data, '-m', 'resnet-18', '--size', '96', '-e', '2'],
      ...['--device', 'cuda'],
    ]);
    say(run.end.code === 0, `launch -n ${cards.length}: ${run.end.code === 0 ? 'trained' : lastLines(run.end)}`);
  }
  found['ranks'] = rows;
}

async function speed(): Promise<void> {
  const rows: unknown[] = [];
  for (const [model, size] of [
    ['resnet-50', '224'],
    ['resnet-rs-50', '160'],
    ['efficientnet-b0', '224'],
  ] as const)
    for (const precision of ['float32', 'bfloat16']) {
      const common = [model, String(options.batch), size, precision, cards[0]!];
      const script = join(packageRoot, 'dist', 'bench', 'gpu', 'step.js');
      const sides = {
        free: new Side(process.execPath, [script, ...common, 'free']),
        deterministic: new Side(process.execPath, [script, ...common, 'deterministic']),
        timm: new Side(options.python, [join(packageRoot, 'bench', 'gpu', 'timm_step.py'), ...common]),
      };
      const times = new Map(Object.keys(sides).map((name) => [name, [] as number[]]));
      try {
        for (const side of Object.values(sides)) await side.line();
        for (let i = -2; i < options.runs; i++)
          for (const [name, side] of Object.entries(sides)) {
            const seconds = await side.step('train');
            if (i >= 0) times.get(name)!.push(seconds);
          }
        const perSecond = Object.fromEntries([...times].map(([name, all]) => [name, options.batch / median(all)]));
        rows.push({ model, size, precision, perSecond });
        const ours = perSecond['deterministic']!;
        say(
          true,
          `${model} at ${size}, ${precision}: ${Math.round(ours)} pictures/s (${Math.round(perSecond['free']!)} with any kernels), ` +
            `timm ${Math.round(perSecond['timm']!)}: ${(ours / perSecond['timm']!).toFixed(2)} of it`,
        );
      } catch (error) {
        say(false, `${model} ${precision}: ${(error as Error).message}`);
      } finally {
        for (const side of Object.values(sides)) side.close();
      }
    }
  found['speed'] = rows;
}

console.log(`libtorch ${info.libtorch}, ${cards.join(', ')}, ${distributedBackends().join(' and ') || 'no c10d'}`);
try {
  for (const [name, part] of Object.entries({ agreement, training, ranks, speed, loader, tests }))
    if (asked.has(name)) {
      const began = performance.now();
      await part();
      console.log(`       (${name}: ${((performance.now() - began) / 1000).toFixed(0)} s)`);
      if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(found, null, 2)}\n`);
    }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(failed === 0 ? 'all of it went well' : `${failed} of it failed`);
process.exitCode = failed === 0 ? 0 : 1;
