import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { untilInterrupted } from '../../../child/interrupt.js';
import { testRates } from '../../../choice/rate.js';
import type { RateJob } from '../../../choice/rate-process.js';
import { chooseRun, isChoosing } from '../../../choice/run.js';
import { lastName, makeFolder, writeFileAtomic } from '../../../files.js';
import { modelFacts } from '../../../models/index.js';
import { parseSetting, settingKey } from '../../../recipe/recipe.js';
import { commandLine } from '../../../suggest.js';
import { metricsOf, nounOf, taskNamed } from '../../../tasks/index.js';
import {
  checkLearnOptions,
  checkRange,
  type LearnOptions,
  type RateRange,
  type RateTest,
} from '../../../train/index.js';
import { weightsPath } from '../../named-weights.js';
import { checkOutput } from '../../output.js';
import { Progress } from '../../progress.js';
import { askedTask, settingsOf, type TrainingFlags } from '../../training-options.js';
import { foundIn, foundJson, foundText, shortRate } from './text.js';

export interface FindRateFlags extends TrainingFlags, Partial<RateRange> {
  out?: string;
  force?: boolean;
  json?: boolean;
}

export async function findRate(data: string, flags: FindRateFlags): Promise<void> {
  const { out, force, json, steps, lowest, highest, set, batch, ...options } = flags;
  if (out !== undefined) checkOutput(out, { endings: ['.svg', '.html'], force });
  if (options.model !== undefined) modelFacts(options.model);
  const settings = settingsOf({ set, batch });
  const range = definedOf({ steps, lowest, highest });
  checkRange(range);
  checkLearnOptions({ ...options, data, settings });
  options.task ??= await askedTask(data);
  const from = options.from === undefined ? {} : { from: await weightsPath(options.from) };
  const learned = await chosenFor({ ...options, ...from, data, settings }, json === true);
  const test = learned === undefined ? undefined : await inProcess({ options: learned, range });
  if (test === undefined) {
    console.error('Stopped: no drawing was written.');
    process.exitCode = 1;
    return;
  }
  const found = foundIn(test);
  const next = found.suggested === undefined ? undefined : nextCommand(data, flags, found.suggested.rate);
  const file = out ?? (json === true ? undefined : freeFile(lastName(data) || 'data'));
  if (file !== undefined) {
    if (out === undefined) makeFolder('runs');
    const { rateDrawing, ratePage } = await import('./plot.js');
    const page = extname(file).toLowerCase() === '.html';
    writeFileAtomic(file, page ? ratePage(test, found, next) : rateDrawing(test, found));
  }
  if (json === true) console.log(JSON.stringify(foundJson(test, found, { command: next, file }), null, 2));
  else console.log(foundText(test, found, { command: next, file }));
}

/** What "rescaled train" would train. @returns undefined when it was interrupted */
async function chosenFor(options: LearnOptions, json: boolean): Promise<LearnOptions | undefined> {
  // A task with a recipe of its own has a network too.
  const own = taskNamed(options.task).recipe !== undefined;
  if (own || !isChoosing({ options }))
    return own || options.from === undefined || options.recipe !== undefined
      ? options
      : { ...options, recipe: 'finetune' };
  const progress = new Progress(metricsOf(options.task)[0], nounOf(options.task));
  const choice = await chooseRun({ options }, (event) => (json ? undefined : progress.show(event)));
  return choice === undefined ? undefined : { ...options, ...choice.rung, recipe: choice.recipe };
}

/** Without keys whose value is undefined. */
const definedOf = (values: Partial<RateRange>): Partial<RateRange> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/**
 * Runs the test in a process of its own, as a training is. SIGINT and SIGTERM stop it at the next step, a second one
 * at once.
 */
async function inProcess(task: RateJob['task']): Promise<RateTest | undefined> {
  const progress = new Progress(metricsOf(task.options.task)[0], nounOf(task.options.task));
  const show = (message: RateJob['message']): void => {
    if (message.type !== 'rate') return progress.show(message);
    const { step, steps, rate, smoothed } = message;
    progress.renew(`step ${step}/${steps}  learningRate ${shortRate(rate)}  loss ${smoothed.toFixed(3)}`);
  };
  try {
    return await untilInterrupted(
      (signal, kill) => testRates(task, { signal, kill, onEvent: show }),
      () => progress.note('stopping (once more to stop at once) ...'),
    );
  } finally {
    progress.clear();
  }
}

/** The training with the rate that was found, on all pictures. */
function nextCommand(data: string, flags: FindRateFlags, rate: number): string {
  const kept = (flags.set ?? []).filter((text) => settingKey(parseSetting(text)[0]) !== 'learningRate');
  const words = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return commandLine([
    ...['rescaled', 'train', data],
    ...words('--task', flags.task),
    ...words('-m', flags.model),
    ...words('--from', flags.from),
    ...words('--select', flags.select),
    ...words('--size', flags.size),
    ...words('--width', flags.width),
    ...words('--stem-stride', flags.stemStride),
    ...words('-b', flags.batch),
    ...words('-r', flags.recipe),
    ...kept.flatMap((text) => ['--set', text]),
    ...['--set', `learningRate=${shortRate(rate)}`],
    ...words('--seed', flags.seed),
    ...words('--threads', flags.threads),
    ...words('--workers', flags.workers),
    ...words('--device', flags.device),
    ...words('--val-split', flags.valSplit),
  ]);
}

/** The first of runs/find-rate-NAME-1.svg, runs/find-rate-NAME-2.svg, ... that is not there yet. */
function freeFile(name: string): string {
  for (let i = 1; ; i++) {
    const file = join('runs', `find-rate-${name}-${i}.svg`);
    if (!existsSync(file)) return file;
  }
}
