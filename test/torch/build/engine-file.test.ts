import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { enginesCheck } from '../../../src/cli/doctor/checks.js';
import { packageRoot } from '../../../src/package-root.js';
import { cleanEngines, listEngines, preferEngine } from '../../../src/torch/build/engine-cache.js';
import {
  addonName,
  type EngineStamp,
  type EngineStatus,
  engineStatus,
  engineStatusFor,
  lockName,
  sourceHash,
  stampName,
} from '../../../src/torch/build/engine-file.js';
import {
  cachedEngineFolder,
  enginesFolder,
  platformName,
  writableEngineFolder,
} from '../../../src/torch/build/engine-places.js';
import { inspectLibtorch, type Libtorch, libraryFile } from '../../../src/torch/build/libtorch-folder.js';
import { fakeLibtorch, put, temporaryFolder } from './fakes.js';

interface Scene {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly libtorch: Libtorch;
  status(env?: NodeJS.ProcessEnv): EngineStatus;
  stamp(change?: Partial<EngineStamp>): void;
}

/** A package with one C++ file, a libtorch, and an addon with its stamp. */
function scene(t: TestContext): Scene {
  const folder = temporaryFolder(t);
  const root = join(folder, 'package');
  put(join(root, 'package.json'), JSON.stringify({ name: 'rescaled', version: '9.8.7' }));
  put(join(root, 'tsconfig.json'), '{}');
  put(join(root, 'src', 'index.ts'), '');
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
  return { root, env, folder, libtorch, stamp, status: (more = {}) => engineStatus(root, { ...env, ...more }) };
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

/** Where setup would build: the package's own folder and the one in the cache. */
function places(s: Scene): { own: string; cache: string; writable(): string } {
  const hash = sourceHash(s.root);
  return {
    own: join(s.root, 'build', 'native'),
    cache: cachedEngineFolder(s.root, s.libtorch, hash, s.env),
    writable: () => writableEngineFolder(s.root, s.libtorch, hash, s.env),
  };
}

test('a checkout builds into its own folder, an installed package into the cache', (t) => {
  const s = scene(t);
  const { own, cache, writable } = places(s);
  assert.equal(dirname(cache), join(s.folder, 'cache', 'rescaled', 'engines'));
  assert.match(basename(cache), new RegExp(`^9\\.8\\.7-${platformName()}-napi8-libtorch2\\.6\\.0-[0-9a-f]{8}$`));
  assert.equal(writable(), own);
  rmSync(join(s.root, 'tsconfig.json'));
  assert.equal(writable(), cache);
});

test('where the cache is: RESCALED_ENGINES, XDG_CACHE_HOME, the home folder', () => {
  assert.equal(enginesFolder({ RESCALED_ENGINES: '/opt/engines', XDG_CACHE_HOME: '/x' }), '/opt/engines');
  assert.equal(enginesFolder({ XDG_CACHE_HOME: '/x' }), '/x/rescaled/engines');
  // A relative one is to be ignored, says the XDG base directory specification.
  for (const env of [{}, { XDG_CACHE_HOME: 'x' }])
    assert.equal(enginesFolder(env), join(homedir(), '.cache', 'rescaled', 'engines'));
});

test('one of the two places is read-only: the other serves', (t) => {
  const s = scene(t);
  const { own, cache, writable } = places(s);
  // A file in the way stops everybody, root too; permissions would not stop root.
  rmSync(join(s.root, 'build'), { recursive: true });
  writeFileSync(join(s.root, 'build'), '');
  assert.equal(writable(), cache);
  assert.ok(statSync(cache).isDirectory());
  rmSync(join(s.root, 'tsconfig.json'));
  rmSync(join(s.folder, 'cache'), { recursive: true });
  writeFileSync(join(s.folder, 'cache'), '');
  assert.throws(writable, /neither can be written to\. Set RESCALED_ENGINES/);
  rmSync(join(s.root, 'build'));
  assert.equal(writable(), own);
});

/** Puts an engine for a libtorch in the cache. */
function cached(s: Scene, name: string, version: [number, number, number]): { folder: string; libtorch: Libtorch } {
  const root = join(s.folder, name);
  fakeLibtorch(root, { version });
  const libtorch = inspectLibtorch('system', root, join(root, 'include'), join(root, 'lib')) as Libtorch;
  const folder = cachedEngineFolder(s.root, libtorch, sourceHash(s.root), s.env);
  put(join(folder, addonName), 'an addon');
  s.stamp({ libtorch });
  put(join(folder, stampName), readFileSync(join(s.root, 'build', 'native', stampName), 'utf8'));
  return { folder, libtorch };
}

test('two libtorchs keep their engines; the one that setup was last run for is loaded', (t) => {
  const s = scene(t);
  const [one, two] = [cached(s, 'venv/torch', [2, 6, 0]), cached(s, 'other', [2, 9, 1])];
  rmSync(join(s.root, 'build'), { recursive: true });
  assert.notEqual(one.folder, two.folder);
  for (const { folder, libtorch } of [one, two]) {
    const status = engineStatusFor(libtorch, s.root, s.env);
    assert.deepEqual([status.state, status.folder], ['ok', folder]);
  }
  for (const first of [one, two]) {
    for (const { folder } of [one, two]) utimesSync(join(folder, stampName), 1, 1);
    preferEngine(first.folder);
    assert.equal(s.status().folder, first.folder);
  }
  assert.equal(s.status({ RESCALED_LIBTORCH: one.libtorch.root }).folder, one.folder);
  assert.equal(s.status({ VIRTUAL_ENV: join(s.folder, 'venv') }).folder, one.folder, 'the active environment');
  assert.equal(s.status({ VIRTUAL_ENV: join(s.folder, 've') }).folder, two.folder, 'no part of a name');
});

test('engines are listed with their sizes; clean removes those of no use, but none that is being built', (t) => {
  const s = scene(t);
  const [one, two] = [cached(s, 'one', [2, 6, 0]), cached(s, 'two', [2, 9, 1])];
  const old = join(enginesFolder(s.env), `9.8.6-${platformName()}-napi8-libtorch2.6.0-00000000`);
  put(join(old, addonName), 'x'.repeat(1_000_000));
  const busy = `${old.slice(0, -1)}1`;
  put(join(busy, lockName), JSON.stringify({ pid: process.ppid, host: hostname() }));
  rmSync(two.libtorch.root, { recursive: true });
  const reasons = listEngines(s.root, s.env).map(({ folder, unused }) => [folder, unused]);
  assert.deepEqual(Object.fromEntries(reasons), {
    [old]: 'another version of rescaled or Node-API',
    [busy]: 'another version of rescaled or Node-API',
    [one.folder]: undefined,
    [two.folder]: `libtorch 2.9.1 is no longer in ${two.libtorch.libDir}`,
  });
  assert.match(enginesCheck(s.root, s.env).detail, /engines, 1\.0 MB in 4 engines, 3 of no use here: .*setup --clean/);
  assert.deepEqual(
    cleanEngines(s.root, s.env).map(({ folder }) => folder),
    [old, two.folder],
  );
  assert.deepEqual(readdirSync(enginesFolder(s.env)).sort(), [basename(busy), basename(one.folder)]);
});

test('a good addon in the cache wins over a stale one in the package', (t) => {
  const s = scene(t);
  const { own, cache } = places(s);
  put(join(cache, addonName), 'an addon');
  put(join(cache, stampName), readFileSync(join(own, stampName), 'utf8'));
  put(join(own, stampName), '');
  assert.equal(s.status().state, 'ok');
  assert.equal(s.status().folder, cache);
});
