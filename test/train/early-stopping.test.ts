import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openDataset } from '../../src/data/dataset.js';
import { splitMinival, withoutMinival } from '../../src/data/minival.js';
import { bestWeights, finalWeights } from '../../src/run/config.js';
import type { TrainEvent } from '../../src/run/events.js';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { SafetensorsFile } from '../../src/weights/formats/safetensors.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

test('the minival is a share of each class, the same for the same seed, and nothing of it is trained on', async () => {
  const { train: source } = await openDataset(FASHION, { limitTrain: 300 });
  const { train: rest, minival } = splitMinival(source!, 0.1, 4);
  assert.equal(withoutMinival(source!, 0.1), rest.length);
  assert.deepEqual([rest.length, minival.length], [270, 30]);
  for (let label = 0; label < 10; label++) assert.equal(minival.labels.filter((other) => other === label).length, 3);
  const names = (part: typeof rest): string[] => Array.from({ length: part.length }, (_, i) => part.describe(i));
  assert.deepEqual([...names(rest), ...names(minival)].sort(), names(source!).sort());
  assert.deepEqual(names(splitMinival(source!, 0.1, 4).minival), names(minival));
  assert.notDeepEqual(names(splitMinival(source!, 0.1, 5).minival), names(minival));
});

describe('early stopping', () => {
  const folder = temporaryFolder();
  // Nothing changes from epoch to epoch: no rate to speak of, and running averages that stand still.
  const still = { learningRate: 1e-30, weightDecay: 0, averaging: 'none', normMomentum: 1e-9 };
  const options = (out: string, settings: Record<string, unknown>): TrainOptions => ({
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
    settings: { batch: 60, earlyStopping: true, minival: 0.1, ...settings },
  });
  const collect = async (events: AsyncGenerator<TrainEvent>): Promise<TrainEvent[]> => {
    const all: TrainEvent[] = [];
    for await (const event of events) all.push(event);
    return all;
  };

  test('ends after `patience` epochs without a better one and keeps the best', async () => {
    const events = await collect(train(options('still', { ...still, epochs: 9, patience: 3 })));
    const start = events.find((event) => event.type === 'start');
    assert.equal(start?.trainImages, 180);
    const epochs = events.filter((event) => event.type === 'epoch');
    assert.deepEqual(
      epochs.map((event) => [event.epoch, event.best, event.minival?.images]),
      [
        [1, true, 20],
        [2, false, 20],
        [3, false, 20],
        [4, false, 20],
      ],
    );
    assert.deepEqual(
      events.filter((event) => event.type === 'early-stop').map(({ epoch, bestEpoch }) => [epoch, bestEpoch]),
      [[4, 1]],
    );
    assert.equal(events.at(-1)?.type, 'end');
    const out = join(folder, 'still');
    assert.ok(readFileSync(finalWeights(out)).equals(readFileSync(bestWeights(out))));
    const file = SafetensorsFile.open(finalWeights(out));
    assert.equal(file.metadata['epoch'], '1');
    file.close();
  });

  test('stopped by hand and resumed it ends at the same epoch with the same bytes', async () => {
    const again = options('again', { ...still, epochs: 9, patience: 3 });
    const stop = new AbortController();
    for await (const event of train(again, { signal: stop.signal }))
      if (event.type === 'epoch' && event.epoch === 2) stop.abort();
    const rest = await collect(resumeTraining(again.out));
    assert.deepEqual(
      rest.filter((event) => event.type === 'early-stop').map(({ epoch }) => epoch),
      [4],
    );
    assert.ok(readFileSync(finalWeights(again.out)).equals(readFileSync(finalWeights(join(folder, 'still')))));
  });

  test('without a worse stretch it runs to its end', async () => {
    const events = await collect(train(options('whole', { ...still, epochs: 2, patience: 2 })));
    assert.equal(events.filter((event) => event.type === 'epoch').length, 2);
    assert.equal(
      events.some((event) => event.type === 'early-stop'),
      false,
    );
  });
});
