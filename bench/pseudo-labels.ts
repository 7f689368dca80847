// How fast pictures are labelled beside `predict`, and how many labels are selected among in what time and memory:
//   npm run bench:pseudo-labels -- speed TEACHER PICTURES... [--rounds 20 --each 200 --batch 8 --threads N]
//   npm run bench:pseudo-labels -- select [--records 1000000 --classes 1000 --part 10000 --rule balance|threshold|share] [--keep FOLDER]
// `speed` takes the same few pictures in turn, many times, in one process: classified by the loop of `rescaled predict`, and labelled by that of
// `rescaled pseudo-label`, sidecars written.
// `select` writes made-up labels and selects among them in a process of its own, whose
// peak of memory the system tells.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Random } from '../src/augment/random.js';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { openPool } from '../src/data/pool.js';
import { readPixels } from '../src/data/sources/source.js';
import type { LatePicture } from '../src/deploy/picture.js';
import { UsageError } from '../src/errors.js';
import { writeFileAtomic } from '../src/files.js';
import { type Manifest, manifestFile, partFile, partsFolder } from '../src/labels/format.js';
import { PartLabels, writeSidecar } from '../src/labels/sidecar.js';
import { packageRoot } from '../src/package-root.js';
import { topOf } from '../src/semi/label.js';
import { openTeacher } from '../src/semi/teacher.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  rounds: number;
  each: number;
  batch: number;
  threads?: number;
  records: number;
  classes: number;
  part: number;
  rule: string;
  keep?: string;
}

const RULES: Record<string, string[]> = { balance: [], threshold: ['--threshold', '0.5'], share: ['--share', '0.1'] };

const command = new Command('npm run bench:pseudo-labels --')
  .description('Speed of labelling beside predict; time and memory of selecting among many labels.')
  .argument('<what>', 'speed or select')
  .argument('[paths...]', 'of speed: the teacher and pictures')
  .option('--rounds <n>', 'of speed: times each', integer, 20)
  .option('--each <n>', 'of speed: pictures each time', integer, 200)
  .option('--batch <n>', 'pictures at a time', integer, 8)
  .option('--threads <n>', 'threads of ONNX Runtime', integer)
  .option('--records <n>', 'of select: made-up labels', integer, 1_000_000)
  .option('--classes <n>', 'of select: classes', integer, 1000)
  .option('--part <n>', 'of select: labels of a part', integer, 10_000)
  .option('--rule <name>', `of select: ${Object.keys(RULES).join(', ')}`, 'balance')
  .option('--keep <folder>', 'of select: where labels are made, once, and kept');
const options = await benchOptions<Options>(command, ({ rounds, each, records, classes, part, rule }) => {
  wholeOption('--rounds', rounds, 1, 100);
  wholeOption('--each', each, 1, 1e6);
  wholeOption('--records', records, 1, 1e9);
  wholeOption('--classes', classes, 2, 32_767);
  wholeOption('--part', part, 1, 1e7);
  if (!(rule in RULES))
    throw new UsageError(`Expected ${Object.keys(RULES).join(', ')} for --rule but received ${rule}.`);
});
const [what, ...paths] = command.args;

if (what === 'speed') await speed();
else if (what === 'select') select();
else {
  console.error('Expected speed or select.');
  process.exit(2);
}

/** What one way took: pictures a second, and milliseconds of all cores a picture, which other work on the machine disturbs less. */
interface Taken {
  rate: number;
  cpu: number;
}

async function speed(): Promise<void> {
  const [teacher, ...pictures] = paths;
  if (teacher === undefined || pictures.length === 0) throw new UsageError('Expected a teacher and pictures.');
  const { batch, threads, rounds, each } = options;
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-labels-'));
  mkdirSync(partsFolder(folder), { recursive: true });
  const pool = await openPool(pictures);
  const { source } = pool;
  const n = Math.min(each, source.length);
  const { predictor, about, classes } = await openTeacher(teacher, folder, undefined, { threads });
  const top = topOf(undefined, classes.length);
  const taking = async (work: () => Promise<void>): Promise<Taken> => {
    const [begun, cpu] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    return { rate: n / ((performance.now() - begun) / 1000), cpu: (user + system) / 1000 / n };
  };
  const predict = async (at: readonly number[]): Promise<void> => {
    const files = at.map((i) => source.describe(i));
    for await (const _ of predictor.predict(files, { batch, top: 3, expand: false }));
  };
  const label = async (at: readonly number[]): Promise<void> => {
    const late = at.map(
      (i): LatePicture => ({ path: source.describe(i), pixels: (size) => readPixels(source, i, size) }),
    );
    const rows = new PartLabels(n, top);
    let row = 0;
    for await (const { probabilities, error } of predictor.probabilities(late, { batch }))
      if (probabilities === undefined) rows.setUnreadable(row++, error!);
      else rows.set(row++, probabilities);
    const part = { name: 'part', pictures: n, identity: '' };
    writeSidecar(folder, { teacher: about, classes }, part, rows, (k) => pool.key(at[k]!));
  };
  const ratios: Taken[] = [];
  const total: Record<'predict' | 'label', Taken> = { predict: { rate: 0, cpu: 0 }, label: { rate: 0, cpu: 0 } };
  try {
    // Some more than are counted: the first read the files from the disk and compile what is run.
    for (let round = -2; round < rounds; round++) {
      const at = Array.from({ length: n }, (_, k) => (Math.max(0, round) * n + k) % source.length);
      const found: Partial<Record<'predict' | 'label', Taken>> = {};
      const order = round % 2 === 0 ? (['predict', 'label'] as const) : (['label', 'predict'] as const);
      for (const way of order) found[way] = await taking(() => (way === 'predict' ? predict(at) : label(at)));
      if (round < 0) continue;
      for (const way of order) {
        total[way].rate += found[way]!.rate / rounds;
        total[way].cpu += found[way]!.cpu / rounds;
      }
      ratios.push({ rate: found.label!.rate / found.predict!.rate, cpu: found.label!.cpu / found.predict!.cpu });
    }
  } finally {
    await predictor.close();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const way of ['predict', 'label'] as const)
    console.log(
      `${way.padEnd(7)}  ${total[way].rate.toFixed(1)} pictures/s, ${total[way].cpu.toFixed(2)} ms of CPU a picture (means)`,
    );
  const of = (value: (one: Taken) => number): string => median(ratios.map(value)).toFixed(3);
  console.log(
    `label by predict, median of ${rounds} pairs of ${n} pictures: speed ${of(({ rate }) => rate)}, CPU ${of(({ cpu }) => cpu)}`,
  );
}

function select(): void {
  const { records, keep, rule } = options;
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'rescaled-labels-'));
  try {
    let begun = performance.now();
    const bytes = make(folder);
    console.log(
      `${records} labels of ${options.classes} classes in ${folder}: ${(bytes / 1e6).toFixed(0)} MB, ` +
        `${(bytes / records).toFixed(1)} bytes each, made in ${((performance.now() - begun) / 1000).toFixed(1)} s`,
    );
    begun = performance.now();
    const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
    // The child tells what it took at its end.
    const told = `process.on('exit', () => console.error('peak ' + process.resourceUsage().maxRSS))`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        ...['--import', `data:text/javascript,${encodeURIComponent(told)}`, main],
        ...['pseudo-label', 'select', folder, '--force', '--json', ...RULES[rule]!],
      ],
      { encoding: 'utf8', maxBuffer: 1 << 30 },
    );
    const seconds = (performance.now() - begun) / 1000;
    if (status !== 0) throw new Error(stderr);
    const { kept, drawn } = JSON.parse(stdout) as { kept: number; drawn: number };
    const peak = Number(/peak (\d+)/.exec(stderr)![1]) / 1024;
    console.log(
      `${rule}: ${kept} kept, ${drawn} drawn in a pass; ${seconds.toFixed(1)} s, peak ${peak.toFixed(0)} MiB with the start of the process`,
    );
  } finally {
    if (keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Labels whose classes are as unequal as 1 to 100 and whose probabilities lie from 0 to 1; made once. @returns bytes of the files */
function make(folder: string): number {
  const { records, classes: count, part: size } = options;
  const classes = Array.from({ length: count }, (_, k) => `class ${k}`);
  const top = Math.min(10, count);
  const parts = Array.from({ length: Math.ceil(records / size) }, (_, p) => {
    const name = `heap-${String(p).padStart(5, '0')}`;
    return {
      name,
      pictures: Math.min(size, records - p * size),
      identity: createHash('sha256').update(name).digest('hex'),
    };
  });
  const teacher = { identity: '0'.repeat(64), model: 'made-up', size: 224, preprocess: {} };
  const manifest: Manifest = { format: 1, kind: 'classes', teacher, classes, top, parts };
  mkdirSync(partsFolder(folder), { recursive: true });
  writeFileAtomic(manifestFile(folder), JSON.stringify(manifest));
  const there = new Set(readdirSync(partsFolder(folder)));
  for (const [p, part] of parts.entries()) {
    if (there.has(`${part.name}.safetensors`)) continue;
    const random = new Random(1, p);
    const rows = new PartLabels(part.pictures, top);
    for (let row = 0; row < part.pictures; row++) {
      const label = Math.floor(count * random.uniform() ** 2);
      const probability = 0.2 + 0.8 * random.uniform();
      rows.classOf[row] = label;
      rows.probability[row] = probability;
      for (let j = 0; j < top; j++) {
        rows.topClasses[row * top + j] = (label + j) % count;
        rows.topProbabilities[row * top + j] = j === 0 ? probability : (1 - probability) / count;
      }
    }
    writeSidecar(folder, manifest, part, rows, (row) => `${part.name}/${String(row).padStart(6, '0')}.jpg`);
  }
  return parts.reduce((sum, { name }) => sum + statSync(partFile(folder, name)).size, 0);
}
