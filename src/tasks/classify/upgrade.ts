import { z } from 'zod';

const firstSchema = z.looseObject({ epochCorrect: z.number(), bestTop1: z.number() });

/** Where a run of 0.1.0 stands, which counted hits and the best accuracy under names of their own; -1 was none. */
export function upgradeState(state: unknown): unknown {
  const first = firstSchema.safeParse(state);
  if (!first.success) return state;
  const { epochCorrect, bestTop1, ...rest } = first.data;
  return { ...rest, epochFigures: { top1: epochCorrect }, ...(bestTop1 < 0 ? {} : { bestScore: bestTop1 }) };
}
