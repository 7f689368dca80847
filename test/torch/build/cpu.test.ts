import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { blasEnvironment, coreTypeFromFlags, cpuFlags } from '../../../src/torch/build/cpu.js';
import { put, temporaryFolder } from './fakes.js';

const cpuinfo = (flags: string): string =>
  `processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: ${flags}\nbugs\t\t: spectre_v1\n\nprocessor\t: 1\nflags\t\t: other\n`;
const skylake = 'fpu sse2 fma avx avx2 avx512f avx512dq avx512cd avx512bw avx512vl';

test('flags of the first CPU are read', () => {
  assert.deepEqual([...cpuFlags(cpuinfo('fpu sse2 avx2'))], ['fpu', 'sse2', 'avx2']);
  assert.equal(cpuFlags('Features : fp asimd\n').size, 0);
});

test('the core type needs every flag of its kernels', () => {
  const core = (flags: string): string | undefined => coreTypeFromFlags(new Set(flags.split(' ')));
  assert.equal(core(skylake), 'SkylakeX');
  for (const flag of ['avx512f', 'avx512bw', 'avx512vl', 'avx512dq']) {
    assert.equal(core(skylake.replace(flag, '')), 'Haswell', `without ${flag}`);
  }
  assert.equal(core('avx avx2'), undefined);
  assert.equal(core('avx fma'), undefined);
});

test('the environment is set on x64 Linux only, and never over the value of the user', (t) => {
  const path = join(temporaryFolder(t), 'cpuinfo');
  put(path, cpuinfo(skylake));
  assert.deepEqual(blasEnvironment({}, path, 'linux', 'x64'), { OPENBLAS_CORETYPE: 'SkylakeX' });
  assert.deepEqual(blasEnvironment({ OPENBLAS_CORETYPE: 'Zen' }, path, 'linux', 'x64'), {});
  assert.deepEqual(blasEnvironment({ OPENBLAS_CORETYPE: '' }, path, 'linux', 'x64'), { OPENBLAS_CORETYPE: 'SkylakeX' });
  assert.deepEqual(blasEnvironment({}, path, 'linux', 'arm64'), {});
  assert.deepEqual(blasEnvironment({}, path, 'darwin', 'x64'), {});
  assert.deepEqual(blasEnvironment({}, join(path, 'absent'), 'linux', 'x64'), {});
});
