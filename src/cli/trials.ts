import { untilInterrupted } from '../child/interrupt.js';
import { type Metric, showMetric, written } from '../metric.js';
import { learnFinished, measureSpeeds, type NamedTrial, type NamedTrials, unknownSpeeds } from '../studied/speed.js';
import { type TrialsEnd, trainNamed } from '../studied/trials.js';
import type { TrialResult } from '../study/trials/result.js';
import type { RunTrialsOptions, TrialEvent } from '../study/trials/run.js';
import { TimeLeft } from '../study/trials/time-left.js';
import { plural } from '../suggest.js';
import { metricsOf } from '../tasks/index.js';
import { duration } from './progress.js';

/** Runs what is left, in the given order, and says of each trial how it ended and how much time is left. */
export async function runNamed(
  unique: NamedTrials,
  options: RunTrialsOptions,
  afterEach: () => void,
  json: boolean,
): Promise<TrialsEnd> {
  const left = new Map([...unique].map(([id, { trial }]) => [id, trial]));
  const time = new TimeLeft();
  learnFinished(unique, options.study, time, (id) => left.delete(id));
  if (left.size < unique.size) note(json, `${unique.size - left.size} of ${unique.size} trials are done already`);
  const busy = new Set<string>();
  const said = new Set<string>();
  const tell = ({ name, ...event }: TrialEvent & { name: string }): void => {
    const { trial } = event;
    if (event.type === 'note') {
      // Trials share their pictures: once is enough.
      if (said.has(event.text)) return;
      said.add(event.text);
      note(json, `note: ${event.text}`);
    }
    if (event.type === 'busy') {
      if (busy.has(trial.id)) return;
      busy.add(trial.id);
      note(json, `${name}, seed ${trial.seed}: another process has it`);
    }
    const [metric] = metricsOf(trial.options.task);
    if (json)
      console.log(JSON.stringify(written(metric, { ...event, trial: { id: trial.id, seed: trial.seed, name } })));
    if (event.type !== 'done' && event.type !== 'failed') return;
    left.delete(trial.id);
    if (event.type === 'done') time.learn(trial.work, event.result.msPerStep, event.result.scoredPerSecond);
    const remains = time.total([...left.values()], options.workers);
    const told = event.type === 'failed' ? `failed: ${event.reason}` : outcome(metric, event.result, event.seconds);
    note(
      json,
      `[${unique.size - left.size}/${unique.size}] ${name}, seed ${trial.seed}: ${told}${
        left.size === 0 || remains === undefined ? '' : `; about ${duration(remains)} left`
      }`,
    );
    afterEach();
  };
  return untilInterrupted(
    (signal, killSignal) => trainNamed(unique, { ...options, signal, killSignal }, tell),
    (text) => note(json, text),
  );
}

function outcome(metric: Metric, { score, trainScore, msPerStep }: TrialResult, seconds: number): string {
  const took = seconds === 0 ? 'done by another process' : duration(seconds);
  return (
    `${metric.title} ${showMetric(metric, score)}, training pictures ${showMetric(metric, trainScore)}; ` +
    `${took}, ${msPerStep.toFixed(0)} ms a step`
  );
}

/** People read the error output; with --json, scripts read the other one. */
export function note(json: boolean, text: string): void {
  if (!json) console.error(text);
}

/**
 * A few steps of each trial whose speed is not known yet; Ctrl-C ends it at once.
 * @returns whether it was stopped
 */
export async function learnUnknown(
  trials: Iterable<NamedTrial>,
  options: RunTrialsOptions,
  time: TimeLeft,
  json: boolean,
): Promise<{ stopped: boolean }> {
  const unknown = unknownSpeeds(trials, time);
  if (unknown.length === 0) return { stopped: false };
  note(
    json,
    `\nMeasuring a few steps of ${plural(unknown.length, 'model')} to tell how long all takes: ` +
      'up to half a minute each. Ctrl-C ends it; nothing is lost by that.',
  );
  return untilInterrupted((signal) =>
    measureSpeeds(unknown, { ...options, signal }, time, (name, i) =>
      note(json, `  ${i + 1} of ${unknown.length}: ${name}`),
    ),
  );
}

/** Told when measuring for a plan was stopped. */
export const MEASURING_STOPPED =
  'Measuring was stopped: how long it takes is not known. The same command measures again.';
