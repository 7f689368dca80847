import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../../src/package-root.js';
import {
  addonName,
  type EngineStamp,
  type EngineStatus,
  engineFolders,
  engineStatus,
  platformName,
  sourceHash,
  stampName,
  writableEngineFolder,
} from '../../../src/torch/build/engine-file.js';
import { inspectLibtorch, libraryFile } from '../../../src/torch/build/libtorch-folder.js';
import { fakeLibtorch, put, temporaryFolder } from './fakes.js';

interface Scene {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  status(env?: NodeJS.ProcessEnv): EngineStatus;
  stamp(change?: Partial<EngineStamp>): void;
}

/** A package with one C++ file, a libtorch, and an addon with its stamp. */
function scene(t: TestContext): Scene {
  const folder = temporaryFolder(t);
  const root = join(folder, 'package');
  put(join(root, 'package.json'), JSON.stringify({ name: 'rescaled', version: '9.8.7' }));
  put(join(root, 'native', 'bridge.cpp'), '#include "bridge.h"\n');
  put(join(root, 'native', 'bridge.h'), '// one\n');
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  fakeLibtorch(join(folder, 'libtorch'));
  const libtorch = inspectLibtorch(
    'system',
    join(folder, 'libtorch'),
    join(folder, 'libtorch', 'include'),
    join(folder, 'libtorch', 'lib'),
  );
  if (typeof libtorch === 'string') throw new Error(libtorch);
  const env = { XDG_CACHE_HOME: join(folder, 'cache') };
  const target = join(root, 'build', 'native');
  put(join(target, addonName), 'an addon');
  const stamp = (change: Partial<EngineStamp> = {}): void => {
    const whole: EngineStamp = {
      format: 1,
      libtorch,
      sourceHash: sourceHash(root),
      addonSize: 8,
      compiler: 'g++ 12',
      compileFlags: [],
      linkFlags: [],
      platform: platformName(),
      builtWithNode: process.version,
      date: '2026-01-01T00:00:00.000Z',
      ...change,
    };
    put(join(target, stampName), JSON.stringify(whole));
  };
  stamp();
  return { root, env, folder, stamp, status: (more = {}) => engineStatus(root, { ...env, ...more }) };
}

test('an addon with a fitting stamp is fine', (t) => {
  const s = scene(t);
  const status = s.status();
  assert.deepEqual([status.state, status.reason], ['ok', undefined]);
  assert.equal(status.addon, join(s.root, 'build', 'native', addonName));
  assert.equal(status.stamp?.libtorch.version, '2.6.0');
});

test('no addon: missing', (t) => {
  const s = scene(t);
  rmSync(join(s.root, 'build'), { recursive: true });
  assert.equal(s.status().state, 'missing');
});

const staleness: [string, (s: Scene) => unknown, RegExp][] = [
  ['a changed source', (s) => put(join(s.root, 'native', 'bridge.cpp'), '// two\n'), /sources or flags have changed/],
  ['a changed header', (s) => put(join(s.root, 'native', 'bridge.h'), '// two\n'), /sources or flags have changed/],
  ['a new source', (s) => put(join(s.root, 'native', 'more.cpp'), ''), /sources or flags have changed/],
  ['no stamp', (s) => rmSync(join(s.root, 'build', 'native', stampName)), /missing or unreadable/],
  ['half a stamp', (s) => put(join(s.root, 'build', 'native', stampName), '{"format": 1'), /missing or unreadable/],
  [
    'another addon than the stamped one',
    (s) => put(join(s.root, 'build', 'native', addonName), 'half'),
    /not the file that its stamp describes/,
  ],
  ['another platform', (s) => s.stamp({ platform: 'linux-mips' }), /built for linux-mips/],
  ['libtorch gone', (s) => rmSync(join(s.folder, 'libtorch'), { recursive: true }), /libtorch 2\.6\.0 is no longer in/],
  [
    'libtorch replaced',
    (s) => utimesSync(join(s.folder, 'libtorch', 'lib', libraryFile('torch_cpu')), 1, 1),
    /has changed since/,
  ],
  ['another RESCALED_LIBTORCH', (s) => ({ RESCALED_LIBTORCH: s.folder }), /but RESCALED_LIBTORCH is/],
];

for (const [what, change, reason] of staleness) {
  test(`stale: ${what}`, (t) => {
    const s = scene(t);
    const status = s.status((change(s) ?? {}) as NodeJS.ProcessEnv);
    assert.equal(status.state, 'stale');
    assert.match(status.reason ?? '', reason);
  });
}

test('RESCALED_LIBTORCH that names the same folder through a link is the same', (t) => {
  const s = scene(t);
  symlinkSync(join(s.folder, 'libtorch'), join(s.folder, 'link'));
  assert.equal(s.status({ RESCALED_LIBTORCH: join(s.folder, 'link') }).state, 'ok');
});

test('a text file beside the sources does not count', (t) => {
  const s = scene(t);
  put(join(s.root, 'native', 'README.md'), 'notes');
  assert.equal(s.status().state, 'ok');
});

test('the cache folder is used when the package cannot be written to', (t) => {
  const s = scene(t);
  const [own, cache] = engineFolders(s.root, s.env);
  assert.equal(cache, join(s.folder, 'cache', 'rescaled', '9.8.7'));
  assert.equal(writableEngineFolder(s.root, s.env), own);
  // A file in the way stops everybody, root too; permissions would not stop root.
  rmSync(join(s.root, 'build'), { recursive: true });
  writeFileSync(join(s.root, 'build'), '');
  assert.equal(writableEngineFolder(s.root, s.env), cache);
  assert.ok(statSync(cache).isDirectory());
});

test('a read-only package folder: the cache is used', {
  skip: process.getuid?.() === 0 ? 'root can write everywhere' : false,
}, (t) => {
  const s = scene(t);
  rmSync(join(s.root, 'build'), { recursive: true });
  chmodSync(s.root, 0o555);
  t.after(() => chmodSync(s.root, 0o755));
  assert.equal(writableEngineFolder(s.root, s.env), engineFolders(s.root, s.env)[1]);
});

test('a good addon in the cache wins over a stale one in the package', (t) => {
  const s = scene(t);
  const [own, cache] = engineFolders(s.root, s.env);
  mkdirSync(join(s.folder, 'cache', 'rescaled'), { recursive: true });
  symlinkSync(own, cache);
  assert.equal(s.status().folder, own);
  rmSync(cache);
  mkdirSync(cache);
  put(join(cache, addonName), 'an addon');
  s.stamp();
  put(join(cache, stampName), JSON.stringify(s.status().stamp));
  put(join(own, stampName), '');
  assert.equal(s.status().state, 'ok');
  assert.equal(s.status().folder, cache);
});
