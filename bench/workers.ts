// How much sooner a study ends with several trials at a time: one trial after the other on all threads against one
// thread for each of as many trials, both in turn, the order changing from round to round. Also what a trial costs
// besides training and scoring.
//   npm run bench:workers [-- --rounds 3 --json]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/package-root.js';
import type { TrialResult } from '../src/study/trials/result.js';
import { median } from './median.js';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`Expected a whole number of 1 or more for --rounds but received ${options.rounds}.`);
  process.exit(2);
}
const threads = availableParallelism();
const folder = mkdtempSync(join(tmpdir(), 'rescaled-workers-'));
const file = join(folder, 'study.json');
// Two sizes of model, as many trials of each as there are workers.
writeFileSync(
  file,
  JSON.stringify({
    data: '/usr/share/datasets/fashion-mnist',
    limitTrain: 1000,
    limitTest: 1000,
    models: [{ family: 'resnet-rs', depths: [14, 26], widths: [0.25], sizes: [28] }],
    epochs: [4],
    seeds: threads,
    settings: { batch: 32 },
  }),
);

interface Round {
  seconds: number;
  /** Of a trial, from the start of its process to its end, but for training and scoring. */
  overhead: number;
}

function study(workers: number): Round {
  const out = mkdtempSync(join(folder, 'run-'));
  rmSync(out, { recursive: true });
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(packageRoot, 'dist', 'src', 'cli', 'main.js'),
      'study',
      'run',
      file,
      '-o',
      out,
      '--workers',
      String(workers),
      '--threads',
      String(threads),
      '--no-measure',
      '--json',
    ],
    { encoding: 'utf8' },
  );
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(stderr);
  const events = stdout
    .split('\n')
    .filter((line) => line.includes('"type":"done"'))
    .map((line) => JSON.parse(line) as { seconds: number; result: TrialResult });
  const results = readdirSync(join(out, 'trials'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(out, 'trials', name), 'utf8')) as TrialResult);
  if (results.length !== events.length)
    throw new Error(`${events.length} of ${results.length} trials told of their end`);
  // Scored: the test pictures, raw and averaged, and the training pictures.
  const overheads = events.map(
    (event) =>
      event.seconds -
      event.result.seconds -
      (2 * event.result.testPictures + event.result.trainPictures) / event.result.scoredPerSecond,
  );
  return { seconds, overhead: median(overheads) };
}

const pairs: { one: Round; many: Round }[] = [];
for (let i = 0; i < rounds; i++) {
  const [first, second] = i % 2 === 0 ? [study(1), study(threads)] : [study(threads), study(1)];
  const pair = i % 2 === 0 ? { one: first, many: second } : { one: second, many: first };
  pairs.push(pair);
  console.error(
    `round ${i + 1}: 1 trial at a time on ${threads} threads ${pair.one.seconds.toFixed(1)} s, ` +
      `${threads} at a time on one thread each ${pair.many.seconds.toFixed(1)} s`,
  );
}
rmSync(folder, { recursive: true });
const ratios = pairs.map(({ one, many }) => one.seconds / many.seconds);
const result = {
  processor: cpus()[0]?.model,
  threads,
  rounds,
  sooner: median(ratios),
  low: Math.min(...ratios),
  high: Math.max(...ratios),
  overheadSeconds: {
    oneAtATime: median(pairs.map(({ one }) => one.overhead)),
    manyAtATime: median(pairs.map(({ many }) => many.overhead)),
  },
};
if (options.json) console.log(JSON.stringify(result, null, 2));
else
  console.log(
    `${result.processor}, ${threads} threads: ${threads} trials at a time end ${result.sooner.toFixed(2)} ` +
      `times sooner (${result.low.toFixed(2)} to ${result.high.toFixed(2)}); ` +
      `a trial costs ${result.overheadSeconds.oneAtATime.toFixed(1)} s besides training and scoring, ` +
      `${result.overheadSeconds.manyAtATime.toFixed(1)} s with ${threads} at a time`,
  );
