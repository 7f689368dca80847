import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { plotPage } from '../../src/cli/recipe/plot.js';
import { differences } from '../../src/cli/recipe/recipe.js';
import { RECIPE_GROUPS, recipeTable } from '../../src/cli/recipe/table.js';
import { presetNames, RECIPE_KEYS } from '../../src/recipe/presets.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { cli, FASHION, temporaryFolder } from './helpers.js';

const recipe = (name: string, size = 224) => resolveRecipe(name, 'resnet-rs-50', size);

describe('recipe tables', () => {
  test('every setting belongs to one group', () => {
    assert.deepEqual(Object.values(RECIPE_GROUPS).flat().sort(), [...RECIPE_KEYS].sort());
  });

  test('each setting is printed once, the unused ones with their reason', () => {
    for (const name of presetNames()) {
      const lines = recipeTable(recipe(name));
      const printed = lines.flatMap((line) =>
        line.startsWith('  ')
          ? [line.trim().split(' ')[0]!]
          : line.startsWith('unused')
            ? line.split(': ')[1]!.split(', ')
            : [],
      );
      assert.deepEqual(printed.sort(), [...RECIPE_KEYS].sort(), name);
    }
    assert.ok(recipeTable(recipe('resnet-baseline')).includes('unused with averaging none: emaDecay'));
  });

  test('differences, with a dash where a setting plays no part', () => {
    const rows = differences(recipe('resnet-rs-tf1'), recipe('resnet-rs'));
    assert.deepEqual(
      rows.map(({ key, values }) => [key, ...values]),
      [
        ['schedule', 'step', 'cosine'],
        ['warmupEpochs', '19', '5'],
        ['stepEpochs', '116, 233, 311', '-'],
        ['decayFactor', '0.1', '-'],
      ],
    );
    assert.deepEqual(differences(recipe('quick'), recipe('quick')), []);
  });
});

describe('recipe page', () => {
  test('a line for each recipe, in epochs where all are as long', () => {
    const page = plotPage([recipe('resnet-rs'), recipe('efficientnet')], {
      model: 'resnet-rs-50',
      size: 224,
      pictures: 10_000,
    });
    assert.match(page, /efficientnet <b>peak 0\.0151<\/b>/);
    assert.match(page, />epoch<\/text>/);
    assert.match(page, /<td>schedule<\/td><td[^>]*>cosine<\/td><td[^>]*>exponential<\/td>/);
    assert.doesNotMatch(page, /<td>epochs<\/td>/);
    assert.doesNotMatch(page, /(src|href)="http/);
  });
  test('in percent of the run where they are not; without EMA that is said', () => {
    const page = plotPage([recipe('resnet-rs'), recipe('resnet-baseline')], {
      model: 'resnet-rs-50',
      size: 224,
      pictures: 10_000,
    });
    assert.match(page, /percent of the run/);
    assert.match(page, /Without EMA: resnet-baseline/);
  });
});

describe('rescaled recipe', () => {
  const folder = temporaryFolder();
  test('list, show, diff and plot', async () => {
    const list = await cli('recipe', 'list');
    assert.deepEqual(
      list.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
      presetNames(),
    );
    const mine = join(folder, 'mine.json');
    writeFileSync(mine, '{ "extends": "quick", "optimiser": "adamw" }');
    const show = await cli('recipe', 'show', mine, '--set', 'epochs=3', '--pictures', '640');
    assert.equal(show.status, 0, show.stderr);
    assert.match(
      show.stdout,
      /^.*mine\.json for resnet-rs-50 at 160 pixels and 640 training pictures: 60 steps; peak learning rate 0\.008 x 32\/256 = 0\.001/,
    );
    assert.match(show.stdout, /optimiser +adamw +.*mine\.json/);
    assert.match(
      (await cli('recipe', 'diff', 'resnet-rs-garden')).stdout,
      /nesterov +false +true .*\ndecayRule +timm +reference/,
    );
    const out = join(folder, 'page.html');
    const plot = await cli('recipe', 'plot', mine, 'resnet-rs', '-o', out);
    assert.equal(plot.status, 0, plot.stderr);
    assert.match(readFileSync(out, 'utf8'), /^<!doctype html>/);
  });

  test('training takes a file where it takes a name', async () => {
    const mine = join(folder, 'train.json');
    writeFileSync(mine, '{ "extends": "quick", "labelSmoothing": 0.05 }');
    const explained = await cli('train', FASHION, '--recipe', mine, '--explain');
    assert.equal(explained.status, 0, explained.stderr);
    assert.match(explained.stdout, /labelSmoothing +0\.05 +.*train\.json/);
  });

  test('mistakes are named', async () => {
    for (const [args, message] of [
      [['show', 'resnet-r'], /Did you mean "resnet-rs"/],
      [['show', 'quick', '--set', 'epoch=3'], /Did you mean "epochs"/],
      [['show', 'quick', '--pictures', '1'], /at least 2 for --pictures/],
      [['plot', ...Array.from({ length: 7 }, () => 'quick')], /up to six/],
    ] as const) {
      const { status, stderr } = await cli('recipe', ...args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    }
  });
});
