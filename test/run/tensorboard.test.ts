import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TrainEvent } from '../../src/run/events.js';
import { TensorBoardLog } from '../../src/run/tensorboard.js';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';
import { readBoard, type Scalar } from '../fixtures/event-reader.js';

const folder = temporaryFolder();
const options = (out: string): TrainOptions => ({
  data: FASHION,
  model: 'resnet-rs-14',
  width: 0.125,
  recipe: 'quick',
  limitTrain: 200,
  limitVal: 20,
  seed: 1,
  threads: 1,
  workers: 0,
  out: join(folder, out),
  settings: { batch: 60, epochs: 3, earlyStopping: true, minival: 0.1, patience: 9 },
});
const plain = (scalars: Scalar[]): [string, number, number][] =>
  scalars.filter(({ tag }) => tag !== 'images_per_second').map(({ tag, step, value }) => [tag, step, value]);
const step = (n: number): TrainEvent => ({
  type: 'step',
  step: n,
  epoch: 1,
  loss: n,
  learningRate: 0,
  imagesPerSecond: 1,
  etaSeconds: 0,
});
const started = (steps: number): TrainEvent => ({
  type: 'start',
  step: 0,
  epoch: 0,
  steps,
  epochs: 1,
  stepsPerEpoch: steps,
  parameters: 1,
  resumed: false,
  trainImages: 1,
  valImages: 1,
  classes: 1,
});
const stepsOf = (run: string): number[] =>
  readBoard(run)
    .filter(({ tag }) => tag === 'step/loss')
    .map(({ step: at }) => at);

describe('the scalars of a run for TensorBoard', () => {
  const events: TrainEvent[] = [];
  it('are those of its events', async () => {
    const before = Date.now() / 1000;
    for await (const event of train(options('calm'))) events.push(event);
    const board = readBoard(join(folder, 'calm'));
    const expected = events.flatMap((event): [string, number, number][] => {
      if (event.type === 'step')
        return [
          ['step/loss', event.step, event.loss],
          ['step/learning_rate', event.step, event.learningRate],
        ];
      if (event.type !== 'epoch') return [];
      const { ema, minival } = event;
      const raw = event.raw!;
      const values = {
        'train/loss': event.trainLoss,
        'train/top1': event.trainTop1,
        'val/top1_raw': raw.top1,
        'val/top5_raw': raw.top5,
        'val/loss_raw': raw.loss,
        'val/top1_ema': ema!.top1,
        'val/top5_ema': ema!.top5,
        'val/loss_ema': ema!.loss,
        'minival/top1': minival!.top1,
        'minival/top5': minival!.top5,
        'minival/loss': minival!.loss,
        learning_rate: event.learningRate,
        images_per_second: event.imagesPerSecond,
        epoch: event.epoch,
      };
      return Object.entries(values).map(([tag, value]) => [tag, event.step, value]);
    });
    assert.equal(expected.length, 9 * 2 + 3 * 14);
    assert.deepEqual(
      board.map(({ tag, step: at, value }) => [tag, at, value]),
      expected.map(([tag, at, value]) => [tag, at, Math.fround(value)]),
    );
    assert.ok(board.every(({ wallTime }) => wallTime >= before && wallTime <= Date.now() / 1000));
  });

  it('of a run that was killed after its checkpoint and resumed are those of one that was not, none twice', async () => {
    const { out } = options('shaken');
    const stop = new AbortController();
    for await (const event of train(options('shaken'), { signal: stop.signal }))
      if (event.type === 'step' && event.step === 4) stop.abort();
    const [name] = readdirSync(join(out, 'tensorboard'));
    const path = join(out, 'tensorboard', name!);
    const kept = readFileSync(path);
    // What the process wrote between its checkpoint and its end: steps, an epoch, half a record.
    const later = join(folder, 'later');
    mkdirSync(later);
    const log = new TensorBoardLog(later);
    for (const event of [step(5), step(6), events.find((event) => event.type === 'epoch')!]) log.write(event);
    const [other] = readdirSync(join(later, 'tensorboard'));
    const bytes = readFileSync(join(later, 'tensorboard', other!));
    appendFileSync(path, bytes.subarray(0, -7));
    for await (const event of resumeTraining(out)) assert.ok(event.step >= 4);
    assert.ok(readFileSync(path).equals(kept), 'cut off where the checkpoint stands');
    assert.equal(readdirSync(join(out, 'tensorboard')).length, 2);
    assert.deepEqual(plain(readBoard(out)), plain(readBoard(join(folder, 'calm'))));
  });

  it('of an epoch that was done but not saved go too, and those of a run that begins anew', () => {
    const run = join(folder, 'anew');
    mkdirSync(run);
    const epoch = events.find((event) => event.type === 'epoch')!;
    const log = new TensorBoardLog(run);
    for (const event of [step(2), step(3), epoch]) log.write(event);
    new TensorBoardLog(run, { step: 3, epoch: 1 });
    assert.ok(readBoard(run).some(({ tag }) => tag === 'epoch'));
    new TensorBoardLog(run, { step: 3, epoch: 0 });
    assert.deepEqual(stepsOf(run), [2, 3]);
    assert.ok(!readBoard(run).some(({ tag }) => tag === 'epoch'));
    assert.equal(readdirSync(join(run, 'tensorboard')).length, 2, 'a session without a step leaves no file');
    new TensorBoardLog(run);
    assert.deepEqual(readBoard(run), []);
  });

  it('stay in the order of the files when the clock is set back, and other files stay', () => {
    const run = join(folder, 'clock');
    mkdirSync(join(run, 'tensorboard'), { recursive: true });
    const log = new TensorBoardLog(run);
    log.write(step(1));
    const [name] = readdirSync(join(run, 'tensorboard'));
    const future = join(run, 'tensorboard', 'events.out.tfevents.9000000000.rescaled');
    writeFileSync(future, readFileSync(join(run, 'tensorboard', name!)));
    truncateSync(join(run, 'tensorboard', name!), 0);
    writeFileSync(join(run, 'tensorboard', 'notes.txt'), 'mine');
    new TensorBoardLog(run, { step: 1, epoch: 0 });
    assert.deepEqual(readdirSync(join(run, 'tensorboard')).sort(), [
      'events.out.tfevents.9000000000.rescaled',
      'events.out.tfevents.9000000001.rescaled',
      'notes.txt',
    ]);
  });

  it('have the loss scale of a run in float16', () => {
    const run = join(folder, 'half');
    mkdirSync(run);
    new TensorBoardLog(run).write({ ...step(1), lossScale: 32768 } as TrainEvent);
    assert.deepEqual(
      readBoard(run).map(({ tag, value }) => [tag, value]),
      [
        ['step/loss', 1],
        ['step/learning_rate', 0],
        ['step/loss_scale', 32768],
      ],
    );
  });

  it('of a long run are every n-th step', () => {
    const run = join(folder, 'long');
    mkdirSync(run);
    const log = new TensorBoardLog(run);
    log.write(started(25_000));
    for (let n = 1; n <= 10; n++) log.write(step(n));
    assert.deepEqual(stepsOf(run), [3, 6, 9]);
  });
});
