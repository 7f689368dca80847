import { writeFileSync } from 'node:fs';
import { peakMemory as highestMemory, residentMemory } from '../../memory.js';
import { createModel, type ModelOverrides, modelFacts } from '../../models/index.js';
import { AvgPool2d, BatchNorm2d, Conv2d, Linear, Sequential } from '../../nn/index.js';
import { decayGroups, Sgd } from '../../optim/index.js';
import type { Precision } from '../../recipe/recipe.js';
import {
  crossEntropy,
  flatten,
  forwardIn,
  fromTypedArray,
  globalAvgPool2d,
  inferenceMode,
  randn,
  scope,
  setThreads,
  synchronize,
  type Tensor,
  to,
} from '../../torch/index.js';
import { checkDevice, deviceNamed } from '../open.js';
import { measureLimit } from './limit.js';

export interface MeasureOptions {
  size?: number;
  /** As for `createModel`. */
  overrides?: ModelOverrides;
  batch: number;
  /** Timed runs of each kind, after two that are not. */
  runs: number;
  threads: number;
  device: string;
  /** What products are computed in; float32 by default. */
  precision?: Precision;
  /** Look for the machine's limit as well. */
  limit?: boolean;
}

/** Milliseconds: the median, and the lowest and highest run. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export interface Measured {
  train: Spread;
  inference: Spread;
  /** See `peakMemory`; null where it cannot be read. */
  peakMemoryBytes: number | null;
  /** See `measureLimit`; where it was asked for. */
  limit?: number;
}

const WARM_UP = 2;

/**
 * Times a model in this process, which should do nothing else: a training step as the training loop does it (forward,
 * loss, backward, SGD with momentum; without loading pictures), then inference in the engine (eval mode, no gradients),
 * both on random pictures in channels_last. Memory is read after the training steps.
 */
export async function measureModel(
  name: string,
  { size: wanted, overrides = {}, batch, runs, threads, device: asked, precision = 'float32', limit }: MeasureOptions,
): Promise<Measured> {
  const device = deviceNamed(asked);
  setThreads(threads);
  checkDevice(device);
  const facts = modelFacts(name, overrides);
  const size = wanted ?? facts.size;
  const memory = peakMemory(device);
  const model = createModel(name, overrides).to({ device, memoryFormat: 'channels_last' });
  const sides = facts.frames === undefined ? [size, size] : [facts.frames, size, size];
  const x = to(randn([batch, facts.options.channels, ...sides], { device }), { memoryFormat: 'channels_last' });
  const y = fromTypedArray(new BigInt64Array(batch), [batch], { device });

  const outputs = (): Tensor => forwardIn(precision, device, () => model.forward(x));

  model.train();
  const optimiser = new Sgd(decayGroups(model.parameters(), new Set(), 4e-5, 'all'), {
    momentum: 0.9,
    nesterov: false,
  });
  const train = await spread(runs, () => {
    scope(() => {
      const loss = crossEntropy(outputs(), y, 0.1);
      loss.item();
      loss.backward();
    });
    optimiser.step(0.001);
    synchronize();
  });
  const peakMemoryBytes = memory();
  optimiser.dispose();

  model.train(false);
  const inference = await spread(runs, () => {
    inferenceMode(() => scope(() => void outputs()));
    synchronize();
  });
  model.dispose();
  return { train, inference, peakMemoryBytes, ...(limit === true ? { limit: measureLimit(device, precision) } : {}) };
}

/** Between runs the event loop turns: finalizers run, and a parent that has gone is noticed. */
async function spread(runs: number, work: () => void): Promise<Spread> {
  const times: number[] = [];
  for (let i = -WARM_UP; i < runs; i++) {
    const start = performance.now();
    work();
    if (i >= 0) times.push(performance.now() - start);
    await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  return {
    median: times.length % 2 === 1 ? times[middle]! : (times[middle - 1]! + times[middle]!) / 2,
    low: times[0]!,
    high: times.at(-1)!,
  };
}

/**
 * Starts to watch memory; the function returned gives the growth since. On the CPU of Linux: the highest resident set
 * of this process (VmHWM) less the resident set now, with libtorch loaded and its code warmed by a step of a tiny
 * model, so that what grows is the model's. Elsewhere null.
 */
export function peakMemory(device: string): () => number | null {
  if (device !== 'cpu' || process.platform !== 'linux') return () => null;
  warmUp();
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // sets VmHWM to what is resident now
  } catch {
    // A kernel without it: the highest so far stands, which a tiny model hardly raised.
  }
  const before = residentMemory() ?? Number.NaN;
  return () => (highestMemory() ?? Number.NaN) - before;
}

function warmUp(): void {
  const body = new Sequential([new Conv2d(3, 8, 3), new BatchNorm2d(8), new AvgPool2d(), new Conv2d(8, 8, 1)]).train();
  const head = new Linear(8, 2);
  scope(() => {
    const x = to(randn([2, 3, 16, 16]), { memoryFormat: 'channels_last' });
    crossEntropy(
      head.forward(flatten(globalAvgPool2d(body.forward(x)))),
      fromTypedArray(new BigInt64Array(2), [2]),
    ).backward();
  });
  body.dispose();
  head.dispose();
}
