// What the training of a detector spends beside its network: matching of anchors and boxes as a share of a step; suppression and measuring
// as a share of an epoch; and how much longer batches take with boxes than without:
//   node dist/bench/detection-shares.js --run RUN [--steps 20 --rounds 10]
// RUN is a finished run of the task detect: its data, network, recipe and weights are taken. Times are of the processor, so that other work
// beside it changes them little; a step's are those of all threads.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { DetectTargets } from '../src/data/annotations/detect-targets.js';
import { cachedDataset } from '../src/data/cached.js';
import type { Batch } from '../src/data/loading/batch.js';
import { LABELS } from '../src/data/loading/labels.js';
import { BatchLoader } from '../src/data/loading/loader.js';
import type { TargetSpec, Targets } from '../src/data/loading/targets.js';
import type { Source } from '../src/data/sources/source.js';
import { UsageError } from '../src/errors.js';
import { anchorsFor, type Decoder } from '../src/models/detect/index.js';
import { DETECT_KEYS } from '../src/recipe/detect-settings.js';
import { loadConfig } from '../src/run/config.js';
import { assign } from '../src/tasks/detect/assign.js';
import { detectEvaluator } from '../src/tasks/detect/evaluator.js';
import { detect } from '../src/tasks/detect/index.js';
import { truthsOf } from '../src/tasks/detect/objective.js';
import { type DetectSettings, detectorOptions } from '../src/tasks/detect/settings.js';
import { openRunData, train } from '../src/tasks/runs.js';
import { noGrad, scope, type Tensor } from '../src/torch/index.js';
import { evaluationBatch, Normaliser, preprocessOf } from '../src/train/index.js';
import { loadModel } from '../src/trained/load.js';
import { nextStep } from './in-turn.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

const command = new Command('detection-shares')
  .requiredOption('--run <folder>', 'a finished run of the task detect')
  .option('--steps <n>', 'steps that are timed', Number, 20)
  .option('--rounds <n>', 'times that the pictures are loaded with and without boxes', Number, 10);
const { run, steps, rounds } = await benchOptions<{ run: string; steps: number; rounds: number }>(
  command,
  ({ run: given }) => {
    const { task } = loadConfig(given);
    if (task.name !== 'detect')
      throw new UsageError(`Expected a run of the task detect but ${given} is of ${task.name}.`);
  },
);

const config = loadConfig(run);
const { size } = config;
const { values } = config.recipe;
const dataset = await cachedDataset(await openRunData(config), size);

/** Milliseconds of the processor since `before`. */
const spent = (before: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

// -- a step, and the matching of its batch
const folder = mkdtempSync(join(tmpdir(), 'rescaled-shares-'));
const events = train({
  ...{ data: config.data.path, task: 'detect', from: join(run, 'weights.safetensors'), recipe: config.recipe.preset },
  ...{ size, seed: config.seed, out: join(folder, 'run'), evalEvery: 100_000, workers: 0 },
  settings: {
    ...Object.fromEntries(DETECT_KEYS.map((key) => [key, values[key]])),
    ...{ batch: values.batch, epochs: 100_000, warmupEpochs: 1 },
  },
});
let step = 0;
try {
  for (let i = 0; i < 3; i++) await nextStep(events);
  const before = process.cpuUsage();
  for (let i = 0; i < steps; i++) await nextStep(events);
  step = spent(before) / steps;
} finally {
  await events.return(undefined);
  rmSync(folder, { recursive: true, force: true });
}

const loaderOf = <T extends Targets>(source: Source, mode: 'train' | 'eval', targets: TargetSpec<T>): BatchLoader<T> =>
  new BatchLoader({
    ...{
      source,
      targets,
      mode,
      batch: mode === 'train' ? values.batch : evaluationBatch(detect, config, source.length),
      seed: 1,
      workers: 0,
    },
    preprocess: preprocessOf(config),
  });

const loaded = await loadModel(run);
const options = detectorOptions(values, (config.task as DetectSettings).classes.length);
const decoder: Decoder = { options, size, ...anchorsFor(options, size, loaded.model.totalStride) };
const { matchHigh, matchLow, lossNormaliser: normaliser } = values;
const matching: number[] = [];
const training = loaderOf(dataset.train!, 'train', detect.targets);
for await (const { targets } of training.batches(0)) {
  const before = process.cpuUsage();
  assign(truthsOf(targets), decoder, { matchHigh, matchLow, normaliser });
  matching.push(spent(before));
}
await training.close();
const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} %`;
console.log(
  `matching: ${median(matching).toFixed(1)} ms of a step of ${step.toFixed(0)} ms (${decoder.anchors.length / 4} anchors, ` +
    `batch ${values.batch}, ${size} pixels): ${share(median(matching), step)}`,
);

// -- suppression and measuring
const input = new Normaliser('cpu', loaded.input);
const measuring = loaderOf(dataset.val, 'eval', detect.targets);
const kept: { outputs: Tensor; batch: Batch<DetectTargets> }[] = [];
let forward = 0;
for await (const batch of measuring.batches(0)) {
  const before = process.cpuUsage();
  const outputs = noGrad(() => scope(() => loaded.model.forward(input.input(batch.images, batch.n, size))));
  forward += spent(before);
  kept.push({ outputs, batch });
}
await measuring.close();
/** Milliseconds for all pictures. */
function measured(): number {
  const evaluator = detectEvaluator(loaded.settings as DetectSettings, { model: loaded.model });
  const before = process.cpuUsage();
  for (const { outputs, batch } of kept) evaluator.add(outputs, batch);
  evaluator.result();
  return spent(before);
}
const first = measured();
const later = median([measured(), measured(), measured()]);
const pictures = dataset.val.length;
const epoch = step * Math.floor(dataset.train!.length / values.batch);
const of = (ms: number): string => `${ms.toFixed(0)} ms, ${share(ms, epoch + forward + ms)}`;
console.log(
  `suppression and AP of ${pictures} pictures, of an epoch of ${epoch.toFixed(0)} ms that is measured (their network: ${forward.toFixed(0)} ms): ` +
    `${of(later)}; the first time ${of(first)}`,
);

// -- loading
const times: [number[], number[]] = [[], []];
for (let round = 0; round <= rounds; round++)
  for (const which of [0, 1]) {
    const loader = loaderOf<Targets>(dataset.train!, 'train', which === 0 ? LABELS : detect.targets);
    const begun = process.cpuUsage();
    for await (const { n } of loader.batches(round)) if (n === 0) throw new Error('a batch without pictures');
    // The first round fills caches.
    if (round > 0) times[which]!.push(spent(begun));
    await loader.close();
  }
// The least of all rounds: other work only adds.
const [plain, boxes] = times.map((all) => Math.min(...all)) as [number, number];
console.log(
  `loading ${dataset.train!.length} pictures: ${plain.toFixed(0)} ms, with boxes ${boxes.toFixed(0)} ms: ${share(boxes - plain, plain)} more`,
);
