import { overCosts } from '../../studied/plan.js';
import type { ScalingPlan } from '../../study/plan/scaling-plan.js';
import type { TimeLeft } from '../../study/trials/time-left.js';
import { learnUnknown } from '../trials.js';

/** A few steps of some configurations over the range of their costs. */
export const measureSome = (
  plan: ScalingPlan,
  study: string,
  time: TimeLeft,
  workers: number,
  threads: number,
  json: boolean,
  samples?: number,
): Promise<{ stopped: boolean }> => learnUnknown(overCosts(plan, samples), { study, workers, threads }, time, json);
