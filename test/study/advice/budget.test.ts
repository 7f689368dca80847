import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { parseBudget, pickWithin } from '../../../src/study/advice/budget.js';
import { ACCURACY, assertNear, bySeed, point } from '../synthetic.js';

describe('parseBudget', () => {
  const CASES: [text: string, cost: string, limit: number][] = [
    ['5ms', 'inferenceMs', 5],
    ['0.2s', 'inferenceMs', 200],
    ['.5 s', 'inferenceMs', 500],
    ['250us', 'inferenceMs', 0.25],
    ['250 µs', 'inferenceMs', 0.25],
    ['1e-2s', 'inferenceMs', 10],
    ['train:50ms', 'trainStepMs', 50],
    ['inference: 5 ms', 'inferenceMs', 5],
    ['200MFLOPs', 'flops', 200e6],
    ['1.5GFLOPs', 'flops', 1.5e9],
    ['3 gflops', 'flops', 3e9],
    ['300MB', 'peakBytes', 300e6],
    ['2GiB', 'peakBytes', 2 * 2 ** 30],
    ['512 KiB', 'peakBytes', 512 * 1024],
    ['2M params', 'parameters', 2e6],
    ['2Mparams', 'parameters', 2e6],
    ['1B parameters', 'parameters', 1e9],
    ['5000 params', 'parameters', 5000],
  ];
  for (const [text, cost, limit] of CASES)
    it(text, () => {
      const found = parseBudget(text);
      assert.deepEqual([found.cost, found.text], [cost, text]);
      assertNear(found.limit, limit, 1e-12);
    });
  it('takes what a time is of as an argument, which a prefix overrides', () => {
    assert.equal(parseBudget('5ms', 'train').cost, 'trainStepMs');
    assert.equal(parseBudget('inference:5ms', 'train').cost, 'inferenceMs');
    assert.equal(parseBudget('5MB', 'train').cost, 'peakBytes');
  });
  const WRONG: [text: string, says: RegExp][] = [
    ['', /such as 5ms/],
    ['fast', /received "fast"/],
    ['5', /it has no unit/],
    ['2M', /"M" of what/],
    ['0ms', /above 0/],
    ['-5ms', /above 0/],
    ['1e999ms', /above 0/],
    ['1,5GFLOPs', /with a point/],
    ['5 lightyears', /such as/],
    ['300MMACs', /2 for each multiply-add/],
    ['train:2GiB', /only a time may have train:/],
    ['test:5ms', /not test:/],
    ['5ms 3ms', /such as/],
  ];
  for (const [text, says] of WRONG)
    it(`refuses "${text}"`, () =>
      assert.throws(
        () => parseBudget(text),
        (error: Error) => error instanceof UsageError && says.test(error.message),
      ));
});

describe('pickWithin', () => {
  const timed = (name: string, inferenceMs: number, score: Map<number, number>, depth = 26) =>
    point({ name, depth, score, measured: { inferenceMs, trainStepMs: 1, peakBytes: 1 } });
  const points = [
    timed('small', 1, bySeed(0.6, 0.61, 0.605), 26),
    timed('middle', 4, bySeed(0.7, 0.72, 0.71), 50),
    timed('odd', 5, bySeed(0.69, 0.7, 0.695), 101),
    timed('large', 9, bySeed(0.8, 0.8, 0.8), 200),
  ];
  it('picks the most accurate at or under the limit, and the runner-up by seed', () => {
    const found = pickWithin(points, parseBudget('5ms'), ACCURACY);
    assert.equal(found.outcome, 'fits');
    assert.deepEqual([found.pick!.name, found.runnerUp!.name, found.fitting], ['middle', 'odd', 3]);
    assertNear(found.runnerUp!.behind.mean, 0.015, 1e-9);
    assert.equal(found.runnerUp!.behind.paired, true);
    assert.equal(pickWithin(points, parseBudget('9ms'), ACCURACY).pick!.name, 'large');
    assert.equal(pickWithin(points, parseBudget('2ms'), ACCURACY).runnerUp, undefined);
  });
  it('picks none of fewer than three seeds, and says which is best so far', () => {
    const few = [timed('two', 1, bySeed(0.9, 0.99), 26), timed('one', 2, bySeed(0.8), 50)];
    const found = pickWithin(few, parseBudget('5ms'), ACCURACY);
    assert.deepEqual([found.outcome, found.pick, found.soFar!.name], ['too few seeds', undefined, 'two']);
    assert.deepEqual(found.tooFewSeeds, ['two', 'one']);
    // Mean 0.945, 12.706 * 0.045 = 0.572 to each side: no share is above 1.
    assertNear(found.soFar!.score.low, 0.945 - 0.57178, 1e-4);
    assert.equal(found.soFar!.score.high, 1);
    // One with three seeds is picked, though another has the higher mean.
    const mixed = pickWithin([...few, timed('three', 3, bySeed(0.5, 0.51, 0.52), 101)], parseBudget('5ms'), ACCURACY);
    assert.deepEqual([mixed.outcome, mixed.pick!.name, mixed.tooFewSeeds], ['fits', 'three', ['two', 'one']]);
    assert.equal(pickWithin(few, parseBudget('0.5ms'), ACCURACY).outcome, 'none fits');
  });
  it('names the cheapest, and how far off it is, where none fits', () => {
    const found = pickWithin(points, parseBudget('0.5ms'), ACCURACY);
    assert.deepEqual([found.outcome, found.cheapest!.name, found.cheapest!.timesOver], ['none fits', 'small', 2]);
    assert.equal(found.pick, undefined);
  });
  it('of equals takes the cheapest, and for runner-up another configuration than the same one trained longer', () => {
    const same = [
      timed('dear', 3, bySeed(0.7, 0.7, 0.7), 50),
      timed('cheap', 2, bySeed(0.7, 0.7, 0.7)),
      { ...timed('cheap, short', 2, bySeed(0.69, 0.69, 0.69)), epochs: 3 },
      timed('other', 1, bySeed(0.5, 0.5, 0.5), 101),
    ];
    const found = pickWithin(same, parseBudget('2ms'), ACCURACY);
    assert.deepEqual([found.pick!.name, found.runnerUp!.name], ['cheap', 'other']);
  });
  it('names points without a result or a measurement, and survives an empty study', () => {
    const found = pickWithin(
      [
        point({ name: 'failed', score: new Map() }),
        point({ name: 'unmeasured', measured: undefined, score: bySeed(0.9) }),
      ],
      parseBudget('5ms'),
      ACCURACY,
    );
    assert.deepEqual(
      [found.outcome, found.withoutResult, found.notMeasured],
      ['nothing to choose from', ['failed'], ['unmeasured']],
    );
    assert.equal(pickWithin([], parseBudget('5ms'), ACCURACY).outcome, 'nothing to choose from');
    assert.equal(
      pickWithin(
        [point({ name: 'unmeasured', measured: undefined, flops: 10, score: bySeed(0.9, 0.9, 0.9) })],
        parseBudget('10FLOPs'),
        ACCURACY,
      ).pick!.name,
      'unmeasured',
    );
  });
});
