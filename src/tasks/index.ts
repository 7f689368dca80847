import { UsageError } from '../errors.js';
import type { Metric } from '../metric.js';
import { didYouMean } from '../suggest.js';
import type { Task } from '../train/task.js';
import { classify } from './classify/index.js';
import { contrast } from './contrast/index.js';
import { depth } from './depth/index.js';
import { detect } from './detect/index.js';
import { segment } from './segment/index.js';
import { video } from './video/index.js';

/** The register: every task there is. */
const TASKS: readonly Task[] = [classify, contrast, detect, segment, depth, video];

export const taskNames = (): string[] => TASKS.map(({ name }) => name);

/** @throws UsageError for a name that no task has, with the nearest one */
export function taskNamed(name = 'classify'): Task {
  const task = TASKS.find((one) => one.name === name);
  if (task !== undefined) return task;
  throw new UsageError(
    `Expected the name of a task but received "${name}".${didYouMean(name, taskNames())} Known: ${taskNames().join(', ')}.`,
  );
}

/** The metrics of a task, the primary one first. */
/** What it learns from, in messages. */
export const nounOf = (task?: string): 'picture' | 'video' => (taskNamed(task).clips === true ? 'video' : 'picture');

export const metricsOf = (task?: string): readonly [Metric, ...Metric[]] => taskNamed(task).metrics;
