import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createModel } from '../../src/models/index.js';
import { LossScaler } from '../../src/optim/index.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { freshState, loadCheckpoint, type RunState, saveCheckpoint } from '../../src/run/checkpoint.js';
import { buildOptimiser } from '../../src/train/step/optimiser.js';
import { temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1 }, 3);
const optimiser = buildOptimiser(resolveRecipe('quick', 'resnet-rs-14', 28).values, model);
const again = (name: string, state: RunState): RunState => {
  saveCheckpoint(join(folder, name), model, optimiser, undefined, state);
  return loadCheckpoint(join(folder, name), model, optimiser, undefined);
};

describe('the state in a checkpoint', () => {
  test('comes back, with the loss scale of a run in float16', () => {
    const scaler = new LossScaler();
    for (const finite of [false, true, true]) scaler.update(finite);
    const state = { ...freshState(), step: 3, lossScale: scaler.state };
    assert.deepEqual(again('half', state), state);
    assert.deepEqual(again('half', state).lossScale, { scale: 2 ** 15, good: 2 });
  });
  test('of runs without it, and of earlier versions, has none', () =>
    assert.equal('lossScale' in again('full', freshState()), false));
  test('that cannot be is refused', () =>
    assert.throws(() => again('zero', { ...freshState(), lossScale: { scale: 0, good: 0 } }), /missing or damaged/));
});
