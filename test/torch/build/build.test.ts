import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../../src/package-root.js';
import { type BuildResult, buildEngine } from '../../../src/torch/build/build.js';
import { describeFailure } from '../../../src/torch/build/build-errors.js';
import { engineStatus } from '../../../src/torch/build/engine-file.js';
import { inspectLibtorch, type Libtorch } from '../../../src/torch/build/libtorch-folder.js';
import { fakeLibtorch, put, temporaryFolder } from './fakes.js';

// A real compiler and a real addon, but a libtorch of three empty libraries: each build takes a fraction of a second.
const skip = process.platform === 'linux' && hasCompiler() ? false : 'needs Linux and g++';

function hasCompiler(): boolean {
  try {
    execFileSync('g++', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const addonSource = `#include <node_api.h>
#include "answer.h"
NAPI_MODULE_INIT() {
  napi_value value;
  napi_create_int32(env, answer(), &value);
  napi_set_named_property(env, exports, "answer", value);
  return exports;
}
`;

interface Scene {
  readonly root: string;
  readonly libtorch: Libtorch;
  readonly target: string;
  readonly lines: string[];
  build(options?: { force?: boolean; env?: NodeJS.ProcessEnv }): Promise<BuildResult>;
  state(): string;
}

function scene(t: TestContext, installed = false): Scene {
  const folder = temporaryFolder(t);
  const root = join(folder, 'package');
  put(join(root, 'package.json'), JSON.stringify({ name: 'rescaled', version: '9.8.7' }));
  if (!installed) {
    put(join(root, 'tsconfig.json'), '{}');
    put(join(root, 'src', 'index.ts'), '');
  }
  put(join(root, 'native', 'addon.cpp'), addonSource);
  put(join(root, 'native', 'answer.h'), 'int answer();\n');
  put(join(root, 'native', 'answer.cpp'), '#include "answer.h"\nint answer() { return 41; }\n');
  put(join(root, 'native', 'alone.cpp'), 'int alone() { return 1; }\n');
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  const torch = join(folder, 'libtorch');
  fakeLibtorch(torch);
  put(join(folder, 'empty.cpp'), '');
  const libtorch = inspectLibtorch('system', torch, join(torch, 'include'), join(torch, 'lib'));
  if (typeof libtorch === 'string') throw new Error(libtorch);
  for (const name of libtorch.libraries) {
    execFileSync('g++', ['-shared', '-fPIC', join(folder, 'empty.cpp'), '-o', join(torch, 'lib', `lib${name}.so`)]);
  }
  const fresh = inspectLibtorch('system', torch, join(torch, 'include'), join(torch, 'lib')) as Libtorch;
  const lines: string[] = [];
  const env = {
    ...process.env,
    CXX: 'g++',
    XDG_CACHE_HOME: join(folder, 'cache'),
    RESCALED_ENGINES: '',
    RESCALED_LIBTORCH: '',
  };
  return {
    root,
    libtorch: fresh,
    target: join(root, 'build', 'native'),
    lines,
    build: (options = {}) =>
      buildEngine(fresh, {
        root,
        log: (line) => lines.push(line),
        force: options.force === true,
        env: { ...env, ...options.env },
      }),
    state: () => engineStatus(root, env).state,
  };
}

const load = (addon: string): { answer: number } => createRequire(import.meta.url)(addon) as { answer: number };
const temporaries = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'));

test('builds an addon that loads, and only what has changed after that', { skip }, async (t) => {
  const s = scene(t);
  const first = await s.build();
  assert.equal(first.compiled, 3);
  assert.equal(s.state(), 'ok');
  assert.equal(load(first.addon).answer, 41);
  assert.match(readFileSync(join(s.target, 'build.log'), 'utf8'), /-std=c\+\+17 .*-D_GLIBCXX_USE_CXX11_ABI=1/);

  assert.equal((await s.build()).compiled, 0, 'nothing has changed');
  put(join(s.root, 'native', 'alone.cpp'), 'int alone() { return 2; }\n');
  assert.equal(s.state(), 'stale');
  assert.equal((await s.build()).compiled, 1, 'one source');
  put(join(s.root, 'native', 'answer.h'), '// said\nint answer();\n');
  assert.equal((await s.build()).compiled, 2, 'the two that include the header');
  assert.equal((await s.build({ force: true })).compiled, 3);
  assert.equal(readdirSync(join(s.target, 'objects')).length, 3, 'old objects are gone');
  assert.equal(s.state(), 'ok');
});

test('a failed build says the first errors and leaves the old addon', { skip }, async (t) => {
  const s = scene(t);
  const { addon } = await s.build();
  const before = readFileSync(addon);
  put(join(s.root, 'native', 'alone.cpp'), 'int alone() { return nothing; }\n');
  await assert.rejects(
    s.build(),
    /compiling native\/alone\.cpp:\n.*alone\.cpp:1:\d+: error: .*nothing.*\n.*build\.log/,
  );
  assert.deepEqual(readFileSync(addon), before);
  assert.deepEqual(
    temporaries(s.target).filter((name) => name.endsWith('.node.tmp')),
    [],
  );
  assert.equal(existsSync(join(s.target, '.lock')), false);
  assert.match(readFileSync(join(s.target, 'build.log'), 'utf8'), /nothing/);
});

test('an addon that lacks a symbol never takes its place', { skip }, async (t) => {
  const s = scene(t);
  put(join(s.root, 'native', 'answer.cpp'), '');
  await assert.rejects(s.build(), /does not load: .*undefined symbol/);
  assert.equal(s.state(), 'missing');
  put(join(s.root, 'native', 'answer.cpp'), '#include "answer.h"\nint answer() { return 42; }\n');
  assert.equal(load((await s.build()).addon).answer, 42);
});

test('leftovers of a killed build and its lock are cleared away', { skip }, async (t) => {
  const s = scene(t);
  mkdirSync(join(s.target, 'objects'), { recursive: true });
  put(join(s.target, 'objects', 'alone-0.o.123.tmp'), 'half an object');
  put(join(s.target, 'rescaled.node.123.tmp'), 'half an addon');
  put(join(s.target, '.lock'), JSON.stringify({ pid: 4194305, host: hostname() }));
  await s.build();
  assert.deepEqual(temporaries(s.target), []);
  assert.equal(s.state(), 'ok');
});

test('of two builds at once one waits and then has nothing to do', { skip }, async (t) => {
  const s = scene(t);
  const results = await Promise.all([s.build(), s.build()]);
  assert.deepEqual(results.map(({ compiled }) => compiled).sort(), [0, 3]);
});

test('an installed package: the engine stands in the cache and outlives the package', { skip }, async (t) => {
  const s = scene(t, true);
  const [first, second] = await Promise.all([s.build(), s.build()]);
  assert.deepEqual([first.compiled, second.compiled].sort(), [0, 3], 'of two builds at once one waits');
  assert.match(
    first.addon,
    /\/cache\/rescaled\/engines\/9\.8\.7-linux-\w+-napi8-libtorch2\.6\.0-[0-9a-f]{8}\/rescaled\.node$/,
  );
  assert.deepEqual(readdirSync(dirname(first.addon)).sort(), ['build.log', 'engine.json', 'rescaled.node']);
  assert.equal(existsSync(join(s.root, 'build')), false, 'nothing is left in the package');
  // npm ci: the package is deleted and comes back.
  const aside = `${s.root}-aside`;
  renameSync(s.root, aside);
  cpSync(aside, s.root, { recursive: true });
  assert.equal(s.state(), 'ok');
  assert.equal((await s.build()).compiled, 0);
  put(join(s.root, 'native', 'alone.cpp'), 'int alone() { return 3; }\n');
  assert.equal(s.state(), 'stale', 'its stamp still has to fit');
});

test('no compiler: the error says which one and how to install it', { skip }, async (t) => {
  await assert.rejects(
    scene(t).build({ env: { CXX: 'rescaled-no-such-compiler -O' } }),
    /"rescaled-no-such-compiler -O" is not installed/,
  );
});

test('messages: errors first, memory named, at most five lines', () => {
  const many = Array.from({ length: 9 }, (_, i) => `a.cpp:${i}:1: error: number ${i}`).join('\n');
  const message = describeFailure('compiling a.cpp', `In file included from b.h:\n${many}\n`, null, '/log');
  assert.match(message, /number 0/);
  assert.match(message, /number 4/);
  assert.doesNotMatch(message, /number 5|In file included/);
  assert.match(
    describeFailure('x', 'g++: fatal error: Killed signal terminated program cc1plus', null, '/log'),
    /RESCALED_BUILD_JOBS=1/,
  );
  assert.match(
    describeFailure(
      'linking',
      '/usr/bin/ld: cannot find -ltorch: No such file\ncollect2: error: ld returned 1 exit status',
      null,
      '/log',
    ),
    /cannot find -ltorch/,
  );
});
