import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { discover, requireLibtorch } from '../../../src/torch/build/discover.js';
import { fakeLibtorch, oldAbiSymbol, put, temporaryFolder } from './fakes.js';

const noPython = 'rescaled-test-no-such-python';
const linuxOnly = process.platform === 'linux' ? false : 'Linux only';

test('RESCALED_LIBTORCH comes first', async (t) => {
  const folder = temporaryFolder(t);
  fakeLibtorch(join(folder, 'mine'), { version: [2, 6, 0] });
  fakeLibtorch(join(folder, 'usr'), { version: [1, 13, 0] });
  put(join(folder, 'mine', 'build-version'), '2.6.0+cpu\n');
  const { libtorch } = await discover({
    env: { RESCALED_LIBTORCH: join(folder, 'mine') },
    python: noPython,
    systemPrefixes: [join(folder, 'usr')],
  });
  assert.equal(libtorch?.origin, 'RESCALED_LIBTORCH');
  assert.equal(libtorch.version, '2.6.0+cpu');
  assert.equal(libtorch.libDir, join(folder, 'mine', 'lib'));
  assert.equal(libtorch.cuda, undefined);
});

test('a wrong RESCALED_LIBTORCH is an error and not passed over', async (t) => {
  const folder = temporaryFolder(t);
  fakeLibtorch(join(folder, 'usr'));
  put(join(folder, 'file'), '');
  const wrong = async (value: string, pattern: RegExp): Promise<void> => {
    const options = { env: { RESCALED_LIBTORCH: value }, python: noPython, systemPrefixes: [join(folder, 'usr')] };
    await assert.rejects(discover(options), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, pattern);
      assert.match(error.message, /RESCALED_LIBTORCH/);
      return true;
    });
  };
  await wrong(join(folder, 'absent'), /is not a folder/);
  await wrong(join(folder, 'file'), /is not a folder/);
  await wrong('relative/path', /absolute path/);
  await wrong(folder, /no C\+\+ headers: .*ATen\.h does not exist/);
  put(join(folder, 'half', 'include', 'ATen', 'ATen.h'), '');
  await wrong(join(folder, 'half'), /no library: .*libc10/);
});

test('python3 is asked where torch is; its folder is a libtorch', { skip: linuxOnly }, async (t) => {
  const folder = temporaryFolder(t);
  const torch = join(folder, 'site-packages', 'torch');
  fakeLibtorch(torch, { version: [2, 13, 0], cplusplus: '202002L' });
  put(join(torch, 'version.py'), "__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n");
  put(join(torch, 'lib', 'libtorch_cuda.so'), '');
  put(join(torch, 'lib', 'libgomp.so.1'), '');
  const python = join(folder, 'python');
  put(python, `#!/bin/sh\necho a warning that torch prints\necho '{"folder": "${torch}"}'\n`, true);
  const { libtorch } = await discover({ env: process.env, python, systemPrefixes: [] });
  assert.equal(libtorch?.origin, 'python3');
  assert.equal(libtorch.version, '2.13.0+cu130');
  assert.equal(libtorch.cuda, '13.0');
  assert.equal(libtorch.cppStandard, 'c++20');
  assert.ok(libtorch.libraries.includes('torch_cuda'));
  assert.equal(libtorch.openmp, join(torch, 'lib', 'libgomp.so.1'));
});

test('a python3 that is absent, fails, hangs, has no torch or has one without headers is passed over', {
  skip: linuxOnly,
}, async (t) => {
  const folder = temporaryFolder(t);
  fakeLibtorch(join(folder, 'usr'), { version: [1, 13, 0] });
  const python = join(folder, 'python');
  const problemWith = async (script: string | undefined): Promise<string | undefined> => {
    if (script !== undefined) put(python, `#!/bin/sh\n${script}\n`, true);
    const options = { env: { PATH: process.env['PATH'] }, systemPrefixes: [join(folder, 'usr')], timeoutMs: 2000 };
    const { libtorch, attempts } = await discover({ ...options, python: script === undefined ? noPython : python });
    assert.equal(libtorch?.origin, 'system');
    return attempts[0]?.problem;
  };
  assert.match((await problemWith(undefined)) ?? '', /is not installed/);
  assert.match((await problemWith('echo broken >&2; exit 3')) ?? '', /failed: broken/);
  assert.match((await problemWith('sleep 30')) ?? '', /did not answer within 2 s/);
  assert.match((await problemWith('echo hello')) ?? '', /not JSON: hello/);
  assert.match((await problemWith(`echo '{"folder": null}'`)) ?? '', /no module named torch/);
  assert.match((await problemWith(`echo '{"folder": "${folder}/bare"}'`)) ?? '', /no C\+\+ headers/);
});

test('the system libraries are found in a multiarch folder', { skip: linuxOnly }, async (t) => {
  const prefix = temporaryFolder(t);
  const machine = process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch;
  fakeLibtorch(prefix, { version: [1, 13, 0], lib: `lib/${machine}-linux-gnu`, cplusplus: '201402L' });
  const libtorch = await requireLibtorch({ env: {}, python: noPython, systemPrefixes: [prefix] });
  assert.equal(libtorch.libDir, join(prefix, 'lib', `${machine}-linux-gnu`));
  assert.equal(libtorch.version, '1.13.0');
  assert.equal(libtorch.cppStandard, 'c++17');
  assert.equal(libtorch.openmp, undefined);
});

test('the string ABI is read off libc10', { skip: linuxOnly }, async (t) => {
  const prefix = temporaryFolder(t);
  fakeLibtorch(prefix);
  const found = await requireLibtorch({ env: {}, python: noPython, systemPrefixes: [prefix] });
  assert.equal(found.cxx11Abi, true);
  fakeLibtorch(prefix, { symbol: oldAbiSymbol });
  const old = await requireLibtorch({ env: {}, python: noPython, systemPrefixes: [prefix] });
  assert.equal(old.cxx11Abi, false);
});

test('libtorch nowhere: the error says where it was looked for and how to install it', async (t) => {
  const options = { env: {}, python: noPython, systemPrefixes: [temporaryFolder(t)] };
  await assert.rejects(
    requireLibtorch(options),
    /none\.\n.*RESCALED_LIBTORCH: not set\n.*python3: .*\n.*system: no headers[^]*To install it:\n/,
  );
});
