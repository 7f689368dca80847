// One small network of each family that the paper compares with, trained for the same time by the same recipe: the study of docs/comparison.
//   npm run bench:families -- --data CLOTHING --out families.jsonl [--seconds 60 --seeds 3 --size 96]
//   npm run bench:families -- --out families.jsonl --table
// 1. The steps of all networks are timed in turn, in processor seconds: what else the machine does slows none more than another. They say how
//    many epochs each has in --seconds.
// 2. Of each, learning rates are tried with half of the epochs and a seed of their own, the best on the validation pictures is kept: the
//    recipe's, a third and three times of it, and where the best is at an end one beyond.
// 3. Each is trained with all seeds. What is measured on test pictures chooses nothing.
// Each training is a process and a line of --out; what stands there is not done again, so that a study may be stopped and goes on.
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { numberOption, wholeOption } from '../src/checks.js';
import { integer, number } from '../src/cli/options.js';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { MEMBERS, type Member } from './families/members.js';
import type { Diverged, Line, StepTime, Training } from './families/results.js';
import { table } from './families/table.js';
import type { Task } from './families/train.js';
import { knownResults } from './known.js';
import { benchOptions } from './options.js';

interface Options {
  data?: string;
  out: string;
  seconds: number;
  seeds: number;
  size: number;
  threads: number;
  table?: boolean;
}
/** Those of the recipe: a third, itself and three times of it; one beyond each end. */
const RATES = [0.01, 0.03, 0.1, 0.3, 1];
const FIRST = [1, 2, 3];
/** Of the trainings that a rate is chosen by. */
const RATE_SEED = 100;
const ROUNDS = 4;
const BATCH = 32;

const options = await benchOptions<Options>(
  new Command('npm run bench:families --')
    .description('One small network of each family, trained for the same processor time by the same recipe.')
    .option('--data <folder>', 'photographs in train/, validation/ and test/ of class folders')
    .requiredOption('--out <file>', 'results, line by line')
    .option('--seconds <n>', 'processor time of a training', number, 60)
    .option('--seeds <n>', '', integer, 3)
    .option('--size <n>', 'side of the pictures', integer, 96)
    .option('--threads <n>', 'of the engine', integer, 1)
    .option('--table', 'print what is known'),
  ({ data, seconds, seeds, size, threads, table: show }) => {
    numberOption('--seconds', seconds, 1, 1e6);
    wholeOption('--seeds', seeds, 1, 100);
    wholeOption('--size', size, 32, 512);
    wholeOption('--threads', threads, 1, 1024);
    if (show === true) return;
    if (data === undefined) throw new UsageError('Expected --data, or --table to print what is known.');
    for (const part of ['train', 'validation', 'test'])
      if (!existsSync(join(data, part))) throw new UsageError(`Expected ${part}/ in ${data} but it is not there.`);
  },
);
const { out, size, seconds } = options;
const known = (): Line[] => knownResults<Line>(out);
if (options.table === true) {
  console.log(table(known(), { size, batch: BATCH, classes: 10 }));
  process.exit();
}
const data = options.data!;
mkdirSync(dirname(out), { recursive: true });
const classes = readdirSync(join(data, 'train')).length;
const common = { data, size, threads: options.threads };
const run = promisify(execFile);

async function apart<T>(task: Task): Promise<T> {
  const script = join(packageRoot, 'dist', 'bench', 'families', 'train.js');
  try {
    const { stdout } = await run(process.execPath, [script, JSON.stringify(task)], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
  } catch (error) {
    console.error((error as { stderr?: string }).stderr ?? error);
    process.exit(1);
  }
}
function keep(line: Line): void {
  appendFileSync(out, `${JSON.stringify(line)}\n`);
  console.error(JSON.stringify(line));
}

const timed = new Map(known().flatMap((line) => (line.kind === 'step' ? [[line.family, line] as const] : [])));
if (MEMBERS.some(({ family }) => !timed.has(family)))
  for (const line of await apart<StepTime[]>({ ...common, kind: 'step', members: MEMBERS, rounds: ROUNDS })) {
    timed.set(line.family, line);
    keep(line);
  }

async function training(
  kind: Training['kind'],
  member: Member,
  seed: number,
  learningRate: number,
): Promise<Training | Diverged> {
  const there = known().find(
    (line): line is Training | Diverged =>
      (line.kind === 'diverged' ? line.of : line.kind) === kind &&
      line.family === member.family &&
      'learningRate' in line &&
      line.seed === seed &&
      line.learningRate === learningRate,
  );
  if (there !== undefined) return there;
  const { seconds: perStep, stepsPerEpoch } = timed.get(member.family)!;
  const share = kind === 'rate' ? 0.5 : 1;
  const epochs = Math.max(2, Math.round((share * seconds) / (perStep * stepsPerEpoch)));
  const { diverged, ...found } = await apart<Omit<Training, 'kind'> & { diverged?: true }>({
    ...{ ...common, kind: 'train', member, seed, epochs, learningRate },
  });
  const line: Training | Diverged = diverged === true ? { kind: 'diverged', of: kind, ...found } : { kind, ...found };
  keep(line);
  return line;
}

/** The rate that is best on the validation pictures; one beyond is tried where the best is at an end. */
async function chosenRate(member: Member): Promise<number> {
  const tried = new Map<number, number>();
  const best = (): number => [...tried.keys()].reduce((a, b) => (tried.get(b)! > tried.get(a)! ? b : a));
  const look = async (i: number): Promise<void> => {
    const found = await training('rate', member, RATE_SEED, RATES[i]!);
    tried.set(RATES[i]!, found.kind === 'diverged' ? 0 : found.validation);
  };
  for (const i of FIRST) await look(i);
  const at = RATES.indexOf(best());
  if (at === FIRST[0] || at === FIRST.at(-1)) await look(at === FIRST[0] ? at - 1 : at + 1);
  return best();
}

const rates = new Map<Member, number>();
for (const member of MEMBERS) rates.set(member, await chosenRate(member));
for (let seed = 0; seed < options.seeds; seed++)
  for (const [member, rate] of rates) await training('trial', member, seed, rate);
console.log(table(known(), { size, batch: BATCH, classes }));
