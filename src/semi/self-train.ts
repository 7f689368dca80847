import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, type OptionKinds } from '../checks.js';
import { drained } from '../data/drained.js';
import { openPool } from '../data/pool.js';
import { UsageError } from '../errors.js';
import { selectedFolder, selectLabels } from '../labels/select.js';
import { isSelection, readSelection } from '../labels/selection.js';
import { withLock } from '../lock.js';
import { isRun, lastCheckpoint } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { openTrainingData } from '../tasks/runs.js';
import { trainApart } from '../trained/apart.js';
import { type PseudoLabelEvent, pseudoLabel } from './label.js';
import { type Round, roundOf, writeRounds } from './rounds.js';
import { beginPlan, knownPlan, labelsFolder, optionsOf, roundFolder, type SelfTrainPlan } from './rounds-plan.js';

export type SelfTrainEvent =
  /** A piece of work begins, or is there already from an earlier call. */
  | { type: 'stage'; round: number; rounds: number; stage: 'train' | 'label' | 'select'; folder: string; done: boolean }
  | { type: 'train'; round: number; event: TrainEvent }
  | { type: 'note'; round: number; text: string }
  | { type: 'label'; round: number; event: PseudoLabelEvent }
  | { type: 'round'; round: Round };

export interface SelfTrainOptions {
  /** Saves and stops. */
  signal?: AbortSignal;
  killSignal?: AbortSignal;
  onEvent?: (event: SelfTrainEvent) => void;
}

/**
 * Trains a teacher on the labelled pictures, lets it label the others, selects, trains a student on both, and so on: each student is the next
 * teacher (Noisy Student, arXiv 1911.04252). Everything lies in `out`; the same call goes on where an earlier one stopped.
 * @returns the rounds, or undefined when it was stopped
 * @throws UsageError when `out` was begun with another plan
 */
export async function selfTrain(
  out: string,
  given: SelfTrainPlan,
  options: SelfTrainOptions = {},
): Promise<Round[] | undefined> {
  checkOptions('selfTrain, its plan,', given, PLAN, ['data', 'unlabelled', 'rounds', 'training', 'student']);
  checkOptions('selfTrain', options, { signal: 'signal', killSignal: 'signal', onEvent: 'function' });
  const { signal, killSignal, onEvent = () => {} } = options;
  if (knownPlan(out) === undefined) await lookAtData(given);
  const plan = beginPlan(out, given);
  const stopped = (): boolean => signal?.aborted === true;
  const busy = (pid: number | undefined) =>
    new UsageError(`Process ${pid ?? '?'} is self-training in ${out}. Wait for it, or choose another --out.`);
  return withLock(
    join(out, '.lock'),
    async () => {
      const rounds: Round[] = [];
      for (let round = 0; round <= plan.rounds; round++) {
        const stage = (name: 'train' | 'label' | 'select', folder: string, done: boolean): void =>
          onEvent({ type: 'stage', round, rounds: plan.rounds, stage: name, folder, done });
        const labels = labelsFolder(out, round);
        if (round > 0) {
          const teacher = roundFolder(out, round - 1);
          const selected = selectedFolder(labels);
          stage('label', labels, isSelection(selected));
          if (!isSelection(selected)) {
            const options = { teacher, pictures: plan.unlabelled, out: labels, ...(signal && { signal }) };
            try {
              for await (const event of pseudoLabel(options)) onEvent({ type: 'label', round, event });
            } catch (error) {
              if (stopped()) return undefined;
              throw error;
            }
          }
          stage('select', selected, isSelection(selected));
          if (!isSelection(selected)) await drained(selectLabels({ labels, ...(plan.rule && { rule: plan.rule }) }));
          refuseEmpty(selected);
        }
        if (stopped()) return undefined;
        const run = roundFolder(out, round);
        stage('train', run, isFinished(run));
        if (!isFinished(run)) {
          const task =
            isRun(run) && existsSync(lastCheckpoint(run))
              ? ({ type: 'resume', run } as const)
              : ({ type: 'train', options: optionsOf(plan, out, round) } as const);
          const figures = await trainApart(task, {
            ...(signal && { signal }),
            ...(killSignal && { killSignal }),
            onEvent: (event) => onEvent({ type: 'train', round, event }),
            onNote: (text) => onEvent({ type: 'note', round, text }),
          });
          if (figures === undefined) return undefined;
        }
        const found = await roundOf(out, round);
        rounds.push(found);
        onEvent({ type: 'round', round: found });
        await writeRounds(out, plan, rounds);
      }
      return rounds;
    },
    { busy },
  );
}

const PLAN: OptionKinds<Required<SelfTrainPlan>> = {
  ...{ data: 'path', unlabelled: 'texts', rounds: 'number', training: 'object', student: 'object', rule: 'object' },
};

/** Wrong paths are told before a folder is made. */
async function lookAtData({ data, unlabelled, training }: SelfTrainPlan): Promise<void> {
  const { valSplit, limitTrain, limitVal } = training;
  await openTrainingData({ data, valSplit, limitTrain, limitVal });
  await openPool(unlabelled);
}

/** Measured and exported: the last thing that a run gets is its report. */
const isFinished = (run: string): boolean => existsSync(join(run, 'report.json'));

function refuseEmpty(selected: string): void {
  const { kept, pictures } = readSelection(selected);
  if (kept === 0)
    throw new UsageError(
      `Expected labels to learn but none of the ${pictures} pictures was selected (${selected}). ` +
        'The teacher is unsure of all of them: choose a lower --floor, or train a better teacher.',
    );
}
