// The process that looks for a learning rate. rate.ts starts it.
import { isOutOfMemory } from '../child/death.js';
import type { TaskHandler } from '../child/messages.js';
import { watchIndexing } from '../data/shard-data.js';
import { RescaledError } from '../errors.js';
import type { TrainEvent } from '../run/events.js';
import { findRate } from '../tasks/runs.js';
import type { LearnOptions, RateEvent, RateRange, RateTest } from '../train/index.js';

export interface RateJob {
  task: { options: LearnOptions; range: Partial<RateRange> };
  message: TrainEvent | RateEvent;
  /** Undefined when it was stopped. */
  answer: RateTest | undefined;
}

/** What to try if memory has run out. */
export const LESS_MEMORY = 'try a smaller --batch or --size';

export const handle: TaskHandler<RateJob> = async ({ options, range }, { signal, send, letMessagesIn }) => {
  watchIndexing((done, of) => send({ type: 'indexing', step: 0, done, of }));
  const events = findRate(options, range, { signal });
  try {
    for (let turn = await events.next(); ; turn = await events.next()) {
      if (turn.done === true) return turn.value;
      send(turn.value);
      await letMessagesIn();
    }
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    throw new RescaledError(`The test ran out of memory: ${LESS_MEMORY}.`, { cause: error });
  }
};
