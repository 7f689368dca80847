// Steps on pictures with and without labels: shared by ranks, by one process in as many parts, and as a plain run computes them in parts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { taskNamed } from '../../src/tasks/index.js';
import { openTrainingData, resolveRun } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { Learner, type StepResult } from '../../src/train/learner.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { photos } from '../data/helpers.js';
import { relativeError } from '../fixtures/open.js';

const PARTS = 2;

export async function writeHeaps(folder: string): Promise<void> {
  await photos(join(folder, 'photos'), { 'train/a': 8, 'train/b': 8, 'val/a': 2, 'val/b': 2 });
  await photos(join(folder, 'heap'), { some: 13 });
  await photos(join(folder, 'broken'), { some: 12 });
  for (const name of ['x', 'y', 'z']) writeFileSync(join(folder, 'broken', 'some', `${name}.jpg`), 'no picture');
}

/** What steps of an epoch tell, and the weights after it without batch norm's statistics. */
interface Learned {
  steps: Pick<StepResult, 'loss' | 'figures'>[];
  weights: Map<string, Float32Array>;
}

/** @param ranks undefined: a plain run */
async function learned(folder: string, heap: string, ranks?: Ranks): Promise<Learned> {
  const options: TrainOptions = {
    ...{ data: join(folder, 'photos'), unlabelled: [join(folder, heap)], maxBroken: 0.5, recipe: 'fixmatch' },
    ...{ model: 'resnet-18', width: 0.0625, size: 16, seed: 3, threads: 1, workers: 0, out: join(folder, 'none') },
    // Each part has 3 pictures with labels and 6 without, as a plain run cuts its batch too.
    settings: { epochs: 1, batch: 6, accumulate: PARTS, unlabelledRatio: 2, confidence: 0.2, augment: 'none' },
  };
  const data = await openTrainingData(options);
  const plain = await resolveRun(options, data);
  const config = ranks === undefined ? plain : { ...plain, parts: PARTS };
  const { learner } = await Learner.open(taskNamed('classify'), config, data, { fresh: true, ...(ranks && { ranks }) });
  learner.begin();
  const steps: Learned['steps'] = [];
  for await (const batches of learner.steps(0, 0)) {
    const place = { step: steps.length, epoch: 0, batchInEpoch: steps.length };
    const { loss, figures } =
      ranks === undefined
        ? learner.wholeStep(batches[0]!, place, 0.05)
        : await learner.stepOfRanks(batches, place, 0.05, { stop: false, scaler: undefined });
    steps.push({ loss, figures });
  }
  const weights = new Map([...learner.model.parameters()].map(([key, t]) => [key, (t.data() as Float32Array).slice()]));
  await learner.dispose();
  return { steps, weights };
}

/** Steps, and the largest relative difference of losses, figures and weights. */
export interface Joint {
  steps: number;
  plain: number;
  alone: number;
  broken: number;
}

function apart(a: Learned, b: Learned): number {
  const told = ({ steps }: Learned): number[] =>
    steps.flatMap(({ loss, figures }) => [loss, ...Object.values(figures)]);
  const each = [...a.weights].map(([key, values]) => relativeError(values, b.weights.get(key)!));
  return Math.max(relativeError(told(a), told(b)), ...each);
}

export async function learnJointly(ranks: Ranks, folder: string): Promise<Joint> {
  const together = await learned(folder, 'heap', ranks);
  return {
    steps: together.steps.length,
    plain: apart(together, await learned(folder, 'heap')),
    alone: apart(together, await learned(folder, 'heap', new Ranks())),
    // Ranks have different numbers of pictures that can be read.
    broken: apart(await learned(folder, 'broken', ranks), await learned(folder, 'broken', new Ranks())),
  };
}

export function assertJoint(ranks: readonly Joint[]): void {
  for (const { steps, plain, alone, broken } of ranks) {
    assert.equal(steps, 2);
    assert.ok(plain < 1e-6, `a plain run in parts: ${plain}`);
    assert.ok(alone < 1e-6 && broken < 1e-6, `one process: ${alone}, with broken pictures: ${broken}`);
  }
}
