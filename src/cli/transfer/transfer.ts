import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import pc from 'picocolors';
import { untilInterrupted } from '../../child/interrupt.js';
import { UsageError } from '../../errors.js';
import { lastName } from '../../files.js';
import { showMetric, written } from '../../metric.js';
import { commandLine } from '../../suggest.js';
import { tableJson } from '../../transfer/page.js';
import { METHOD_TITLES } from '../../transfer/plan.js';
import { metricOf } from '../../transfer/results.js';
import type { TransferEvent } from '../../transfer/run.js';
import { checkFolder, performTransfer, planTransfer, type TransferOptions } from '../../transfer/transfer.js';
import { parseName } from '../../weights/hub/name.js';
import { fetchShown } from '../named-weights.js';
import { integer, number } from '../options.js';
import { freeFolder } from '../output.js';
import { duration } from '../progress.js';
import { settingsOf } from '../training-options.js';
import { showPlan } from './plan.js';
import { score, tableText, targetText } from './text.js';

interface Flags {
  to: string[];
  methods?: string;
  labels?: string;
  seeds?: number;
  grid?: string;
  epochs?: number;
  set?: string[];
  retrain?: boolean;
  size?: number;
  valSplit?: number;
  maxBroken?: number;
  workers: number;
  threads?: number;
  device?: string;
  plan?: boolean;
  json?: boolean;
  out?: string;
}

export function register(program: Command): void {
  program
    .command('transfer')
    .description('what weights are worth on other pictures: linear evaluation, nearest neighbours, fine-tuning')
    .argument('<starts...>', 'runs, weights files, names of weights, scratch or scratch:MODEL; NAME=... names one')
    .requiredOption(
      '--to <data...>',
      'the sets to learn, as for "rescaled train": classes, boxes, masks or depth; TASK=DATA says which',
    )
    .option(
      '--methods <names>',
      'of linear, knn, finetune; of boxes, masks and depth finetune alone',
      'linear,knn,finetune',
    )
    .option('--labels <percents>', 'shares of the labels, in percent', '1,10,100')
    .option('--seeds <n>', 'results of each kind, each with other labels and other chance', integer, 3)
    .option(
      '--grid <name>',
      'rates and decays of fine-tuning: small (3 x 3), rates (3), paper (7 x 8), or one',
      'small',
    )
    .option(
      '-e, --epochs <n>',
      'passes of fine-tuning, to classes twice as many from scratch; default as the recipe has it',
      integer,
    )
    .option(
      '--set <key=value>',
      'a setting of fine-tuning (freeze, layerDecay, batch, ...); may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option('--retrain', 'with all labels, learn from validation pictures too with what they chose, as in the paper')
    .option(
      '--size <pixels>',
      "side of the pictures for all starts; default each start's own, of boxes, masks and depth 256",
      integer,
    )
    .option('--val-split <share>', 'share set aside of a set without a part of its own, default 0.2', number)
    .option(
      '--max-broken <share>',
      'share of pictures that cannot be read above which a set is refused, default 0.01',
      number,
    )
    .option('--workers <n>', 'pieces of work at a time, which share the threads', integer, 1)
    .option('--threads <n>', 'threads of the engine, default all cores', integer)
    .option('--device <name>', 'cpu, cuda, cuda:0, mps; default cpu')
    .option('--plan', 'say what would be done and how long it takes, and do nothing')
    .option('--json', 'print one event a line as JSON')
    .option(
      '-o, --out <folder>',
      'default runs/<data>-transfer-<n>; the same command goes on, one that asks for more does the rest',
    )
    .addHelpText(
      'after',
      `
Each start is measured on each set with each share of the labels: validation pictures choose, test pictures are measured once.
"scratch" is the network of the first start with random weights; "scratch:resnet-rs-14x0.25" is that model at a quarter of its width.
OUT/report.html has the table, who wins beyond noise, what each start costs, and accuracy against labels.

Examples:
  rescaled transfer runs/pets-1 scratch --to flowers
  rescaled transfer rs=runs/rs simclr=runs/simclr scratch --to flowers birds --labels 1,10,100 -o runs/transfer
  rescaled transfer resnetrs50.tf_in1k --to flowers --methods linear,knn --labels 100        minutes: nothing is trained
  rescaled transfer runs/rs scratch --to cells streets rooms --labels 100 --grid rates       boxes, masks, depth: one table
  rescaled transfer runs/rs scratch --to flowers --plan`,
    )
    .action(run);
}

/** `1,10,100`. */
function numbers(option: string, text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part.trim().replace(/\s*%$/, ''));
    if (part.trim() === '' || !Number.isFinite(value))
      throw new UsageError(`Expected numbers with commas between for ${option} but received "${text}".`);
    return value;
  });
}

async function run(starts: string[], flags: Flags): Promise<void> {
  const { to, methods, labels, grid, set, epochs, seeds, retrain, size, valSplit, maxBroken } = flags;
  const options: TransferOptions = {
    starts: await Promise.all(starts.map(fetched)),
    to,
    ...(methods !== undefined && {
      methods: methods.split(',').map((name) => name.trim()) as TransferOptions['methods'] & object,
    }),
    ...(labels !== undefined && { labels: numbers('--labels', labels) }),
    ...(grid !== undefined && { grid: grid as 'small' }),
    ...{
      ...(seeds !== undefined && { seeds }),
      ...(epochs !== undefined && { epochs }),
      ...(retrain !== undefined && { retrain }),
    },
    ...(set !== undefined && { settings: settingsOf({ set }) }),
    ...{
      ...(size !== undefined && { size }),
      ...(valSplit !== undefined && { valSplit }),
      ...(maxBroken !== undefined && { maxBroken }),
    },
  };
  const out = flags.out ?? freeFolder(`${lastName(to[0]!) || 'run'}-transfer`);
  checkFolder(out);
  const plan = await planTransfer(options);
  const { workers, threads = (await import('node:os')).availableParallelism(), device, json = false } = flags;
  const how = { out, workers, threads, device };
  if (flags.plan === true) return showPlan(plan, how, json);
  const say = (text: string): void => {
    if (!json) console.error(text);
  };
  for (const target of plan.targets) say(targetText(target));
  const shown = new Shown(say, json);
  const end = await untilInterrupted(
    (signal, killSignal) =>
      performTransfer(plan, { ...how, signal, killSignal, onEvent: (event) => shown.show(event) }),
    say,
  );
  if (json)
    console.log(
      JSON.stringify({
        type: 'end',
        stopped: end.stopped,
        failed: end.failed,
        page: end.page,
        table: tableJson(end.table),
      }),
    );
  else console.log(`${tableText(end.table)}\nreport   ${end.page}`);
  if (!end.stopped && end.failed === 0) return;
  process.exitCode = 1;
  const again = commandLine(['rescaled', ...process.argv.slice(2), ...(flags.out === undefined ? ['-o', out] : [])]);
  say(
    end.stopped
      ? `Stopped; what is done is kept. Go on with: ${again}`
      : `${end.failed} failed; the same command tries them again: ${again}`,
  );
}

/** A start by the path of its weights: those by name are fetched, and it is shown. */
async function fetched(text: string): Promise<string> {
  const [, name, rest] = /^([^=/\\]+)=(.+)$/s.exec(text) ?? [];
  const target = existsSync(text) || rest === undefined ? text : rest;
  if (existsSync(target) || parseName(target) === undefined) return text;
  return `${name ?? target}=${await fetchShown(target)}`;
}

/** Scores under the name of their metric. */
function eventJson(event: TransferEvent): unknown {
  if (event.type === 'result') {
    const { drawn: _, ...result } = event.result;
    return { ...event, result: written(metricOf(result), result) };
  }
  if (event.type !== 'tried') return event;
  const { metric, ...rest } = event;
  return written(metric, rest);
}

/** Tells what happens, a line a piece of work. */
class Shown {
  #told = 0;
  readonly #broken = new Set<string>();

  constructor(
    private readonly say: (text: string) => void,
    private readonly json: boolean,
  ) {}

  show(event: TransferEvent): void {
    if (this.json) {
      if (event.type !== 'progress') console.log(JSON.stringify(eventJson(event)));
      return;
    }
    switch (event.type) {
      case 'start':
        this.#told = performance.now();
        break;
      case 'progress':
        if (performance.now() - this.#told < 10_000) break;
        this.#told = performance.now();
        this.say(`${event.name}: ${event.done} of ${event.of}`);
        break;
      case 'result': {
        const { method, seed, validation } = event.result;
        const metric = metricOf(event.result);
        this.say(
          `${event.name}: ${METHOD_TITLES[method]} ${score(metric, event.result.score)} on test pictures, ` +
            `${showMetric(metric, validation.score, 1)} on validation, seed ${seed}`,
        );
        break;
      }
      case 'tried': {
        const reached =
          event.score === undefined
            ? 'the loss is no longer finite'
            : `${score(event.metric, event.score)} on validation, ${duration(event.seconds)}`;
        this.say(pc.dim(`${event.name}: ${reached}`));
        break;
      }
      case 'broken':
        if (this.#broken.has(event.path)) break;
        this.#broken.add(event.path);
        this.say(pc.yellow(`left out, cannot be read: ${event.path}: ${event.reason}`));
        break;
      case 'failed':
        this.say(pc.red(`${event.name} failed: ${event.reason}`));
        break;
      case 'busy':
        this.say(`${event.name}: another process has it`);
    }
  }
}
