// SimCLR's augmentation against torchvision's transforms (PIL, and tensors): views a second of pictures that are decoded already, one
// thread each, both sides in turn, so that other work on the machine slows neither more than the other.
//   npm run bench:simclr-augment -- DATA --python PATH [--size 96 --pictures 200 --rounds 7]
// DATA is a folder with train/ of class folders. `view` is the whole of it, `crop` crop, resize and flip alone, `colour` jitter, grey and blur
// alone, on pictures of that size. Needs a Python with torchvision.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { usePictureKernels } from '../src/augment/kernels.js';
import { augmentPlan } from '../src/augment/policies/plan.js';
import { simclrInPlace } from '../src/augment/policies/simclr.js';
import { type PreprocessOptions, preprocessOptions } from '../src/augment/preprocess.js';
import { Random } from '../src/augment/random.js';
import { resample } from '../src/augment/resample.js';
import { trainView } from '../src/augment/view.js';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { decodeFile } from '../src/data/decoding/decode.js';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { addon } from '../src/torch/addon.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  python: string;
  size: number;
  pictures: number;
  rounds: number;
}
const command = new Command('npm run bench:simclr-augment --')
  .description("SimCLR's augmentation against torchvision's transforms.")
  .argument('<data>', 'a folder with train/ of class folders')
  .requiredOption('--python <path>', 'a Python with torchvision')
  .option('--size <n>', 'side of a view', integer, 96)
  .option('--pictures <n>', 'photographs of which a round makes a view each', integer, 200)
  .option('--rounds <n>', 'of each side', integer, 7);
const { python, size, pictures, rounds } = await benchOptions<Options>(command, (options) => {
  wholeOption('--size', options.size, 8, 1024);
  wholeOption('--pictures', options.pictures, 1, 100_000);
  wholeOption('--rounds', options.rounds, 1, 1000);
});

const train = join(command.args[0]!, 'train');
const files = readdirSync(train, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.jpe?g$/i.test(name))
  .sort();
if (files.length === 0) throw new UsageError(`Expected photographs (.jpg) below ${train} but there are none.`);
// Spread over the classes.
const chosen = Array.from({ length: Math.min(pictures, files.length) }, (_, i) =>
  join(train, files[Math.floor((i * files.length) / Math.min(pictures, files.length))]!),
);
const decoded = await Promise.all(chosen.map((file) => decodeFile(file, { targetSize: size })));
const small = decoded.map((one) => resample(one, [0, 0, one.width, one.height], size, size));

const crop: Partial<PreprocessOptions> = { cropAttempts: 100, cropFallback: 'whole' };
const plan = augmentPlan({ policy: 'simclr' });
const plain = preprocessOptions({ size, ...crop });
const whole = preprocessOptions({ size, ...crop, augment: plan });
const WORKS = ['view', 'crop', 'colour'] as const;
type Work = (typeof WORKS)[number];

const engine = addon();

/** Seconds for a view of every picture, with the engine's loops as a loader's threads have them, or without. */
function ours(work: Work, seed: number, kernels: boolean): number {
  usePictureKernels(kernels ? engine : undefined);
  const started = performance.now();
  for (const [i, picture] of decoded.entries()) {
    const random = new Random(seed, 0, i);
    if (work === 'view') trainView(picture, whole, random);
    else if (work === 'crop') trainView(picture, plain, random);
    else simclrInPlace({ data: small[i]!.slice(), width: size, height: size }, plan, random);
  }
  return (performance.now() - started) / 1000;
}

const folder = mkdtempSync(join(tmpdir(), 'rescaled-simclr-'));
try {
  let at = 0;
  const facts = decoded.map(({ width, height, data }) => {
    at += data.length;
    return [width, height, at - data.length];
  });
  writeFileSync(join(folder, 'pictures.json'), JSON.stringify(facts));
  writeFileSync(join(folder, 'pictures.bin'), Buffer.concat(decoded.map(({ data }) => data)));
  const peer = spawn(
    python,
    [
      ...[join(packageRoot, 'bench', 'torchvision_simclr.py'), join(folder, 'pictures.json')],
      ...[join(folder, 'pictures.bin'), '--size', String(size)],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const theirs = async (side: string, work: Work, seed: number): Promise<number> => {
    peer.stdin.write(`${side} ${work} ${seed}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('The Python program has ended; its message stands above.');
    return (JSON.parse(value) as { seconds: number }).seconds;
  };
  const SIDES = ['rescaled', 'typescript', 'pil', 'tensor'];
  const times: Record<string, number[]> = {};
  // The first round warms both sides up.
  for (let round = 0; round <= rounds; round++)
    for (const work of WORKS)
      for (const side of SIDES) {
        const mine = side === 'rescaled' || side === 'typescript';
        const seconds = mine ? ours(work, round, side === 'rescaled') : await theirs(side, work, round);
        if (round > 0) (times[`${side} ${work}`] ??= []).push(seconds);
      }
  peer.stdin.end();
  const rate = (key: string): number => decoded.length / median(times[key]!);
  console.log(`${decoded.length} photographs, ${size} pixels, ${rounds} rounds: views a second and core (medians)`);
  console.log(
    `${' '.repeat(8)}${SIDES.map((side) => side.padStart(12)).join('')}   rescaled / the better of theirs, over rounds`,
  );
  for (const work of WORKS) {
    const ratios = times[`rescaled ${work}`]!.map(
      (seconds, i) => Math.min(times[`pil ${work}`]![i]!, times[`tensor ${work}`]![i]!) / seconds,
    );
    const rates = SIDES.map((side) => rate(`${side} ${work}`).toFixed(0).padStart(12));
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
    console.log(
      `${work.padEnd(8)}${rates.join('')}   ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
