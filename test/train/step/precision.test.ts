import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelFacts } from '../../../src/models/index.js';
import { choosePrecision, decided, multiplyAddsOf } from '../../../src/train/step/precision.js';

const flags = (...names: string[]): ReadonlySet<string> => new Set(names);
const large = { device: 'cpu', task: 'classify', kind: 'resnet', multiplyAdds: () => 1e9 } as const;

test('auto is bfloat16 where the CPU has the instructions, with the reason', () => {
  const chosen = choosePrecision(large, flags('avx512f', 'avx512_bf16'));
  assert.equal(chosen.precision, 'bfloat16');
  assert.match(chosen.why, /the CPU has avx512_bf16, and a step has 1000 million multiply-adds/);
  assert.match(choosePrecision(large, flags('amx_bf16')).why, /amx_bf16/);
  const without = choosePrecision(large, flags('avx512f'));
  assert.deepEqual([without.precision, /neither avx512_bf16 nor amx_bf16/.test(without.why)], ['float32', true]);
});

test('auto is float32 for small steps, and for tasks and families that were not compared', () => {
  const on = (facts: Partial<Parameters<typeof choosePrecision>[0]>) =>
    choosePrecision({ ...large, ...facts }, flags('avx512_bf16'));
  assert.equal(on({ multiplyAdds: () => 1e9 }).precision, 'bfloat16');
  const small = on({ multiplyAdds: () => 999e6 });
  assert.deepEqual([small.precision, /too small/.test(small.why)], ['float32', true]);
  assert.match(on({ task: 'detect' }).why, /the task detect/);
  assert.match(on({ kind: 'nfnet' }).why, /this family/);
  assert.equal(on({ device: 'mps' }).precision, 'float32');
});

test('cards: from compute capability 8.0 on', () => {
  const on = (capability: string | undefined) =>
    choosePrecision({ ...large, device: 'cuda:0' }, flags('avx512_bf16'), () => capability);
  assert.equal(on('8.0').precision, 'bfloat16');
  assert.equal(on('12.0').precision, 'bfloat16');
  assert.equal(on('7.5').precision, 'float32');
  assert.match(on('7.5').why, /capability 7\.5, and bfloat16 begins with 8\.0/);
  assert.match(on(undefined).why, /not known/);
});

test('multiply-adds are those of all pictures of a step', () => {
  const { options } = modelFacts('resnet-18@64');
  const one = multiplyAddsOf('resnet-18', 64, 1, options);
  assert.equal(multiplyAddsOf('resnet-18', 64, 8, options), 8 * one);
  // 1.8e9 at 224 pixels.
  assert.ok(Math.abs(one / (1.814e9 * (64 / 224) ** 2) - 1) < 0.05, String(one));
});

test('a precision that nothing has decided is a mistake of the program', () => {
  assert.equal(decided('bfloat16'), 'bfloat16');
  assert.throws(() => decided('auto'), /received auto/);
});
