import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { wholeOption } from '../checks.js';
import { RescaledError, UsageError } from '../errors.js';
import { makeFolder, placeOf, writeFileAtomic } from '../files.js';
import type { SelectRule } from '../labels/rule.js';
import { selectedFolder } from '../labels/select.js';
import type { LearnOptions, TrainOptions } from '../train/index.js';

/** What a self-training is made of. JSON: it is kept, so that the same call goes on. */
export interface SelfTrainPlan {
  data: string;
  unlabelled: readonly string[];
  /** Students; the first teacher is round 0. */
  rounds: number;
  /** How the first teacher is trained, and every student but for what stands in `student`. */
  training: Omit<LearnOptions, 'data' | 'unlabelled' | 'labels' | 'out'>;
  student: Omit<LearnOptions, 'data' | 'unlabelled' | 'labels' | 'out'>;
  /** Which labels are learned; Noisy Student's filter and balance by default. */
  rule?: SelectRule;
}

const planFile = (out: string): string => join(out, 'self-train.json');
/** A round's run folder. */
export const roundFolder = (out: string, round: number): string => join(out, `round-${round}`);
/** What a round's teacher, the run before it, says of the pictures without labels. */
export const labelsFolder = (out: string, round: number): string => join(out, `labels-${round}`);

/** The plan as it was begun, which has to be this one. */
export function beginPlan(out: string, given: SelfTrainPlan): SelfTrainPlan {
  wholeOption('--rounds', given.rounds, 1, 100);
  const plan = JSON.parse(
    JSON.stringify({ ...given, data: placeOf(given.data), unlabelled: given.unlabelled.map(placeOf) }),
  ) as SelfTrainPlan;
  const known = knownPlan(out);
  if (known === undefined) {
    makeFolder(out);
    writeFileAtomic(planFile(out), `${JSON.stringify({ format: 1, ...plan }, null, 2)}\n`);
    return plan;
  }
  // More rounds can always follow.
  const { rounds: _, ...rest } = known;
  const { rounds, ...own } = plan;
  const changed = Object.keys({ ...rest, ...own }).filter(
    (key) => !isDeepStrictEqual((rest as Record<string, unknown>)[key], (own as Record<string, unknown>)[key]),
  );
  if (changed.length > 0)
    throw new UsageError(
      `Expected the settings that ${out} was begun with but ${changed.join(', ')} differ${changed.length === 1 ? 's' : ''} ` +
        `(${planFile(out)} has them). Give the same, or another --out.`,
    );
  writeFileAtomic(planFile(out), `${JSON.stringify({ format: 1, ...plan }, null, 2)}\n`);
  return { ...own, rounds };
}

/** The plan that a folder was begun with; undefined where there is none. */
export function knownPlan(out: string): SelfTrainPlan | undefined {
  if (!existsSync(planFile(out))) return undefined;
  try {
    const { format, ...plan } = JSON.parse(readFileSync(planFile(out), 'utf8')) as SelfTrainPlan & { format: number };
    if (format !== 1) throw new Error(`format ${format}`);
    return plan;
  } catch (cause) {
    throw new RescaledError(`Expected the plan of a self-training in ${planFile(out)} but it cannot be read.`, {
      cause,
    });
  }
}

/** How the run of a round is trained. */
export function optionsOf(
  { data, unlabelled, training, student }: SelfTrainPlan,
  out: string,
  round: number,
): TrainOptions {
  const common = { ...training, data, out: roundFolder(out, round), seed: (training.seed ?? 0) + round };
  if (round === 0) return { ...common, settings: { ...training.settings, unlabelledRatio: 0 } };
  return {
    ...common,
    ...student,
    seed: (student.seed ?? training.seed ?? 0) + round,
    settings: { ...training.settings, ...student.settings },
    unlabelled,
    labels: selectedFolder(labelsFolder(out, round)),
  };
}
