import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package-root.js';
import { temporaryFolder } from './cli/helpers.js';
import { anchors, brokenLinks, pagesOf } from './links.js';

test('every link of the documentation leads to a file and a heading that are there', () => {
  const pages = pagesOf(packageRoot);
  assert.ok(pages.length > 15, pages.join());
  const broken = pages.flatMap((page) => brokenLinks(page, packageRoot));
  assert.equal(broken.length, 0, `${broken.length} broken:\n${broken.join('\n')}`);
});

test('every page of docs/ is named in its index', () => {
  const index = readFileSync(join(packageRoot, 'docs', 'README.md'), 'utf8');
  const pages = pagesOf(packageRoot).map((page) => page.slice(join(packageRoot, 'docs').length + 1));
  for (const name of pages.filter((page) => /^[a-z-]+\.md$/.test(page)))
    assert.match(index, new RegExp(`\\(${name.replace('.', '\\.')}[)#]`), name);
});

test('what the check of links finds', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs', 'a.md'), '# One `two`, three!\n\n## Again\n\n## Again\n');
  assert.deepEqual([...anchors('# One `two`, three!\n## Again\n## Again\n')], ['one-two-three', 'again', 'again-1']);
  writeFileSync(
    join(folder, 'README.md'),
    '[a](docs/a.md#one-two-three) [b](docs/a.md#again-1) [c](docs/a.md#four) [d](docs/b.md) [e](#here) [f](https://x.y)\n' +
      '# Here\n```\n[g](nothing)\n```\n`[h](nothing)` ![i](x.png) <img src="y.png">\n',
  );
  assert.deepEqual(brokenLinks(join(folder, 'README.md'), folder), [
    'README.md: docs/a.md#four has no such heading',
    'README.md: docs/b.md is not there',
    'README.md: x.png is not there',
    'README.md: y.png is not there',
  ]);
});
