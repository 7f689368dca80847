import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { untilInterrupted } from '../../child/interrupt.js';
import { chooseRun, isChoosing, withChoice } from '../../choice/run.js';
import { UsageError } from '../../errors.js';
import { lastName } from '../../files.js';
import type { SelectRule } from '../../labels/rule.js';
import { picturesOf } from '../../part-words.js';
import { bestRound } from '../../report/rounds/best.js';
import type { Round } from '../../semi/rounds.js';
import { knownPlan, type SelfTrainPlan } from '../../semi/rounds-plan.js';
import { type SelfTrainEvent, selfTrain } from '../../semi/self-train.js';
import { commandLine } from '../../suggest.js';
import { metricsOf } from '../../tasks/index.js';
import { weightsPath } from '../named-weights.js';
import { integer, number } from '../options.js';
import { freeFolder } from '../output.js';
import { Progress } from '../progress.js';
import { modelOptions, recipeOptions, settingsOf, type TrainingFlags } from '../training-options.js';
import { percent } from '../words.js';

interface Flags extends TrainingFlags {
  unlabelled: string[];
  rounds: number;
  epochs?: number;
  minutes?: number;
  studentModel?: string;
  studentWidth?: number;
  studentSize?: number;
  studentEpochs?: number;
  studentSet?: string[];
  floor?: number;
  perClass?: number;
  threshold?: number;
  limitVal?: number;
  out?: string;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('self-train')
    .description('train a teacher, let it label other pictures, train a student on both, and again')
    .argument('<data>', 'labelled pictures, as for "rescaled train"')
    .requiredOption('--unlabelled <paths...>', 'pictures without labels: folders, patterns in quotes, shards')
    .option('--rounds <n>', 'students, each the teacher of the next', integer, 3);
  recipeOptions(modelOptions(command))
    .option('-e, --epochs <n>', 'passes over the labelled pictures, of teacher and students', integer)
    .option(
      '--minutes <n>',
      'time of the teacher: model, size and length are fitted to it; a student takes longer',
      number,
    )
    .option('--student-model <name>', 'of the students, where it is another: larger, or smaller', String)
    .option('--student-width <factor>', 'width multiplier of the students', number)
    .option('--student-size <pixels>', "side of the students' pictures", integer)
    .option('--student-epochs <n>', 'passes of the students', integer)
    .option(
      '--student-set <key=value>',
      'one setting of the students; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option('--floor <p>', 'least probability of labels that are learned, default 0.3', number)
    .option('--per-class <n>', 'pictures of each class, default as many as a class has on average', integer)
    .option('--threshold <p>', 'every label of at least this probability once, in place of the two above', number)
    .option('--limit-val <n>', 'use only so many of the pictures that each epoch is measured on', integer)
    .option('-o, --out <folder>', 'default runs/<data>-self-<n>; the same command goes on')
    .option('--json', 'print one event a line as JSON')
    .addHelpText(
      'after',
      `
Round 0 is the teacher, trained on DATA alone. Each round then labels the other pictures with the run before it, selects among
the labels (see "rescaled pseudo-label select --help") and trains a student on both. OUT/report.html shows every round.

Examples:
  rescaled self-train flowers --unlabelled heap
  rescaled self-train flowers --unlabelled heap -m resnet-rs-26 -e 100 --rounds 2 -o runs/flowers-self
  rescaled self-train flowers --unlabelled heap -m resnet-rs-26 --student-model resnet-rs-50     larger students
  rescaled self-train flowers --unlabelled heap --student-set unlabelledRatio=3 --student-set augment=randaugment`,
    )
    .action(run);
}

async function run(data: string, flags: Flags): Promise<void> {
  const out = flags.out ?? freeFolder(`${lastName(data) || 'run'}-self`);
  const plan = await planOf(data, flags, out);
  if (plan === undefined) return;
  const shown = new Shown(flags.json === true);
  const rounds = await untilInterrupted(
    (signal, killSignal) => selfTrain(out, plan, { signal, killSignal, onEvent: (event) => shown.show(event) }),
    (text) => shown.note(text),
  );
  if (rounds === undefined) {
    const words = process.argv.slice(2);
    const again = commandLine(['rescaled', ...words, ...(flags.out === undefined ? ['-o', out] : [])]);
    console.error(`Stopped; what is done is kept. Go on with: ${again}`);
    process.exitCode = 1;
    return;
  }
  if (flags.json === true) return console.log(JSON.stringify({ type: 'end', rounds }));
  const best = bestRound(rounds);
  console.log(
    [
      ...rounds.map((round) => roundText(round, round === best)),
      `report   ${join(out, 'report.html')}`,
      `next     rescaled predict ${commandLine([best.folder])} PICTURES...`,
    ].join('\n'),
  );
}

/** @returns undefined when it was interrupted */
async function planOf(data: string, flags: Flags, out: string): Promise<SelfTrainPlan | undefined> {
  const { unlabelled, rounds, floor, perClass, threshold, minutes, out: _out, json: _json, ...others } = flags;
  const { studentModel, studentWidth, studentSize, studentEpochs, studentSet, ...rest_ } = others;
  const { epochs, batch, set, ...options } = rest_;
  if (options.from !== undefined) options.from = await weightsPath(options.from);
  const given = { ...options, data, settings: settingsOf({ set, epochs, batch }) };
  const rule = ruleOf({ floor, perClass, threshold });
  const student = {
    ...(studentModel === undefined ? {} : { model: studentModel }),
    ...(studentWidth === undefined ? {} : { width: studentWidth }),
    ...(studentSize === undefined ? {} : { size: studentSize }),
    ...(studentSet === undefined && studentEpochs === undefined
      ? {}
      : { settings: settingsOf({ set: studentSet, epochs: studentEpochs }) }),
  };
  const rest = { data, unlabelled, rounds, student, ...(rule && { rule }) };
  const asked = { options: given, ...(minutes === undefined ? {} : { minutes }) };
  const { data: _data, ...training } = given;
  if (!isChoosing(asked)) return { ...rest, training };
  // What was chosen once is kept, or the same command would choose anew.
  const known = existsSync(out) ? knownPlan(out) : undefined;
  if (known !== undefined)
    return {
      ...rest,
      training: { ...known.training, ...training, settings: { ...known.training.settings, ...training.settings } },
    };
  const progress = new Progress(metricsOf(undefined)[0]);
  const choice = await chooseRun(asked, (event) => {
    if (flags.json !== true) progress.show(event);
  });
  if (choice === undefined) {
    console.error('Stopped before the training began: nothing was written.');
    process.exitCode = 1;
    return undefined;
  }
  const { data: _chosen, ...chosen } = withChoice(given, choice);
  progress.note(
    `teacher  ${chosen.model} x${chosen.width ?? 1} at ${chosen.size} pixels, ${choice.epochs} epochs: what suits pictures and machine`,
  );
  return { ...rest, training: chosen };
}

function ruleOf({
  floor,
  perClass,
  threshold,
}: Pick<Flags, 'floor' | 'perClass' | 'threshold'>): SelectRule | undefined {
  if (threshold !== undefined) {
    if (floor !== undefined || perClass !== undefined)
      throw new UsageError(
        'Expected --threshold alone but received --floor or --per-class beside it: it is a rule of its own.',
      );
    return { name: 'threshold', threshold };
  }
  if (floor === undefined && perClass === undefined) return undefined;
  return { name: 'balance', floor, perClass };
}

/** `round 2   81.20 % on 245 test pictures, 940 of 1,000 pictures learned (12.0 % changed)`. */
function roundText({ round, top1, images, measured, unlabelled }: Round, best: boolean): string {
  const name = (round === 0 ? 'teacher' : `round ${round}`).padEnd(9);
  const labels =
    unlabelled === undefined
      ? ''
      : `, learned ${unlabelled.kept} of ${unlabelled.pictures} pictures without labels` +
        (unlabelled.changed === undefined
          ? ''
          : ` (${percent(unlabelled.changed.pictures / Math.max(1, unlabelled.changed.of))} changed)`);
  return `${name}top-1 ${percent(top1)} on ${picturesOf(measured, images)}${labels}${best ? '  best' : ''}`;
}

/** Shows a self-training: what begins, and each training as "rescaled train" shows it. */
class Shown {
  readonly #progress = new Progress(metricsOf(undefined)[0]);
  #last = 0;

  constructor(private readonly json: boolean) {}

  note(text: string): void {
    if (!this.json) this.#progress.note(text);
  }

  show(event: SelfTrainEvent): void {
    if (this.json) {
      if (event.type !== 'label' || event.event.type !== 'picture') console.log(JSON.stringify(event));
      return;
    }
    switch (event.type) {
      case 'stage':
        this.note(pc.bold(stageText(event)));
        break;
      case 'train':
        this.#progress.show(event.event);
        break;
      case 'note':
        this.note(event.text);
        break;
      case 'label':
        this.#label(event.event);
        break;
      case 'round':
        this.note(roundText(event.round, false));
    }
  }

  #label(event: Extract<SelfTrainEvent, { type: 'label' }>['event']): void {
    if (event.type === 'unreadable') this.note(pc.yellow(`left out, cannot be read: ${event.path}: ${event.reason}`));
    if (event.type !== 'picture') return;
    const now = performance.now();
    if (now - this.#last < 10_000) return;
    this.#last = now;
    this.note(`${event.done} of ${event.of} pictures`);
  }
}

function stageText({ round, rounds, stage, folder, done }: Extract<SelfTrainEvent, { type: 'stage' }>): string {
  const what = {
    train: round === 0 ? 'the teacher learns from labelled pictures' : 'the student learns from both',
    label: `the ${round === 1 ? 'teacher' : `student of round ${round - 1}`} labels`,
    select: 'labels are selected',
  }[stage];
  return `round ${round} of ${rounds}: ${what} -> ${folder}${done ? ' (done already)' : ''}`;
}
