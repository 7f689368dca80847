import { availableParallelism } from 'node:os';
import { checkOptions, checkValue } from '../checks.js';
import { claimFolder } from '../study/plan/ablation.js';
import type { VariantFigures } from '../study/trials/summary.js';
import { type AblationOptions, planAblation, trialsOfRows } from './ablation-plan.js';
import { checkTrials, type StudyEnd, TRIALS_OPTIONS, type TrialsOptions, trainNamed } from './trials.js';

/** How an ablation ended: each row's figures, with the intervals of their differences where there are seeds enough. */
export interface AblationEnd extends StudyEnd {
  /** In the order of the plan. */
  rows: readonly VariantFigures[];
}

/**
 * What each ingredient of the recipe is worth on your pictures (paper Tables 1 and 2). Trains what is not done yet and writes the page
 * after each trial; the same call with the same `out` goes on.
 *
 * ```ts
 * const { rows, page } = await ablate({ data: 'flowers', epochs: 12, steps: ['label-smoothing', 'randaugment'] }, 'runs/worth');
 * ```
 */
export async function ablate(options: AblationOptions, out: string, how: TrialsOptions = {}): Promise<AblationEnd> {
  checkValue('the second argument of ablate, the folder of results,', out, 'path');
  checkOptions('ablate, its third argument,', how, TRIALS_OPTIONS);
  checkTrials(how);
  const { facts, ...plan } = await planAblation(options);
  const { signal, checkpointSeconds, workers = 1, threads = availableParallelism(), onEvent = () => {} } = how;
  claimFolder(out, plan);
  // Drawing is loaded by what draws, here and in study.ts: that takes a second of a program's start.
  const { ablationPage, writeAblation } = await import('./ablation-page.js');
  const write = (): VariantFigures[] =>
    writeAblation(out, plan, { ...facts, command: `ablate(…, ${JSON.stringify(out)})` });
  write(); // before the first trial, so that a page is there at once
  const end = await trainNamed(
    trialsOfRows(plan),
    { study: out, workers, threads, checkpointSeconds, signal },
    (event) => {
      onEvent(event);
      if (event.type === 'done' || event.type === 'failed') write();
    },
  );
  return { ...end, rows: write(), page: ablationPage(out) };
}
