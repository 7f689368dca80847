// Steps that ranks compute together, against the same steps of one process: of pictures with and without labels, and of pairs of views.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { taskNamed } from '../../src/tasks/index.js';
import { openTrainingData, resolveRun } from '../../src/tasks/runs.js';
import type { Tensor } from '../../src/torch/index.js';
import type { TrainOptions } from '../../src/train/index.js';
import { Learner, type StepResult } from '../../src/train/learner.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { FASHION } from '../cli/helpers.js';
import { photos } from '../data/helpers.js';
import { relativeError } from '../fixtures/open.js';

const PARTS = 2;

export async function writeHeaps(folder: string): Promise<void> {
  await photos(join(folder, 'photos'), { 'train/a': 8, 'train/b': 8, 'val/a': 2, 'val/b': 2 });
  await photos(join(folder, 'heap'), { some: 13 });
  await photos(join(folder, 'broken'), { some: 12 });
  for (const name of ['x', 'y', 'z']) writeFileSync(join(folder, 'broken', 'some', `${name}.jpg`), 'no picture');
}

/** What steps of an epoch tell, and what they make of the network. */
interface Learned {
  steps: Pick<StepResult, 'loss' | 'figures'>[];
  /** By how much all weights have moved, as one vector. */
  moved: Float32Array;
  /** Batch norm's, as one vector. */
  statistics: Float32Array;
}

/** @param ranks undefined: a plain run */
async function learned(options: TrainOptions, rate: number, ranks?: Ranks): Promise<Learned> {
  const data = await openTrainingData(options);
  const plain = await resolveRun(options, data);
  const config = ranks === undefined ? plain : { ...plain, parts: PARTS };
  const by = { fresh: true, ...(ranks && { ranks }) };
  const { learner } = await Learner.open(taskNamed(config.task.name), config, data, by);
  learner.begin();
  const before = flat(learner.model.parameters());
  const steps: Learned['steps'] = [];
  for await (const batches of learner.steps(0, 0)) {
    const place = { step: steps.length, epoch: 0, batchInEpoch: steps.length };
    const { loss, figures } =
      ranks === undefined
        ? learner.wholeStep(batches[0]!, place, rate)
        : await learner.stepOfRanks(batches, place, rate, { stop: false, scaler: undefined });
    steps.push({ loss, figures });
  }
  const now = flat(learner.model.parameters());
  const statistics = flat(learner.model.buffers());
  await learner.dispose();
  return { steps, moved: now.map((value, i) => value - before[i]!), statistics };
}

const flat = (tensors: ReadonlyMap<string, Tensor>): Float32Array =>
  Float32Array.from([...tensors.values()].flatMap((tensor) => [...(tensor.data() as Float32Array)]));

/** Relative differences: of losses and figures, of what the weights have moved, of batch norm's statistics. */
interface Apart {
  steps: number;
  /** How far they have, by one process. */
  far: number;
  told: number;
  moved: number;
  statistics: number;
}

function apart(a: Learned, b: Learned): Apart {
  const told = ({ steps }: Learned): number[] =>
    steps.flatMap(({ loss, figures }) => [loss, ...Object.values(figures).filter((value) => value > 0)]);
  return {
    steps: a.steps.length,
    far: Math.hypot(...b.moved),
    told: relativeError(told(a), told(b)),
    ...{ moved: relativeError(a.moved, b.moved), statistics: relativeError(a.statistics, b.statistics) },
  };
}

export type Steps = Record<'jointPlain' | 'jointBroken' | 'pairs' | 'pairsBroken', Apart>;

/** @returns on rank 0, which computes the steps of one process too */
export async function learnTogether(ranks: Ranks, folder: string): Promise<Steps | undefined> {
  const common = {
    ...{ model: 'resnet-18', width: 0.0625, size: 16, seed: 3, threads: 1, workers: 0, maxBroken: 0.5 },
    out: join(folder, 'none'),
  };
  // Each part has 3 pictures with labels and 6 without, as a plain run cuts its batch too.
  const joint = (heap: string): TrainOptions => ({
    ...common,
    ...{ data: join(folder, 'photos'), unlabelled: [join(folder, heap)], recipe: 'fixmatch' },
    settings: { epochs: 1, batch: 6, accumulate: PARTS, unlabelledRatio: 2, confidence: 0.2, augment: 'none' },
  });
  // Six pictures a step, three a rank.
  const pairs = (data: string): TrainOptions => ({
    ...common,
    ...{ data, task: 'contrast', limitTrain: 12, limitVal: 4 },
    settings: { epochs: 1, batch: 6, projectionOutputs: 8 },
  });
  const found: Partial<Steps> = {};
  const compare = async (name: keyof Steps, options: TrainOptions, rate: number, one?: Ranks): Promise<void> => {
    const together = await learned(options, rate, ranks);
    if (ranks.chief) found[name] = apart(together, await learned(options, rate, one));
  };
  await compare('jointPlain', joint('heap'), 0.05);
  // Ranks have different numbers of pictures that can be read; a plain run would cut the others into other parts.
  await compare('jointBroken', joint('broken'), 0.05, new Ranks());
  await compare('pairs', pairs(FASHION), 0.005);
  await compare('pairsBroken', pairs(join(folder, 'broken')), 0.005);
  return ranks.chief ? (found as Steps) : undefined;
}

export function assertTogether(found: Steps): void {
  for (const [what, { steps, far, told, moved, statistics }] of Object.entries(found)) {
    assert.ok(steps >= 2 && far > 1e-3, `${what}: ${steps} steps, ${far} far`);
    assert.ok(told < 1e-5, `${what}, losses and figures: ${told}`);
    assert.ok(moved < 1e-4, `${what}, weights: ${moved}`);
    // A plain run moves them part by part, ranks by the mean over the parts.
    if (what !== 'jointPlain') assert.ok(statistics < 1e-5, `${what}, statistics: ${statistics}`);
  }
}
