// What int8 and float16 are worth on this machine: bytes, and ONNX Runtime's time for a batch against float32, all files in turn.
//   npm run bench:int8 [-- --models resnet-50,resnet-rs-50 --size 160 --threads 1,2 --batches 1,8 --rounds 21 --python PATH --out FILE]
// With --python, a Python with onnxruntime, beside them the file that onnxruntime.quantization makes of the same network (int8, QDQ, per
// channel). Networks are fresh and pictures are noise: neither changes the time. --out writes the figures as JSON, which
// `npm run bench:frontier -- --files FILE` takes into its page.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Random } from '../src/augment/random.js';
import { wholeOption } from '../src/checks.js';
import { runChild } from '../src/child/run.js';
import { integer } from '../src/cli/options.js';
import { toFloat16 } from '../src/deploy/onnx/float16.js';
import { decodeModel, encodeModel } from '../src/deploy/onnx/schema.js';
import { calibrate, lowered } from '../src/deploy/quantise/calibrate.js';
import { viewsFrom } from '../src/deploy/quantise/probe.js';
import { openSession, runtimeHere } from '../src/deploy/session.js';
import { RescaledError, UsageError } from '../src/errors.js';
import { writeFileAtomic } from '../src/files.js';
import { packageRoot } from '../src/package-root.js';
import type { ExportedFiles } from '../src/report/frontier/files.js';
import { plural } from '../src/suggest.js';
import type { FileJob } from './int8-file.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  models: string[];
  size: number;
  threads: number[];
  batches: number[];
  rounds: number;
  python?: string;
  out?: string;
}
const words = (text: string): string[] => text.split(',');
const numbers = (text: string): number[] => words(text).map((word) => integer(word));
const { models, size, threads, batches, rounds, python, out } = await benchOptions<Options>(
  new Command('npm run bench:int8 --')
    .description('Bytes and time of exported files in float32, int8 and float16 in ONNX Runtime on this CPU.')
    .option('--models <names>', 'networks, with commas between', words, ['resnet-50', 'resnet-rs-50'])
    .option('--size <n>', 'side of the pictures', integer, 160)
    .option('--threads <n,...>', 'threads of ONNX Runtime', numbers, [1, 2])
    .option('--batches <n,...>', 'pictures at a time', numbers, [1, 8])
    .option('--rounds <n>', 'timed runs of each file', integer, 21)
    .option('--python <path>', 'a Python with onnxruntime, for its own int8 file beside ours')
    .option('-o, --out <file>', 'write the figures as JSON'),
  (options) => {
    wholeOption('--size', options.size, 32, 1024);
    wholeOption('--rounds', options.rounds, 1, 1000);
    for (const count of options.threads) wholeOption('--threads', count, 1, 1024);
    for (const count of options.batches) wholeOption('--batches', count, 1, 1024);
  },
);

const CALIBRATION = 8;
const folder = mkdtempSync(join(tmpdir(), 'rescaled-int8-'));
try {
  await main();
} catch (error) {
  if (!(error instanceof RescaledError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const runtime = await runtimeHere();
  if ('problem' in runtime) throw new UsageError(runtime.problem);
  const random = new Random(0);
  const most = Math.max(CALIBRATION, ...batches);
  const images = Uint8Array.from({ length: most * size * size * 3 }, () => random.int(256));
  const pictures = { images, n: most, size };
  const few = { threads: Math.max(...threads) };
  const rows: ExportedFiles['rows'][number][] = [];
  for (const model of models) {
    const file = join(folder, 'float32.onnx');
    const task = { model, size, file };
    const made = await runChild<FileJob>({ module: new URL('./int8-file.js', import.meta.url), task });
    if (made.type === 'failed') throw made.error;
    if (made.type === 'died') throw new RescaledError(`The process that exports ${model} died.`);
    const float = readFileSync(file);
    const whole = decodeModel(float);
    const views = viewsFrom(pictures, 0, CALIBRATION);
    const calibrated = await calibrate(whole, { views, heldOut: viewsFrom(pictures, 0, 2), answer: 'logits' }, few);
    const files = new Map<string, Uint8Array>([
      ['float32', float],
      ['int8', encodeModel(lowered(calibrated).model)],
      ['float16', encodeModel(toFloat16(whole))],
    ]);
    if (python !== undefined) files.set('int8 of onnxruntime.quantization', peer(python, file, views.images));
    for (const [kind, bytes] of files)
      console.log(
        `${model}@${size}  ${kind}  ${(bytes.length / 1e6).toFixed(1)} MB, ${(bytes.length / float.length).toFixed(3)} of float32`,
      );
    for (const count of threads)
      for (const batch of batches) {
        const times = await inTurn(files, count, batch, images);
        const base = median(times.get('float32')!);
        for (const [kind, all] of times) {
          const ms = median(all);
          const ratios = all.map((one, i) => times.get('float32')![i]! / one).sort((a, b) => a - b);
          const [low, high] = [0.25, 0.75].map((q) => ratios[Math.floor(q * ratios.length)]!);
          rows.push({
            model,
            size,
            kind,
            bytes: files.get(kind)!.length,
            threads: count,
            batch,
            milliseconds: ms,
            ratio: base / ms,
          });
          const against = `${(base / ms).toFixed(2)} times as fast as float32 (middle half ${low!.toFixed(2)} to ${high!.toFixed(2)})`;
          console.log(
            `${model}@${size}  ${plural(count, 'thread')}, batch ${batch}: ${kind} ${ms.toFixed(1)} ms` +
              (kind === 'float32' ? '' : `, ${against}`),
          );
        }
      }
  }
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores`;
  const report: ExportedFiles = { machine, runtime: `ONNX Runtime ${runtime.version}`, rounds, rows };
  if (out !== undefined) writeFileAtomic(out, `${JSON.stringify(report, null, 2)}\n`);
}

/** Milliseconds of runs of each file, one of each in turn. */
async function inTurn(
  files: ReadonlyMap<string, Uint8Array>,
  count: number,
  batch: number,
  images: Uint8Array,
): Promise<Map<string, number[]>> {
  const open = new Map<string, Awaited<ReturnType<typeof openSession>>>();
  for (const [kind, bytes] of files) open.set(kind, await openSession(bytes, kind, { threads: count }));
  const times = new Map<string, number[]>([...files.keys()].map((kind) => [kind, []]));
  for (let round = -2; round < rounds; round++)
    for (const [kind, { session, ort }] of open) {
      const input = new ort.Tensor('uint8', images.subarray(0, batch * size * size * 3), [batch, size, size, 3]);
      const began = performance.now();
      await session.run({ images: input });
      if (round >= 0) times.get(kind)!.push(performance.now() - began);
    }
  for (const { session } of open.values()) await session.release();
  return times;
}

function peer(program: string, file: string, images: Uint8Array): Uint8Array {
  const [pixels, target] = [join(folder, 'pixels.bin'), join(folder, 'peer.onnx')];
  writeFileSync(pixels, images);
  const script = join(packageRoot, 'bench', 'onnxruntime_int8.py');
  const done = spawnSync(program, [script, file, pixels, target, '--size', String(size)], { encoding: 'utf8' });
  if (done.status !== 0)
    throw new UsageError(
      `Expected a Python with onnxruntime and onnx for --python: ${done.error?.message ?? done.stderr}`,
    );
  return readFileSync(target);
}
