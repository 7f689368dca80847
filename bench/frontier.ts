// The speed-accuracy frontier of ResNet-RS, EfficientNet, TResNet, ResNeSt, NFNet and LambdaResNet on this machine: measured time and memory,
// published accuracy.
//   npm run bench:frontier [-- --batch 8 --runs 5 --models resnet-rs-50@160,efficientnet-b0 --device cpu
//     --out runs/frontier]
// Writes frontier.html (self-contained), its drawings as SVG, frontier.json and frontier.csv. Each model is measured in
// a process of its own; one that would not fit this machine's memory, or whose step would take longer than
// --step-seconds, is left out and named.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { numberOption, wholeOption } from '../src/checks.js';
import { integer, number } from '../src/cli/options.js';
import { csvText } from '../src/csv.js';
import { UsageError } from '../src/errors.js';
import { writeFileAtomic } from '../src/files.js';
import {
  COMPARED_SOURCES,
  type COMPARED_VARIANTS,
  familyOf,
  modelCost,
  PUBLISHED_COMPARED,
  PUBLISHED_EFFICIENTNET,
  PUBLISHED_RESNET_RS,
} from '../src/models/index.js';
import { packageRoot } from '../src/package-root.js';
import type { ExportedFiles } from '../src/report/frontier/files.js';
import type { FrontierRatio, FrontierReport, FrontierRow } from '../src/report/frontier/report.js';
import { costAt } from '../src/study/analysis/pareto.js';
import { didYouMean } from '../src/suggest.js';
import { benchOptions } from './options.js';

interface Candidate extends Pick<FrontierRow, 'model' | 'family' | 'size' | 'top1' | 'top1Source'> {
  v100Seconds?: number;
  tpuMilliseconds?: number;
}
/** What the page calls the registry's families. */
const COMPARED = {
  tresnet: 'TResNet',
  resnest: 'ResNeSt',
  nfnet: 'NFNet',
  'dm-nfnet': 'NFNet',
  'eca-nfnet': 'NFNet',
  'nf-resnet': 'NFNet',
  'nf-seresnet': 'NFNet',
  'nf-ecaresnet': 'NFNet',
  'lambda-resnet': 'LambdaResNet',
} as const satisfies Record<keyof typeof COMPARED_VARIANTS, FrontierRow['family']>;
const ALL: Candidate[] = [
  ...PUBLISHED_RESNET_RS.map((row) => ({
    ...row,
    model: `resnet-rs-${row.depth}@${row.resolution}`,
    family: 'ResNet-RS' as const,
    size: row.resolution,
    top1Source: 'tensorflow/tpu resnet_rs/README.md, at the size shown',
  })),
  ...PUBLISHED_EFFICIENTNET.map((row) => ({
    ...row,
    model: `efficientnet-${row.variant}`,
    family: 'EfficientNet' as const,
    size: row.resolution,
    top1: row.top1RandAugment ?? row.top1,
    top1Source: 'tensorflow/tpu efficientnet/README.md (B5 and B7 with RandAugment, the others with AutoAugment)',
  })),
  // Those that saw ImageNet-1k alone, at each size that they were measured at.
  ...PUBLISHED_COMPARED.flatMap(({ name, size, top1 }) => {
    const [percent, source] = top1.find((figure) => figure[1] !== 'tresnet-21k') ?? [];
    if (percent === undefined || source === undefined) return [];
    const family = COMPARED[familyOf(name) as keyof typeof COMPARED];
    return [{ model: `${name}@${size}`, family, size, top1: percent, top1Source: COMPARED_SOURCES[source] }];
  }),
];
interface Options {
  batch: number;
  runs: number;
  threads: number;
  device: string;
  models?: string[];
  stepSeconds: number;
  files?: string;
  out: string;
}
function readFiles(path: string): ExportedFiles {
  try {
    const files = JSON.parse(readFileSync(path, 'utf8')) as ExportedFiles;
    if (Array.isArray(files.rows) && files.rows.length > 0) return files;
  } catch (cause) {
    throw new UsageError(`Expected the figures of bench:int8 in ${path}: ${(cause as Error).message}.`, { cause });
  }
  throw new UsageError(`Expected the figures of bench:int8 in ${path} but it has no rows.`);
}

const { batch, ...options } = await benchOptions<Options>(
  new Command('npm run bench:frontier --')
    .description(
      'Time and memory of ResNet-RS, EfficientNet, TResNet, ResNeSt, NFNet and LambdaResNet on this machine against their published ' +
        'accuracy, as a page.',
    )
    .option('--batch <n>', 'pictures in a step', integer, 8)
    .option('--runs <n>', 'timed runs of each model', integer, 5)
    .option('--threads <n>', 'threads of the engine', integer, availableParallelism())
    .option('--device <name>', 'cpu, cuda:0, mps', 'cpu')
    .option('--models <names>', 'only these, with commas between', (names) => names.split(','))
    .option('--step-seconds <n>', 'leave out models whose training step would take longer', number, 30)
    .option(
      '--files <json>',
      'figures of exported files in int8 and float16, as "npm run bench:int8 -- --out" writes them',
    )
    .option('-o, --out <folder>', 'where to write', 'runs/frontier'),
  async ({ batch, runs, threads, device, models = [], stepSeconds, files }) => {
    wholeOption('--batch', batch, 2, 65_536);
    wholeOption('--runs', runs, 1, 1000);
    wholeOption('--threads', threads, 1, 1024);
    numberOption('--step-seconds', stepSeconds, 0.001, 86_400);
    // Before hours of measuring.
    if (files !== undefined) readFiles(files);
    const names = ALL.map(({ model }) => model);
    for (const name of models)
      if (!names.includes(name))
        throw new UsageError(
          `Expected published models for --models but received "${name}".${didYouMean(name, names)} Known: ` +
            `${names.join(', ')}.`,
        );
    const { checkDevice } = await import('../src/train/open.js');
    checkDevice(device);
  },
);
const candidates = ALL.filter(({ model }) => options.models?.includes(model) ?? true).sort((a, b) => a.top1 - b.top1);

/** What `rescaled profile --measure --json` says of one model. */
interface Profiled {
  model: string;
  size: number;
  parameters: number;
  multiplyAdds: number;
  engine?: string;
  measured: {
    trainStepMs: number;
    trainStepMsLow: number;
    trainStepMsHigh: number;
    inferenceMs: number;
    inferenceMsLow: number;
    inferenceMsHigh: number;
    peakMemoryBytes: number | null;
  };
}

function profile(model: string): Promise<Profiled | string> {
  const args = [
    'profile',
    model,
    '--batch',
    String(batch),
    '--runs',
    String(options.runs),
    '--threads',
    String(options.threads),
    '--device',
    options.device,
    '--measure',
    '--json',
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve(code === 0 ? (JSON.parse(out) as Profiled[])[0]! : errors.trim().split('\n').at(-1)!),
    );
  });
}

const rows: FrontierRow[] = [];
const skipped: { model: string; why: string }[] = [];
/** Milliseconds of a step for each multiply-add, by family: what the next model will take, from the ones before it. */
const pace = new Map<string, number>();
const memory = totalmem();
console.error(
  `${cpus()[0]?.model}, ${options.threads} threads, ${options.device}, batch ${batch}, ${options.runs} runs a model`,
);
for (const candidate of candidates) {
  const { model, family } = candidate;
  const cost = modelCost(model, { batch });
  const expected = (pace.get(family) ?? 0) * cost.multiplyAdds;
  if (options.device === 'cpu' && cost.trainMemoryBytes > 0.8 * memory)
    skipped.push({
      model,
      why:
        `its training step would take about ${(cost.trainMemoryBytes / 1e9).toFixed(0)} GB of the ` +
        `${(memory / 1e9).toFixed(0)} GB here`,
    });
  else if (expected > 1000 * options.stepSeconds)
    skipped.push({
      model,
      why: `a training step would take about ${(expected / 1000).toFixed(0)} s, longer than ${options.stepSeconds} s`,
    });
  else {
    const result = await profile(model);
    if (typeof result === 'string') skipped.push({ model, why: result.replace(/^rescaled: /, '').replace(/\.$/, '') });
    else {
      const { measured } = result;
      pace.set(family, measured.trainStepMs / cost.multiplyAdds);
      rows.push({
        ...candidate,
        parameters: result.parameters,
        multiplyAdds: result.multiplyAdds,
        trainStepMs: measured.trainStepMs,
        trainStepRange: [measured.trainStepMsLow, measured.trainStepMsHigh],
        inferenceMs: measured.inferenceMs,
        inferenceRange: [measured.inferenceMsLow, measured.inferenceMsHigh],
        peakMemoryBytes: measured.peakMemoryBytes ?? undefined,
      });
      console.error(
        `${model.padEnd(18)} top-1 ${candidate.top1.toFixed(1)}  step ` +
          `${(measured.trainStepMs / 1000).toFixed(2)} s  inference ${(measured.inferenceMs / 1000).toFixed(2)} s` +
          `${measured.peakMemoryBytes === null ? '' : `  memory ${(measured.peakMemoryBytes / 1e9).toFixed(2)} GB`}`,
      );
      continue;
    }
  }
  console.error(`${model.padEnd(18)} left out: ${skipped.at(-1)!.why}`);
}

/** A model of another family over ResNet-RS at the same accuracy. */
function ratio<T extends { family: string; top1: number }>(
  all: readonly T[],
  row: T,
  cost: (row: T) => number | undefined,
): number | undefined {
  const points = all
    .filter(({ family }) => family === 'ResNet-RS')
    .map((other) => ({ cost: cost(other) ?? Number.NaN, score: other.top1 }));
  const peer = costAt(points, row.top1, { direction: 'higher' });
  const own = cost(row);
  return peer === undefined || own === undefined ? undefined : own / peer;
}
const published = new Map(ALL.map((row) => [row.model, row]));
const ratios: FrontierRatio[] = rows
  .filter(({ family }) => family !== 'ResNet-RS')
  .map((row) => ({
    model: row.model,
    top1: row.top1,
    train: ratio(rows, row, ({ trainStepMs }) => trainStepMs),
    inference: ratio(rows, row, ({ inferenceMs }) => inferenceMs),
    memory: ratio(rows, row, ({ peakMemoryBytes }) => peakMemoryBytes),
    multiplyAdds: ratio(rows, row, ({ multiplyAdds }) => multiplyAdds),
    publishedTpu: ratio(ALL, published.get(row.model)!, ({ tpuMilliseconds }) => tpuMilliseconds),
    publishedV100: ratio(ALL, published.get(row.model)!, ({ v100Seconds }) => v100Seconds),
  }));

if (rows.length === 0) {
  console.error('No model could be measured.');
  process.exit(1);
}
const { engineInfo } = await import('../src/torch/index.js');
const { frontierDrawings, renderFrontier } = await import('../src/report/frontier/report.js');
const report: FrontierReport = {
  generatedAt: new Date().toISOString(),
  machine: cpus()[0]?.model ?? 'unknown processor',
  device: options.device,
  engine: `libtorch ${engineInfo().libtorch}`,
  threads: options.threads,
  batch,
  runs: options.runs,
  rows,
  ratios,
  skipped,
  ...(options.files !== undefined && { files: readFiles(options.files) }),
  command: ['npm run bench:frontier', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
};
mkdirSync(options.out, { recursive: true });
const write = (name: string, text: string): void => writeFileAtomic(join(options.out, name), text);
write('frontier.json', `${JSON.stringify(report, null, 2)}\n`);
const columns = [
  'model',
  'family',
  'size',
  'top1',
  'parameters',
  'multiplyAdds',
  'trainStepMs',
  'inferenceMs',
  'peakMemoryBytes',
] as const;
write(
  'frontier.csv',
  csvText(
    columns,
    rows.map((row) => columns.map((column) => row[column])),
  ),
);
for (const [name, svg] of frontierDrawings(report)) write(`frontier-${name}`, svg);
write('frontier.html', renderFrontier(report));
for (const row of ratios)
  console.error(
    `${row.model} costs ${[
      ['training step', row.train],
      ['inference', row.inference],
      ['memory', row.memory],
    ]
      .map(([what, value]) => `${what} ${value === undefined ? '-' : (value as number).toFixed(2)}`)
      .join(', ')} times a ResNet-RS of its accuracy`,
  );
console.log(join(options.out, 'frontier.html'));
