import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RescaledError, UsageError } from '../../../src/errors.js';
import { measureApart } from '../../../src/train/timing/measure-apart.js';

const options = { size: 32, batch: 2, runs: 1, threads: 1, device: 'cpu' };

test('figures of a model, measured in a process of its own', async () => {
  const { train, inference } = await measureApart({ model: 'resnet-14', options });
  assert.ok(train.median > 0 && inference.median > 0);
});

test('memory that the engine does not get, misuse and a stop are told apart', async () => {
  // A hundred terabytes of pictures.
  const huge = { model: 'resnet-14', options: { ...options, batch: 8_000_000_000 } };
  await assert.rejects(measureApart(huge, { memory: 'buy some' }), (error) => {
    assert.ok(error instanceof RescaledError);
    assert.equal(
      error.message,
      'resnet-14 ran out of memory in a training step at batch 8000000000 (the engine could not get more); buy some.',
    );
    return true;
  });
  await assert.rejects(measureApart({ model: 'resnet-14', options: { ...options, device: 'cuda:9' } }), UsageError);
  await assert.rejects(
    measureApart({ model: 'resnet-14', options: { ...options, runs: 1e6 } }, { signal: AbortSignal.timeout(1000) }),
    /Stopped before the measurement ended/,
  );
});
