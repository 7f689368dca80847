import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { Conversion, Inspection } from '../../src/cli/weights/report.js';
import { modelShapes } from '../../src/models/index.js';
import { packageRoot } from '../../src/package-root.js';
import { loadModel } from '../../src/trained/load.js';
import { SafetensorsFile } from '../../src/weights/formats/safetensors.js';
import { checkpoint, op, tensor } from '../fixtures/crafted.js';
import { fixturePath } from '../fixtures/open.js';
import { cli, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
const out = join(folder, 'out.safetensors');
const torch = fixturePath('weights/torch-2-nested.pth');
const tensorflow = fixturePath('weights/tensorflow.index');

async function fails(status: 1 | 2, pattern: RegExp, ...args: string[]): Promise<void> {
  const done = await cli('weights', ...args);
  assert.equal(done.status, status, done.stderr);
  assert.match(done.stderr, pattern);
  assert.doesNotMatch(done.stderr, /\n\s+at |fault of rescaled|HDF5-DIAG/);
}
const converted = async (...args: string[]): Promise<Conversion> => {
  const done = await cli('weights', 'convert', ...args, '--json');
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout) as Conversion;
};

describe('weights inspect', () => {
  test('a training checkpoint: what is in it, in words and as JSON', async () => {
    const text = await cli('weights', 'inspect', torch);
    assert.equal(text.status, 0, text.stderr);
    assert.match(text.stdout, /pytorch, 9 tensors/);
    assert.match(text.stdout, /selected: state_dict_ema/);
    assert.match(text.stdout, /optimizer/);
    assert.match(text.stdout, /0\.weight +F32 +\[4, 3, 3, 3\]/);
    const { format, metadata, tensors, parameters, fits } = JSON.parse(
      (await cli('weights', 'inspect', torch, '--json', '--select', 'state_dict')).stdout,
    ) as Inspection;
    assert.deepEqual(
      [format, metadata['selected'], metadata['epoch'], tensors.length, parameters, fits],
      ['pytorch', 'state_dict', '12', 9, 135, 'no named model'],
    );
  });
  test('long lists are cut, --all has everything', async () => {
    const short = (await cli('weights', 'inspect', tensorflow)).stdout;
    assert.match(short, /and 1225 more; --all lists them/);
    assert.match(short, /state of the optimizer: .* and \d+ more/);
    const all = (await cli('weights', 'inspect', tensorflow, '--all')).stdout;
    assert.ok(all.split('\n').length > 1245);
    assert.doesNotMatch(all, /more; --all/);
  });
  test('control characters of a file do not reach the terminal', async () => {
    const path = join(folder, 'colours.pth');
    writeFileSync(path, checkpoint(op.dict(op.text('\x1b[31mred'), tensor(), op.text('note'), op.text('\x07\x9b'))));
    const done = await cli('weights', 'inspect', path);
    assert.equal(done.status, 0, done.stderr);
    assert.doesNotMatch(done.stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    assert.match(done.stdout, /\\x1b\[31mred/);
  });
  test('wrong use and wrong files', async () => {
    const page = join(folder, 'page.pth');
    writeFileSync(page, '<html>404</html>');
    await fails(2, /none\.pth is not there/, 'inspect', join(folder, 'none.pth'));
    await fails(1, /web page/, 'inspect', page);
    await fails(2, /Did you mean "state_dict_ema"/, 'inspect', torch, '--select', 'state_dict_em');
    await fails(1, /layout of Keras 3/, 'inspect', fixturePath('weights/keras-3.weights.h5'));
    await fails(2, /Did you mean inspect/, 'inspct', torch);
    writeFileSync(page, checkpoint(op.dict(op.text('w'), op.global('posix', 'system'))));
    await fails(1, /"posix\.system"/, 'inspect', page);
  });
});

describe('weights convert', () => {
  test("TensorFlow to timm's keys: averages, transposed, with how pictures come in", async () => {
    const { mapped, metadata, ignored, to } = await converted(tensorflow, out);
    assert.equal(mapped.length, 311);
    assert.deepEqual(
      mapped.find(({ key }) => key === 'classifier.weight'),
      {
        source: 'efficientnet-b0/head/dense/kernel/ExponentialMovingAverage',
        key: 'classifier.weight',
        transform: 'dense',
        shape: [5, 6],
      },
    );
    assert.deepEqual(metadata, {
      format: 'pt',
      source: 'tensorflow',
      weights: 'ema',
      mean: '[0.485,0.456,0.406]',
      std: '[0.229,0.224,0.225]',
      interpolation: 'bicubic',
      activation: 'swish',
      padding: 'same',
      batchNormEpsilon: '0.001',
    });
    assert.equal(Object.keys(ignored).length, 311 * 3 + 2);
    assert.equal(to?.path, out);
    const expected = JSON.parse(readFileSync(fixturePath('weights/tensorflow.json'), 'utf8')) as Record<
      string,
      { values: number[] }
    >;
    const file = SafetensorsFile.open(out);
    assert.deepEqual({ ...file.metadata }, metadata);
    for (const [key, { values }] of Object.entries(expected)) assert.deepEqual([...file.readFloat32(key)], values, key);
    file.close();
  });

  test('an existing file, the input itself, no folder, another ending', async () => {
    const before = readFileSync(out);
    await fails(2, /exists already. --force/, 'convert', torch, out);
    await fails(2, /another file to write than the one that is read/, 'convert', out, out, '--force');
    symlinkSync(out, join(folder, 'link.safetensors'));
    await fails(2, /another file to write/, 'convert', out, join(folder, 'link.safetensors'), '--force');
    await fails(2, /folder does not exist/, 'convert', torch, join(folder, 'no', 'x.safetensors'));
    await fails(2, /ends in \.safetensors/, 'convert', torch, join(folder, 'x.pth'));
    mkdirSync(join(folder, 'f.safetensors'));
    await fails(2, /is a folder/, 'convert', torch, join(folder, 'f.safetensors'));
    await fails(2, /'F8' is invalid/, 'convert', torch, join(folder, 'x.safetensors'), '--dtype', 'F8');
    await fails(
      2,
      /unknown model|model name/i,
      'convert',
      torch,
      join(folder, 'x.safetensors'),
      '--model',
      'resnet-rs-51',
    );
    assert.deepEqual(readFileSync(out), before);
    assert.equal(existsSync(join(folder, 'x.safetensors')), false);
  });

  test('--force replaces; --select, --prefix and --dtype', async () => {
    assert.equal((await converted(torch, out, '--force', '--select', 'state_dict')).metadata['weights'], 'raw');
    const raw = SafetensorsFile.open(out);
    const exact = raw.readFloat32('0.weight');
    raw.close();
    const { mapped, ignored } = await converted(
      torch,
      out,
      '--force',
      '--select',
      'state_dict',
      '--prefix',
      '0.',
      '--dtype',
      'BF16',
    );
    assert.deepEqual(
      mapped.map(({ source, key }) => [source, key]),
      [
        ['0.weight', 'weight'],
        ['0.bias', 'bias'],
      ],
    );
    assert.match(ignored['1.weight']!, /prefix/);
    const file = SafetensorsFile.open(out);
    assert.equal(file.entries.get('weight')?.dtype, 'BF16');
    file
      .readFloat32('weight')
      .forEach((value, i) => assert.ok(Math.abs(value - exact[i]!) <= Math.abs(exact[i]!) * 2 ** -8));
    file.close();
    await fails(2, /begin with "nothing"/, 'convert', torch, join(folder, 'p.safetensors'), '--prefix', 'nothing');
  });

  test('names that no rule knows stop it; the rest on request', async () => {
    const target = join(folder, 'links.safetensors');
    await fails(1, /no tensor of the file has a known name/, 'convert', fixturePath('weights/keras-links.h5'), target);
    assert.equal(existsSync(target), false);
  });

  test('a value that half precision cannot hold: nothing is left behind', async () => {
    const path = join(folder, 'large.pth');
    writeFileSync(
      path,
      checkpoint(op.dict(op.text('w'), tensor()), [
        { name: 'archive/data/0', data: new Uint8Array(new Float32Array(6).fill(1e6).buffer) },
      ]),
    );
    await fails(
      1,
      /Cannot store "w" as F16: 1000000 is too large/,
      'convert',
      path,
      join(folder, 'large.safetensors'),
      '--dtype',
      'F16',
    );
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('large.safetensors')),
      [],
    );
  });

  test('metadata of a safetensors file stays', async () => {
    const target = join(folder, 'again.safetensors');
    assert.deepEqual((await converted(fixturePath('dtypes.safetensors'), target)).metadata, {
      format: 'pt',
      note: 'written by hand',
    });
    const [a, b] = [SafetensorsFile.open(fixturePath('dtypes.safetensors')), SafetensorsFile.open(target)];
    assert.deepEqual([...b.entries.keys()].sort(), [...a.entries.keys()].sort());
    for (const name of a.entries.keys()) assert.deepEqual(b.read(name), a.read(name), name);
    a.close();
    b.close();
  });
});

describe('a named model', () => {
  const path = join(folder, 'model.pth');
  const labels = join(folder, 'labels.txt');
  let shapes: Map<string, number[]>;

  /** Every key of the model, all on one storage of ones; some changed. */
  function write(change: (shapes: Map<string, number[]>) => void): void {
    const changed = new Map(shapes);
    change(changed);
    const largest = Math.max(...[...changed.values()].map((shape) => shape.reduce((a, b) => a * b, 1)));
    const tensors = [...changed].flatMap(([key, shape]) => {
      const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
      return [
        op.text(`module.${key}`),
        tensor({ elements: op.int(largest), size: shape.map(op.int), stride: strides.map(op.int) }),
      ];
    });
    writeFileSync(
      path,
      checkpoint(op.dict(...tensors), [
        { name: 'archive/data/0', data: new Uint8Array(new Float32Array(largest).fill(1).buffer) },
      ]),
    );
  }

  before(() => {
    shapes = modelShapes('resnet-rs-14');
  });

  test('fits, is converted with the facts that eval needs, and is loaded again', async () => {
    write((all) => all.set('fc.weight', [10, 2048]).set('fc.bias', [10]));
    writeFileSync(labels, 'T-shirt/top\nTrouser\nPullover\nDress\nCoat\nSandal\nShirt\nSneaker\nBag\nAnkle boot\n');
    assert.match((await cli('weights', 'inspect', path)).stdout, /fits: resnet-rs-14 with 10 classes/);
    const { mapped, metadata, missing, unexpected } = await converted(
      path,
      out,
      '--force',
      '--model',
      'resnet-rs-14@32',
      '--classes',
      labels,
      '--dtype',
      'F16',
    );
    assert.deepEqual([mapped.length, missing, unexpected], [shapes.size, [], []]);
    assert.deepEqual(
      [metadata['model'], metadata['size'], metadata['evalCrop'], metadata['activation']],
      ['resnet-rs-14', '32', '0.5', 'relu'],
    );
    assert.equal((JSON.parse(metadata['modelOptions']!) as { classes: number }).classes, 10);
    const loaded = await loadModel(out);
    assert.deepEqual(
      [loaded.name, loaded.size, loaded.evalCrop, loaded.classes.length, loaded.classes[9]],
      ['resnet-rs-14', 32, 0.5, 10, 'Ankle boot'],
    );
    assert.deepEqual(loaded.model.state().get('fc.weight')?.shape, [10, 2048]);
    loaded.model.dispose();
  });

  test('missing and unexpected keys: exit 1 and nothing written, or the rest', async () => {
    write((all) => {
      all.delete('bn1.bias');
      all.set('head.weight', [2]);
    });
    const target = join(folder, 'partial.safetensors');
    const done = await cli('weights', 'convert', path, target, '--model', 'resnet-rs-14');
    assert.equal(done.status, 1);
    assert.match(done.stdout, /missing: 1\n +bn1\.bias\nunexpected: 1\n +head\.weight/);
    assert.match(done.stderr, /do not fit resnet-rs-14.*--allow-missing/);
    assert.equal(existsSync(target), false);
    const { missing, unexpected, mapped } = await converted(path, target, '--model', 'resnet-rs-14', '--allow-missing');
    assert.deepEqual([missing, unexpected, mapped.length], [['bn1.bias'], ['head.weight'], shapes.size - 1]);
    const file = SafetensorsFile.open(target);
    assert.equal(file.entries.has('head.weight'), false);
    file.close();
    assert.match((await cli('weights', 'inspect', target)).stdout, /nearly resnet-rs-14: 1 keys missing/);
  });

  test('another shape is never written', async () => {
    write((all) => all.set('conv1.0.weight', [32, 1, 3, 3]));
    const done = await cli(
      'weights',
      'convert',
      path,
      join(folder, 'shape.safetensors'),
      '--model',
      'resnet-rs-14',
      '--allow-missing',
    );
    assert.equal(done.status, 1);
    assert.match(done.stdout, /conv1\.0\.weight: expected \[32, 3, 3, 3\], found \[32, 1, 3, 3\]/);
    assert.equal(existsSync(join(folder, 'shape.safetensors')), false);
  });

  test('names of classes must be as many as the outputs', async () => {
    write(() => {});
    await fails(
      2,
      /Expected 1000 different names.*has 10 in 10 lines/,
      'convert',
      path,
      out,
      '--force',
      '--classes',
      labels,
    );
    await fails(2, /cannot be read/, 'convert', path, out, '--force', '--classes', join(folder, 'none.txt'));
  });

  test('without the engine: inspect and convert work, a model is said to need it', () => {
    write(() => {});
    // A copy of the package in which nothing was built.
    const copy = join(folder, 'package');
    mkdirSync(join(copy, 'dist'), { recursive: true });
    cpSync(join(packageRoot, 'dist', 'src'), join(copy, 'dist', 'src'), { recursive: true });
    copyFileSync(join(packageRoot, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'));
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(copy, 'dist', 'src', 'cli', 'main.js'), 'weights', ...args], {
        encoding: 'utf8',
        cwd: copy,
      });
    const inspected = run('inspect', path);
    assert.equal(inspected.status, 0, inspected.stderr);
    assert.match(inspected.stdout, /fits: resnet-rs-14/);
    const target = join(folder, 'no-engine.safetensors');
    const plain = run('convert', path, target);
    assert.equal(plain.status, 0, plain.stderr);
    assert.ok(existsSync(target));
    const named = run('convert', path, join(folder, 'named.safetensors'), '--model', 'resnet-rs-14');
    assert.equal(named.status, 0, named.stderr);
    assert.ok(existsSync(join(folder, 'named.safetensors')));
  });
});
