import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type HeadVersion, ProjectionHead } from '../../src/nn/projection-head.js';
import { liveTensors, mul, noGrad, ones, scope, sum } from '../../src/torch/index.js';
import { assertMatches, fixtureTensor, loadState } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracle (make_simclr.py): torch.nn.Linear and BatchNorm1d.
const file = openFixture('simclr.safetensors');
after(() => file.close());

const cases: [name: string, version: HeadVersion, options: { layers?: number; hidden?: number; out: number }][] = [
  ['v1', 'v1', { out: 4 }],
  ['v1-three', 'v1', { layers: 3, hidden: 10, out: 4 }],
  ['v2', 'v2', { out: 4 }],
  ['v2-two', 'v2', { layers: 2, hidden: 5, out: 3 }],
  ['v2-one', 'v2', { layers: 1, out: 4 }],
];

describe('projection heads against PyTorch', () => {
  for (const [name, version, options] of cases)
    test(`${name}: keys, outputs of every layer, gradients and running statistics`, () => {
      const before = liveTensors();
      const head = new ProjectionHead(6, version, 1, options);
      scope(() => {
        const stored = `head.${name}.`;
        const expected = [...file.entries].filter(([key]) => key.startsWith(`${stored}param.`));
        assert.deepEqual(
          [...head.state()].map(([key, value]) => [`${stored}param.${key}`, [...value.shape]]),
          expected.map(([key, { shape }]) => [key, shape]),
        );
        loadState(head, file, (key) => `${stored}param.${key}`);
        const x = fixtureTensor(file, `${stored}input`);
        noGrad(() => {
          for (let k = 0; k < head.widths.length; k++) {
            const y = head.middle(x, k);
            assertMatches(y, file, `${stored}eval.${k}`, 1e-5);
            assert.equal(y.shape[1], head.widths[k]);
          }
        });
        head.train();
        x.requiresGrad = true;
        const y = head.forward(x);
        assertMatches(y, file, `${stored}train`, 1e-5);
        sum(mul(y, fixtureTensor(file, `${stored}weights`))).backward();
        assertMatches(x.grad, file, `${stored}grad.input`, 1e-4);
        for (const [key, p] of head.parameters()) assertMatches(p.grad, file, `${stored}grad.${key}`, 1e-4);
        for (const [key, buffer] of head.buffers()) assertMatches(buffer, file, `${stored}after.${key}`, 1e-5);
      });
      head.dispose();
      assert.equal(liveTensors(), before);
    });
});

test("by default v1 has two layers, v2 three of the trunk's width, and both 128 outputs", () => {
  for (const [version, widths] of [
    ['v1', [20, 20, 128]],
    ['v2', [20, 20, 20, 128]],
  ] as const) {
    const head = new ProjectionHead(20, version, 1);
    assert.deepEqual(head.widths, widths);
    head.dispose();
  }
});

test('kernels begin with deviation 0.01, a function of the seed; biases with 0, batch norm with 1', () => {
  const numbers = (seed: number): Map<string, number[]> => {
    const head = new ProjectionHead(100, 'v2', seed);
    const values = new Map([...head.state()].map(([key, value]) => [key, [...value.data()].map(Number)]));
    head.dispose();
    return values;
  };
  const [one, again, two] = [numbers(1), numbers(1), numbers(2)];
  assert.deepEqual(one, again);
  assert.notDeepEqual(one.get('layers.0.linear.weight'), two.get('layers.0.linear.weight'));
  assert.notDeepEqual(one.get('layers.0.linear.weight'), one.get('layers.1.linear.weight'));
  for (const [key, values] of one) {
    const mean = values.reduce((a, b) => a + b) / values.length;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    if (key.endsWith('linear.weight')) {
      assert.ok(Math.abs(mean) < 5e-4 && Math.abs(deviation - 0.01) < 3e-4, `${key}: ${mean} +- ${deviation}`);
    } else assert.deepEqual([mean, deviation], [/norm\.(weight|running_var)/.test(key) ? 1 : 0, 0], key);
  }
});

test('what no head can be is refused', () => {
  assert.throws(() => new ProjectionHead(6, 'v2', 1, { layers: 0 }), /number above 0 for layers .* received 0/);
  const head = new ProjectionHead(6, 'v2', 1);
  scope(() => assert.throws(() => head.middle(ones([2, 6]), 4), /layers, 0 to 3, but received 4/));
  head.dispose();
});
