import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineChecks, threadsDetail } from '../../src/cli/doctor/machine.js';
import { shortCompact } from '../../src/cli/recipe/plot.js';
import { labelsFile } from '../../src/deploy/model-file.js';
import { UsageError } from '../../src/errors.js';
import { checkDevice, deviceNamed } from '../../src/train/open.js';

const GIB = 2 ** 30;

test('doctor tells of load, memory and disk, and warns where they are short', () => {
  const calm = machineChecks({
    cores: 4,
    load: 0.3,
    memory: { free: 8 * GIB, of: 16 * GIB },
    disk: { free: 50 * GIB, of: 100 * GIB },
  });
  assert.deepEqual(
    calm.map(({ name, verdict }) => [name, verdict]),
    [
      ['load', 'ok'],
      ['memory', 'ok'],
      ['disk', 'ok'],
    ],
  );
  const short = machineChecks({
    cores: 2,
    load: 5,
    memory: { free: GIB, of: 16 * GIB },
    disk: { free: GIB, of: 100 * GIB },
  });
  assert.ok(short.every(({ verdict, mend }) => verdict === 'warn' && mend !== undefined));
  assert.match(short[0]!.detail, /5\.0 on 2 cores/);
});

test('doctor names the threads that training takes, and AVX-512 where the processor has it', () => {
  assert.equal(threadsDetail('AVX2', new Set(['avx2']), 2), "2 in training (libtorch's own kernels: AVX2)");
  assert.match(threadsDetail('AVX2', new Set(['avx2', 'avx512f']), 2), /the processor has AVX-512/);
});

test('the axis of a plot loses zeros behind the point alone', () => {
  assert.deepEqual([2500, 5000, 7500, 10_000, 100_000, 500, 0].map(shortCompact), [
    '2.5\u00a0k',
    '5\u00a0k',
    '7.5\u00a0k',
    '10\u00a0k',
    '100\u00a0k',
    '500',
    '0',
  ]);
});

test('devices by the names that people type', () => {
  assert.deepEqual([deviceNamed(undefined), deviceNamed('cpu'), deviceNamed('cuda')], ['cpu', 'cpu', 'cuda:0']);
  checkDevice(deviceNamed('auto'));
  assert.throws(
    () => checkDevice('gpu'),
    (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /or auto for the device but received "gpu"\. (This engine knows no|Did you mean)/);
      return true;
    },
  );
});

test('the labels beside an exported file', () => {
  assert.match(labelsFile('runs/a/model.onnx'), /^runs.a.labels\.json$/);
  assert.equal(labelsFile('flowers.onnx'), 'flowers.labels.json');
});
