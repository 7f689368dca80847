import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PUBLISHED_RESNET_RS } from '../../src/models/index.js';
import { resolveRecipe } from '../../src/train/recipe.js';

const recipe = (preset: string, size: number, settings: Record<string, unknown> = {}, model = 'resnet-rs-50') => resolveRecipe(preset, model, size, settings);

test('resnet-rs has RandAugment at the magnitude of each published row, with its source', () => {
  for (const { depth, resolution, randAugmentMagnitude } of PUBLISHED_RESNET_RS) {
    const { values, sources } = recipe('resnet-rs', resolution, {}, `resnet-rs-${depth}`);
    assert.equal(values.augment, 'randaugment');
    assert.equal(values.randAugmentLayers, 2);
    assert.equal(values.randAugmentMagnitude, randAugmentMagnitude, `${depth} at ${resolution}`);
    assert.equal(values.augmentVariant, 'reference');
    assert.equal(values.augmentPixelScale, 1);
    assert.match(sources.randAugmentMagnitude, /configs\/\*\.yaml/);
    assert.deepEqual([values.randomErasing, values.mixup, values.cutmix], [0, 0, 0]);
  }
});

test('below 160 pixels, constants in pixels scale with the picture, and the source says how', () => {
  const { values, sources } = recipe('resnet-rs', 28);
  assert.equal(values.augment, 'randaugment');
  assert.equal(values.augmentPixelScale, 0.125);
  assert.match(sources.augmentPixelScale, /at 28, 28\/224 of them: RandAugment translates by 12\.5 and cuts out 5 pixels/);
  assert.equal(recipe('resnet-rs', 128).values.augmentPixelScale, 0.5714);
  assert.equal(recipe('resnet-rs', 128).values.randAugmentMagnitude, 10);
});

test('quick and the baseline train without augmentation, and say what is then unused', () => {
  for (const preset of ['quick', 'resnet-baseline']) {
    const { values, sources } = recipe(preset, 28);
    assert.equal(values.augment, 'none');
    assert.equal(sources.randAugmentMagnitude, 'unused with augment none');
    assert.equal(sources.augmentPixelScale, 'unused with augment none');
  }
  const { values, sources } = recipe('quick', 64, { augment: 'trivialaugment', randAugmentMagnitude: 3 });
  assert.equal(values.augment, 'trivialaugment');
  assert.equal(sources.randAugmentMagnitude, 'set by the user');
  assert.equal(sources.augmentVariant, 'unused with augment trivialaugment');
});

test('wrong augmentation settings are named', () => {
  for (const [key, value] of [['augment', 'randaug'], ['randAugmentLayers', 1.5], ['randAugmentMagnitude', -1], ['augmentVariant', 'tf'], ['augmentPixelScale', 0], ['randomErasing', 2], ['mixup', -1], ['cutmix', 'x']] as const)
    assert.throws(() => recipe('quick', 28, { [key]: value }), (error: Error & { exitCode?: number }) => {
      assert.equal(error.exitCode, 2);
      assert.match(error.message, new RegExp(`setting ${key} but received`));
      return true;
    });
  assert.throws(() => recipe('quick', 28, { randAugmentMagnitud: 5 }), /Did you mean "randAugmentMagnitude"/);
});
