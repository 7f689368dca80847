import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Batch } from '../../../src/data/loading/batch.js';
import type { Labels } from '../../../src/data/loading/labels.js';
import { loadConfig } from '../../../src/run/config.js';
import type { TrainEvent } from '../../../src/run/events.js';
import { resumeTraining, train } from '../../../src/tasks/runs.js';
import { videoEvaluator } from '../../../src/tasks/video/evaluator.js';
import { controlsText } from '../../../src/tasks/video/text.js';
import { fromTypedArray } from '../../../src/torch/index.js';
import type { TrainOptions } from '../../../src/train/index.js';
import { finishRun } from '../../../src/trained/finish.js';
import { temporaryFolder } from '../../data/helpers.js';
import { animation, square } from '../../data/video/helpers.js';

const root = temporaryFolder();
const SIDE = 16;
for (const [part, count] of [
  ['train', 8],
  ['val', 3],
] as const)
  for (let i = 0; i < count; i++)
    for (const [name, step] of [
      ['left', -2],
      ['right', 2],
    ] as const)
      await animation(join(root, 'data', part, name, `${i}.gif`), square(6, SIDE, step, step > 0 ? 0 : 12), SIDE, 40);

test('the mean of the probabilities of the views counts, and the controls stand apart', () => {
  const evaluator = videoEvaluator(2, { examples: 4 });
  const rows = (values: [number, number][]) => fromTypedArray(Float32Array.from(values.flat()), [values.length, 2]);
  const batch = (indices: number[], labels: number[]): Batch<Labels> => ({
    images: new Uint8Array(0),
    indices: Int32Array.from(indices),
    targets: { labels: Int32Array.from(labels) },
    n: indices.length,
  });
  const p = (share: number): [number, number] => [Math.log(share), Math.log(1 - share)];
  // Video 4 is of class 0: views 0.9, 0.2 and 0.6 have a mean of 0.5667, though the mean of logits would say less; one frame is wrong.
  evaluator.add(rows([p(0.9), p(0.2), p(0.6), p(0.1), p(0.7)]), batch([4, 4, 4, 4, 4], [0, 0, 0, 0, 0]));
  evaluator.add(rows([p(0.9), p(0.2), p(0.3), p(0.1), p(0.9)]), batch([7, 7, 7, 7, 7], [1, 1, 1, 1, 1]));
  const { scores, details } = evaluator.result();
  assert.deepEqual([scores.images, scores['top1'], scores['singleFrame'], scores['shuffled']], [2, 1, 0.5, 0.5]);
  const loss = -(Math.log((0.9 + 0.2 + 0.6) / 3) + Math.log(1 - (0.9 + 0.2 + 0.3) / 3)) / 2;
  assert.ok(Math.abs(scores['loss']! - loss) < 1e-6);
  assert.equal(details.views, 3);
  assert.match(controlsText({ scores, details }, 2)!, /50\.0 % from one frame alone, 50\.0 % with the frames shuffled/);
  // While it is trained a video has one row.
  const single = videoEvaluator(2, { examples: 0 });
  single.add(rows([p(0.9), p(0.2)]), batch([0, 1], [0, 0]));
  assert.deepEqual(single.result().scores, { ...single.result().scores, top1: 0.5, images: 2 });
  assert.equal(single.result().details.controls, undefined);
});

test('a run on clips: what is stopped and resumed ends as what never stopped, and is measured with its controls', async () => {
  process.env['RESCALED_CACHE'] = join(root, 'cache');
  const options = (out: string, workers: number): TrainOptions => ({
    data: join(root, 'data'),
    task: 'video',
    model: 'resnet3d-14',
    width: 0.125,
    size: 16,
    seed: 3,
    threads: 1,
    workers,
    out: join(root, out),
    settings: {
      epochs: 3,
      batch: 8,
      frames: 4,
      frameStride: 1,
      cropMode: 'short-side',
      flip: 0,
      testCrops: 3,
      testClips: 2,
    },
  });
  const run = async (events: AsyncGenerator<TrainEvent>, stop?: AbortController): Promise<TrainEvent[]> => {
    const all: TrainEvent[] = [];
    for await (const event of events) {
      all.push(event);
      if (event.type === 'step' && event.step === 3) stop?.abort();
    }
    return all;
  };
  const events = await run(train(options('whole', 0)));
  assert.equal(events.find((event) => event.type === 'epoch')!.type, 'epoch');
  const stop = new AbortController();
  const stopped = await run(train(options('stopped', 1), { signal: stop.signal }), stop);
  assert.equal(stopped.at(-1)!.type, 'stopped');
  await run(resumeTraining(join(root, 'stopped')));
  const weights = (out: string): Buffer => readFileSync(join(root, out, 'weights.safetensors'));
  assert.ok(weights('whole').equals(weights('stopped')));
  assert.deepEqual(loadConfig(join(root, 'whole')).input.clip, {
    ...{ frames: 4, stride: 1, rule: 'garden', clips: 2, crops: 3 },
  });
  const figures = await finishRun(join(root, 'whole'), () => {});
  assert.equal(figures.testImages, 6);
  assert.equal(figures.told['views'], 6);
  assert.ok('singleFrame' in figures.scores && 'shuffled' in figures.scores);
  const page = readFileSync(join(root, 'whole', 'report.html'), 'utf8');
  assert.match(page, /Without motion: /);
  assert.match(page, /Top-1 comes from the mean of the probabilities of 6 views of each video/);
});
