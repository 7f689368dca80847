// A task is a folder and a line: this package is laid out anew with one task more, which then does the whole job.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { cliHere, type Done, exited, pictureFolder, temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const root = join(folder, 'package');
const data = join(folder, 'pictures');
const main = join(root, 'dist', 'src', 'cli', 'main.js');

before(async () => {
  mkdirSync(root);
  cpSync(join(packageRoot, 'package.json'), join(root, 'package.json'));
  for (const name of ['node_modules', 'native', 'build']) symlinkSync(join(packageRoot, name), join(root, name));
  cpSync(join(packageRoot, 'dist', 'src'), join(root, 'dist', 'src'), { recursive: true });
  const own = join('dist', 'test', 'tasks', 'brightness');
  cpSync(join(packageRoot, own), join(root, own), { recursive: true });
  const register = join(root, 'dist', 'src', 'tasks', 'index.js');
  const written = readFileSync(register, 'utf8');
  const list = /const TASKS = \[([^\]]*)\];/;
  assert.match(written, list);
  writeFileSync(
    register,
    `import { brightness } from '../../test/tasks/brightness/index.js';\n${written.replace(list, 'const TASKS = [$1, brightness];')}`,
  );
  await pictureFolder(data, 4, 40);
});

const run = async (...args: string[]): Promise<Done> => {
  const program = (await import(join(root, 'dist', 'src', 'cli', 'program.js'))) as {
    runCommandLine(words: readonly string[]): Promise<number>;
  };
  return cliHere(args, { cwd: folder, run: program.runCommandLine });
};
const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [main, ...args], { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });

const words = (out: string): string[] => [
  ...['train', data, '--task', 'brightness', '--model', 'resnet-rs-14', '--width', '0.125', '--recipe', 'quick'],
  ...['--epochs', '6', '--batch', '16', '--size', '24', '--set', 'learningRate=0.05', '--threads', '1', '--seed', '3'],
  ...['--checkpoint-seconds', '0.05', '--out', out, '--json'],
];

const read = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');
/** metrics.csv without its last column, which is a time. */
const metrics = (name: string): string[][] =>
  read(name, 'metrics.csv')
    .trim()
    .split('\n')
    .map((line) => line.split(',').slice(0, -1));

test('a task more trains, exports and reports by its own metrics', async () => {
  const done = await run(...words('calm'));
  assert.equal(done.status, 0, done.stderr);
  const [header, ...rows] = metrics('calm');
  assert.deepEqual(header, [
    ...['step', 'epoch', 'trainLoss', 'trainMae', 'learningRate', 'maeRaw', 'lossRaw', 'maeEma', 'lossEma'],
    ...['maeMinival', 'lossMinival'],
  ]);
  assert.equal(rows.length, 6);
  const trainMae = rows.map((row) => Number(row[3]));
  assert.ok(trainMae.at(-1)! < trainMae[0]! / 2, `the error falls: ${trainMae.join(' ')}`);

  const config = JSON.parse(read('calm', 'run.json')) as { task: unknown; modelOptions: { classes: number } };
  assert.deepEqual(config.task, { name: 'brightness' });
  assert.equal(config.modelOptions.classes, 1);

  // Lower is better: the best epoch is the one of the lowest error of the averaged weights.
  const best = rows.reduce((a, b) => (Number(b[7]) < Number(a[7]) ? b : a));
  const epochs = read('calm', 'events.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; epoch: number; best: boolean })
    .filter(({ type }) => type === 'epoch');
  assert.equal(epochs.findLast((event) => event.best)!.epoch, Number(best[1]));

  const figures = JSON.parse(read('calm', 'report.json')) as Record<string, number>;
  assert.equal(figures['mae'], Number(rows.at(-1)![7]));
  assert.ok(figures['onnxMaxAbsDiff']! < 1e-3, String(figures['onnxMaxAbsDiff']));
  assert.equal(figures['onnxTop1Agreement'], undefined);
  const page = read('calm', 'report.html');
  assert.match(page, /Mean absolute error/);
  assert.match(page, /The model is off by/);
  assert.doesNotMatch(page, /confusion|top-1/i);
});

test('its exported file gives numbers, and eval measures by its metrics', async () => {
  const picture = join(data, readdirSync(data)[0]!, readdirSync(join(data, readdirSync(data)[0]!))[0]!);
  const predicted = await run('predict', 'calm', picture, '--json');
  assert.equal(predicted.status, 0, predicted.stderr);
  const { numbers, predictions } = JSON.parse(predicted.stdout) as {
    numbers: { brightness: number };
    predictions: unknown[];
  };
  assert.ok(Number.isFinite(numbers.brightness));
  assert.deepEqual(predictions, []);

  const measured = await run('eval', 'calm', '--json');
  assert.equal(measured.status, 0, measured.stderr);
  const scores = JSON.parse(measured.stdout) as { mae: number; images: number };
  assert.equal(scores.images, 32);
  assert.ok(Math.abs(scores.mae - Number(metrics('calm').at(-1)![7])) < 1e-6);
  assert.match((await run('eval', 'calm')).stdout, /^mean absolute error 0\.\d{4}, loss 0\.\d{4}\n/);
});

test('killed and resumed it ends with the same bytes', async (context) => {
  const firstCheckpoint = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      createInterface({ input: child.stdout! })
        .on('line', (line) => line.includes('"type":"checkpoint"') && resolve())
        .on('close', resolve);
    });
  let kills = 0;
  for (let attempt = 0; !existsSync(join(folder, 'shaken', 'report.json')); attempt++) {
    assert.ok(attempt < 60, 'the run ends');
    const resume = existsSync(join(folder, 'shaken', 'checkpoints', 'last.safetensors'));
    const child = resume ? start('train', '--resume', 'shaken', '--json') : start(...words('shaken'));
    child.stderr!.resume();
    const ended = exited(child);
    await firstCheckpoint(child);
    if (child.exitCode === null && kills < 2) {
      kills++;
      process.kill(-child.pid!, 'SIGKILL');
    }
    await ended;
  }
  assert.ok(kills > 0, 'it was killed');
  context.diagnostic(`${kills} kills`);
  const weights = (name: string): Buffer => readFileSync(join(folder, name, 'weights.safetensors'));
  assert.ok(weights('shaken').equals(weights('calm')));
  assert.deepEqual(metrics('shaken'), metrics('calm'));
});

test('a study of two trials runs over it', async () => {
  const study = {
    task: 'brightness',
    data,
    models: [{ family: 'resnet-rs', depths: [14], widths: [0.125], sizes: [24] }],
    epochs: [2],
    seeds: 2,
    recipe: 'quick',
    settings: { batch: 16, learningRate: 0.05 },
  };
  writeFileSync(join(folder, 'study.json'), JSON.stringify(study));
  const done = await run('study', 'run', 'study.json', '-o', 'study', '--workers', '1', '--threads', '1');
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /mean absolute error 0\.\d{4}, training pictures 0\.\d{4}/);
  const trials = readdirSync(join(folder, 'study', 'trials')).filter((name) => name.endsWith('.json'));
  const results = trials.map((name) => JSON.parse(read('study', 'trials', name)) as Record<string, unknown>);
  assert.deepEqual(results.map(({ seed }) => seed).sort(), [1, 2]);
  for (const { status, task, mae, maeRaw, trainMae, testPictures } of results) {
    assert.deepEqual([status, task, testPictures], ['done', 'brightness', 32]);
    for (const value of [mae, maeRaw, trainMae]) assert.ok(Number.isFinite(value), JSON.stringify(results));
  }
  const report = JSON.parse(read('study', 'report.json')) as { configurations: { mae: { mean: number } }[] };
  const mean = results.reduce((sum, { mae }) => sum + (mae as number) / 2, 0);
  assert.ok(Math.abs(report.configurations[0]!.mae.mean - mean) < 1e-12);
  assert.match(read('study', 'report.html'), /Mean absolute error/);
});

test('an unknown task is told with the nearest one', async () => {
  const { status, stderr } = await run('train', data, '--task', 'brightnes');
  assert.equal(status, 2);
  assert.match(stderr, /"brightnes"\. Did you mean "brightness"\?.*Known: classify, contrast, [a-z, ]*brightness\./);
});
