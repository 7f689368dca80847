import type { ScalingPlan } from '../study/scaling-plan.js';

/** Writes the page. @returns its path */
export async function writeReport(plan: ScalingPlan, folder: string): Promise<string> {
  return `${folder} (${plan.study.name})`;
}
