// What each ingredient of learning from unlabelled pictures is worth: the study of docs/semi-supervised.md.
//   node dist/bench/semi-supervised.js --set fashion-250 --data FASHION_MNIST --work WORK [--seeds 3] [--only soft,hard]
//   node dist/bench/semi-supervised.js --set clothing-20 --data CLOTHING --work WORK --from WEIGHTS --steps 400
//   node dist/bench/semi-supervised.js --set fashion-250 --work WORK --table
// Results are lines of WORK/SET.jsonl; what stands there is not run again, so that a study may be stopped and goes on. A seed draws its own
// labelled pictures (Fashion-MNIST) and starts. Labels of the heap are hidden from the training and used to measure the teacher's.
import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { openPool } from '../src/data/pool.js';
import { UsageError } from '../src/errors.js';
import { readPseudoLabels } from '../src/labels/read.js';
import { packageRoot } from '../src/package-root.js';
import { knownResults } from './known.js';
import { benchOptions } from './options.js';
import { type Prepared, SETS } from './semi-supervised/sets.js';
import { table } from './semi-supervised/table.js';
import { type Result, VARIANTS, type Variant } from './semi-supervised/variants.js';

interface Options {
  set: string;
  data?: string;
  work: string;
  seeds: number;
  only?: string;
  from?: string;
  steps: number;
  threads: number;
  table?: boolean;
}
const options = await benchOptions<Options>(
  new Command('semi-supervised')
    .requiredOption('--set <name>', Object.keys(SETS).join(', '))
    .option('--data <folder>', 'Fashion-MNIST as IDX files, or photographs in train/, validation/ and test/')
    .requiredOption('--work <folder>', 'where sets, runs and results lie')
    .option('--seeds <n>', '', Number, 3)
    .option('--only <names>', 'some of the variants')
    .option(
      '--from <weights>',
      'what every training starts from, such as a run of bench:self-supervised; default random weights',
    )
    .option('--steps <n>', 'of a training', Number, 1200)
    .option('--threads <n>', 'of a training: 1 where several sets run beside each other', Number, 2)
    .option('--table', 'print what is known'),
  ({ set, data, table: show, only }) => {
    if (!Object.hasOwn(SETS, set))
      throw new UsageError(`Expected --set ${Object.keys(SETS).join(' or ')} but received ${set}.`);
    if (show !== true && data === undefined)
      throw new UsageError('Expected --data, or --table to print what is known.');
    for (const name of only?.split(',') ?? [])
      if (!VARIANTS.some((one) => one.name === name))
        throw new UsageError(`Expected --only ${VARIANTS.map((one) => one.name).join(', ')} but received ${name}.`);
  },
);
const { set, work, seeds, threads } = options;
const file = join(work, `${set}.jsonl`);
const known = (): Result[] => knownResults(file);

if (options.table === true) {
  console.log(table(known()));
  process.exit();
}
const run = promisify(execFile);
const rescaled = (...words: string[]): Promise<{ stdout: string }> =>
  run(process.execPath, [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), ...words], { maxBuffer: 64 * 2 ** 20 });

mkdirSync(work, { recursive: true });
const wanted = VARIANTS.filter(({ name }) => options.only === undefined || options.only.split(',').includes(name));
for (let seed = 0; seed < seeds; seed++)
  for (const variant of wanted) {
    const there = known();
    if (there.some((one) => one.seed === seed && one.variant === variant.name)) continue;
    const prepared = await SETS[set]!.prepare(options.data!, join(work, set), { seed, open: variant.open === true });
    const result = await trial(prepared, variant, seed, there);
    appendFileSync(file, `${JSON.stringify(result)}\n`);
    console.log(JSON.stringify(result));
  }

/** Trains and measures one variant. */
async function trial(prepared: Prepared, variant: Variant, seed: number, there: readonly Result[]): Promise<Result> {
  const { labelled, pool, everything, test, batch, flags } = prepared;
  const folder = join(work, 'runs', set, `seed-${seed}`);
  const out = join(folder, variant.name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const began = performance.now();
  const own: string[] = [];
  let labels: Result['labels'];
  if (variant.select !== undefined) {
    const teacher = teacherOf(there, seed, variant.open === true);
    const into = join(folder, `labels-${teacher}`);
    const selected = join(into, variant.name);
    await rescaled('pseudo-label', join(folder, teacher), pool, '-o', into);
    await rescaled('pseudo-label', 'select', into, '-o', selected, '--force', ...variant.select);
    labels = await measured(selected, prepared);
    own.push('--labels', selected);
  }
  const heap = variant.ratio > 0;
  if (heap) own.push('--unlabelled', pool, '--set', `unlabelledRatio=${variant.ratio}`);
  const pictures = variant.upper === true ? prepared.everythingImages : prepared.labelledImages;
  // As many pictures in a step as the variants with a heap look at.
  const size = variant.upper === true ? 4 * batch : Math.min(batch, Math.floor(pictures / 4));
  const steps = options.steps * (variant.length ?? 1);
  const epochs = Math.max(1, Math.round(steps / Math.ceil(pictures / size)));
  await rescaled(
    ...['train', variant.upper === true ? everything : labelled, ...flags, '-o', out, '--seed', String(seed)],
    ...['-r', variant.recipe ?? 'quick', '-e', String(epochs), '-b', String(size), '--eval-every', String(epochs)],
    ...['--threads', String(threads), '--workers', '1'],
    ...(options.from === undefined ? [] : ['--from', options.from]),
    ...(heap ? ['--set', 'epochsCount=labelled'] : []),
    ...variant.settings.flatMap((setting) => ['--set', setting]),
    ...own,
  );
  const validation = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
    top1: number;
    validation?: { top1: number };
  };
  const { stdout } = await rescaled('eval', out, test, ...prepared.testFlags, '--json');
  return {
    variant: variant.name,
    seed,
    val: validation.validation?.top1 ?? validation.top1,
    test: (JSON.parse(stdout) as { top1: number }).top1,
    seconds: (performance.now() - began) / 1000,
    steps: epochs * Math.ceil(pictures / size),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** The better of the runs on labelled pictures alone, by validation pictures. */
function teacherOf(there: readonly Result[], seed: number, open: boolean): string {
  const names = VARIANTS.filter((one) => one.ratio === 0 && one.upper !== true && (one.open === true) === open).map(
    ({ name }) => name,
  );
  const found = there.filter((one) => one.seed === seed && names.includes(one.variant));
  if (found.length < names.length) throw new Error(`the teachers of seed ${seed} come first: ${names.join(', ')}`);
  return found.reduce((best, one) => (one.val > best.val ? one : best)).variant;
}

/** How many labels are right, in all and by the teacher's confidence; a picture of a class that is not asked for is always wrong. */
async function measured(selected: string, { pool, classes, hidden }: Prepared): Promise<NonNullable<Result['labels']>> {
  const opened = await openPool([pool]);
  const { positions, copies, classOf, probability } = await readPseudoLabels(selected, opened, classes);
  const bins = Array.from({ length: 10 }, () => ({ n: 0, right: 0 }));
  let [right, drawn] = [0, 0];
  positions.forEach((position, i) => {
    const good = hidden(opened.key(position)) === classes[classOf[i]!] ? 1 : 0;
    right += good;
    drawn += copies[i]!;
    const bin = bins[Math.min(9, Math.floor(10 * probability[i]!))]!;
    bin.n++;
    bin.right += good;
  });
  return { pictures: opened.source.length, kept: positions.length, drawn, right, bins };
}
