import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createModel } from '../../src/models/index.js';
import { decayGroups, Ema, Sgd } from '../../src/optim/index.js';
import { packageRoot } from '../../src/package-root.js';
import {
  call,
  crossEntropy,
  fromTypedArray,
  heapUse,
  keep,
  liveTensors,
  randn,
  scope,
  type Tensor,
} from '../../src/torch/index.js';

const torch = new URL('../../src/torch/index.js', import.meta.url).href;

test('200 training steps leave the number of live tensors flat and the resident set without steady growth', async () => {
  const model = createModel('resnet-rs-14', {
    width: 0.125,
    classes: 4,
    stemStride: 1,
    stochasticDepth: 0.2,
    dropout: 0.2,
  }).train();
  const optimiser = new Sgd(decayGroups(model.parameters(), new Set(), 1e-4, 'all'), { momentum: 0.9, nesterov: true });
  const ema = new Ema(model.state(), 0.99);
  const x = randn([8, 3, 16, 16]);
  const y = fromTypedArray(new BigInt64Array([0n, 1n, 2n, 3n, 0n, 1n, 2n, 3n]), [8]);
  const step = (t: number): void => {
    scope(() => crossEntropy(model.forward(x), y, 0.1).backward());
    optimiser.step(0.01);
    ema.update(t);
  };
  // Finalizers of handles run when the event loop turns.
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let t = 0; t < 50; t++) {
    step(t);
    await turn();
  }
  const tensors = liveTensors();
  // A leak grows every stretch; the allocator's first touch of pages that it has (5 to 30 MB at once, at no set step) grows one.
  const grown: number[] = [];
  for (let stretch = 0; stretch < 4; stretch++) {
    const resident = process.memoryUsage.rss();
    for (let t = 0; t < 50; t++) {
      step(50 * (stretch + 1) + t);
      await turn();
      assert.equal(liveTensors(), tensors, `step ${t} of stretch ${stretch}`);
    }
    grown.push((process.memoryUsage.rss() - resident) / 1e6);
  }
  assert.ok(
    Math.min(...grown) < 5,
    `50 steps grew the resident set by ${grown.map((g) => g.toFixed(1)).join(', ')} MB`,
  );
  model.dispose();
  ema.dispose();
  optimiser.dispose();
});

test('large tensors that come and go in any order keep their numbers, and leave nothing behind', () => {
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const before = heapUse().live;
  const held: { tensor: Tensor; value: number; size: number }[] = [];
  const release = (at: number): void => {
    const { tensor, value, size } = held.splice(at, 1)[0]!;
    const values = tensor.data() as Float32Array;
    assert.ok(values.length === size && values.every((v) => v === value));
    tensor.dispose();
  };
  for (let i = 0; i < 600; i++) {
    if (held.length > 40 || (held.length > 0 && random(5) < 2)) release(random(held.length));
    else {
      const size = 1 + random(100_000);
      held.push({ tensor: keep(call<Tensor>('aten::full', [[size], i + 0.5])), value: i + 0.5, size });
    }
  }
  while (held.length > 0) release(random(held.length));
  assert.equal(heapUse().live, before);
});

test('the collector frees what was never disposed, and V8 knows of it', () => {
  const script = `
    import { addon, zeros, liveTensors } from '${torch}';
    const before = addon().externalBytes();
    let last = zeros([1 << 20]);
    if (addon().externalBytes() - before < 4e6) throw new Error('V8 was not told of 4 MB');
    for (let i = 0; i < 200; i++) last = zeros([1 << 20]);
    last = undefined;
    for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
    if (liveTensors() > 2) throw new Error(liveTensors() + ' tensors are left');
  `;
  const done = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  assert.equal(done.status, 0, done.stderr);
});

test('workers start, compute, end and are terminated cleanly', async () => {
  const script = `import { parentPort } from 'node:worker_threads'; import { ones, sum } from '${torch}';
    parentPort.postMessage(sum(ones([1000])).item()); `;
  const code = (tail: string) => new URL(`data:text/javascript,${encodeURIComponent(script + tail)}`);
  for (const tail of ['', ...Array.from({ length: 10 }, () => 'for (;;) sum(ones([1000])).dispose();')]) {
    const worker = new Worker(code(tail));
    const value = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.equal(value, 1000);
    await worker.terminate();
  }
});

test('a process with live tensors exits with code 0', () => {
  const done = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import { ones } from '${torch}'; globalThis.kept = [ones([10]), ones([1 << 20])];`],
    { cwd: join(packageRoot), encoding: 'utf8' },
  );
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stderr, '');
});
