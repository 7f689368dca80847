import { RescaledError } from '../../errors.js';
import { LossScaler, scaledPeak } from '../../optim/index.js';
import { passedOverText } from '../../part-words.js';
import type { RunConfig } from '../../run/config.js';
import type { TrainEvent } from '../../run/events.js';
import { setThreads } from '../../torch/index.js';
import { BrokenPictures } from '../broken.js';
import { Learner, NotFinite } from '../learner.js';
import { cached, checkDevice, looked, openTrainingData } from '../open.js';
import type { LearnOptions } from '../options.js';
import { resolveRun } from '../start.js';
import type { Task } from '../task.js';
import { checkRange, DIVERGED, type RatePoint, type RateRange, rateOfStep, SmoothedLoss } from './curve.js';

/** A step was done. */
export interface RateEvent extends RatePoint {
  type: 'rate';
  /** From 1. */
  step: number;
  steps: number;
}

export interface RateTest extends RateRange {
  /** Of the training whose rate was looked for. */
  config: RunConfig;
  points: RatePoint[];
  /** `rose`: to four times its lowest; `not finite`: loss or gradients were no numbers. */
  ended: 'whole' | 'rose' | 'not finite';
  /** Passes over the training pictures that were begun. */
  epochs: number;
}

/**
 * Learning-rate range test (Smith 2015, arXiv 1506.01186): the training of these options step by step, with a rate that
 * rises from step to step in place of the schedule. Nothing is written but decoded pictures.
 * @param range as the recipe's `learningRate`: per 256 pictures, unless its `rateScaling` is another
 * @returns undefined when the signal stopped it
 * @throws RescaledError when the first loss is not finite, which no rate can have caused
 */
export async function* findRate(
  task: Task,
  options: LearnOptions,
  range: Partial<RateRange> = {},
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<TrainEvent | RateEvent, RateTest | undefined> {
  const stopped = (): boolean => signal?.aborted === true;
  const { lowest, highest, steps } = checkRange(range);
  const opened = await openTrainingData(task, options);
  const config = await resolveRun(task, options, opened, signal);
  checkDevice(config.device);
  for (const text of [...opened.notes, passedOverText(opened.ignoredEndings)])
    if (text !== undefined) yield { type: 'advice', step: 0, text };
  const found = yield* looked(opened, config, { verify: options.verify, signal });
  setThreads(config.threads);
  const data = yield* cached(opened, config.size, signal);
  if (stopped()) return undefined;

  const { batch: pictures, precision, rateScaling } = config.recipe.values;
  const { learner, started } = await Learner.open(task, config, data, { fresh: true });
  if (started !== undefined) yield { type: 'loaded', step: 0, from: config.from!, match: started };
  const looking = data.train!.length + data.val.length + (data.test?.length ?? 0);
  const broken = new BrokenPictures([], looking, config);
  broken.watch(learner.loader, 0);
  broken.found(found, learner.train, 0);
  const scaler = precision === 'float16' ? new LossScaler({ ...LossScaler.START }) : undefined;

  const points: RatePoint[] = [];
  const smoothed = new SmoothedLoss();
  let best = Number.POSITIVE_INFINITY;
  let epoch = 0;
  const test = (ended: RateTest['ended']): RateTest => ({
    ...{ lowest, highest, steps },
    ...{ config, points, ended, epochs: epoch + 1 },
  });
  try {
    for (let step = 0; ; epoch++) {
      learner.begin();
      let batchInEpoch = 0;
      for await (const batch of learner.loader.batches(epoch)) {
        const rate = rateOfStep(step, { lowest, highest, steps });
        yield* broken.tell(step);
        if (batch.n > 1) {
          let loss: number;
          try {
            loss = learner.step(
              batch,
              { step, epoch, batchInEpoch },
              scaledPeak(rate, pictures, rateScaling),
              scaler,
            ).loss;
          } catch (error) {
            if (!(error instanceof NotFinite) || points.length === 0) throw error;
            return test('not finite');
          }
          const point = { rate, loss, smoothed: smoothed.add(loss) };
          points.push(point);
          yield { type: 'rate', step: step + 1, steps, ...point };
          best = Math.min(best, point.smoothed);
          if (best > 0 && point.smoothed > DIVERGED * best) return test('rose');
        }
        if (stopped()) return undefined;
        step++;
        batchInEpoch++;
        if (step === steps) {
          if (points.length === 0)
            throw new RescaledError(
              'Expected batches of two pictures that can be read, but there was none. Use a larger --batch.',
            );
          return test('whole');
        }
        // Finalizers of released handles run when the event loop turns.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  } finally {
    await learner.dispose();
  }
}
