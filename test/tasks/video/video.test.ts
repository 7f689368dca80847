import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Batch } from '../../../src/data/loading/batch.js';
import type { Labels } from '../../../src/data/loading/labels.js';
import { Predictor } from '../../../src/deploy/predictor.js';
import { VideoPredictor } from '../../../src/deploy/video/predictor.js';
import type { VideoResult } from '../../../src/deploy/video/told.js';
import { loadConfig } from '../../../src/run/config.js';
import type { TrainEvent } from '../../../src/run/events.js';
import { resumeTraining, train } from '../../../src/tasks/runs.js';
import { videoEvaluator } from '../../../src/tasks/video/evaluator.js';
import { controlsText } from '../../../src/tasks/video/text.js';
import { fromTypedArray, noGrad, scope, softmax } from '../../../src/torch/index.js';
import { Normaliser, type TrainOptions } from '../../../src/train/index.js';
import { finishRun } from '../../../src/trained/finish.js';
import { loadModel } from '../../../src/trained/load.js';
import { cliHere } from '../../cli/helpers.js';
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

test('the exported file says of videos what the model says of their windows, without libtorch', async () => {
  const loaded = await loadModel(join(root, 'whole'));
  const normaliser = new Normaliser('cpu', loaded.input);
  /** Of one clip of four frames of 16 x 16. */
  const shares = (clip: Uint8Array): Float32Array =>
    scope(() => noGrad(() => softmax(loaded.model.forward(normaliser.input(clip, 1, SIDE))).data())) as Float32Array;
  // Frames of 32 x 16 pixels: three crops of each window, and the last window ends with the video.
  const wide = Array.from({ length: 6 }, (_, k) => ({
    ...{ width: 2 * SIDE, height: SIDE },
    data: Uint8Array.from({ length: 3 * 2 * SIDE * SIDE }, (__, i) => (i * (k + 3) * 7919) % 251),
  }));
  const clipOf = (start: number, x: number): Uint8Array =>
    Buffer.concat(
      wide
        .slice(start, start + 4)
        .flatMap(({ data }) =>
          Array.from({ length: SIDE }, (_, y) => data.subarray(3 * (2 * SIDE * y + x), 3 * (2 * SIDE * y + x + SIDE))),
        ),
    );
  const windows = [0, 2].map((start) => {
    const views = [0, 8, 16].map((x) => shares(clipOf(start, x)));
    return [0, 1].map((k) => views.reduce((sum, view) => sum + view[k]! / 3, 0));
  });
  const predictor = await VideoPredictor.load(join(root, 'whole'), { threads: 1 });
  const results: VideoResult[] = [];
  const gif = join(root, 'data', 'val', 'left', '0.gif');
  const told: number[] = [];
  for await (const result of predictor.predict([{ frames: wide, fps: 10 }, gif, join(root, 'none.gif')], {
    ...{ hop: { seconds: 0.4 }, onWindow: ({ startFrame }) => told.push(startFrame) },
  }))
    results.push(result);
  const [first, second, third] = results;
  const probabilities = ({ predictions }: Pick<VideoResult, 'predictions'>): number[] =>
    [...predictions].sort((a, b) => a.index - b.index).map(({ probability }) => probability);
  const near = (a: number[], b: number[]): void => a.forEach((value, k) => assert.ok(Math.abs(value - b[k]!) < 1e-5));
  assert.deepEqual([first!.path, first!.frames, first!.fps, first!.seconds], ['#0', 6, 10, 0.6]);
  assert.deepEqual(
    first!.windows.map(({ start, end, startFrame, endFrame }) => [start, end, startFrame, endFrame]),
    [
      [0, 0.4, 0, 4],
      [0.2, 0.6, 2, 6],
    ],
  );
  for (const [i, window] of first!.windows.entries()) near(probabilities(window), windows[i]!);
  near(probabilities(first!), [0, 1].map((k) => (windows[0]![k]! + windows[1]![k]!) / 2)); // biome-ignore format: one line
  // At 25 frames a second 0.4 s are more than a window: what lies between is not looked at.
  assert.deepEqual([second!.windows.length, second!.fps, second!.error], [1, 25, undefined]);
  assert.deepEqual(third, { path: join(root, 'none.gif'), predictions: [], windows: [], error: 'no such file' });
  assert.deepEqual(told, [0, 2, 0]);
  const { preprocess } = predictor.metadata;
  assert.equal(preprocess.layout, 'NTHWC');
  const { samplingRule, ...clip } = preprocess.clip!;
  assert.deepEqual(clip, { frames: 4, stride: 1, rule: 'garden', clips: 2, crops: 3, side: 20 });
  assert.match(
    samplingRule,
    /frame k of the middle clip is \(max\(0, L - 4 s\) div 2 \+ k s\) mod L of the L frames, s = 1/,
  );
  await assert.rejects(predictor.predict(7 as never).next(), /Expected the path of a video, \{ frames, fps \}/);
  await assert.rejects(predictor.predict(gif, { window: { frames: 0.5 } }).next(), /Expected \{ frames: 64 \} or/);
  const mixed = predictor.predict({ frames: [wide[0]!, { ...wide[0]!, width: SIDE, height: 2 * SIDE }] });
  await assert.rejects(mixed.next(), /frames of 32 x 16 in #0 but frame 1 is 16 x 32/);
  // Who leaves early leaves nothing behind, and what is taken is a little ahead of what is told.
  const taken: number[] = [];
  function* many(): Generator<string> {
    for (let i = 0; i < 9; i++) {
      taken.push(i);
      yield gif;
    }
  }
  for await (const { path } of predictor.predict(many())) {
    assert.equal(path, gif);
    break;
  }
  assert.ok(taken.length >= 1 && taken.length <= 4, `${taken}`);
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(predictor.predict(gif, { signal }).next(), /enough/);
  await predictor.close();
  await assert.rejects(predictor.predict(gif).next(), /was closed/);
  await assert.rejects(Predictor.load(join(root, 'whole')), /takes clips of 4 frames: VideoPredictor\.load opens it/);
  normaliser.dispose();
});

test('predict with videos: text, JSON, CSV and a page; each that cannot be read is a line', async () => {
  const predict = (...args: string[]) => cliHere(['predict', 'whole', ...args, '--threads', '1'], { cwd: root });
  const exported = await cliHere(['export', 'whole', '-o', 'again.onnx'], { cwd: root });
  assert.match(
    exported.stdout,
    /compared with the model on 6 real clips: .*same class for 100\.0 %\nnext: .* VIDEO\.\.\./,
  );
  writeFileSync(join(root, 'cut.gif'), readFileSync(join(root, 'data/val/left/0.gif')).subarray(0, -10));
  const text = await predict('data/val/left', 'cut.gif', '--top', '1', '--report', 'page.html');
  assert.equal(text.status, 1);
  const lines = text.stdout.trim().split('\n');
  assert.match(lines[0]!, /^data\/val\/left\/0\.gif {2}(left|right) \d+\.\d %$/);
  assert.match(lines[1]!, /^ {2}0:00\.00 to 0:00\.\d\d {2}(left|right) \d+\.\d %$/);
  assert.match(text.stderr, /^cut\.gif {2}cannot be read: it is an animation that is cut off\n/);
  assert.match(text.stderr, /4 videos, 1 could not be read/);
  const page = readFileSync(join(root, 'page.html'), 'utf8');
  assert.equal(page.match(/<img src="data:image\/jpeg/g)!.length, 3 * 6);
  assert.equal(page.match(/<rect x=/g)!.length, 3 * 2);
  assert.match(page, /cut\.gif: it is an animation that is cut off/);
  const json = JSON.parse((await predict('data/val/left/1.gif', '--json', '--hop', '1')).stdout);
  assert.deepEqual(
    json.windows.map(({ start, end }: { start: number; end: number }) => [start, end]),
    [0, 1, 2].map((k) => [k / 25, (k + 4) / 25]),
  );
  const csv = (await predict('data/val/*/2.gif', '--csv', '--top', '2')).stdout.trim().split('\n');
  assert.equal(
    csv[0],
    'path,part,start,end,startFrame,endFrame,label,probability,label1,probability1,label2,probability2,error',
  );
  assert.deepEqual(
    csv.slice(1).map((row) => row.split(',').slice(0, 6).join()),
    ['left', 'right'].flatMap((name) =>
      ['video,0,0.24,0,6', 'window,0,0.16,0,4', 'window,0.08,0.24,2,6'].map((rest) => `data/val/${name}/2.gif,${rest}`),
    ),
  );
  for (const [args, why] of [
    [['nothing.mp4'], /Expected a video, or a folder of videos or of frames, at nothing\.mp4 but there is nothing/],
    [['data', '--draw', 'x'], /Expected no --draw for whole\/model\.onnx: it names the class of a video/],
    [
      ['data', '--window', 'much'],
      /Expected frames, such as 64, or seconds, such as 2\.5s, for --window but received "much"/,
    ],
    [['data', '--report', 'page.txt'], /ends in \.html/],
    [['run.json'], /nothing/],
  ] as const) {
    const { status, stderr } = await predict(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
  }
  const frames = await predict('data/val/left/0.gif', '--window', '6');
  assert.equal(frames.stdout.trim().split('\n').length, 1);
  assert.ok(!existsSync(join(root, 'x')));
  mkdirSync(join(root, 'kept-clips'));
  for (const [args, why] of [
    [['vidio'], /Expected "video" or nothing after quickstart but received "vidio"\. Did you mean "video"\?/],
    // The folder of the clips lies beside the run's.
    [['video', '--data', 'data', '-o', 'kept'], /Expected to make clips in kept-clips but it holds something else/],
    [['video', '--data', 'nothing'], /Expected Fashion-MNIST at nothing .* apt-get install dataset-fashion-mnist/],
  ] as const) {
    const { status, stderr } = await cliHere(['quickstart', ...args], { cwd: root });
    assert.equal(status, 2);
    assert.match(stderr, why);
  }
  const pictures = await cliHere(['predict', 'again.onnx', 'cut.gif', '--sort-into', 'y'], { cwd: root });
  assert.match(pictures.stderr, /Expected no --sort-into/);
});
