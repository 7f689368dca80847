import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RescaledError } from '../../../src/errors.js';
import { modelShapes } from '../../../src/models/index.js';
import { checkFinite, notFinite } from '../../../src/weights/finite.js';
import { beginnings, withoutBeginning } from '../../../src/weights/names/prefix.js';
import { openWeights, type WeightsFile } from '../../../src/weights/open.js';
import { takenFrom } from '../../../src/weights/report.js';
import { temporaryFolder } from '../../cli/helpers.js';
import { checkpoint, op, tensor } from '../../fixtures/crafted.js';
import { fixturePath } from '../../fixtures/open.js';

const folder = temporaryFolder();

async function reading<T>(path: string, use: (file: WeightsFile) => T, select?: string): Promise<T> {
  const file = await openWeights(path, select === undefined ? {} : { select });
  try {
    return use(file);
  } finally {
    file.close();
  }
}

const training = (name: string): string => fixturePath(`weights/training-${name}.pth`);
const valuesOf = (file: WeightsFile): Record<string, number[]> =>
  Object.fromEntries([...file.entries.keys()].map((key) => [key, [...file.readFloat32(key)]]));

function write(name: string, content: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('checkpoints of training scripts, as PyTorch wrote them', () => {
  for (const name of ['args', 'timm', 'torchvision', 'deeper'])
    test(`${name}: the values of the weights that are to be taken`, async () => {
      const expected = JSON.parse(readFileSync(training(name).replace('.pth', '.json'), 'utf8')) as object;
      assert.deepEqual(await reading(training(name), valuesOf), expected);
    });

  test('settings beside the weights are left out by the name of their class, in protocols 2 and 5', async () => {
    for (const name of ['args', 'protocol5']) {
      const ignored = await reading(training(name), (file) => file.ignored);
      const of = (key: string): string | undefined => /object of "(.*)"/.exec(ignored.get(key) ?? '')?.[1];
      assert.deepEqual(
        ['args', 'settings', 'phase', 'config', 'best'].map(of),
        [
          'argparse.Namespace',
          '__main__.Settings',
          '__main__.Phase',
          'omegaconf.dictconfig.DictConfig',
          'numpy.core.multiarray.scalar',
        ],
        name,
      );
      for (const key of [
        'history',
        'classes',
        'table',
        'point',
        'seen',
        'frozen',
        'raw',
        'device',
        'size',
        'when',
        'by',
      ])
        assert.match(ignored.get(key) ?? '', /^no weights/, key);
    }
  });

  test('which of several weights were taken is told, and another can be', async () => {
    await reading(training('timm'), (file) =>
      assert.deepEqual(takenFrom(file.metadata), [
        'taken: state_dict_ema, of state_dict, state_dict_ema; --select takes another',
      ]),
    );
    await reading(
      training('timm'),
      (file) => assert.equal(takenFrom(file.metadata)[1], 'taken off every name: module._orig_mod.'),
      'state_dict',
    );
    await reading(training('deeper'), (file) => assert.equal(file.metadata['selected'], 'ema.module'));
    const raw = await reading(training('deeper'), valuesOf, 'model.state_dict');
    assert.deepEqual(raw, await reading(training('args'), valuesOf));
  });

  test('float16, bfloat16 and float64', async () => {
    const exact = await reading(training('args'), valuesOf);
    for (const [name, dtype, error] of [
      ['half', 'F16', 2 ** -11],
      ['bfloat16', 'BF16', 2 ** -8],
      ['double', 'F64', 0],
    ] as const)
      await reading(training(name), (file) => {
        assert.equal(file.entries.get('0.weight')!.dtype, dtype);
        for (const [i, value] of file.readFloat32('0.weight').entries())
          assert.ok(Math.abs(value - exact['0.weight']![i]!) <= error * Math.abs(exact['0.weight']![i]!), name);
      });
  });

  test('a whole model and a sparse tensor are refused, with what to do', async () => {
    await assert.rejects(openWeights(training('whole')), /Sequential", which only its own Python.*state_dict\(\)/);
    await assert.rejects(openWeights(training('sparse')), /tensor "w" .*to_dense\(\)/);
  });
});

describe('what stands before the names', () => {
  const model = [...modelShapes('resnet-rs-14').keys()];
  const under = (prefix: string, keys = model): string[] => keys.map((key) => prefix + key);

  test('any text that makes the keys the model’s', () => {
    for (const prefix of ['model.', 'module.backbone.', 'encoder.', 'net.', 'learner.student_1.'])
      assert.deepEqual(beginnings([...under(prefix), 'criterion.weight'], model), [prefix]);
    assert.deepEqual(beginnings(model, model), ['']);
    assert.deepEqual(beginnings(['a.b', 'c'], model), ['']);
    // A head of another name is no reason to keep it.
    const headless = model.filter((key) => !key.startsWith('fc.'));
    assert.deepEqual(beginnings([...under('encoder.', headless), 'head.weight'], model), ['encoder.']);
  });
  test('two that would do: none is guessed', () => {
    assert.deepEqual(beginnings([...under('student.'), ...under('teacher.')], model), ['student.', 'teacher.']);
  });
  test('less than half of the model is another one', () => {
    assert.deepEqual(beginnings(under('model.', model.slice(0, 10)), model), ['']);
  });

  test('the file without it: names, values and what is left out', async () => {
    const path = write(
      'lightning.ckpt',
      checkpoint(op.dict(op.text('state_dict'), op.dict(op.text('model.w.x'), tensor(), op.text('loss'), tensor()))),
    );
    await reading(path, (opened) => {
      const file = withoutBeginning(opened, ['w.x']);
      assert.deepEqual([...file.entries.keys()], ['w.x']);
      assert.deepEqual([...file.readFloat32('w.x')], [1, 2, 3, 4, 5, 6]);
      assert.match(file.ignored.get('loss')!, /not under model\./);
      assert.deepEqual(takenFrom(file.metadata), ['taken off every name: model.']);
      assert.throws(() => file.read('model.w.x'), RescaledError);
    });
  });
});

describe('values that are not finite', () => {
  test('are counted by tensor, in every floating point type', async () => {
    const data = new Float32Array([1, Number.NaN, Number.POSITIVE_INFINITY, 0, -0, 3e38]);
    const path = write(
      'nan.pth',
      checkpoint(op.dict(op.text('w'), tensor(), op.text('v'), tensor({ size: [op.int(1)], stride: [op.int(1)] })), [
        { name: 'archive/data/0', data: new Uint8Array(data.buffer) },
      ]),
    );
    await reading(path, (file) => {
      assert.deepEqual(notFinite(file), [{ name: 'w', values: 2, of: 6 }]);
      assert.deepEqual(notFinite(file, ['v']), []);
      assert.throws(() => checkFinite(file, ['v', 'w']), /nan\.pth holds NaN or infinite values: w: 2 of 6 values\./);
    });
    await reading(training('half'), (file) => assert.deepEqual(notFinite(file), []));
  });
});
