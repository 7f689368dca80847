import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createModel } from '../../../src/models/index.js';
import { fromFloat32, type SafeDType } from '../../../src/weights/formats/dtypes.js';
import { underModelKeys } from '../../../src/weights/names/keyed.js';
import { planKeys } from '../../../src/weights/names/plan.js';
import type { WeightsFile } from '../../../src/weights/open.js';
import { fixturePath } from '../../fixtures/open.js';

// Oracle: the keys of the authors' own code, and timm's checkpoint_filter_fn (make_tresnet_names.py).
const { weight, ...rows } = JSON.parse(readFileSync(fixturePath('tresnet_names.json'), 'utf8')) as {
  weight: number;
  m: Record<string, string>;
  v2: Record<string, string>;
};
const SMALL = {
  m: createModel('tresnet-m', { width: 0.0625, layers: [1, 2, 2, 1] }),
  v2: createModel('tresnet-v2-l', { width: 0.125, layers: [1, 1, 1, 1] }),
} as const;

for (const [name, keys] of Object.entries(rows))
  test(`a file of the authors of TResNet (${name}) has our keys, its blurs left out`, () => {
    const state = SMALL[name as keyof typeof SMALL].state();
    const shapeOf = (key: string): number[] => [...(state.get(keys[key]!)?.shape ?? [1, 1, 3, 3])];
    const file = (dtype: SafeDType): WeightsFile => ({
      path: 'tresnet.pth',
      format: 'pytorch',
      metadata: {},
      entries: new Map(Object.keys(keys).map((key) => [key, { dtype, shape: shapeOf(key) }])),
      ignored: new Map(),
      read: (key) => {
        const values = new Float32Array(shapeOf(key).reduce((a, b) => a * b, 1)).fill(-0.25);
        return dtype === 'F16' || dtype === 'F32' ? fromFloat32(values, dtype) : new Uint8Array(8 * values.length);
      },
      readFloat32: () => assert.fail('read through the rule'),
      close: () => {},
    });
    const keyed = underModelKeys(file('F32'));
    assert.deepEqual([...keyed.entries.keys()].sort(), [...state.keys()].sort());
    for (const [key, { shape }] of keyed.entries) {
      assert.deepEqual(shape, [...state.get(key)!.shape], key);
      const expected = key.endsWith('bn.weight') ? weight : -0.25;
      assert.ok(
        keyed.readFloat32(key).every((value) => value === expected),
        key,
      );
    }
    const blurs = Object.keys(keys).filter((key) => key.endsWith('.filt'));
    assert.deepEqual([...planKeys(file('F32')).ignored.keys()], blurs);
    assert.equal(blurs.length, 3);
    // Half as exact as the type allows.
    const half = underModelKeys(file('F16')).readFloat32('body.conv1.bn.weight')[0]!;
    assert.ok(Math.abs(half - weight) < 2 ** -12);
    assert.throws(() => underModelKeys(file('I64')).readFloat32('body.conv1.bn.weight'), /float32.*it is I64/);
  });

test('files under timm’s keys stay as they are', () => {
  const state = SMALL.m.state();
  const file: WeightsFile = {
    ...{ path: 'timm', format: 'safetensors', metadata: {}, ignored: new Map(), close: () => {} },
    entries: new Map([...state].map(([key, { shape }]) => [key, { dtype: 'F32' as const, shape: [...shape] }])),
    ...{ read: () => assert.fail(), readFloat32: () => assert.fail() },
  };
  assert.equal(underModelKeys(file), file);
});
