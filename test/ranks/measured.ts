// Small models of all tasks, measured on their pictures by all ranks together and by one alone.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Source, subset } from '../../src/data/sources/source.js';
import { taskNamed } from '../../src/tasks/index.js';
import { openTrainingData, resolveRun } from '../../src/tasks/runs.js';
import { call, noGrad } from '../../src/torch/index.js';
import { evaluationBatch, MeasuredPictures } from '../../src/train/evaluate.js';
import type { TrainOptions } from '../../src/train/index.js';
import { modelOf, preprocessOf } from '../../src/train/resolve.js';
import { Normaliser } from '../../src/train/step/input.js';
import { Ranks } from '../../src/train/step/ranks.js';
import { FASHION } from '../cli/helpers.js';
import { mapSet, vocSet } from '../data/annotations/sets.js';
import { animation, square } from '../data/video/helpers.js';

/** Of a run that 1, 2, 3 and 6 ranks can share. */
const PARTS = 6;

export async function writeSets(folder: string): Promise<void> {
  await vocSet(join(folder, 'boxes'), { train: 4, val: 7 });
  await mapSet(join(folder, 'masks'), 'masks', { train: 4, val: 7 });
  await mapSet(join(folder, 'depth'), 'depth', { train: 4, val: 7 });
  for (const [part, count] of [
    ['train', 2],
    ['val', 4],
  ] as const)
    for (let i = 0; i < count; i++)
      for (const [name, step] of [
        ['left', -2],
        ['right', 2],
      ] as const)
        await animation(join(folder, 'videos', part, name, `${i}.gif`), square(6, 16, step, step > 0 ? i : 12), 16, 40);
}

const trainings = (folder: string): Record<string, Partial<TrainOptions>> => ({
  classify: { data: FASHION, limitTrain: 20, limitVal: 13 },
  detect: { data: join(folder, 'boxes') },
  segment: { data: join(folder, 'masks'), settings: { decoderChannels: 16 } },
  depth: { data: join(folder, 'depth'), settings: { decoderChannels: 16 } },
  video: { data: join(folder, 'videos'), model: 'resnet3d-14', settings: { frames: 4, frameStride: 1 } },
});

/** This rank's first picture, how many it looked at, and what all of them are worth. */
interface Found {
  from: number;
  looked: number;
  scores: Record<string, number>;
}

/** Of each task: all its pictures, and one of them alone. */
export type Measured = Record<string, { all: Together; one: Together }>;
interface Together {
  pictures: number;
  together: Found;
  /** By rank 0. */
  alone?: Found;
}

/** @param tasks default: all */
export async function measureTasks(ranks: Ranks, folder: string, tasks?: readonly string[]): Promise<Measured> {
  const measured: Measured = {};
  for (const [name, own] of Object.entries(trainings(folder))) {
    if (tasks?.includes(name) === false) continue;
    const options: TrainOptions = {
      ...{ task: name, data: '', model: 'resnet-18', width: 0.125, size: 32, seed: 3, threads: 1, workers: 0 },
      ...{ out: join(folder, 'none'), ...own, settings: { epochs: 1, batch: 4, ...own.settings } },
    };
    const task = taskNamed(name);
    const data = await openTrainingData(options);
    const config = { ...(await resolveRun(options, data)), parts: PARTS };
    const model = modelOf(task, config);
    // An untrained detector finds nothing: its classes begin with a probability of 0.01.
    noGrad(() => {
      for (const [key, tensor] of model.parameters())
        if (key.endsWith('classes.out.bias')) call('aten::zero_', [tensor]);
    });
    const normaliser = new Normaliser(config.device, config.input);
    const by = async (those: Ranks, source: Source): Promise<Found> => {
      const on = new MeasuredPictures(those, {
        ...{
          source,
          split: true,
          batch: evaluationBatch(task, config, source.length),
          mode: 'eval',
          seed: 0,
          workers: 0,
        },
        ...{ targets: task.targets, preprocess: preprocessOf(config) },
      });
      const evaluator = task.evaluator(config.task, { examples: 0, model });
      let looked = 0;
      const counting: typeof evaluator = {
        ...evaluator,
        add(outputs, batch) {
          looked += batch.n;
          evaluator.add(outputs, batch);
        },
      };
      const scores = await on.scores(model, counting, { size: config.size, normaliser });
      await on.close();
      return { from: on.from, looked, scores };
    };
    const both = async (source: Source): Promise<Together> => ({
      pictures: source.length,
      together: await by(ranks, source),
      ...(ranks.chief && { alone: await by(new Ranks(), source) }),
    });
    measured[name] = { all: await both(data.val), one: await both(subset(data.val, [0])) };
  }
  return measured;
}

/** A figure of each task that a model without sense does not get to 0. */
const SEEN: Record<string, string> = {
  classify: 'loss',
  detect: 'ar100',
  segment: 'miou',
  depth: 'absRel',
  video: 'loss',
};

/** @param ranks what each rank found */
export function assertSplit(ranks: readonly Measured[]): void {
  for (const task of Object.keys(ranks[0]!))
    for (const which of ['all', 'one'] as const) {
      const { pictures, alone } = ranks[0]![task]![which] as Required<Together>;
      const what = `${task}, ${pictures}`;
      assert.equal(alone.looked, pictures, what);
      if (which === 'all') assert.ok(alone.scores[SEEN[task]!]! > 0, `${what}: ${JSON.stringify(alone.scores)}`);
      let next = 0;
      for (const found of ranks) {
        const { from, looked, scores } = found[task]![which].together;
        assert.equal(from, next, what);
        assert.ok(which === 'one' || looked > 0, `${what}: a rank without pictures`);
        next += looked;
        assert.equal(JSON.stringify(scores), JSON.stringify(alone.scores), what);
      }
      assert.equal(next, pictures, `${what}: each once`);
    }
}
