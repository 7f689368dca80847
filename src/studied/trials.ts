import { numberOption, type OptionKinds, wholeOption } from '../checks.js';
import { type RunTrialsOptions, runTrials, type TrialEvent } from '../study/trials/run.js';
import type { NamedTrials } from './speed.js';

/** How trials run. */
export interface TrialsOptions {
  /** Trials at a time, which share the threads. */
  workers?: number;
  /** All cores by default. */
  threads?: number;
  /** Between checkpoints within an epoch; 60 by default. */
  checkpointSeconds?: number;
  /** Saves and stops. */
  signal?: AbortSignal;
  /** With the name of the trial's row or configuration. */
  onEvent?: (event: TrialEvent & { name: string }) => void;
}

export const TRIALS_OPTIONS: OptionKinds<Required<TrialsOptions>> = {
  workers: 'number',
  threads: 'number',
  checkpointSeconds: 'number',
  signal: 'signal',
  onEvent: 'function',
};

/** @throws UsageError for numbers that no trials can have */
export function checkTrials({ workers, threads, checkpointSeconds }: TrialsOptions): void {
  wholeOption('workers', workers, 1, 1024);
  wholeOption('threads', threads, 1, 1024);
  numberOption('checkpointSeconds', checkpointSeconds, 0, 86_400);
}

/** How the trials of a call ended. */
export interface TrialsEnd {
  /** Whether the signal stopped it before all were done. */
  stopped: boolean;
  /** How many failed in this call; the same call tries them again. */
  failed: number;
}

/** How trials of a call ended, and the page with what is known. */
export interface StudyEnd extends TrialsEnd {
  /** Path of the HTML file. */
  page: string;
}

/** Runs trials and counts how they ended. */
export async function trainNamed(
  trials: NamedTrials,
  options: Omit<RunTrialsOptions, 'onEvent'>,
  onEvent: TrialsOptions['onEvent'] = () => {},
): Promise<TrialsEnd> {
  let failed = 0;
  const { stopped } = await runTrials(
    [...trials.values()].map(({ trial }) => trial),
    {
      ...options,
      onEvent: (event) => {
        if (event.type === 'failed') failed++;
        onEvent({ ...event, name: trials.get(event.trial.id)!.name });
      },
    },
  );
  return { stopped, failed };
}
