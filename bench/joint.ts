// A step on labelled and unlabelled pictures against a plain step of as many pictures, in turn in one process:
//   node dist/bench/joint.js --data LABELLED --unlabelled HEAP [--labels LABELS] [--model resnet-rs-14 --width 0.25 --size 28 --batch 64
//     --ratio 3 --steps 40]
// Without labels: consistency, which looks at each unlabelled picture twice. LABELLED must hold enough pictures for a plain batch. Both sides
// wait for their loaders while the other works, so that a step finds its batch made: what is timed is the step.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { TrainEvent } from '../src/run/events.js';
import { train } from '../src/tasks/runs.js';
import { benchOptions } from './options.js';

const command = new Command('joint')
  .requiredOption('--data <folder>')
  .requiredOption('--unlabelled <folder>')
  .option('--labels <folder>')
  .option('--model <name>', '', 'resnet-rs-14')
  .option('--width <factor>', '', Number, 0.25)
  .option('--size <pixels>', '', Number, 28)
  .option('--batch <n>', 'labelled pictures of a step', Number, 64)
  .option('--ratio <r>', '', Number, 3)
  .option('--steps <n>', '', Number, 40);
interface Options {
  data: string;
  unlabelled: string;
  labels?: string;
  model: string;
  width: number;
  size: number;
  batch: number;
  ratio: number;
  steps: number;
}
const { data, unlabelled, labels, model, width, size, batch, ratio, steps } = await benchOptions<Options>(
  command,
  () => {},
);

const views = labels === undefined ? 2 : 1;
const whole = Math.round(batch * (1 + views * ratio));
const folder = mkdtempSync(join(tmpdir(), 'rescaled-joint-'));
const common = { data, model, width, size, recipe: 'quick', evalEvery: 100_000 };
const settings = { epochs: 100_000, warmupEpochs: 1 };
const plain = train({ ...common, out: join(folder, 'plain'), settings: { ...settings, batch: whole } });
const joint = train({
  ...common,
  out: join(folder, 'joint'),
  unlabelled: [unlabelled],
  ...(labels === undefined ? { recipe: 'fixmatch' } : { labels }),
  settings: { ...settings, batch, unlabelledRatio: ratio },
});

/** Seconds until the next step has ended. */
async function step(events: AsyncGenerator<TrainEvent>): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) throw new Error('a training ended before its time');
    if (value.type === 'step') return (performance.now() - began) / 1000;
  }
}
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

try {
  for (let i = 0; i < 5; i++) for (const side of [plain, joint]) await step(side);
  const [a, b]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    a.push(await step(plain));
    b.push(await step(joint));
  }
  const ratios = a.map((seconds, i) => b[i]! / seconds);
  console.log(
    `${model} x${width} at ${size} pixels: a plain step of ${whole} pictures ${(1000 * median(a)).toFixed(1)} ms, a joint one of ` +
      `${batch} labelled and ${whole - batch} other views ${(1000 * median(b)).toFixed(1)} ms; ratio ${median(ratios).toFixed(3)} ` +
      `(middle half ${[0.25, 0.75].map((q) => [...ratios].sort((x, y) => x - y)[Math.floor(q * ratios.length)]!.toFixed(3)).join(' to ')})`,
  );
} finally {
  await Promise.all([plain.return(undefined), joint.return(undefined)]);
  rmSync(folder, { recursive: true, force: true });
}
