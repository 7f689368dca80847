import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { numberOption } from '../../checks.js';
import { type Choice, chooseRun, isChoosing, withChoice } from '../../choice/run.js';
import { onnxFile } from '../../deploy/model-file.js';
import { RUNTIME_INSTALL } from '../../deploy/session.js';
import { UsageError } from '../../errors.js';
import { lastName } from '../../files.js';
import { type Metric, showMetric } from '../../metric.js';
import { modelFacts, modelTitle } from '../../models/index.js';
import { passedOverText, picturesOf, unlabelledText } from '../../part-words.js';
import { finalWeights, loadConfig, type RunConfig } from '../../run/config.js';
import { commandLine, plural } from '../../suggest.js';
import { metricsOf, nounOf, taskNamed } from '../../tasks/index.js';
import { openTrainingData, resolveRun } from '../../tasks/runs.js';
import { checkLearnOptions, checkOut, leavableKinds, type TrainOptions } from '../../train/index.js';
import type { RunFigures } from '../../trained/finish.js';
import type { TrainTask } from '../../trained/train-process.js';
import { weightsPath } from '../named-weights.js';
import { integer, number } from '../options.js';
import { claimFolder, freeFolder } from '../output.js';
import { duration, Progress } from '../progress.js';
import { peakText, recipeTable } from '../recipe/table.js';
import {
  askedTask,
  modelOptions,
  recipeOptions,
  runOptions,
  settingsOf,
  type TrainingFlags,
} from '../training-options.js';
import { gigabytes } from '../words.js';
import { choiceText } from './choice.js';
import { asOption, runThere } from './passed-over.js';
import { takePlace } from './ranked.js';
import { runTrainer } from './run-trainer.js';

interface TrainFlags extends TrainingFlags {
  epochs?: number;
  out?: string;
  resume?: string;
  resumeIfThere?: boolean;
  data?: string;
  minutes?: number;
  explain?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const train = program
    .command('train')
    .description('train a model on your pictures')
    .argument(
      '[data]',
      'folder with train/ and val/, test/ or both, folder of class folders or IDX files, tar shards (folder, pattern, address)',
    );
  const options = recipeOptions(
    modelOptions(train, 'shown').option('-e, --epochs <n>', 'passes over the training pictures', integer),
  )
    .option(
      '--minutes <n>',
      'time that the whole run may take: model, size and length are fitted to it, where they are not given',
      number,
    )
    .option(
      '--unlabelled <paths...>',
      'pictures without labels to learn from too: folders, patterns in quotes (see --labels)',
    )
    .option(
      '--labels <folder>',
      'what a teacher says of them: what "rescaled pseudo-label" wrote; --recipe fixmatch needs none',
    )
    .option(
      '--leave-out <kinds>',
      'train without these: leaks (also in the pictures to measure on), conflicts, duplicates, near-duplicates',
      (list: string) => leavableKinds(list.split(',')),
    )
    .option('--verify', 'decode every picture before training, also where none is kept decoded');
  runOptions(options, {
    folder: 'data',
    limitVal: 'use only so many of the pictures that each epoch is measured on',
    evalEvery: 'epochs from one evaluation to the next; by default they take less than a tenth of the time',
  })
    .addHelpText(
      'after',
      `
Examples:
  rescaled train flowers                                 what suits pictures and machine, in minutes
  rescaled train flowers --minutes 60                    the same for an hour
  rescaled train flowers -m resnet-rs-50 --size 128 -e 60
  rescaled train flowers --set labelSmoothing=0 --set averaging=none
  rescaled train flowers --from runs/birds-1             go on from other weights
  rescaled train flowers --from resnetrs50.tf_in1k       fine-tuning
  rescaled train flowers --unlabelled heap -r fixmatch   few labels, many pictures
  rescaled train cells                                   boxes, masks or depth beside the pictures: --task says which
  rescaled train flowers --explain                       what would be done, and why
  rescaled train --resume runs/flowers-1`,
    )
    .action(run);
}

async function run(data: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  const { place, followed } = await takePlace(flags);
  if (followed) return;
  const there = runThere(flags, command);
  if (there !== undefined) {
    if (flags.explain === true) return explainRun(there, flags);
    return finish(there, flags, { type: 'resume', run: there, data: flags.data ?? data, ...(place && { place }) });
  }
  if (flags.resume !== undefined) {
    if (data !== undefined)
      throw new UsageError(
        'Expected either DATA or --resume but received both: a resumed run knows its data. ' +
          'If it lies elsewhere now, say --data FOLDER.',
      );
    checkResume(Object.keys(flags));
    if (flags.explain === true) return explainRun(flags.resume, flags);
    return finish(flags.resume, flags, {
      type: 'resume',
      run: flags.resume,
      data: flags.data,
      ...(place && { place }),
    });
  }
  if (data === undefined)
    throw new UsageError('Expected a folder of pictures: rescaled train DATA. See "rescaled train --help".');
  if (flags.data !== undefined)
    throw new UsageError('Expected --data with --resume alone: rescaled train DATA names the data of a new run.');
  // Here, where it can be shown: the process that trains finds the file.
  if (flags.from !== undefined) flags.from = await weightsPath(flags.from);
  if (flags.task === undefined) flags.task = await askedTask(data);
  const name = lastName(data) || 'run';
  const { options: given, choice } = (await completed(data, flags)) ?? {};
  if (given === undefined) return;
  if (flags.explain === true) return explain({ ...given, out: freeFolder(name) }, flags.json === true);
  // Nobody else gets the same folder; what is refused leaves none.
  const claimed = flags.out === undefined ? claimFolder(name) : undefined;
  try {
    const options = { ...given, out: flags.out ?? claimed!.folder };
    return await finish(options.out, flags, { type: 'train', options, ...(place && { place }) }, choice);
  } finally {
    claimed?.release();
  }
}

/** @param given names of the options beside --resume @throws UsageError for one that a run knows itself */
export function checkResume(given: readonly string[]): void {
  const others = given.filter((flag) => !['resume', 'data', 'json', 'explain'].includes(flag));
  if (others.length > 0)
    throw new UsageError(
      `Expected only --data, --json or --explain beside --resume but received ${others.map(asOption).join(', ')}: ` +
        'a resumed run keeps its settings.',
    );
}

/** The options as given, completed by what is chosen for the user. @returns undefined when it was interrupted */
async function completed(
  data: string,
  flags: TrainFlags,
): Promise<{ options: Omit<TrainOptions, 'out'>; choice?: Choice } | undefined> {
  const given = optionsFrom(data, flags);
  const asked = { options: given, ...(flags.minutes === undefined ? {} : { minutes: flags.minutes }) };
  // A task with a recipe of its own has a network too.
  const own = taskNamed(given.task).recipe !== undefined;
  if (own ? flags.minutes === undefined : !isChoosing(asked))
    return { options: given.from === undefined || own ? given : { recipe: 'finetune', ...given } };
  if (flags.out !== undefined && flags.explain !== true) checkOut(flags.out);
  // With --explain the configuration alone is printed.
  const json = flags.json === true && flags.explain !== true;
  const progress = new Progress(metricsOf(given.task)[0], nounOf(given.task));
  const choice = await chooseRun(asked, (event) => (json ? console.log(JSON.stringify(event)) : progress.show(event)));
  if (choice === undefined) {
    console.error('Stopped before the training began: nothing was written.');
    process.exitCode = 1;
    return undefined;
  }
  if (json) console.log(JSON.stringify({ type: 'choice', ...choice }));
  else progress.note(choiceText(data, asked, choice));
  return { options: withChoice(given, choice), choice };
}

function optionsFrom(data: string, flags: TrainFlags): Omit<TrainOptions, 'out'> {
  const {
    epochs,
    batch,
    set,
    out: _out,
    resume: _resume,
    resumeIfThere: _resumeIfThere,
    data: _data,
    minutes,
    explain: _explain,
    json: _json,
    ...options
  } = flags;
  if (options.model !== undefined) modelFacts(options.model);
  const settings = settingsOf({ set, epochs, batch });
  numberOption('--minutes', minutes, 0.1, 1_000_000);
  if (minutes !== undefined && settings['epochs'] !== undefined)
    throw new UsageError(
      'Expected either --minutes or --epochs but received both: the time says how many epochs there are.',
    );
  const given = { ...options, data, settings };
  checkLearnOptions(given);
  return given;
}

export async function explain(options: TrainOptions, json: boolean): Promise<void> {
  const dataset = await openTrainingData(options);
  const config = await resolveRun(options, dataset);
  const notes = [...dataset.notes, passedOverText(dataset.ignoredEndings)].filter((text) => text !== undefined);
  if (options.leaveOut !== undefined)
    notes.push('what --leave-out takes away is found when the training begins: it counts here');
  for (const text of notes) console.error(`note: ${text}`);
  if (json) console.log(JSON.stringify(config, null, 2));
  else console.log(explanation(config));
}

/** The same of a run that is there. */
export function explainRun(run: string, { json }: Pick<TrainFlags, 'json'>): void {
  const config = loadConfig(run);
  console.log(json === true ? JSON.stringify(config, null, 2) : explanation(config));
}

/** Every setting with its source, as a table. */
export function explanation(config: RunConfig): string {
  const { values, preset } = config.recipe;
  return [
    `${modelTitle(config.model, config.modelOptions)} at ${config.size} pixels, ` +
      `width ${config.modelOptions.width}, stem stride ${config.modelOptions.stemStride}; ` +
      `${picturesText(config)}${kinds(config)}; seed ${config.seed}, ${config.threads} threads`,
    ...(config.from === undefined ? [] : [`starts from ${config.from}`]),
    ...(config.evalEvery === 1
      ? []
      : [
          `measured on the ${measuredPart(config)} ${nounOf(config.task.name)}s every ${config.evalEvery} epochs and after the last`,
        ]),
    `recipe ${preset}; ${peakText(values)}`,
    '',
    ...recipeTable(config.recipe),
    ...(config.recipe.advice ?? []).map((text) => `note: ${text}`),
  ].join('\n');
}

/** What epochs are measured on. */
const measuredPart = ({ testImages, selectedOn = 'test' }: RunConfig): string =>
  selectedOn === 'test' || (selectedOn === 'minival' && testImages === undefined) ? 'test' : 'validation';

/** `1192 training, 225 validation and 245 test pictures`. */
function picturesText(config: RunConfig): string {
  const { trainImages, unlabelled, valImages, testImages } = config;
  const measured = measuredPart(config);
  const noun = nounOf(config.task.name);
  const heap = unlabelled === undefined ? '' : `${unlabelledText(unlabelled.images, unlabelled.pictures)}, `;
  return testImages === undefined
    ? `${heap}${trainImages} training and ${valImages} ${measured} ${noun}s`
    : `${heap}${trainImages} training, ${valImages} validation and ${testImages} test ${noun}s`;
}

/** ` of 10 classes`, where the task has classes. */
function kinds({ task }: RunConfig): string {
  const { classes } = taskNamed(task.name).counts(task);
  return classes === undefined ? '' : ` of ${classes} classes`;
}

export async function finish(
  out: string,
  flags: Pick<TrainFlags, 'json'>,
  task: Exclude<TrainTask, { type: 'follow' }>,
  choice?: Choice,
): Promise<void> {
  const name = task.type === 'train' ? task.options.task : loadConfig(out).task.name;
  const progress = new Progress(metricsOf(name)[0], nounOf(name));
  const json = flags.json === true;
  if (task.type === 'resume' && existsSync(finalWeights(out)))
    progress.note('this run is finished: measuring and exporting its weights again');
  const figures = await runTrainer(
    task,
    (event) => (json ? console.log(JSON.stringify(event)) : progress.show(event)),
    (text) => progress.note(text),
  );
  if (figures === undefined) {
    console.error(`Go on with: rescaled train --resume ${commandLine([out])}`);
    process.exitCode = 1;
    return;
  }
  if (json) {
    const { figuresJson } = await import('../../trained/finish.js');
    console.log(JSON.stringify({ type: 'figures', ...figuresJson(figures) }));
  } else console.log(summary(out, figures, choice));
}

/** @param choice what was predicted of the run */
export function summary(run: string, figures: RunFigures, choice?: Choice): string {
  const { scores, rawScore, onnxMaxAbsDiff: difference, onnxTop1Agreement: agreement } = figures;
  const noun = nounOf(figures.task);
  const silent = taskNamed(figures.task).silent?.(loadConfig(run).task) ?? [];
  const [primary, ...others] = metricsOf(figures.task);
  const show = (metric: Metric): string => `${metric.title} ${showMetric(metric, scores[metric.name]!)}`;
  const weights = `${figures.weights === 'ema' ? 'EMA' : 'raw'} weights`;
  const raw = rawScore === undefined ? weights : `${weights}; raw ${showMetric(primary, rawScore)}`;
  const ours = others
    .filter(({ name }) => name !== 'loss' && !silent.includes(name) && scores[name] !== undefined)
    .map(show);
  return [
    [`${show(primary)} (${raw})`, ...ours].join(', '),
    `  on ${picturesOf(figures.measured, figures.testImages, String, noun)}${chosen(figures)}, after ${plural(figures.epochs, 'epoch')} ` +
      `over ${figures.trainImages} training ${noun}s in ${duration(figures.seconds)}`,
    ...(choice === undefined ? [] : [tookText(figures, choice)]),
    ...(difference === undefined
      ? []
      : [
          `  exported file against the model: largest difference of ${agreement === undefined ? 'an output' : 'a logit'} ` +
            `${difference.toExponential(1)}${agreement === undefined ? '' : `, same class for ${(100 * agreement).toFixed(1)} %`}`,
        ]),
    `report   ${join(run, 'report.html')}`,
    `weights  ${finalWeights(run)}`,
    ...(taskNamed(figures.task).exported === undefined
      ? [`next     rescaled train LABELLED --from ${commandLine([run])}`]
      : difference === undefined
        ? [`next     ${RUNTIME_INSTALL} && rescaled export ${commandLine([run])}`]
        : [
            `ONNX     ${onnxFile(run)}`,
            `next     rescaled predict ${commandLine([run])} ${taskNamed(figures.task).clips === true ? 'VIDEO' : 'PICTURES'}...`,
          ]),
  ].join('\n');
}

/** `  7 min 41 s in all (predicted 7 min 52 s), 0.9 GB of memory (predicted 0.9 GB)`. */
function tookText({ peakMemoryBytes }: RunFigures, { seconds, memoryBytes }: Choice): string {
  const memory =
    peakMemoryBytes === undefined || memoryBytes === undefined
      ? ''
      : `, ${gigabytes(peakMemoryBytes)} of memory (predicted ${gigabytes(memoryBytes)})`;
  return `  ${duration(performance.now() / 1000)} in all (predicted ${duration(seconds)})${memory}`;
}

/** What the test pictures had no part in. */
function chosen({ task, validation }: RunFigures): string {
  if (validation === undefined) return '';
  const [primary] = metricsOf(task);
  const value = showMetric(primary, validation[primary.name]!);
  return `, which decided nothing (${value} on ${picturesOf('val', validation['images']!, String, nounOf(task))})`;
}
