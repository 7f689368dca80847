// A step on labelled and unlabelled pictures against a plain step of as many pictures, in turn in one process:
//   node dist/bench/joint.js --data LABELLED --unlabelled HEAP [--labels LABELS] [--model resnet-rs-14 --width 0.25 --size 28 --batch 64
//     --ratio 3 --steps 40]
// Without labels: consistency, which looks at each unlabelled picture twice. LABELLED must hold enough pictures for a plain batch. Both sides
// wait for their loaders while the other works, so that a step finds its batch made: what is timed is the step.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { train } from '../src/tasks/runs.js';
import { inTurn, ratioText } from './in-turn.js';
import { median } from './median.js';
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

try {
  const times = await inTurn(plain, joint, steps);
  console.log(
    `${model} x${width} at ${size} pixels: a plain step of ${whole} pictures ${(1000 * median(times.first)).toFixed(1)} ms, a joint one of ` +
      `${batch} labelled and ${whole - batch} other views ${(1000 * median(times.second)).toFixed(1)} ms; ${ratioText(times)}`,
  );
} finally {
  await Promise.all([plain.return(undefined), joint.return(undefined)]);
  rmSync(folder, { recursive: true, force: true });
}
