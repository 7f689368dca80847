import type { Command } from 'commander';
import { batchesOf } from '../../batches.js';
import { numberOption, wholeOption } from '../../checks.js';
import { modelFacts, modelShapes, modelTitle } from '../../models/index.js';
import { plural, tableLines } from '../../suggest.js';
import { integer, number } from '../options.js';
import { duration } from '../progress.js';

/** What a run over several processes is made of. */
export interface PlanFacts {
  /** Of the network: 4 bytes each are sent for a step. */
  parameters: number;
  /** Numbers of batch-norm statistics, which ride along. */
  statistics: number;
  pictures: number;
  epochs: number;
  /** Pictures of a step, of all ranks together. */
  batch: number;
  ranks: number;
  /** Pictures that a rank trains on in a second, alone. */
  speed: number;
  /** Of a machine's network, Gbit/s. */
  network: number;
  /** Ranks of a machine, which share its network. */
  perMachine: number;
  /** Of a picture's file. */
  pictureBytes: number;
}

export interface RunPlan {
  steps: number;
  /** Seconds of a step: computing, and sending if nothing hid it. */
  compute: number;
  send: number;
  /** Bytes of a step's gradients and statistics. */
  message: number;
  /** Of all ranks: what is read from disks or shards. */
  picturesPerSecond: number;
  bytesPerSecond: number;
  /** Seconds of training where sending hides behind the backward pass as far as it can, and where nothing is hidden. */
  best: number;
  worst: number;
}

/** Of a step's time the backward pass: two products for each of the forward pass. */
const BACKWARD = 2 / 3;

/**
 * What training costs. A ring sends 2(M - 1)/M of the message in and out of each of M machines in a step (Patarasyuk and Yuan 2009); within a machine
 * nothing is counted. Evaluations, checkpoints and waiting for pictures come on top.
 */
export function planRun(facts: PlanFacts): RunPlan {
  const { parameters, statistics, pictures, epochs, batch, ranks, speed, network, perMachine, pictureBytes } = facts;
  const steps = epochs * batchesOf(pictures, batch, 'spread');
  const compute = batch / ranks / speed;
  const message = 4 * (parameters + statistics);
  const machines = Math.ceil(ranks / perMachine);
  const send = (2 * (machines - 1) * message * 8) / machines / (network * 1e9);
  const felt = Math.max(0, send - BACKWARD * compute);
  const step = compute + felt;
  const picturesPerSecond = batch / step;
  return {
    ...{ steps, compute, send, message, picturesPerSecond },
    bytesPerSecond: picturesPerSecond * pictureBytes,
    best: steps * step,
    worst: steps * (compute + send),
  };
}

interface PlanFlags {
  pictures: number;
  epochs: number;
  batch: number;
  ranks: number;
  speed: number;
  network: number;
  perMachine: number;
  pictureKb: number;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('plan-run')
    .description('what a training over several processes takes: steps, reading, network, hours')
    .argument('<model>', 'as "rescaled models" names it')
    .requiredOption('--pictures <n>', 'training pictures', number)
    .requiredOption(
      '--speed <n>',
      'pictures a second of one rank alone, as "rescaled profile MODEL --measure" or a short run finds it',
      number,
    )
    .option('-e, --epochs <n>', '', integer, 350)
    .option('-b, --batch <n>', 'pictures of a step, of all ranks together', integer, 4096)
    .option('-n, --ranks <n>', 'processes, such as graphics cards', integer, 8)
    .option('--per-machine <n>', 'of them in a machine', integer, 8)
    .option('--network <gbit>', 'of a machine, Gbit/s', number, 10)
    .option('--picture-kb <n>', 'of a picture on disk, in thousands of bytes', number, 110)
    .option('--json', 'for a program')
    .addHelpText(
      'after',
      `
The paper's cases, with 400 pictures a second of a card assumed:
  rescaled plan-run resnet-rs-152 --pictures 1281167 --speed 400 -n 32
  rescaled plan-run resnet-rs-152 --pictures 131200000 --epochs 30 --speed 400 -n 64 --network 100`,
    )
    .action(plan);
}

function plan(model: string, flags: PlanFlags): void {
  numberOption('--pictures', flags.pictures, 2, 1e12);
  numberOption('--speed', flags.speed, 1e-3, 1e9);
  numberOption('--network', flags.network, 1e-3, 1e5);
  numberOption('--picture-kb', flags.pictureKb, 1e-3, 1e6);
  wholeOption('--epochs', flags.epochs, 1, 1e6);
  wholeOption('--ranks', flags.ranks, 1, 1e6);
  wholeOption('--per-machine', flags.perMachine, 1, 1e6);
  wholeOption('--batch', flags.batch, 2 * flags.ranks, 1e7);
  const facts = modelFacts(model);
  let [parameters, statistics] = [0, 0];
  for (const [key, shape] of modelShapes(model, facts.options)) {
    const size = shape.reduce((product, side) => product * side, 1);
    if (/(^|\.)running_(mean|var)$/.test(key)) statistics += size;
    else parameters += size;
  }
  const found = planRun({ ...flags, pictureBytes: 1e3 * flags.pictureKb, parameters, statistics });
  if (flags.json === true) return console.log(JSON.stringify({ model, ...flags, ...found }));
  const { steps, compute, send, message, picturesPerSecond, bytesPerSecond, best, worst } = found;
  const ms = (seconds: number): string => `${(1000 * seconds).toPrecision(3)} ms`;
  const machines = Math.ceil(flags.ranks / flags.perMachine);
  const rows = [
    ['model', `${modelTitle(model, facts.options)}, ${(parameters / 1e6).toFixed(1)} M parameters`],
    ['steps', `${steps.toLocaleString('en')} of ${flags.batch} pictures, ${flags.batch / flags.ranks} a rank`],
    [
      'a step',
      `${ms(compute)} of computing; ${ms(send)} of sending ${(message / 1e6).toFixed(0)} MB between ${plural(machines, 'machine')} at ${flags.network} Gbit/s`,
    ],
    [
      'reading',
      `${Math.round(picturesPerSecond).toLocaleString('en')} pictures a second of all ranks, ${(bytesPerSecond / 1e6).toFixed(0)} MB a second`,
    ],
    [
      'time',
      worst - best < 0.01 * best
        ? duration(best)
        : `${duration(best)} where sending hides behind the backward pass, ${duration(worst)} where it does not`,
    ],
  ];
  for (const line of tableLines(rows, 2)) console.log(line);
  console.log(
    'Evaluations, checkpoints and waiting for pictures come on top. A study of many trainings needs no ranks: its trials are shared.',
  );
}
