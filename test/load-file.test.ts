import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UsageError } from '../src/errors.js';
import { isDataFile, loadDataFile } from '../src/load-file.js';
import { temporaryFolder } from './cli/helpers.js';

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('files that hold an object', () => {
  it('are JSON, in any letter case, or modules', async () => {
    assert.deepEqual(await loadDataFile(file('a.json', '{ "a": [1] }'), 'a thing'), { a: [1] });
    assert.deepEqual(await loadDataFile(file('A.JSON', '[2]'), 'a thing'), [2]);
    assert.deepEqual(await loadDataFile(file('b.mjs', 'export default { b: 1 + 1 };'), 'a thing'), { b: 2 });
    assert.deepEqual(await loadDataFile(file('c.cjs', 'module.exports = { c: 3 };'), 'a thing'), { c: 3 });
  });
  it('are told from names', () => {
    assert.deepEqual(['a.json', 'b/c.ts', 'resnet-rs', 'x.yaml'].map(isDataFile), [true, true, false, false]);
  });

  const wrong: [what: string, name: string, text: string | undefined, message: RegExp][] = [
    [
      'another ending',
      'd.yaml',
      'a: 1',
      /^Expected a file ending in \.json, \.js, \.mjs or \.ts for a thing but received .*d\.yaml\.$/,
    ],
    ['nothing there', 'e.json', undefined, /^Expected a file with a thing but there is nothing at .*e\.json\.$/],
    ['no JSON', 'f.json', '{', /^Expected JSON with a thing in .*f\.json but it cannot be read: /],
    [
      'a module that fails',
      'g.mjs',
      "throw new Error('broken');",
      /^Expected a module with a thing but .*g\.mjs fails when it is run: broken$/,
    ],
    [
      'a module without default export',
      'h.mjs',
      'export const a = 1;',
      /^Expected a default export with a thing in .*h\.mjs/,
    ],
  ];
  for (const [what, name, text, message] of wrong) {
    it(`${what} is named`, async () => {
      const path = text === undefined ? join(folder, name) : file(name, text);
      await assert.rejects(loadDataFile(path, 'a thing'), (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
  it('keep the name that the user wrote', async () => {
    await assert.rejects(
      loadDataFile(join(folder, 'none.json'), 'a thing', 'none.json'),
      /there is nothing at none\.json\.$/,
    );
  });
});
