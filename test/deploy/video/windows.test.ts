import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steadyTicks } from '../../../src/augment/clips/indices.js';
import { usualRate } from '../../../src/augment/clips/packed.js';
import { Random } from '../../../src/augment/random.js';
import type { VideoFrame } from '../../../src/data/video/limits.js';
import type { ClipFacts } from '../../../src/deploy/video/clip-facts.js';
import { steadyVideo } from '../../../src/deploy/video/ticks.js';
import { Strip, stretchesOf, type WindowPrediction } from '../../../src/deploy/video/told.js';
import { parseSpan, ticksOfWindows, windowsOf } from '../../../src/deploy/video/windows.js';
import { momentText } from '../../../src/deploy/video/words.js';

/** Frames of one pixel that has their number. */
async function* framesAt(times: readonly (number | undefined)[]): AsyncGenerator<VideoFrame> {
  for (const [k, time] of times.entries())
    yield { data: Uint8Array.of(k & 255, k >> 8, 0), width: 1, height: 1, ...(time !== undefined && { time }) };
}
const numberOf = ({ data }: VideoFrame): number => data[0]! + 256 * data[1]!;

async function ticksOf(times: readonly (number | undefined)[], fps: number) {
  const { ticks, ...facts } = await steadyVideo(framesAt(times), fps, 'a.mp4');
  const shown: number[] = [];
  for await (const frame of ticks) shown.push(numberOf(frame));
  return { shown, fps: facts.fps, length: facts.length };
}

test('a video that comes frame by frame has the ticks of one that is there as a whole', async () => {
  const random = new Random(3);
  const steps: ((k: number) => number)[] = [
    () => 0.04,
    (k) => (k === 7 ? 0.9 : 0.1),
    () => 0.01 + 0.3 * random.uniform(),
    (k) => (k % 3 === 0 ? 1 / 15 : 1 / 30),
  ];
  for (const step of steps)
    for (const fps of [0, 12.5, 30, 61])
      for (const count of [1, 2, 40, 700]) {
        const times = [random.uniform()];
        for (let k = 1; k < count; k++) times.push(times[k - 1]! + step(k));
        const { shown, length, fps: found } = await ticksOf(times, fps);
        // A training keeps 512 frames: beyond them the first ones say the rate.
        const relative = Float32Array.from(times, (time) => time - times[0]!);
        const rate = Math.fround(usualRate(times.slice(0, 512)));
        const whole = steadyTicks(relative, rate, fps);
        const varies = steadyTicks(relative.subarray(0, 512), rate, fps).frames !== undefined;
        const asTheyAre = Array.from(times, (_, k) => k);
        assert.deepEqual(shown, varies ? [...whole.frames!] : asTheyAre);
        assert.equal(found, whole.fps);
        assert.equal(length, count < 512 ? shown.length : undefined);
      }
  // Frames without times, or one whose time does not rise: as they are.
  for (const times of [
    [undefined, undefined, undefined],
    [0, 0.1, undefined],
  ])
    assert.deepEqual(await ticksOf(times, 30), { shown: [0, 1, 2], fps: undefined, length: 3 });
});

test('windows lie one behind the other, and the last one ends with the video', async () => {
  const windows = async (count: number, window: number, hop: number): Promise<[number, number][]> => {
    const found: [number, number][] = [];
    for await (const { start, end, frames } of windowsOf(framesAt(new Array(count).fill(0)), { window, hop })) {
      assert.deepEqual(
        frames.map(numberOf),
        Array.from({ length: end - start }, (_, k) => start + k),
      );
      found.push([start, end]);
    }
    return found;
  };
  assert.deepEqual(await windows(12, 4, 4), [[0, 4], [4, 8], [8, 12]]); // biome-ignore format: one line
  assert.deepEqual(await windows(11, 4, 4), [[0, 4], [4, 8], [7, 11]]); // biome-ignore format: one line
  assert.deepEqual(await windows(7, 4, 2), [[0, 4], [2, 6], [3, 7]]); // biome-ignore format: one line
  assert.deepEqual(await windows(3, 4, 4), [[0, 3]]);
  // Farther apart than they are long: what lies between is not looked at.
  assert.deepEqual(await windows(9, 2, 4), [[0, 2], [4, 6]]); // biome-ignore format: one line
  assert.deepEqual(await windows(1, 1, 1), [[0, 1]]);
  assert.deepEqual(await windows(0, 4, 4), []);
  const large = windowsOf(framesAt([0]), { window: 2 ** 29, hop: 1 });
  await assert.rejects(large.next(), /a window of 536870912 frames of 1 x 1 is too long.*at most 178956970 frames/);
});

test('a window is what a clip covers, or as long as it is said', () => {
  const clip = { frames: 8, stride: 2, rule: 'garden', clips: 1, crops: 1, side: 1, samplingRule: '' } as ClipFacts;
  const of = (more: Partial<ClipFacts>, fps?: number, length?: number, options = {}) =>
    ticksOfWindows(options, { ...clip, ...more }, { fps, length });
  assert.deepEqual(of({}, 25), { window: 16, hop: 16 });
  // SlowFast's clips are of time: 16 frames at 30 a second.
  assert.deepEqual(of({ rule: 'slowfast' }, 60), { window: 32, hop: 32 });
  assert.deepEqual(of({ rule: 'slowfast' }, 30.0001), { window: 16, hop: 16 });
  assert.deepEqual(of({ rule: 'slowfast' }, 12), { window: 7, hop: 7 });
  // As wide as the video allows, up to 4.
  assert.deepEqual(of({ stride: 0 }, 25), { window: 32, hop: 32 });
  assert.deepEqual(of({ stride: 0 }, 25, 17), { window: 16, hop: 16 });
  const said = { window: parseSpan('2.5s', '--window'), hop: parseSpan('10', '--hop') };
  assert.deepEqual(of({}, 20, undefined, said), { window: 50, hop: 10 });
  assert.throws(() => of({}, undefined, 9, said), /have no times: say windows in frames, not in seconds \(2\.5s\)/);
  for (const wrong of ['0', '-1', '2.5', 's', '1m', '', '0s', '1e3', '99999s'])
    assert.throws(() => parseSpan(wrong, '--hop'), /Expected frames, such as 64, or seconds, such as 2\.5s, for --hop/);
});

test('runs of windows of one label, and frames evenly over a video of any length', () => {
  const window = (startFrame: number, endFrame: number, label: string, probability: number): WindowPrediction => ({
    ...{ start: startFrame / 10, end: endFrame / 10, startFrame, endFrame, label, probability, predictions: [] },
  });
  const told = stretchesOf([window(0, 8, 'a', 0.5), window(4, 12, 'a', 0.7), window(8, 16, 'b', 0.9)]);
  assert.deepEqual(
    told.map(({ start, end, startFrame, endFrame, label, windows }) => [
      start,
      end,
      startFrame,
      endFrame,
      label,
      windows,
    ]),
    [
      [0, 1, 0, 10, 'a', 2],
      [1, 1.6, 10, 16, 'b', 1],
    ],
  );
  assert.ok(Math.abs(told[0]!.probability - 0.6) < 1e-12);
  for (const count of [1, 3, 12, 100, 5003]) {
    const strip = new Strip(4);
    for (let k = 0; k < count; k++) strip.add({ data: new Uint8Array(3), width: 1, height: 1 }, k);
    const ticks = strip.frames().map(({ tick }) => tick);
    assert.equal(ticks.length, Math.min(4, count));
    for (const [i, tick] of ticks.entries())
      assert.ok(Math.abs(tick - ((2 * i + 1) * count) / (2 * ticks.length)) <= Math.max(1, count / 6), `${ticks}`);
  }
  assert.deepEqual([0.004, 62.5, 3723.999].map(momentText), ['0:00.00', '1:02.50', '1:02:04.00']);
});
