import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { UsageError } from '../../src/errors.js';
import { openRecipe } from '../../src/recipe/file.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const open = async (path: string, settings = {}) => resolveRecipe(await openRecipe(path), 'resnet-rs-50', 28, settings);

describe('recipe files', () => {
  test('JSON: differences from a preset, with the file as their source', async () => {
    const path = file(
      'mine.json',
      '{ "extends": "quick", "labelSmoothing": 0, "epochs": { "value": 7, "source": "measured" }, "freeze": ["conv1"] }',
    );
    const { preset, values, sources, chosen } = await open(path);
    assert.equal(preset, path);
    assert.deepEqual(
      [values.labelSmoothing, values.epochs, values.freeze, values.learningRate],
      [0, 7, ['conv1'], 0.4],
    );
    assert.deepEqual([sources.labelSmoothing, sources.epochs], [path, `${path}: measured`]);
    assert.deepEqual(chosen, ['labelSmoothing', 'epochs', 'freeze']);
  });

  test("the paper's recipe is what a file differs from unless it says so; the user comes last", async () => {
    const { values, sources } = await open(file('plain.json', '{ "dropout": 0.5, "mixup": 0.2 }'), { mixup: 0.1 });
    assert.deepEqual([values.epochs, values.dropout, values.mixup], [350, 0.5, 0.1]);
    assert.equal(sources.mixup, 'set by the user');
  });

  test('a file extends another one beside it, and a module will do', async () => {
    file('base.mjs', "export default { extends: 'resnet-baseline', epochs: 30 + 15 };\n");
    mkdirSync(join(folder, 'sub'));
    file('sub/child.json', '{ "extends": "../base.mjs", "dropout": 0.1 }');
    const { values } = await open(join(folder, 'sub', 'child.json'));
    assert.deepEqual(
      [values.epochs, values.dropout, values.schedule, values.stepEpochs],
      [45, 0.1, 'step', [15, 30, 40]],
    );
  });

  const wrong: [what: string, name: string, text: string, message: RegExp][] = [
    [
      'an unknown key',
      'a.json',
      '{ "labelSmothing": 0 }',
      /in .*a\.json but received "labelSmothing".*Did you mean "labelSmoothing"/,
    ],
    ['a value out of range', 'b.json', '{ "dropout": 1.5 }', /dropout in .*b\.json but received 1\.5/],
    ['a value of another type', 'c.json', '{ "epochs": "many" }', /epochs in .*c\.json but received "many"/],
    ['no JSON', 'd.json', '{ "epochs": 3', /Expected JSON with a recipe in .*d\.json/],
    ['a list', 'e.json', '[1]', /Expected an object of recipe settings in .*e\.json/],
    ['an unknown preset', 'f.json', '{ "extends": "resnet-rz" }', /"resnet-rz".*Did you mean "resnet-rs"/],
    ['itself as its base', 'g.json', '{ "extends": "g.json" }', /extends itself/],
    ['a missing base', 'h.json', '{ "extends": "nowhere.json" }', /nothing at nowhere\.json/],
    [
      'a module without default export',
      'i.mjs',
      'export const epochs = 3;\n',
      /default export with a recipe in .*i\.mjs/,
    ],
    ['a module that fails', 'j.mjs', "throw new Error('broken');\n", /j\.mjs fails when it is run: broken/],
  ];
  for (const [what, name, text, message] of wrong) {
    test(`${what} is named`, async () => {
      const path = file(name, text);
      await assert.rejects(open(path), (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
