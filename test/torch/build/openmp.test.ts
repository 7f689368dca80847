import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { openmpEnvironment } from '../../../src/torch/build/openmp.js';

test('OpenMP is told to wait busily for a short time, whichever runtime it is', () => {
  assert.deepEqual(openmpEnvironment({}), { GOMP_SPINCOUNT: '20000', KMP_BLOCKTIME: '1' });
  assert.deepEqual(openmpEnvironment({ GOMP_SPINCOUNT: '', OMP_WAIT_POLICY: '' }), openmpEnvironment({}));
});

test('what the user has set stands', () => {
  assert.deepEqual(openmpEnvironment({ GOMP_SPINCOUNT: '7' }), { KMP_BLOCKTIME: '1' });
  assert.deepEqual(openmpEnvironment({ KMP_BLOCKTIME: '200' }), { GOMP_SPINCOUNT: '20000' });
  assert.deepEqual(openmpEnvironment({ OMP_WAIT_POLICY: 'active' }), {});
});

test('libgomp reads it when the engine is loaded', (t) => {
  const load = (env: NodeJS.ProcessEnv): string => {
    const torch = new URL('../../../src/torch/index.js', import.meta.url).href;
    const script = `(await import(${JSON.stringify(torch)})).setThreads(1)`;
    // libgomp then says what it goes by.
    const own = { ...process.env, GOMP_SPINCOUNT: undefined, OMP_WAIT_POLICY: undefined, OMP_DISPLAY_ENV: 'verbose' };
    const args = ['--input-type=module', '--eval', script];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...own, ...env } });
    assert.equal(status, 0, stderr);
    return /GOMP_SPINCOUNT = '(.*)'/.exec(stderr)?.[1] ?? '';
  };
  const ours = load({});
  if (ours === '') return t.skip('another OpenMP runtime');
  assert.equal(ours, '20000');
  assert.equal(load({ GOMP_SPINCOUNT: '77' }), '77');
  assert.equal(load({ OMP_WAIT_POLICY: 'passive' }), '0');
});
