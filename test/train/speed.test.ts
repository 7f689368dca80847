import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TrainEvent } from '../../src/run/events.js';
import { resumeTraining, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { Speed } from '../../src/train/speed.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

/** A speed with a clock that stands still until it is moved. */
function clocked(measured = 0): {
  speed: Speed;
  steps: (n: number, seconds: number) => void;
  wait: (s: number) => void;
} {
  let now = 5000;
  const speed = new Speed({ measured, now: () => now });
  const wait = (seconds: number): void => void (now += 1000 * seconds);
  speed.begin();
  return {
    speed,
    wait,
    steps: (n, seconds) => {
      for (let i = 0; i < n; i++) {
        wait(seconds);
        speed.step(10);
      }
    },
  };
}

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-6 * Math.max(1, expected), `${actual} instead of ${expected}`);

test('the speed is that of the last seconds', () => {
  const { speed, steps } = clocked();
  steps(100, 0.1);
  near(speed.imagesPerSecond, 100);
  // Other work comes: after 3 seconds nothing but the slower steps is left.
  steps(5, 0.5);
  assert.ok(speed.imagesPerSecond > 20 && speed.imagesPerSecond < 40, String(speed.imagesPerSecond));
  steps(3, 0.5);
  near(speed.imagesPerSecond, 20);
  steps(40, 0.1);
  near(speed.imagesPerSecond, 100);
});

test('slow steps are shown over several of them', () => {
  const { speed, steps } = clocked();
  steps(20, 10);
  near(speed.imagesPerSecond, 1);
  steps(4, 30);
  near(speed.imagesPerSecond, 80 / (4 * 30 + 4 * 10));
});

test('the first step, which starts threads, counts only while it is alone', () => {
  const { speed, steps } = clocked();
  steps(1, 2);
  near(speed.imagesPerSecond, 5);
  steps(1, 0.1);
  near(speed.imagesPerSecond, 100);
});

test('a step is timed from the last one: waiting counts, evaluations do not', () => {
  const { speed, steps, wait } = clocked();
  steps(2, 0.1);
  wait(0.4);
  near(speed.step(10), 0.4);
  wait(60);
  speed.begin();
  wait(0.1);
  near(speed.step(10), 0.1);
  near(speed.imagesPerSecond, 30 / 0.6);
});

test('before a step there is no speed, and nothing that is not finite', () => {
  const { speed } = clocked(100);
  assert.equal(speed.imagesPerSecond, 0);
  assert.ok(Number.isFinite(speed.left(10, 1)));
});

test('the time left has its evaluations: estimated at first, then as the last one took', () => {
  const { speed, steps } = clocked(600);
  steps(10, 0.1);
  // 100 pictures a second trained on, 200 measured.
  near(speed.left(50, 3), 5 + 3 * 3);
  speed.evaluated(1.5);
  near(speed.left(50, 3), 5 + 3 * 1.5);
  speed.evaluated(4);
  near(speed.left(50, 3), 5 + 3 * 4);
  near(speed.left(0, 0), 0);
});

test('resumed with the last evaluation left, a run still has a speed', async () => {
  const out = join(temporaryFolder(), 'run');
  const options: TrainOptions = {
    data: FASHION,
    model: 'resnet-rs-14',
    width: 0.125,
    recipe: 'quick',
    limitTrain: 128,
    limitVal: 20,
    threads: 1,
    workers: 0,
    out,
    settings: { batch: 32, epochs: 1 },
  };
  const stop = new AbortController();
  for await (const event of train(options, { signal: stop.signal }))
    if (event.type === 'step') {
      assert.ok(event.imagesPerSecond > 0 && event.etaSeconds > 0, 'time left: the evaluation at least');
      if (event.step === 4) stop.abort();
    }
  const rest: TrainEvent[] = [];
  for await (const event of resumeTraining(out)) rest.push(event);
  assert.equal(
    rest.some(({ type }) => type === 'step'),
    false,
  );
  const [epoch, end] = [rest.find(({ type }) => type === 'epoch'), rest.at(-1)];
  assert.ok(epoch?.type === 'epoch' && end?.type === 'end');
  assert.ok(epoch.imagesPerSecond > 0);
  near(epoch.imagesPerSecond, end.imagesPerSecond);
});
