import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, epochsWanted, type Facts, FIXED_SECONDS, lengthOf, runSeconds } from '../../src/choice/choose.js';
import { costOf, isSmall, nominalSeconds, rungsFor } from '../../src/choice/rungs.js';
import { modelCost } from '../../src/models/index.js';

const facts = (over: Partial<Facts> = {}): Facts => ({
  trainImages: 2000,
  evaluated: 600,
  tested: 1000,
  factor: 1,
  memoryBytes: 16e9,
  memoryOf: () => 1e9,
  ...over,
});

test('rungs rise in time, see no more pixels than the pictures have, and keep what is given', () => {
  for (const side of [undefined, 28, 64, 96, 130, 300, 3000]) {
    const rungs = rungsFor(side);
    const times = rungs.map(nominalSeconds);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    assert.ok(rungs.length > 0);
    if (side !== undefined && side >= 96)
      assert.ok(
        rungs.every(({ size }) => size <= side),
        `${side}`,
      );
    if (isSmall(side)) assert.ok(rungs.every(({ size }) => size === side));
  }
  // Smaller than any rung for photographs: the smallest one, which enlarges them.
  assert.deepEqual(rungsFor(80), [{ model: 'resnet-rs-14', width: 0.25, size: 96 }]);
  assert.ok(rungsFor(300, { size: 72 }).every(({ size }) => size === 72));
  assert.deepEqual(rungsFor(300, { model: 'resnet-50', size: 160 }), [{ model: 'resnet-50', width: 1, size: 160 }]);
});

test('the cost of a rung is that of its network', () => {
  const rung = { model: 'resnet-rs-26', width: 0.5, size: 128 };
  const { multiplyAdds } = modelCost(rung.model, { size: 128, batch: 32, overrides: { width: 0.5 } });
  assert.equal(costOf(rung).multiplyAdds, multiplyAdds);
  // 16.6 ms a thousand million multiply-adds, 3.26 ms a million activations, by hand.
  const { activations } = costOf(rung);
  assert.ok(Math.abs(nominalSeconds(rung) - (0.0166 * multiplyAdds) / 1e9 - (0.00326 * activations) / 1e6) < 1e-12);
});

test('the time of a run: steps, evaluations at half of a step, and what is fixed', () => {
  // 50 epochs of 2,000 at 2 ms = 200 s; 600 looked at each 2nd to 5th epoch; 1,000 tested once.
  const seconds = runSeconds(50, 0.002, facts());
  const evaluations = (seconds - FIXED_SECONDS - 200 - (0.002 * 1000) / 2) / ((0.002 * 600) / 2);
  assert.ok(Math.abs(evaluations - Math.round(evaluations)) < 1e-9);
  assert.ok(evaluations >= 10 && evaluations <= 25);
});

test('what is chosen is the largest network that sees every picture often enough, and fits', () => {
  const rungs = rungsFor(300);
  for (const seconds of [60, 480, 3600, 36_000])
    for (const trainImages of [100, 2000, 50_000]) {
      const known = facts({ trainImages });
      const { rung, epochs, seconds: predicted } = choose(rungs, seconds, true, known);
      const next = rungs[rungs.indexOf(rung) + 1];
      const wanted = epochsWanted(trainImages);
      if (rung !== rungs[0]) assert.ok(epochs >= wanted, `${seconds} s, ${trainImages}: ${epochs} of ${wanted}`);
      if (next !== undefined) assert.ok(runSeconds(wanted, nominalSeconds(next), known) > seconds);
      // Fills the time to within an epoch.
      if (epochs > 1) {
        assert.ok(predicted <= seconds);
        assert.ok(runSeconds(epochs + 1, nominalSeconds(rung), known) > seconds);
      }
    }
});

test('a slower machine and less memory ask for smaller networks', () => {
  const rungs = rungsFor(300);
  const at = (over: Partial<Facts>): number => rungs.indexOf(choose(rungs, 480, false, facts(over)).rung);
  assert.ok(at({ factor: 8 }) < at({}));
  assert.ok(at({ factor: 0.05 }) > at({}));
  assert.equal(at({ factor: 0.05, memoryOf: (rung) => (rung === rungs[0] ? 1e9 : 99e9) }), 0);
  // None fits: the smallest is tried.
  assert.equal(at({ memoryOf: () => 99e9 }), 0);
});

test('lengths that were not asked for are round, enough and not endless', () => {
  const [rung] = rungsFor(300);
  assert.equal(lengthOf(rung!, 480, false, facts({ trainImages: 100 })).epochs, 200);
  // A million pictures: ten epochs whatever that takes.
  const many = lengthOf(rung!, 480, false, facts({ trainImages: 1_000_000 }));
  assert.equal(many.epochs, 10);
  assert.ok(many.seconds > 3600);
  assert.equal(lengthOf(rung!, 480, true, facts({ trainImages: 1_000_000 })).epochs, 1);
  const given = lengthOf(rung!, 480, true, facts({ epochs: 7 }));
  assert.equal(given.epochs, 7);
});
