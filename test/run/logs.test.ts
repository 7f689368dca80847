import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TrainEvent } from '../../src/run/events.js';
import { RunLog, readEvents } from '../../src/run/logs.js';
import { temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const names = { figures: ['top1'], metrics: ['top1', 'top5', 'loss'] };
const scores = (top1: number) => ({ top1, top5: 1, loss: 0.5, images: 10 });
const epoch = (n: number, more: object = {}): TrainEvent => ({
  type: 'epoch',
  step: 10 * n,
  epoch: n,
  trainLoss: 2,
  trainTop1: 0.25,
  learningRate: 0.1,
  raw: scores(0.5),
  best: true,
  imagesPerSecond: 100,
  seconds: 1,
  loaderWaitShare: 0,
  ...more,
});
const table = (run: string): Record<string, string>[] => {
  const [header, ...rows] = readFileSync(join(run, 'metrics.csv'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i]!])));
};

describe('metrics.csv', () => {
  it('has the scores on the minival where there is one', () => {
    const run = join(folder, 'minival');
    mkdirSync(run);
    const log = new RunLog(run, names);
    log.write(epoch(1, { ema: scores(0.625), minival: { ...scores(0.75), loss: 0.25 } }));
    log.write(epoch(2));
    assert.deepEqual(table(run), [
      {
        step: '10',
        epoch: '1',
        trainLoss: '2',
        trainTop1: '0.25',
        learningRate: '0.1',
        top1Raw: '0.5',
        top5Raw: '1',
        lossRaw: '0.5',
        top1Ema: '0.625',
        top5Ema: '1',
        lossEma: '0.5',
        top1Minival: '0.75',
        top5Minival: '1',
        lossMinival: '0.25',
        imagesPerSecond: '100',
      },
      {
        step: '20',
        epoch: '2',
        trainLoss: '2',
        trainTop1: '0.25',
        learningRate: '0.1',
        top1Raw: '0.5',
        top5Raw: '1',
        lossRaw: '0.5',
        top1Ema: '',
        top5Ema: '',
        lossEma: '',
        top1Minival: '',
        top5Minival: '',
        lossMinival: '',
        imagesPerSecond: '100',
      },
    ]);
  });

  it('of an earlier version keeps its figures under their names when the run goes on', () => {
    const run = join(folder, 'earlier');
    mkdirSync(run);
    writeFileSync(
      join(run, 'metrics.csv'),
      'step,epoch,trainLoss,trainTop1,learningRate,top1Raw,top5Raw,lossRaw,top1Ema,top5Ema,lossEma,imagesPerSecond\n' +
        '10,1,2,0.25,0.1,0.5,1,0.5,,,,77\n20,2,1,0.5,0.1,0.5,1,0.5,,,,88\n',
    );
    new RunLog(run, names, { step: 10, epoch: 1 }).write(epoch(2));
    assert.deepEqual(
      table(run).map((row) => [row['epoch'], row['top1Minival'], row['imagesPerSecond']]),
      [
        ['1', '', '77'],
        ['2', '', '100'],
      ],
    );
  });
});

it('events are cut off where a resumed run stands', () => {
  const run = join(folder, 'events');
  mkdirSync(run);
  const log = new RunLog(run, names);
  for (const event of [epoch(1), epoch(2)]) log.write(event);
  new RunLog(run, names, { step: 20, epoch: 1 });
  assert.deepEqual(
    readEvents(run).map(({ step }) => step),
    [10],
  );
});
