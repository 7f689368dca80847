import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { finalWeights, loadConfig, runFile } from '../../src/run/config.js';
import type { TrainEvent } from '../../src/run/events.js';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import { epochsBetween, evaluationsLeft, isMeasured } from '../../src/train/evaluate.js';
import type { TrainOptions } from '../../src/train/index.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

describe('which epochs are measured', () => {
  test('evaluations take less than a tenth of training, but there are ten at least', () => {
    // 200 test pictures, raw and averaged, are worth 200 trained ones: a quarter of an epoch of 800.
    assert.equal(epochsBetween(800, 400, 100), 3);
    assert.equal(epochsBetween(800, 400, 19), 1);
    assert.equal(epochsBetween(100, 400, 1000), 20);
    assert.equal(epochsBetween(100, 400, 45), 4);
    assert.equal(epochsBetween(1_281_167, 100_000, 350), 1);
    // 40 epochs of 250 against 10,000 measured: half of the training is one evaluation.
    assert.equal(epochsBetween(250, 10_000, 40), 40);
    assert.equal(epochsBetween(250, 10_000, 160), 40);
    for (const [trained, measured] of [
      [60_000, 20_000],
      [500, 5000],
      [77, 13],
    ] as const) {
      const share = measured / 2 / trained / epochsBetween(trained, measured, 1e6);
      assert.ok(share <= 0.1, `${share} of training`);
    }
  });

  test('the last epoch always is, and as many are to come as are counted', () => {
    for (const epochs of [1, 7, 30])
      for (const every of [1, 2, 3, 10, 50]) {
        assert.ok(isMeasured(epochs, epochs, every));
        for (let done = 0; done <= epochs; done++) {
          const rest = Array.from({ length: epochs - done }, (_, i) => done + i + 1);
          assert.equal(
            rest.filter((epoch) => isMeasured(epoch, epochs, every)).length,
            evaluationsLeft(done, epochs, every),
          );
        }
      }
  });
});

describe('a run that is not measured after each epoch', () => {
  const folder = temporaryFolder();
  const options = (name: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
    data: FASHION,
    model: 'resnet-rs-14',
    width: 0.125,
    recipe: 'quick',
    limitTrain: 64,
    limitVal: 20,
    seed: 1,
    threads: 1,
    workers: 0,
    out: join(folder, name),
    settings: { batch: 32, epochs: 5, averaging: 'ema' },
    ...more,
  });
  const epochsOf = (events: TrainEvent[]) => events.filter((event) => event.type === 'epoch');
  const collect = async (events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> => {
    const all: TrainEvent[] = [];
    for await (const event of events) all.push(event);
    return all;
  };

  test('has the same weights, and figures of training for every epoch', async () => {
    const each = epochsOf(await collect(train(options('each'))));
    const some = epochsOf(await collect(train(options('some', { evalEvery: 2 }))));
    assert.deepEqual(
      some.map(({ epoch, raw, ema }) => [epoch, raw !== undefined, ema !== undefined]),
      [1, 2, 3, 4, 5].map((epoch) => [epoch, epoch % 2 === 1, epoch % 2 === 1]),
    );
    assert.deepEqual(
      some.map(({ trainLoss }) => trainLoss),
      each.map(({ trainLoss }) => trainLoss),
    );
    assert.deepEqual(some.at(-1)!.raw, each.at(-1)!.raw);
    assert.ok(some.every(({ best, raw }) => !best || raw !== undefined));
    const weights = (name: string): Buffer => readFileSync(finalWeights(join(folder, name)));
    assert.ok(weights('each').equals(weights('some')));
    const [header, , second] = readFileSync(join(folder, 'some', 'metrics.csv'), 'utf8').split('\n');
    const column = header!.split(',').indexOf('top1Raw');
    assert.equal(second!.split(',')[column], '');
  });

  test('stopped and resumed it is measured at the same epochs and ends with the same bytes', async () => {
    const again = options('again', { evalEvery: 2 });
    const stop = new AbortController();
    const before = await collect(
      (async function* () {
        for await (const event of train(again, { signal: stop.signal })) {
          yield event;
          if (event.type === 'step' && event.step === 4) stop.abort();
        }
      })(),
    );
    const after = await collect(resumeTraining(again.out));
    assert.deepEqual(
      epochsOf([...before, ...after]).map(({ epoch, raw }) => [epoch, raw !== undefined]),
      [1, 2, 3, 4, 5].map((epoch) => [epoch, epoch % 2 === 1]),
    );
    assert.ok(readFileSync(finalWeights(again.out)).equals(readFileSync(finalWeights(join(folder, 'some')))));
  });

  test('the interval stands in run.json; a run of an earlier version is measured after each epoch', async () => {
    const run = join(folder, 'some');
    assert.equal(loadConfig(run).evalEvery, 2);
    assert.equal(loadConfig(join(folder, 'each')).evalEvery, 1);
    const { evalEvery: _, ...earlier } = JSON.parse(readFileSync(runFile(run), 'utf8')) as { evalEvery: number };
    writeFileSync(runFile(run), JSON.stringify(earlier));
    assert.equal(loadConfig(run).evalEvery, 1);
    await assert.rejects(collect(train(options('none', { evalEvery: 0 }))), /--eval-every/);
  });
});
