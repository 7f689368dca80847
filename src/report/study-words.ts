import type { Change, Estimate } from './ablation-data.js';
import { TONES, type Tone } from './charts.js';
import { bytes, compact, duration, missing, percent, points, significant } from './format.js';
import { type Html, html } from './html.js';
import { SHAPES, type Shape } from './marks.js';
import type { StudyConfiguration, StudyCost, StudyReport } from './study-data.js';

/** How a cost is called, written on an axis and written out. */
export const COST_WORDS: Record<StudyCost, { title: string; short: string; axis: string; unit: number; text: (value: number) => string }> = {
  trainStepMs: { title: 'Measured training step', short: 'time of training', axis: 'ms of a training step for each picture', unit: 1, text: (value) => `${significant(value, 3)}\u00a0ms` },
  inferenceMs: { title: 'Measured inference', short: 'time of inference', axis: 'ms of inference for each picture', unit: 1, text: (value) => `${significant(value, 3)}\u00a0ms` },
  memory: { title: 'Peak memory of training', short: 'memory', axis: 'MB at the peak of training', unit: 1e6, text: bytes },
  flops: { title: 'FLOPs', short: 'FLOPs', axis: 'FLOPs of one picture', unit: 1, text: compact },
  parameters: { title: 'Parameters', short: 'parameters', axis: 'parameters', unit: 1, text: compact },
};

/** Ticks: `1.5 G`, `200`. */
export const tick = (value: number): string => compact(value).replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
export const percentTick = (value: number): string => String(Number((100 * value).toPrecision(4)));

export const words = (names: readonly string[]): string => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);
export const epochWords = (epochs: number): string => `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`;

/** `+0.63` of `+0.63 points`. */
export const bare = (fraction: number | undefined): string => (fraction === undefined ? missing : points(fraction).replace(' points', ''));

/** `+0.63 points (+0.20 to +1.06)`, in brackets the 95 % interval. */
export function pointsWithInterval({ mean, low, high }: Pick<Estimate, 'mean' | 'low' | 'high'>): string {
  return low === undefined || high === undefined ? points(mean) : `${points(mean)} (${bare(low)} to ${bare(high)})`;
}

/** A cell with a mean and its interval below. */
export function estimateCell(of: Pick<Estimate, 'mean' | 'low' | 'high'> | undefined, format: (value: number) => string = percent): Html {
  if (of === undefined) return html`${missing}`;
  return html`${format(of.mean)}${of.low !== undefined && of.high !== undefined && html`<br><small class="note">${format(of.low)} to ${format(of.high)}</small>`}`;
}

export const VERDICTS: Record<Change['verdict'], string> = { better: 'better', worse: 'worse', noise: 'within noise', none: 'the very same', unknown: 'one seed: cannot tell' };

/** The regimes of a study, short ones first. */
export const regimes = ({ configurations }: StudyReport): number[] => [...new Set(configurations.map(({ epochs }) => epochs))].sort((a, b) => a - b);
export const resolutions = ({ configurations }: StudyReport): number[] => [...new Set(configurations.map(({ size }) => size))].sort((a, b) => a - b);
export const families = ({ configurations }: StudyReport): string[] => [...new Set(configurations.map(({ family }) => family))].sort();

/** More than there are colours share the last one. */
export const toneOf = (index: number): Tone => TONES[Math.min(index, TONES.length - 1)]!;
export const shapeOf = (index: number): Shape => SHAPES[Math.min(index, SHAPES.length - 1)]!;

/** `26 ×0.5 @28`, for the little room of a drawing; a name elsewhere. */
export const label = ({ depth, width, size }: StudyConfiguration): string => `${Number(depth.toPrecision(3))}\u00d7${Number(width.toPrecision(3))}@${size}`;

export const time = (seconds: number | undefined): string => (seconds === undefined ? missing : duration(seconds));
