import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createModel, type ModelOverrides } from '../../src/models/index.js';
import { shapeOnly } from '../../src/torch/index.js';
import { fixturePath } from '../fixtures/open.js';

interface Row {
  ours: string;
  options: ModelOverrides;
  parameters: number;
  tensors: number;
  sha256: string;
}
// Oracle: timm 1.0.29 (check_timm.py keys). The same script's other steps compared values, both ways.
const { models } = JSON.parse(readFileSync(fixturePath('timm_keys.json'), 'utf8')) as { models: Record<string, Row> };

test('the table has all ResNet-RS and EfficientNet models of timm', () => {
  for (const depth of [50, 101, 152, 200, 270, 350, 420])
    assert.equal(models[`resnetrs${depth}`]?.ours, `resnet-rs-${depth}`);
  for (let i = 0; i < 8; i++)
    for (const name of [`efficientnet_b${i}`, `tf_efficientnet_b${i}`])
      assert.equal(models[name]?.ours, `efficientnet-b${i}`);
});

for (const [timm, { ours, options, parameters, tensors, sha256 }] of Object.entries(models))
  test(`${timm}: the state keys, their order and shapes, and the number of parameters are those of ${ours}`, () => {
    const [lines, count] = shapeOnly(() => {
      const model = createModel(ours, options);
      return [
        [...model.state()].map(([key, { shape }]) => `${key} ${JSON.stringify([...shape])}\n`),
        model.parameterCount(),
      ] as const;
    });
    assert.equal(count, parameters);
    assert.equal(lines.length, tensors);
    assert.equal(
      createHash('sha256').update(lines.join('')).digest('hex'),
      sha256,
      `keys and shapes differ from timm's: ${lines.slice(0, 12).join('')}`,
    );
  });
