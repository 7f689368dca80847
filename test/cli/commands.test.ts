import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { ExportedInt8 } from '../../src/trained/files/int8.js';
import { cli, FASHION, pictureFolder, temporaryFolder } from './helpers.js';

describe('the commands on a folder of pictures', () => {
  const folder = temporaryFolder();
  const data = join(folder, 'clothes');
  const run = join(folder, 'run');
  const small = ['--model', 'resnet-rs-14', '--width', '0.125', '--size', '28', '--recipe', 'quick', '--threads', '1'];

  before(async () => {
    await pictureFolder(data, 3, 60);
    const done = await cli(
      'train',
      data,
      ...small,
      '--seed',
      '7',
      '--val-split',
      '0.25',
      '--epochs',
      '12',
      '--batch',
      '16',
      '--set',
      'learningRate=0.4',
      '--out',
      run,
    );
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /top-1 \d+\.\d+ %/);
    assert.match(done.stderr, /epoch 12\/12/);
  });

  test('train learns and writes the whole run folder', () => {
    for (const file of [
      'run.json',
      'metrics.csv',
      'events.jsonl',
      'weights.safetensors',
      'model.onnx',
      'labels.json',
      'report.html',
      'report.json',
      'checkpoints/last.safetensors',
      'checkpoints/best.safetensors',
    ])
      assert.ok(existsSync(join(run, file)), file);
    const figures = JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')) as Record<string, number>;
    assert.ok(figures['top1']! > 0.5, `top-1 ${figures['top1']}`);
    assert.equal(figures['trainImages']! + figures['testImages']!, 180);
    assert.ok(figures['onnxMaxAbsDiff']! < 1e-3);
    assert.equal(readFileSync(join(run, 'metrics.csv'), 'utf8').trim().split('\n').length, 13);
    const html = readFileSync(join(run, 'report.html'), 'utf8');
    assert.match(html, /Confusion/i);
    assert.doesNotMatch(html, /(src|href)="https?:/);
    assert.deepEqual(
      readdirSync(run).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  test('eval repeats the figure of the report, also from the weights file', async () => {
    const figures = JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')) as { top1: number };
    for (const args of [[run], [join(run, 'weights.safetensors'), data]]) {
      const done = await cli('eval', ...args, '--json');
      assert.equal(done.status, 0, done.stderr);
      const result = JSON.parse(done.stdout) as { top1: number; images: number };
      assert.equal(result.top1, figures.top1);
    }
  });

  test('export and predict agree with the labels', async () => {
    const onnx = join(folder, 'again.onnx');
    const done = await cli('export', run, '--out', onnx, '--json');
    assert.equal(done.status, 0, done.stderr);
    const exported = JSON.parse(done.stdout) as { parity: { maxAbsDiff: number; top1Agreement: number } };
    assert.ok(exported.parity.maxAbsDiff < 1e-3);
    assert.equal(exported.parity.top1Agreement, 1);
    const predicted = await cli('predict', onnx, join(data, 'trouser'), '--top', '2', '--json');
    assert.equal(predicted.status, 0, predicted.stderr);
    const rows = predicted.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { predictions: { label: string; probability: number }[] });
    assert.equal(rows.length, 60);
    assert.ok(rows.every(({ predictions }) => predictions.length === 2));
    assert.ok(rows.filter(({ predictions }) => predictions[0]!.label === 'trouser').length > 30);
    const table = await cli('predict', run, join(data, 'trouser'));
    assert.match(table.stdout, /trouser \d+\.\d %/);
  });

  test('export --int8 and --float16 write files that predict and eval read', async () => {
    const made = await cli('export', run, '--int8', '--threads', '1', '--calibration-pictures', '64', '--json');
    assert.equal(made.status, 0, made.stderr);
    const { path, precision, bytes, float32Bytes } = JSON.parse(made.stdout) as ExportedInt8;
    assert.equal(path, join(run, 'model.int8.onnx'));
    assert.ok(bytes < 0.5 * float32Bytes, `${bytes} of ${float32Bytes} bytes`);
    const { calibration, top1, chosenOn, float32, layers } = precision;
    assert.deepEqual([calibration.pictures, calibration.of], [64, 'training']);
    assert.ok(float32.length < layers);
    // The run has training and validation pictures alone: 45, of which one half chooses and the other is measured.
    assert.deepEqual([chosenOn.pictures, top1!.pictures], [23, 22]);
    assert.ok(chosenOn.lost <= 0.005 && chosenOn.error <= 0.01);
    assert.ok(top1!.low <= top1!.change && top1!.change <= top1!.high);
    assert.ok(Math.abs(top1!.int8 - top1!.float32 - top1!.change) < 1e-9);

    const measured = await cli('eval', path, '--json', '--threads', '1');
    assert.equal(measured.status, 0, measured.stderr);
    const found = JSON.parse(measured.stdout) as { top1: number; images: number; precision: typeof precision };
    assert.deepEqual(found.precision, precision);
    const raw = JSON.parse((await cli('eval', run, '--json')).stdout) as { top1: number; images: number };
    assert.equal(found.images, raw.images);
    assert.ok(Math.abs(found.top1 - raw.top1) < 0.1);

    const half = await cli('export', run, '--float16');
    assert.equal(half.status, 0, half.stderr);
    assert.match(half.stdout, /float16, opset 13.*\n.*\n.*same class for 100\.0 %.*\nfloat16 is for GPUs and the web/);
    const predicted = await cli('predict', join(run, 'model.float16.onnx'), join(data, 'trouser'));
    assert.match(predicted.stdout, /trouser \d+\.\d %/);
  });

  test('what --int8 cannot do is said in words', async () => {
    const other = join(folder, 'few');
    await pictureFolder(other, 1, 6);
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    for (const [args, words] of [
      [['--int8', '--float16'], /Expected --int8 or --float16 but received both/],
      [['--float16', '--calibrate', data], /Expected --calibrate with --int8/],
      [['--force'], /a float32 file is replaced anyway/],
      [['--int8'], /model\.int8\.onnx exists already\. --force replaces it/],
      [
        ['--int8', '--force', '--calibration-pictures', '4'],
        /whole number from 16 to 65536 for --calibration-pictures but received 4/,
      ],
      [['--int8', '--force', '--calibrate', join(folder, 'no')], /to calibrate on at .*no but there is nothing/],
      [['--int8', '--force', '--calibrate', other], /at least 20 pictures .* but .*few has 6\. Name more/],
      [['--int8', '--force', '--calibrate', empty], /Expected pictures in .*empty but found none/],
    ] as const) {
      const done = await cli('export', run, ...args);
      assert.equal(done.status, 2, done.stderr);
      assert.match(done.stderr, words);
    }
    const moved = `${data}-moved`;
    renameSync(data, moved);
    try {
      const gone = await cli('export', run, '--int8', '--force');
      assert.equal(gone.status, 2, gone.stderr);
      assert.match(gone.stderr, /--int8 --calibrate FOLDER/);
      const out = join(folder, 'moved.onnx');
      const done = await cli('export', run, '--int8', '-o', out, '--calibrate', moved, '--threads', '1');
      assert.equal(done.status, 0, done.stderr);
      assert.match(done.stderr, /Accuracy is not measured/);
      assert.match(done.stdout, /no labelled pictures to measure on; on \d+ others \d+\.\d+ % get the same class/);
      assert.ok(existsSync(join(folder, 'moved.labels.json')));
    } finally {
      renameSync(moved, data);
    }
  });

  test('a broken picture is named, and predict goes on', async () => {
    const broken = join(folder, 'broken.jpg');
    writeFileSync(broken, 'no picture');
    const done = await cli('predict', run, broken, join(data, 'trouser'));
    assert.equal(done.status, 1);
    assert.match(done.stderr, /broken\.jpg +cannot be read/);
    assert.equal(done.stdout.trim().split('\n').length, 60);
  });

  test('broken pictures in training: skipped and counted, too many fail, strict fails at once', async () => {
    const damaged = join(folder, 'damaged');
    await pictureFolder(damaged, 2, 60);
    writeFileSync(join(damaged, 'trouser', 'x.png'), 'no picture');
    const train = (...more: string[]) =>
      cli(
        'train',
        damaged,
        ...small,
        '--epochs',
        '1',
        '--batch',
        '16',
        '--out',
        join(folder, `damaged-${more.join('')}`),
        ...more,
      );
    const skipped = await train();
    assert.equal(skipped.status, 0, skipped.stderr);
    assert.equal(skipped.stderr.match(/left out, cannot be read: .*x\.png/g)?.length, 1);
    // The counts of both are without it.
    const [, all, measured] = /(\d+) training(?: \(1 of them broken\))? and (\d+) (?:validation|test)/
      .exec(skipped.stderr)!
      .map(Number);
    assert.match(skipped.stderr, /\(1 of them broken\)/);
    const [, on, over] = /on (\d+) (?:validation|test) pictures.*, after 1 epoch over (\d+) training/
      .exec(skipped.stdout)!
      .map(Number);
    assert.equal(on! + over!, all! + measured! - 1);
    const strict = await train('--strict');
    assert.equal(strict.status, 1);
    assert.match(strict.stderr, /rescaled: A picture cannot be read, and the run is strict: .*x\.png/);
    const few = await train('--max-broken', '0');
    assert.equal(few.status, 1);
    assert.match(few.stderr, /more than the allowed 0\.0 %/);
    assert.doesNotMatch(few.stderr, /\n +at /);
  });

  test('a run is not overwritten', async () => {
    const again = await cli('train', data, ...small, '--out', run);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /There is already a run in .*--resume/);
    const done = await cli('train', '--resume', run, '--json');
    assert.equal(done.status, 0, done.stderr);
  });

  test('a loss that is not finite stops the run with a diagnosis and keeps the checkpoint', async () => {
    const out = join(folder, 'diverged');
    const done = await cli(
      'train',
      data,
      ...small,
      '--epochs',
      '30',
      '--batch',
      '16',
      '--set',
      'learningRate=1e30',
      '--set',
      'schedule=constant',
      '--out',
      out,
    );
    assert.equal(done.status, 1);
    assert.match(done.stderr, /The loss became (NaN|Infinity) at step \d+ .*learning rate/);
    assert.ok(!existsSync(join(out, 'weights.safetensors')));
  });

  test('--explain prints every setting with its source', async () => {
    const done = await cli('train', data, '--model', 'resnet-rs-50', '--explain');
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /labelSmoothing +0\.1 +tensorflow\/tpu/);
    assert.match(done.stdout, /stochasticDepth +0 /);
    assert.ok(!existsSync('runs/clothes-1'));
  });

  test('wrong data is one clear line each', async () => {
    const one = join(folder, 'one');
    mkdirSync(join(one, 'only'), { recursive: true });
    writeFileSync(join(one, 'only', 'a.png'), '');
    const none = join(folder, 'none');
    mkdirSync(none);
    for (const [path, pattern, status] of [
      [join(folder, 'nowhere'), /Expected a folder/, 2],
      [none, /Expected/, 2],
      [one, /class/, 2],
      [join(data, 'trouser'), /Expected|class/, 2],
    ] as const) {
      const done = await cli('train', path, '--out', join(folder, 'never'));
      assert.equal(done.status, status, done.stderr);
      assert.match(done.stderr, pattern);
      assert.equal(done.stderr.trim().split('\n').length, 1, done.stderr);
      assert.ok(!existsSync(join(folder, 'never')));
    }
  });

  test('wrong names and values suggest what is right', async () => {
    for (const [args, pattern] of [
      [['trian', data], /Did you mean train/],
      [['train', data, '--epoch', '3'], /Did you mean --epochs/],
      [['train', data, '--model', 'resnet-rs-51'], /Did you mean "resnet-rs-50"/],
      [['train', data, '--recipe', 'qick'], /Did you mean "quick"/],
      [['train', data, '--set', 'labelSmoothin=0'], /Did you mean "labelSmoothing"/],
      [['train', data, '--set', 'dropout=2'], /setting dropout but received 2/],
      [['train', data, '--epochs', 'many'], /whole number/],
      [['train', data, '--batch', '100000'], /batch/],
      [
        ['train', data, '--set', 'precision=float16', '--out', join(folder, 'gpu')],
        /Expected a CUDA device for precision=float16 but the device is cpu.*precision=bfloat16/,
      ],
      [
        ['train', data, '--set', 'precision=float16', '--device', 'cuda:7', '--out', join(folder, 'gpu')],
        /Expected one of cpu/,
      ],
      [['train', data, '--device', 'cuda:7', '--out', join(folder, 'gpu')], /Expected one of cpu/],
      [['train'], /Expected a folder of pictures/],
      [['train', '--resume', folder], /no run\.json/],
      [['eval', join(folder, 'nothing')], /nothing at/],
      [['eval', join(run, 'report.json'), data], /safetensors/],
      [['predict', join(run, 'report.json'), data], /ONNX/],
      [['predict', run, join(folder, 'nothing.jpg')], /Expected/],
      [['export', join(folder, 'nothing')], /nothing at/],
      [['models', 'vgg'], /no model contains/],
    ] as const) {
      const done = await cli(...args);
      assert.ok(done.status === 2 || done.status === 1, `${args.join(' ')}: ${done.status}`);
      assert.match(done.stderr, pattern, args.join(' '));
      assert.doesNotMatch(done.stderr, /\n +at .*\.js/);
    }
  });

  test('every command has help with examples, and models prints the published figures', async () => {
    for (const name of ['train', 'eval', 'predict', 'export', 'models', 'augment'])
      assert.match((await cli(name, '--help')).stdout, /Examples:/, name);
    assert.match((await cli('models', 'rs-50')).stdout, /resnet-rs-50 +160 +35\.69 M +2\.28 G +78\.8 \[1\]/);
    assert.ok(existsSync(FASHION));
    rmSync(join(folder, 'again.onnx'), { force: true });
  });
});
