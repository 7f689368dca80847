import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig, type RunConfig, runFile, saveConfig } from '../../src/run/config.js';
import { taskNamed } from '../../src/tasks/index.js';
import { openTrainingData, resolveRun } from '../../src/tasks/runs.js';
import { preprocessOf, resolveConfig } from '../../src/train/index.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const data = { data: FASHION, limitTrain: 200, limitVal: 20 };
const dataset = await openTrainingData(data);
const resolve = (settings: Record<string, unknown>, recipe = 'quick'): Promise<RunConfig> =>
  resolveRun({ ...data, recipe, settings, out: '' }, dataset);

/** A run.json as an earlier version left it. */
async function earlier(
  name: string,
  settings: Record<string, unknown>,
  change: (json: RunConfig) => void,
): Promise<RunConfig> {
  const run = join(folder, name);
  mkdirSync(run);
  saveConfig(run, await resolve(settings));
  const json = JSON.parse(readFileSync(runFile(run), 'utf8')) as RunConfig;
  change(json);
  writeFileSync(runFile(run), JSON.stringify(json));
  return loadConfig(run);
}

describe('the interpolation of a run', () => {
  it("is the recipe's, in training, evaluation and what is stored with the weights", async () => {
    for (const [settings, recipe, expected] of [
      [{}, 'resnet-rs', 'bicubic'],
      [{}, 'resnet-rs-garden', 'bilinear'],
      [{ interpolation: 'bilinear' }, 'quick', 'bilinear'],
      [{ interpolation: 'bicubic' }, 'resnet-rs-garden', 'bicubic'],
    ] as const) {
      const config = await resolve(settings, recipe);
      assert.deepEqual(
        [config.recipe.values.interpolation, config.input.interpolation, preprocessOf(config).filter],
        [expected, expected, expected],
      );
    }
    await assert.rejects(resolve({ interpolation: 'nearest' }), /setting interpolation but received "nearest"/);
  });

  it('is that of the weights it starts from, unless it is set', async () => {
    const named = 'resnet-rs-garden';
    const from = (settings: Record<string, unknown>, interpolation?: 'bicubic' | 'bilinear'): RunConfig =>
      resolveConfig(
        taskNamed(),
        { ...data, settings, from: 'w.safetensors', model: 'resnet-rs-50', out: '' },
        dataset,
        { interpolation },
        named,
      );
    assert.deepEqual(
      [
        from({}).input.interpolation,
        from({}, 'bicubic').input.interpolation,
        from({ interpolation: 'bilinear' }, 'bicubic').input.interpolation,
      ],
      ['bilinear', 'bicubic', 'bilinear'],
    );
    assert.match(from({}, 'bicubic').recipe.sources.interpolation, /the weights/);
  });
});

describe("SimCLR's augmentation", () => {
  it("is the recipe's, with the whole picture where no crop is found", async () => {
    const settings = {
      augment: 'simclr',
      brightnessRule: 'add',
      blur: 0.3,
      blurSigma: 'batch',
      greyShare: 0.1,
      colourShare: 0.7,
    };
    const { augment, cropAttempts, cropFallback, cropMode } = preprocessOf(await resolve(settings));
    assert.deepEqual([cropMode, cropAttempts, cropFallback], ['inception', 100, 'whole']);
    const { policy, colourStrength, colour, brightness, grey, blur, blurSigma } = augment!;
    assert.deepEqual(
      [policy, colourStrength, colour, brightness, grey, blur, blurSigma],
      ['simclr', 0.5, 0.7, 'add', 0.1, 0.3, 'batch'],
    );
    const plain = preprocessOf(await resolve({}));
    assert.deepEqual([plain.cropAttempts, plain.cropFallback], [10, 'centre']);
  });
});

describe('a run of an earlier version goes on as it was', () => {
  it('with TrivialAugment, which had 32 pixels at every size', async () => {
    const settings = { augment: 'trivialaugment' };
    assert.equal(preprocessOf(await resolve(settings)).augment!.pixelScale, 0.125);
    const config = await earlier(
      'trivial',
      settings,
      ({ recipe }) => (recipe.sources.augmentPixelScale = 'unused with augment trivialaugment'),
    );
    assert.equal(preprocessOf(config).augment!.pixelScale, 1);
    const now = await earlier('now', settings, () => undefined);
    assert.equal(preprocessOf(now).augment!.pixelScale, 0.125);
  });

  it('with the interpolation of its input', async () => {
    const config = await earlier('bilinear', {}, (json) => {
      json.input.interpolation = 'bilinear';
      delete (json.recipe.values as Partial<typeof json.recipe.values>).interpolation;
    });
    assert.deepEqual([config.recipe.values.interpolation, preprocessOf(config).filter], ['bilinear', 'bilinear']);
  });
});
