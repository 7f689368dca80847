import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig, openTrainingData, preprocessOf, resolveRun, runFile, saveConfig, type RunConfig } from '../../src/train/index.js';
import { FASHION, temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const data = { data: FASHION, limitTrain: 200, limitVal: 20 };
const dataset = await openTrainingData(data);
const resolve = (settings: Record<string, unknown>, recipe = 'quick'): Promise<RunConfig> => resolveRun({ ...data, recipe, settings, out: '' }, dataset);

/** A run.json as an earlier version left it. */
async function earlier(name: string, settings: Record<string, unknown>, change: (json: RunConfig) => void): Promise<RunConfig> {
  const run = join(folder, name);
  mkdirSync(run);
  saveConfig(run, await resolve(settings));
  const json = JSON.parse(readFileSync(runFile(run), 'utf8')) as RunConfig;
  change(json);
  writeFileSync(runFile(run), JSON.stringify(json));
  return loadConfig(run);
}

describe('a run of an earlier version goes on as it was', () => {
  it('with TrivialAugment, which had 32 pixels at every size', async () => {
    const settings = { augment: 'trivialaugment' };
    assert.equal(preprocessOf(await resolve(settings)).augment!.pixelScale, 0.125);
    const config = await earlier('trivial', settings, ({ recipe }) => (recipe.sources.augmentPixelScale = 'unused with augment trivialaugment'));
    assert.equal(preprocessOf(config).augment!.pixelScale, 1);
    const now = await earlier('now', settings, () => undefined);
    assert.equal(preprocessOf(now).augment!.pixelScale, 0.125);
  });
});
