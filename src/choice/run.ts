import { checkOptions, checkValue, numberOption } from '../checks.js';
import { untilInterrupted } from '../child/interrupt.js';
import { answerOf, runChild } from '../child/run.js';
import type { TrainEvent } from '../run/events.js';
import { plural } from '../suggest.js';
import { TRAIN_OPTIONS, type TrainOptions } from '../train/options.js';
import type { Asked, Choice, ChoiceJob } from './probe.js';
import { nominalSeconds } from './rungs.js';

export type { Alternative, Asked, Choice } from './probe.js';

/**
 * Whether model, size, recipe and length are chosen for the user: whoever names a model, weights or another recipe has chosen, and gets the
 * recipe's own.
 */
export const isChoosing = ({ options: { model, from, recipe }, minutes }: Asked): boolean =>
  minutes !== undefined || (model === undefined && from === undefined && (recipe === undefined || recipe === 'quick'));

/**
 * Chooses model, size, recipe, batch and length of a run for its data and this machine, where they are not given. Pictures are decoded for
 * the cache on the way, and a few steps of the training are measured, in a process of its own.
 * @param options.signal stops it
 * @returns undefined when it was stopped, or interrupted with Ctrl-C
 */
export async function chooseRun(
  task: Asked,
  onEvent: (event: TrainEvent) => void = () => {},
  options: { signal?: AbortSignal } = {},
): Promise<Choice | undefined> {
  checkOptions('chooseRun', task, { options: 'object', minutes: 'number' }, ['options']);
  checkOptions('chooseRun', task.options as Partial<TrainOptions>, TRAIN_OPTIONS, ['data']);
  numberOption('minutes', task.minutes, 0.1, 1_000_000);
  checkValue('the second argument of chooseRun', onEvent, 'function');
  checkOptions('chooseRun, its third argument,', options, { signal: 'signal' });
  const { signal } = options;
  const module = new URL('./probe.js', import.meta.url);
  const end = await untilInterrupted((stop, kill) =>
    runChild<ChoiceJob>({
      ...{ module, task, onMessage: onEvent, killSignal: kill },
      signal: signal === undefined ? stop : AbortSignal.any([stop, signal]),
    }),
  );
  const answer = answerOf(end, {
    who: 'The process that measures before training',
    memory: 'name a smaller network with --model, --width and --size',
  });
  return answer ?? undefined;
}

/** The options with what was chosen. */
export function withChoice<T extends Asked['options']>(options: T, choice: Choice): T {
  const { rung, recipe, epochs, minutes, asked, factor } = choice;
  const how = asked ? `the ${plural(minutes, 'minute')} asked for` : 'a first model in minutes';
  const millis = Number((1000 * factor * nominalSeconds(rung)).toPrecision(2));
  return {
    ...options,
    ...rung,
    recipe,
    chosen: { values: { epochs }, source: `chosen for ${how}: a training picture takes about ${millis} ms here` },
  };
}
