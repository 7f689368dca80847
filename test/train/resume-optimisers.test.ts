import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

const cases: Record<string, Record<string, unknown>> = {
  rmsprop: { optimiser: 'rmsprop', schedule: 'exponential' },
  adamw: { optimiser: 'adamw', clipNorm: 1, schedule: 'one-cycle' },
  'lamb in bfloat16': { optimiser: 'lamb', layerDecay: 0.7, schedule: 'step', precision: 'bfloat16' },
  'lars, its rate by the root of the batch': { optimiser: 'lars', rateScaling: 'sqrt', layerDecay: 0.7 },
  'sgd in parts, clipped by units, averaged twice': {
    accumulate: 3,
    agc: 0.05,
    averaging: 'ema-running',
    classWeights: 'balanced',
    mixup: 0.2,
    schedule: 'constant',
  },
};

describe('stopped after every few steps and resumed, a run ends with the bytes of one that was not', () => {
  const folder = temporaryFolder();
  for (const [name, settings] of Object.entries(cases)) {
    test(name, async () => {
      const options = (out: string): TrainOptions => ({
        data: FASHION,
        model: 'resnet-rs-14',
        width: 0.125,
        recipe: 'quick',
        limitTrain: 192,
        limitVal: 20,
        seed: 3,
        threads: 1,
        workers: 0,
        out: join(folder, out),
        settings: { epochs: 2, batch: 32, dropout: 0.1, ...settings },
      });
      const calm = options(`${name}-calm`);
      for await (const event of train(calm)) if (event.type === 'step') assert.ok(Number.isFinite(event.loss));
      const shaken = options(`${name}-shaken`);
      let stops = 0;
      for (let ended = false; !ended; ) {
        assert.ok(stops < 20, 'the run does not end');
        const stop = new AbortController();
        let steps = 0;
        for await (const event of stops === 0
          ? train(shaken, { signal: stop.signal })
          : resumeTraining(shaken.out, { signal: stop.signal })) {
          if (event.type === 'step' && ++steps === 5) stop.abort();
          ended = event.type === 'end';
        }
        if (!ended) stops++;
      }
      assert.ok(stops >= 2, `only ${stops} stops`);
      const [a, b] = [calm, shaken].map(({ out }) => readFileSync(join(out, 'weights.safetensors')));
      assert.ok(a!.equals(b!), 'the weights differ');
    });
  }
});
