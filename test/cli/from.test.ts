import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { encodeSafetensors, SafetensorsFile } from '../../src/weights/formats/safetensors.js';
import { cli, pictureFolder, temporaryFolder } from './helpers.js';

describe('starting from weights', () => {
  const folder = temporaryFolder();
  const [three, four] = [join(folder, 'three'), join(folder, 'four')];
  const first = join(folder, 'first');
  const foreign = join(folder, 'foreign.safetensors');
  const short = ['--recipe', 'quick', '--epochs', '1', '--batch', '16', '--threads', '1', '--val-split', '0.25'];

  before(async () => {
    await pictureFolder(three, 3, 30);
    await pictureFolder(four, 4, 30);
    const done = await cli(
      'train',
      three,
      '--model',
      'resnet-rs-14',
      '--width',
      '0.125',
      '--size',
      '28',
      ...short,
      '--out',
      first,
    );
    assert.equal(done.status, 0, done.stderr);
    rewrite(join(first, 'weights.safetensors'), foreign, () => ({}));
  });

  /** The tensors of a file under another header. */
  function rewrite(
    from: string,
    to: string,
    header: (metadata: Readonly<Record<string, string>>) => Record<string, string>,
    change: (name: string, bytes: Uint8Array) => { name: string; bytes: Uint8Array } = (name, bytes) => ({
      name,
      bytes,
    }),
  ): void {
    const file = SafetensorsFile.open(from);
    const tensors = [...file.entries].map(([name, { dtype, shape }]) => ({
      dtype,
      shape,
      ...change(name, file.read(name)),
    }));
    writeFileSync(to, Buffer.concat([...encodeSafetensors(tensors, header(file.metadata))]));
    file.close();
  }

  const tensorsOf = (path: string): Map<string, Float32Array> => {
    const file = SafetensorsFile.open(path);
    const all = new Map([...file.entries.keys()].map((key) => [key, file.readFloat32(key)]));
    file.close();
    return all;
  };

  test('the model, its options and the input come with the weights; the head is renewed for other classes', async () => {
    const out = join(folder, 'second');
    // At a rate of almost nothing the trained tensors stay what the file gave.
    const done = await cli(
      'train',
      four,
      '--from',
      first,
      ...short,
      '--set',
      'learningRate=1e-30',
      '--set',
      'weightDecay=0',
      '--set',
      'averaging=none',
      '--out',
      out,
    );
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stderr, /starting from .*first/);
    assert.match(
      done.stderr,
      /renewed, since the file knows 3 classes, the pictures have 4: 2\s+fc\.weight\s+fc\.bias/,
    );
    const config = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as {
      model: string;
      size: number;
      modelOptions: { width: number };
    };
    assert.deepEqual([config.model, config.size, config.modelOptions.width], ['resnet-rs-14', 28, 0.125]);
    const [a, b] = [tensorsOf(join(first, 'weights.safetensors')), tensorsOf(join(out, 'weights.safetensors'))];
    assert.equal(b.get('fc.weight')!.length, (a.get('fc.weight')!.length / 3) * 4);
    for (const key of ['conv1.0.weight', 'layer4.0.conv3.weight', 'layer2.0.se.fc1.bias'])
      assert.deepEqual(b.get(key), a.get(key), key);
  });

  test('finetune with a frozen trunk trains the head alone; freezing needs weights', async () => {
    const out = join(folder, 'head');
    const options = [
      '--epochs',
      '2',
      '--batch',
      '16',
      '--threads',
      '1',
      '--val-split',
      '0.25',
      '--recipe',
      'finetune',
      '--set',
      'freeze=trunk',
    ];
    const done = await cli('train', three, '--from', first, ...options, '--out', out);
    assert.equal(done.status, 0, done.stderr);
    const [a, b] = [tensorsOf(join(first, 'weights.safetensors')), tensorsOf(join(out, 'weights.safetensors'))];
    for (const [key, values] of b)
      assert.equal(JSON.stringify([...values]) === JSON.stringify([...a.get(key)!]), !key.startsWith('fc.'), key);
    const random = await cli('train', three, ...options, '--out', join(folder, 'random'));
    assert.equal(random.status, 2);
    assert.match(random.stderr, /--from with freeze=trunk/);
  });

  test('the same classes keep the head, another order of names does not', async () => {
    const out = join(folder, 'third');
    const same = await cli('train', three, '--from', join(first, 'weights.safetensors'), ...short, '--out', out);
    assert.equal(same.status, 0, same.stderr);
    assert.doesNotMatch(same.stderr, /renewed/);
    const turned = join(folder, 'turned.safetensors');
    rewrite(join(first, 'weights.safetensors'), turned, (metadata) => ({
      ...metadata,
      classes: JSON.stringify((JSON.parse(metadata['classes']!) as string[]).reverse()),
    }));
    const other = await cli('train', three, '--from', turned, ...short, '--out', join(folder, 'fourth'));
    assert.match(other.stderr, /renewed, since the file knows other classes/);
  });

  test('weights that do not fit are named key by key, and nothing is trained', async () => {
    const wider = await cli(
      'train',
      three,
      '--from',
      foreign,
      '--model',
      'resnet-rs-14',
      '--width',
      '0.25',
      '--size',
      '28',
      ...short,
      '--out',
      join(folder, 'no'),
    );
    assert.equal(wider.status, 1);
    assert.match(wider.stderr, /do not fit resnet-rs-14 x0\.25:/);
    assert.match(wider.stderr, /wrong shape: \d+\n\s+conv1\.6\.weight: expected \[16, 8, 3, 3\], found \[8, 8, 3, 3\]/);
    assert.equal(existsSync(join(folder, 'no')), false);
    const deeper = await cli(
      'train',
      three,
      '--from',
      foreign,
      '--model',
      'resnet-rs-26',
      '--width',
      '0.125',
      '--size',
      '28',
      ...short,
      '--out',
      join(folder, 'no'),
    );
    assert.match(deeper.stderr, /missing: \d+\n\s+layer1\.1\.conv1\.weight/);
  });

  test('a run as another model: whose weights they are, in one line, and inspect says the same', async () => {
    const other = await cli(
      'train',
      three,
      '--from',
      first,
      '-m',
      'resnet-rs-26',
      ...short,
      '--out',
      join(folder, 'no'),
    );
    assert.equal(other.status, 1);
    assert.match(other.stderr, /are of resnet-rs-14 x0\.125, not of resnet-rs-26: \d+ of their keys differ/);
    assert.ok(other.stderr.trim().split('\n').length === 1, other.stderr);
    const wrong = await cli('eval', first, '-m', 'resnet-rs-26');
    assert.match(wrong.stderr, /are of resnet-rs-14 x0\.125, not of resnet-rs-26/);
    const inspected = await cli('weights', 'inspect', first);
    assert.equal(inspected.status, 0, inspected.stderr);
    assert.match(inspected.stdout, /fits: resnet-rs-14 x0\.125 with 3 classes/);
  });

  test('what stands before every name is taken off, in eval and train, and told', async () => {
    const wrapped = join(folder, 'wrapped.safetensors');
    const told = join(folder, 'told-too.safetensors');
    const facts = ({ data: _, ...metadata }: Readonly<Record<string, string>>): Record<string, string> => metadata;
    rewrite(join(first, 'weights.safetensors'), told, facts);
    rewrite(join(first, 'weights.safetensors'), wrapped, facts, (name, bytes) => ({
      name: `model.net.${name}`,
      bytes,
    }));
    const [expected, done] = [await cli('eval', told, three, '--json'), await cli('eval', wrapped, three, '--json')];
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stderr, /note: taken off every name: model\.net\./);
    const figures = ({ stdout }: { stdout: string }): unknown[] => {
      const { top1, loss } = JSON.parse(stdout) as Record<string, number>;
      return [top1, loss];
    };
    assert.deepEqual(figures(done), figures(expected));
    const explained = await cli('train', three, '--from', wrapped, ...short, '--explain');
    assert.equal(explained.status, 0, explained.stderr);
    assert.match(
      (await cli('weights', 'inspect', wrapped)).stdout,
      /fits: resnet-rs-14 x0\.125.*without "model\.net\."/,
    );
  });

  test('values that are not finite are named before training, in eval, inspect and convert', async () => {
    const broken = join(folder, 'nan.safetensors');
    rewrite(
      join(first, 'weights.safetensors'),
      broken,
      (metadata) => metadata,
      (name, bytes) => {
        if (name === 'conv1.0.weight') new Float32Array(bytes.buffer, bytes.byteOffset, 3).fill(Number.NaN);
        return { name, bytes };
      },
    );
    const out = join(folder, 'none');
    for (const args of [
      ['train', three, '--from', broken, ...short, '--out', out],
      ['eval', broken, three],
    ]) {
      const done = await cli(...args);
      assert.equal(done.status, 1);
      assert.match(done.stderr, /nan\.safetensors holds NaN or infinite values: conv1\.0\.weight: 3 of \d+ values/);
      assert.doesNotMatch(done.stderr, /learning rate/);
    }
    assert.equal(existsSync(out), false);
    for (const args of [
      ['inspect', broken],
      ['convert', broken, join(folder, 'nan-too.safetensors')],
    ])
      assert.match(
        (await cli('weights', ...args)).stdout,
        /not finite \(NaN or infinite\): 1\n +conv1\.0\.weight: 3 of/,
      );
  });

  test('weights that do not say what they are: the model must be named', async () => {
    for (const args of [
      ['train', three, '--from', foreign],
      ['eval', '--from', foreign, three],
    ]) {
      const done = await cli(...args);
      assert.equal(done.status, 2, done.stderr);
      assert.match(done.stderr, /Expected --model, since .*foreign\.safetensors does not say/);
    }
    const missing = await cli('train', three, '--from', join(folder, 'nothing.pth'));
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /there is nothing at/);
    const checkpoint = await cli('train', three, '--from', join(first, 'checkpoints', 'last.safetensors'));
    assert.match(checkpoint.stderr, /is the checkpoint of a run/);
  });

  test('eval --from measures weights without a header as the run itself', async () => {
    const facts = { model: 'resnet-rs-14', modelOptions: JSON.stringify({ width: 0.125, stemStride: 2 }) };
    const bare = join(folder, 'bare.safetensors');
    rewrite(foreign, bare, () => facts);
    // Without the training data's split in their headers, both pick the same part of the folder.
    const told = join(folder, 'told.safetensors');
    rewrite(join(first, 'weights.safetensors'), told, ({ data: _, ...metadata }) => metadata);
    const [expected, done] = [
      await cli('eval', told, three, '--json'),
      await cli('eval', '--from', bare, three, '--size', '28', '--crop', '1', '--json'),
    ];
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stderr, /names no classes/);
    const figures = ({ stdout }: { stdout: string }) => {
      const { top1, loss, images, size } = JSON.parse(stdout) as Record<string, number>;
      return { top1, loss, images, size };
    };
    assert.deepEqual(figures(done), figures(expected));
    const wrong = await cli('eval', '--from', bare, four, '--size', '28');
    assert.match(wrong.stderr, /Expected 3 classes, as the weights .* have, but .* has 4/);
    assert.equal(wrong.status, 2);
  });

  test('the statistics of the input travel from file to run to file', async () => {
    const grey = join(folder, 'grey.safetensors');
    rewrite(join(first, 'weights.safetensors'), grey, (metadata) => ({
      ...metadata,
      mean: '[0.5,0.5,0.5]',
      std: '[0.25,0.25,0.25]',
      interpolation: 'bilinear',
    }));
    const out = join(folder, 'fifth');
    const done = await cli('train', three, '--from', grey, ...short, '--out', out);
    assert.equal(done.status, 0, done.stderr);
    const file = SafetensorsFile.open(join(out, 'weights.safetensors'));
    assert.deepEqual(
      [file.metadata['mean'], file.metadata['std'], file.metadata['interpolation']],
      ['[0.5,0.5,0.5]', '[0.25,0.25,0.25]', 'bilinear'],
    );
    file.close();
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
      onnxMaxAbsDiff: number;
      top1: number;
    };
    assert.ok(report.onnxMaxAbsDiff < 1e-3);
    const damaged = join(folder, 'damaged.safetensors');
    rewrite(grey, damaged, (metadata) => ({ ...metadata, mean: 'grey' }));
    const wrong = await cli('eval', damaged, three);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /Expected a valid "mean" in the header of .*damaged/);
  });
});
