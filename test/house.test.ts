import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package-root.js';

/** Which rooms a room may import from, besides its own and the shared files directly in src/. */
const ALLOWED: Record<string, string[]> = {
  torch: [],
  child: [],
  augment: [],
  report: [],
  nn: ['torch'],
  models: ['torch', 'nn'],
  data: ['torch', 'augment'],
  optim: ['torch'],
  weights: ['torch'],
  train: ['torch', 'nn', 'models', 'data', 'augment', 'optim', 'weights', 'child'],
  study: ['train', 'models', 'child'],
  deploy: ['torch', 'nn', 'models', 'weights', 'data', 'augment'],
  cli: ['torch', 'nn', 'models', 'data', 'augment', 'optim', 'weights', 'train', 'study', 'deploy', 'report', 'child'],
};
const source = join(packageRoot, 'src');

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(join(folder, entry.name))
      : entry.name.endsWith('.ts')
        ? [join(folder, entry.name)]
        : [],
  );
}

test('rooms import in one direction only', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of files(source)) {
    const room = relative(source, file).split(sep)[0]!;
    if (room.endsWith('.ts')) continue;
    assert.ok(room in ALLOWED, `src/${room} is not a room of the house`);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const target = relative(source, join(file, '..', path!)).split(sep)[0]!;
      seen++;
      if (target !== room && !target.endsWith('.js') && !ALLOWED[room]!.includes(target))
        wrong.push(`${relative(source, file)} imports ${path}`);
    }
  }
  assert.ok(seen > 50, `only ${seen} imports were found`);
  assert.deepEqual(wrong, []);
});

test('the project names no machine path', () => {
  for (const file of files(source)) assert.doesNotMatch(readFileSync(file, 'utf8'), /\/work\/|\/root\//, file);
});
