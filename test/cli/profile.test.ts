import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { cli, start } from './helpers.js';

interface Row {
  [key: string]: unknown;
  measured?: Record<string, number | string | null>;
}

test('without --measure no addon is loaded', () => {
  const guard = `data:text/javascript,process.dlopen = () => { throw new Error('an addon was loaded'); };`;
  const done = spawnSync(
    process.execPath,
    [
      '--import',
      guard,
      join(packageRoot, 'dist', 'src', 'cli', 'main.js'),
      'profile',
      'resnet-rs-420@320',
      'efficientnet-b0',
    ],
    {
      encoding: 'utf8',
      env: { ...process.env, RESCALED_LIBTORCH: '/nowhere' },
    },
  );
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /resnet-rs-420@320 +320 +191\.89 M +63\.94 G +127\.88 G +126\.56 M/);
  assert.match(done.stdout, /efficientnet-b0 +224 +5\.29 M +0\.39 G/);
});

test('--json, --csv and --layers say the same', async () => {
  const [row] = JSON.parse(
    (await cli('profile', 'resnet-50@160', '--batch', '8', '--layers', '--json')).stdout,
  ) as Row[];
  const { layers, ...counts } = row!;
  assert.deepEqual(Object.keys(counts), [
    'model',
    'size',
    'batch',
    'precision',
    'parameters',
    'multiplyAdds',
    'flops',
    'activations',
    'trainMemoryBytes',
    'liveBytes',
  ]);
  assert.deepEqual(
    [row!['model'], row!['size'], row!['batch'], row!['parameters']],
    ['resnet-50@160', 160, 8, 25_557_032],
  );
  assert.equal(row!['flops'], 2 * (row!['multiplyAdds'] as number));
  const [head, ...lines] = (await cli('profile', 'resnet-50@160', '--batch', '8', '--csv')).stdout.trim().split('\n');
  assert.deepEqual(lines, [
    head!
      .split(',')
      .map((key) => String(row![key]))
      .join(','),
  ]);
  const layerLines = (await cli('profile', 'resnet-50@160', '--batch', '8', '--layers', '--csv')).stdout
    .trim()
    .split('\n');
  assert.equal(layerLines[0], 'model,size,layer,operator,output,parameters,multiplyAdds,activations');
  assert.equal(layerLines[1], 'resnet-50@160,160,conv1,conv2d,64x80x80,9408,60211200,409600');
  assert.equal(layerLines.length, (layers as unknown[]).length + 1);
  assert.match(
    (await cli('profile', 'resnet-50', '--layers')).stdout,
    /\nlayer4\.2\.conv2 +conv2d +512x7x7 +2359296 +115605504 +25088\n/,
  );
});

test('misuse is told with exit code 2', async () => {
  for (const [args, message] of [
    [['resnt-50'], /Did you mean "resnet-50"/],
    [['resnet-50', '--size', '16'], /at least 32 pixels/],
    [['resnet-50', '--batch', '0'], /1 or more for --batch but received 0/],
    [['resnet-50', '--runs', '2'], /Expected --measure beside --runs/],
    [['resnet-50@160', '--size', '192'], /one size for resnet-50@160/],
    [['resnet-50', '--json', '--csv'], /either --json or --csv/],
    [['resnet-50', '--sise', '192'], /Did you mean --size/],
    [['resnet-50', '--measure', '--device', 'cuda:9'], /Expected one of .* for the device/],
    [[], /missing required argument/],
  ] as const) {
    const done = await cli('profile', ...args);
    assert.equal(done.status, 2, `${args.join(' ')}: ${done.stderr}`);
    assert.match(done.stderr, message);
  }
});

test('--measure: times, and the predicted memory within 15 % of the measured', {
  skip: process.platform !== 'linux' && 'memory is measured on Linux',
}, async () => {
  const done = await cli(
    'profile',
    'resnet-rs-50',
    '--batch',
    '4',
    '--measure',
    '--runs',
    '1',
    '--threads',
    '1',
    '--json',
  );
  assert.equal(done.status, 0, done.stderr);
  const [row] = JSON.parse(done.stdout) as Row[];
  const measured = row!.measured!;
  assert.deepEqual([measured['runs'], measured['threads'], measured['device']], [1, 1, 'cpu']);
  for (const kind of ['trainStepMs', 'inferenceMs']) {
    assert.ok((measured[kind] as number) > 0);
    assert.equal(measured[`${kind}Low`], measured[`${kind}High`]);
  }
  assert.ok(Math.abs((measured['trainImagesPerSecond'] as number) * (measured['trainStepMs'] as number) - 4000) < 1e-6);
  const ratio = (row!['trainMemoryBytes'] as number) / (measured['peakMemoryBytes'] as number);
  assert.ok(
    Math.abs(ratio - 1) < 0.15,
    `predicted ${String(row!['trainMemoryBytes'])}, measured ${String(measured['peakMemoryBytes'])}`,
  );
});

/** The process that measures, once it has loaded the engine. */
async function measurerOf(parent: ChildProcess): Promise<number> {
  for (;;) {
    assert.equal(parent.exitCode, null, 'the command ended too early');
    const child = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim();
    if (child !== '' && /rescaled\.node/.test(readFileSync(`/proc/${child}/maps`, 'utf8'))) return Number(child);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const [what, signal, message] of [
  [
    'a measurement that the system ends for memory names the predicted need',
    'SIGKILL',
    /resnet-50 ran out of memory in a training step at batch 16 .*predicted to need [\d.]+ [MG]iB/,
  ],
  ['Ctrl-C ends the command and the process that measures', 'SIGINT', /Stopped before the measurement ended/],
] as const) {
  test(what, { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
    const parent = start('profile', 'resnet-50', '--size', '96', '--batch', '16', '--measure', '--runs', '100000');
    let stderr = '';
    parent.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const child = await measurerOf(parent);
    process.kill(signal === 'SIGKILL' ? child : parent.pid!, signal);
    const [code] = (await once(parent, 'close')) as [number];
    assert.equal(code, signal === 'SIGINT' ? 130 : 1);
    assert.match(stderr, message);
    assert.ok(!existsSync(`/proc/${child}`), 'the process that measures lives on');
  });
}

test('bench: each precision beside the most that this machine computes; misuse is told', async () => {
  const { status, stdout, stderr } = await cli(
    ...['bench', 'resnet-18@32', '--batch', '4', '--runs', '1', '--threads', '1', '--json'],
  );
  assert.equal(status, 0, stderr);
  const rows = JSON.parse(stdout) as Record<string, number>[];
  assert.ok(rows.length >= 1);
  for (const row of rows) {
    // ResNet-18 at 32 pixels: 37.2 million multiply-adds forward, three times for a step (He et al. 2015, its table 1 scaled by area).
    const perPicture = row['trainFlops']! / row['trainImagesPerSecond']!;
    assert.ok(Math.abs(perPicture / (3 * 2 * 37.2e6) - 1) < 0.03, `${perPicture}`);
    assert.ok(row['share']! > 0 && row['share']! < 1.2, `${row['share']}`);
    assert.equal(row['limitFlops']! * row['share']!, row['trainFlops']);
  }
  for (const [words, expected] of [
    [['bench', 'resnet-19'], /resnet-18/],
    [['bench', '--precision', 'int8'], /float32 or bfloat16/],
    [['bench', '--batch', '0'], /1 or more/],
    [['bench', 'resnet-50', '--device', 'cuda:9'], /Expected one of cpu/],
  ] as const) {
    const wrong = await cli(...words);
    assert.equal(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, expected);
  }
});
