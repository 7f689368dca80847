import type { TrainEvent } from '../src/run/events.js';
import { median } from './median.js';

/** Seconds until the next step of a training has ended. */
export async function nextStep(events: AsyncGenerator<TrainEvent>): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) throw new Error('a training ended before its time');
    if (value.type === 'step') return (performance.now() - began) / 1000;
  }
}

/** Seconds of the steps of two trainings, one of each in turn; each side's loader works while the other side steps. */
export async function inTurn(
  first: AsyncGenerator<TrainEvent>,
  second: AsyncGenerator<TrainEvent>,
  steps: number,
): Promise<{ first: number[]; second: number[] }> {
  for (let i = 0; i < 5; i++) for (const side of [first, second]) await nextStep(side);
  const times: { first: number[]; second: number[] } = { first: [], second: [] };
  for (let i = 0; i < steps; i++) {
    times.first.push(await nextStep(first));
    times.second.push(await nextStep(second));
  }
  return times;
}

/** `ratio 1.010 (middle half 0.990 to 1.020)` of the second side's steps to the first's. */
export function ratioText({ first, second }: { first: readonly number[]; second: readonly number[] }): string {
  const ratios = first.map((seconds, i) => second[i]! / seconds).sort((a, b) => a - b);
  const at = (q: number): string => ratios[Math.floor(q * ratios.length)]!.toFixed(3);
  return `ratio ${median(ratios).toFixed(3)} (middle half ${at(0.25)} to ${at(0.75)})`;
}
