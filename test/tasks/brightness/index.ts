// A task in one folder: how bright a picture is. Its register line is written by task.test.ts.
import { openDataset } from '../../../src/data/dataset.js';
import { createModel } from '../../../src/models/index.js';
import { call, flatten, fromTypedArray, type Tensor } from '../../../src/torch/index.js';
import type { Task } from '../../../src/train/task.js';
import type { Brightness } from './targets.js';

export const brightness: Task<Brightness> = {
  name: 'brightness',
  metrics: [
    { name: 'mae', title: 'mean absolute error', unit: '', direction: 'lower' },
    { name: 'loss', title: 'loss', unit: '', direction: 'lower' },
  ],
  figures: () => ['mae'],
  openData: openDataset,
  targets: { module: new URL('targets.js', import.meta.url).href },
  settings: () => ({ name: 'brightness' }),
  settingsOf: () => ({ name: 'brightness' }),
  counts: () => ({}),
  fits: () => undefined,
  outputs: () => 1,
  model: ({ model, modelOptions, seed }) => createModel(model, modelOptions, seed),
  facts: () => ({ task: 'brightness' }),
  objective: ({ device }) => ({
    begin: ({ images, targets }) => ({
      images,
      loss(outputs, begin, end) {
        const wanted = fromTypedArray(targets.brightness.subarray(begin, end), [end - begin], { device });
        const given = flatten(outputs, 0);
        return { loss: call<Tensor>('aten::mse_loss', [given, wanted]), figures: { mae: distance(given, wanted) } };
      },
    }),
    dispose() {},
  }),
  evaluator() {
    let [images, mae, loss] = [0, 0, 0];
    return {
      add(outputs, { n, targets }) {
        const given = outputs.data() as Float32Array;
        for (let i = 0; i < n; i++) {
          const error = given[i]! - targets.brightness[i]!;
          mae += Math.abs(error);
          loss += error * error;
        }
        images += n;
      },
      result: () => ({ scores: { mae: mae / images, loss: loss / images, images }, details: undefined }),
    };
  },
  exported: () => ({ kind: 'numbers', names: ['brightness'] }),
  told: () => ({}),
  report: async ({ scores }) => ({ sections: [], findings: [`The model is off by ${scores['mae']!.toFixed(3)}.`] }),
};

/** The sum of |a - b|. */
const distance = (a: Tensor, b: Tensor): number =>
  call<Tensor>('aten::sum', [call('aten::abs', [call('aten::sub.Tensor', [a, b])])]).item();
