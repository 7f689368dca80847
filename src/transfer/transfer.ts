import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkOptions, checkValue, numberOption, type OptionKinds, wholeOption } from '../checks.js';
import { UsageError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import type { Recipe } from '../recipe/recipe.js';
import { pageOf, writePage } from './page.js';
import {
  checkAsk,
  type GridName,
  leanPlan,
  type Method,
  methodsOn,
  planOf,
  type TransferAsk,
  type TransferPlan,
} from './plan.js';
import { type RunTransferOptions, runTransfer, type TransferEvent } from './run.js';
import { openStarts } from './starts.js';
import type { TransferTable } from './table.js';
import { contentOf, factsOfTarget, openTarget, scarceNote, type TargetFacts } from './targets.js';
import { idleSettings, usualOf } from './tuning.js';

/** What is to be known. */
export interface TransferOptions {
  /** Runs, weights files, names of weights, `scratch` or `scratch:MODEL`; each as it is or `NAME=...`. */
  starts: readonly string[];
  /**
   * The sets to learn: folders, shards or IDX files, as for training; with boxes, masks or depth beside the pictures these are learned.
   * `TASK=PATH` says which, where there are several kinds.
   */
  to: readonly string[];
  /** `linear`, `knn`, `finetune`; all by default. Of boxes, masks and depth `finetune` alone. */
  methods?: readonly Method[];
  /** Shares of the labels in percent; 1, 10 and 100 by default. */
  labels?: readonly number[];
  /** 3 by default. */
  seeds?: number;
  /** Rates and decays that fine-tuning tries: `small` (3 x 3) by default, `rates` (3), `paper` (7 x 8), `one`. */
  grid?: GridName;
  /** Of fine-tuning; by default as the recipe `finetune` has it. */
  epochs?: number;
  /** Settings of the recipe `finetune` that are to be others: `layerDecay`, `freeze`, `batch`. */
  settings?: Partial<Recipe>;
  /** With all labels, the setting that was chosen learns from validation pictures too, as in the paper. */
  retrain?: boolean;
  /** Side of the pictures for all starts; by default each start's own, of boxes, masks and depth 256. */
  size?: number;
  /** Share set aside of a target without a part of its own; 0.2 by default. */
  valSplit?: number;
  /** Share of pictures that cannot be read above which a target is refused; 0.01 by default. */
  maxBroken?: number;
}

const TRANSFER_OPTIONS: OptionKinds<Required<TransferOptions>> = {
  ...{
    starts: 'texts',
    to: 'texts',
    methods: 'texts',
    labels: 'object',
    seeds: 'number',
    grid: 'text',
    epochs: 'number',
  },
  ...{ settings: 'object', retrain: 'flag', size: 'number', valSplit: 'number', maxBroken: 'number' },
};

export interface TransferHow {
  /** Pieces of work at a time, which share the threads; 1 by default. */
  workers?: number;
  /** All cores by default. */
  threads?: number;
  device?: string;
  /** Saves and stops. */
  signal?: AbortSignal;
  killSignal?: AbortSignal;
  onEvent?: (event: TransferEvent) => void;
}

const HOW: OptionKinds<Required<TransferHow>> = {
  ...{
    workers: 'number',
    threads: 'number',
    device: 'text',
    signal: 'signal',
    killSignal: 'signal',
    onEvent: 'function',
  },
};

export interface TransferEnd {
  /** Whether the signal stopped it before all was done. */
  stopped: boolean;
  /** Pieces of work that failed; the same call tries them again. */
  failed: number;
  table: TransferTable;
  /** Path of the HTML file. */
  page: string;
}

/** Opens starts and targets and says what is to be done. @throws UsageError for what cannot be */
export async function planTransfer(options: TransferOptions, signal?: AbortSignal): Promise<TransferPlan> {
  checkOptions('transfer', { ...options, labels: undefined }, TRANSFER_OPTIONS, ['starts', 'to']);
  const { starts, to, size } = options;
  wholeOption('--size', size, 8, 4096);
  numberOption('--max-broken', options.maxBroken, 0, 1);
  const ask: TransferAsk = {
    methods: [...new Set(options.methods ?? (['linear', 'knn', 'finetune'] as const))],
    labels: [...new Set(options.labels ?? [1, 10, 100])].sort((a, b) => a - b),
    seeds: options.seeds ?? 3,
    grid: options.grid ?? 'small',
    ...(options.epochs !== undefined && { epochs: options.epochs }),
    settings: options.settings ?? {},
    retrain: options.retrain ?? false,
    valSplit: options.valSplit ?? 0.2,
    maxBroken: options.maxBroken ?? 0.01,
  };
  checkAsk(ask);
  if (to.length === 0) throw new UsageError('Expected sets of pictures to learn behind --to but received none.');
  // Targets first: they are opened in a moment, and weights by name are fetched.
  const targets: TargetFacts[] = [];
  const names = new Set<string>();
  for (const path of to) {
    const target = await openTarget(path, ask.valSplit);
    for (const percent of ask.labels) {
      const note = scarceNote(target, percent);
      if (note !== undefined) target.notes.push(note);
    }
    const facts = factsOfTarget(target, size);
    if (targets.some(({ identity }) => identity === facts.identity))
      throw new UsageError(`Expected different sets behind --to but ${path} is there twice.`);
    let { name } = facts;
    for (let k = 2; names.has(name); k++) name = `${facts.name} ${k}`;
    names.add(name);
    targets.push({ ...facts, name });
  }
  checkTasks(targets, ask);
  const opened = await openStarts(starts, { ...(size !== undefined && { size }), ...(signal && { signal }) });
  return planOf(ask, opened, targets, (target, start) => usualOf(target, start, ask));
}

/** @throws UsageError where a target has no method, or a setting no target */
function checkTasks(targets: readonly TargetFacts[], { methods, settings }: TransferAsk): void {
  const bare = targets.find((target) => methodsOn(target, methods).length === 0);
  if (bare !== undefined)
    throw new UsageError(
      `Expected the method finetune for ${bare.given}, which has ${contentOf(bare)}, but received ${methods.join(', ')}: linear ` +
        'evaluation and k-NN tell classes of whole pictures apart.',
    );
  const idle = idleSettings(targets, settings);
  if (idle.length > 0)
    throw new UsageError(
      `Expected settings that play a part in fine-tuning to ${targets.map(({ name }) => name).join(', ')} but received ${idle.join(', ')}. ` +
        'Leave them out.',
    );
}

const planFile = (out: string): string => join(out, 'transfer.json');

/** @throws UsageError for a folder that holds something else */
export function checkFolder(out: string): void {
  if (existsSync(planFile(out)) || !existsSync(out)) return;
  let names: string[];
  try {
    names = readdirSync(out);
  } catch {
    throw new UsageError(`Expected a folder for the output but ${out} is a file. Choose another --out.`);
  }
  if (names.length > 0)
    throw new UsageError(
      `Expected a new folder, or one of a transfer study, but ${out} holds other files. Choose another --out.`,
    );
}

/**
 * What starts are worth on other sets of pictures (paper Table 5): linear evaluation, nearest neighbours and fine-tuning, with shares of the
 * labels. Does what is not done yet and writes the page after each result; the same call with the same `out` goes on, and one that asks for
 * more does the rest.
 *
 * ```ts
 * const { table, page } = await transfer({ starts: ['rs=runs/rs', 'simclr=runs/simclr', 'scratch'], to: ['flowers'] }, 'runs/transfer');
 * ```
 */
export async function transfer(options: TransferOptions, out: string, how: TransferHow = {}): Promise<TransferEnd> {
  checkValue('the second argument of transfer, the folder of results,', out, 'path');
  checkOptions('transfer, its third argument,', how, HOW);
  const { workers = 1, threads = availableParallelism(), onEvent = () => {}, ...rest } = how;
  wholeOption('workers', workers, 1, 1024);
  wholeOption('threads', threads, 1, 1024);
  checkFolder(out);
  const plan = await planTransfer(options, how.signal);
  return performTransfer(plan, { ...rest, out, workers, threads, onEvent });
}

/** The same with a plan that was made. */
export async function performTransfer(plan: TransferPlan, options: RunTransferOptions): Promise<TransferEnd> {
  const { out, onEvent = () => {} } = options;
  begin(plan, out);
  const { renderTransfer } = await import('../report/transfer/report.js');
  let written = 0;
  const write = (): TransferTable => {
    written = performance.now();
    return writePage(plan, out, renderTransfer);
  };
  write(); // before the first result, so that a page is there at once
  const end = await runTransfer(plan, {
    ...options,
    onEvent(event) {
      onEvent(event);
      if ((event.type === 'result' || event.type === 'failed') && performance.now() - written > PAGE_MS) write();
    },
  });
  return { ...end, table: write(), page: pageOf(out) };
}

/** Between two writings of the page. */
const PAGE_MS = 5000;

function begin(plan: TransferPlan, out: string): void {
  checkFolder(out);
  makeFolder(out);
  const text = `${JSON.stringify({ format: 1, ...leanPlan(plan) }, null, 2)}\n`;
  if (!existsSync(planFile(out)) || readFileSync(planFile(out), 'utf8') !== text) writeFileAtomic(planFile(out), text);
}
