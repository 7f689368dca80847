import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { cli } from './helpers.js';

interface Row {
  name?: string;
  family: string;
  task?: string;
  frames?: number;
  size: number;
  parameters: number;
  gmacs: number;
  published: { top1: number; source: string }[];
  rule?: string;
}
const json = async (...args: string[]): Promise<Row[]> =>
  JSON.parse((await cli('models', ...args, '--json')).stdout) as Row[];

test('every model is listed, the published ones with their figures and sources', async () => {
  const rows = await json();
  // Source: tensorflow/tpu resnet_rs/README.md.
  const rs = rows.filter(({ family, published }) => family === 'resnet-rs' && published.length > 0);
  assert.deepEqual(
    rs.map(({ name, size, published }) => [name, size, published[0]!.top1]),
    [
      ['resnet-rs-50', 160, 78.8],
      ['resnet-rs-101', 160, 80.3],
      ['resnet-rs-101@192', 192, 81.2],
      ['resnet-rs-152', 192, 82],
      ['resnet-rs-152@224', 224, 82.2],
      ['resnet-rs-152@256', 256, 83],
      ['resnet-rs-200', 256, 83.4],
      ['resnet-rs-270', 256, 83.8],
      ['resnet-rs-350', 256, 84],
      ['resnet-rs-350@320', 320, 84.2],
      ['resnet-rs-420', 320, 84.4],
    ],
  );
  for (const { published } of rs) assert.match(published[0]!.source, /resnet_rs\/README\.md/);
  // Source: tensorflow/tpu efficientnet/README.md.
  const b7 = rows.find(({ name }) => name === 'efficientnet-b7')!;
  assert.deepEqual(
    b7.published.map(({ top1, source }) => [top1, /AutoAugment|RandAugment/.exec(source)?.[0]]),
    [
      [84.3, 'AutoAugment'],
      [84.7, 'RandAugment'],
    ],
  );
  // torchvision's documented counts of ResNet-18 and -50, and 1.81 and 4.09 billion multiply-adds. No accuracy of the
  // paper is known.
  const plain = rows.filter(({ family }) => family === 'resnet');
  assert.deepEqual(
    plain.filter(({ name }) => /-(18|50)$/.test(name!)).map(({ parameters, gmacs }) => [parameters, gmacs.toFixed(2)]),
    [
      [11689512, '1.81'],
      [25557032, '4.09'],
    ],
  );
  for (const { published } of plain) assert.deepEqual(published, []);
  assert.match(rows.at(-1)!.rule!, /^efficientnet-rs-b0 to efficientnet-rs-b7/);
});

test('a pattern is part of a name; name@size asks for one that is not in the list; else the nearest is named', async () => {
  assert.deepEqual(
    (await json('rs-101')).map(({ name }) => name),
    ['resnet-rs-101', 'resnet-rs-101@192', 'resnet3d-rs-101'],
  );
  const [clips] = await json('resnet3d-rs-50@8x112');
  assert.deepEqual([clips!.task, clips!.frames, clips!.size, clips!.parameters], ['video', 8, 112, 48129840]);
  assert.deepEqual(clips!.published, []);
  const [row] = await json('efficientnet-rs-b4@288');
  assert.deepEqual([row!.size, row!.parameters, row!.published], [288, 19341616, []]);
  for (const [pattern, message] of [
    ['resnet-rs-5O', /Did you mean "resnet-rs-50"\?/],
    ['efficentnet', /Did you mean "efficientnet"\?/],
    ['efficientnet-rs-b4@400', /a size of at most 380/],
  ] as const) {
    const { status, stdout, stderr } = await cli('models', pattern);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, message);
  }
});

test('the table fits 80 columns, says where each figure is from, and needs no libtorch', () => {
  const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
  const { stdout, status } = spawnSync(process.execPath, [main, 'models'], {
    encoding: 'utf8',
    env: { ...process.env, RESCALED_LIBTORCH: '/nowhere' },
  });
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split('\n');
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.equal(lines.filter((line) => /^(resnet|efficientnet)-\S+ +\d+ +[\d.]+ M +[\d.]+ G/.test(line)).length, 36);
  const clips = lines.filter((line) => /^[a-z]\S+ +\d+x\d+ +[\d.]+ M +[\d.]+ G/.test(line));
  assert.equal(clips.length, 22);
  assert.ok(
    clips.some((line) => /^resnet3d-rs-50 +32x224 +48\.13 M +88\.02 G +78\.2 \[1\]$/.test(line)),
    stdout,
  );
  for (const note of ['[1]', '[2]', '[3]'])
    assert.ok(
      lines.some((line) => line.startsWith(note)),
      note,
    );
});
