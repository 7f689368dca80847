import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parameter } from '../../src/nn/index.js';
import { autocast, liveTensors, matmul, scope, softmax, sum, tensor } from '../../src/torch/index.js';

// bfloat16 has 8 significant bits: between 1 and 2 its steps are 2^-7, and 1 + 2^-9 becomes 1.
const fine = 1 + 2 ** -9;

describe('mixed precision', () => {
  test('products compute in bfloat16 inside, in float32 outside, also after an error', () =>
    scope(() => {
      const [a, b] = [tensor([[fine]]), tensor([[1]])];
      const inside = autocast('cpu', () => matmul(a, b));
      assert.deepEqual([inside.dtype, inside.item()], ['bfloat16', 1]);
      assert.throws(() => autocast('cpu', () => assert.fail('stop')), /stop/);
      const outside = matmul(a, b);
      assert.deepEqual([outside.dtype, outside.item()], ['float32', fine]);
    }));

  test('what has no need of it stays in float32', () =>
    scope(() => assert.equal(autocast('cpu', () => softmax(tensor([[1, 2]]))).dtype, 'float32')));

  test('parameters and their gradients stay in float32, and their casts are freed', () => {
    const before = liveTensors();
    scope(() => {
      const weight = parameter(tensor([[fine]]));
      sum(autocast('cpu', () => matmul(tensor([[3 + 2 ** -7]]), weight))).backward();
      const gradient = weight.grad!;
      // The input of the product was 3 + 2^-7, whose nearest bfloat16 is 3: steps are 2^-6 there, and ties go to the
      // even one.
      assert.deepEqual([weight.dtype, weight.item(), gradient.dtype, gradient.item()], ['float32', fine, 'float32', 3]);
      weight.dispose();
    });
    assert.equal(liveTensors(), before);
  });

  test('float16 is refused on the CPU, and leaves it off', () => {
    assert.throws(() => autocast('cpu', () => 1, 'float16'), /expected bfloat16 on the CPU but received float16/);
    scope(() => assert.equal(matmul(tensor([[1]]), tensor([[1]])).dtype, 'float32'));
  });

  test('an unknown device is named', () => assert.throws(() => autocast('warp', () => 1), /warp/));
});
