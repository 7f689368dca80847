import type { Cell, Group, TransferPlan } from './plan.js';
import type { Start } from './starts.js';
import type { TargetFacts } from './targets.js';
import type { Speeds } from './tune.js';
import { epochsOf } from './tuning.js';

/** A process starts, loads the engine and opens the pictures. */
const START_SECONDS = 2;

/** Pictures that a piece of work trains on and looks at. */
export interface Planned {
  start: string;
  target: string;
  trained: number;
  looked: number;
}

const picturesOf = ({ train, val }: TargetFacts, labels: number, withVal = false): number =>
  labels >= 100 ? train + (withVal ? val : 0) : Math.max(2, Math.round((train * labels) / 100));

/** Pictures of a training: those of its epochs. */
function trainedOf(start: Start, { ask }: TransferPlan, target: TargetFacts, pictures: number): number {
  return epochsOf({ start, target, setting: { rate: 0.01, decay: 0 }, seed: 0 }, ask, pictures) * pictures;
}

/** All that is left to do. */
export function plannedOf(
  plan: TransferPlan,
  left: { cells: readonly Cell[]; points: readonly { group: Group; id: string }[] },
): Planned[] {
  const found: Planned[] = [];
  const looked = new Set<string>();
  for (const { start, target, method, labels, seed } of left.cells) {
    if (method !== 'finetune') {
      const key = `${start.name}\n${target.name}\n${start.kind === 'scratch' ? seed : 0}`;
      if (!looked.has(key))
        found.push({
          start: start.name,
          target: target.name,
          trained: 0,
          looked: target.train + target.val + target.test,
        });
      looked.add(key);
      continue;
    }
    const pictures = picturesOf(target, labels, plan.ask.retrain);
    // The first seed's result stands on the grid's weights.
    const again = seed > 0 || (plan.ask.retrain && labels >= 100);
    found.push({
      start: start.name,
      target: target.name,
      trained: again ? trainedOf(start, plan, target, pictures) : 0,
      looked: target.test + (again ? target.val : 0),
    });
  }
  for (const { group } of left.points) {
    const { start, target, labels } = group;
    found.push({
      start: start.name,
      target: target.name,
      trained: trainedOf(start, plan, target, picturesOf(target, labels)),
      looked: target.val,
    });
  }
  return found;
}

/** Seconds of all, one at a time. */
export const secondsOf = (planned: readonly Planned[], { msPerTrained, msPerLooked }: Speeds): number =>
  planned.reduce(
    (sum, { trained, looked }) => sum + START_SECONDS + (trained * msPerTrained + looked * msPerLooked) / 1000,
    0,
  );
