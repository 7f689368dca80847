import { betterBy } from '../../metric.js';
import { bytes, compact, count, duration, missing, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { SHAPES, type Shape } from '../draw/marks-data.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { below } from '../draw/table.js';
import { TONES, type Tone } from '../draw/theme.js';
import { type Change, type Estimate, LEAST_SEEDS } from '../statistics.js';
import type { Missing, Pays } from './analysis.js';
import type { StudyCost } from './costs.js';
import type { StudyConfiguration, StudyReport } from './data.js';

/** Ticks: `1.5 G`, `200`. */
export const tick = (value: number): string =>
  compact(value)
    .replace(/(\.\d*?)0+(?=\D|$)/, '$1')
    .replace(/\.(?=\D|$)/, '');
/** Ticks of times and of megabytes: `0.3`, `1,500`. */
export const plainTick = (value: number): string =>
  value >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
const milliseconds = (value: number): string => (Number.isFinite(value) ? `${significant(value, 3)}\u00a0ms` : missing);

/** How a cost is called, written on an axis and written out. */
export const COST_WORDS: Record<
  StudyCost,
  {
    title: string;
    short: string;
    axis: string;
    head: string;
    unit: number;
    tick: (value: number) => string;
    text: (value: number) => string;
  }
> = {
  trainStepMs: {
    title: 'Measured training step',
    short: 'training-step time',
    axis: 'ms of a training step for each picture',
    head: 'Step, each picture',
    unit: 1,
    tick: plainTick,
    text: milliseconds,
  },
  inferenceMs: {
    title: 'Measured inference',
    short: 'inference time',
    axis: 'ms of inference for each picture',
    head: 'Inference',
    unit: 1,
    tick: plainTick,
    text: milliseconds,
  },
  peakBytes: {
    title: 'Peak memory of training',
    short: 'memory',
    axis: 'MB at the peak of training',
    head: 'Memory',
    unit: 1e6,
    tick: plainTick,
    text: bytes,
  },
  flops: { title: 'FLOPs', short: 'FLOPs', axis: 'FLOPs of one picture', head: 'FLOPs', unit: 1, tick, text: compact },
  parameters: {
    title: 'Parameters',
    short: 'parameters',
    axis: 'parameters',
    head: 'Parameters',
    unit: 1,
    tick,
    text: compact,
  },
};

export const words = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
export const epochWords = (epochs: number): string => `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`;

/** `+0.63 points (+0.20 to +1.06)`, in brackets the 95 % interval. */
export function changeWithInterval(
  { change, bare }: Measure,
  { mean, low, high }: Pick<Estimate, 'mean' | 'low' | 'high'>,
): string {
  return low === undefined || high === undefined ? change(mean) : `${change(mean)} (${bare(low)} to ${bare(high)})`;
}

/** A cell with a mean and its interval below. */
export function estimateCell(
  of: Pick<Estimate, 'mean' | 'low' | 'high'> | undefined,
  format: (value: number) => string,
): Html {
  if (of === undefined) return html`${missing}`;
  return html`${format(of.mean)}${
    of.low !== undefined && of.high !== undefined && below(`${format(of.low)} to ${format(of.high)}`)
  }`;
}

export const VERDICTS: Record<Change['verdict'], string> = {
  better: 'better',
  worse: 'worse',
  noise: 'within noise',
  none: 'the very same',
  unknown: 'too few seeds: cannot tell',
};

/** The regimes of a study, short ones first. */
export const regimes = ({ configurations }: StudyReport): number[] =>
  [...new Set(configurations.map(({ epochs }) => epochs))].sort((a, b) => a - b);
export const resolutions = ({ configurations }: StudyReport): number[] =>
  [...new Set(configurations.map(({ size }) => size))].sort((a, b) => a - b);
export const families = ({ configurations }: StudyReport): string[] =>
  [...new Set(configurations.map(({ family }) => family))].sort();

/** Whether one of the points of a line is one of the `most`, evenly chosen, that have a label. */
export const labelled = (at: number, of: number, most: number): boolean =>
  of <= most || Math.round((at * (most - 1)) / (of - 1)) !== Math.round(((at - 1) * (most - 1)) / (of - 1));

/** The configurations that have a score. */
export const trained = ({ configurations }: Pick<StudyReport, 'configurations'>): StudyConfiguration[] =>
  configurations.filter(({ score }) => score !== undefined && Number.isFinite(score.mean));

/** More than there are colours share the last one. */
export const toneOf = (index: number): Tone => TONES[Math.min(index, TONES.length - 1)]!;
export const shapeOf = (index: number): Shape => SHAPES[Math.min(index, SHAPES.length - 1)]!;

/** `26 ×0.5 @28`, for the little room of a drawing; a name elsewhere. */
export const label = ({ depth, width, size }: StudyConfiguration): string =>
  `${Number(depth.toPrecision(3))}\u00d7${Number(width.toPrecision(3))}@${size}`;

export const time = (seconds: number | undefined): string => (seconds === undefined ? missing : duration(seconds));

export const PAYS: Record<Pays, string> = {
  depth: 'depth',
  width: 'width',
  resolution: 'resolution',
  undecided: 'undecided',
  none: 'nothing',
  'not enough evidence': 'not enough evidence',
};

/** The most seeds that a configuration has done. */
export const seedsDone = ({ configurations }: Pick<StudyReport, 'configurations'>): number =>
  Math.max(0, ...configurations.map(({ done }) => done.length));

/** Why there is no family: too few seeds, and how to add them, or what else. */
export function noFamily(report: StudyReport): string {
  const most = seedsDone(report);
  if (most === 0 || most >= LEAST_SEEDS) return 'No family is proposed: not enough evidence.';
  const [add] = report.commands.filter(({ what }) => what === ADD_SEEDS);
  return (
    `No family is proposed: that takes ${LEAST_SEEDS} seeds of a model or more, and there ` +
    `${most === 1 ? 'is one' : `are ${most}`}.${add === undefined ? '' : ` Add seeds: ${add.command}`}`
  );
}
/** How the page calls the command that adds seeds. */
export const ADD_SEEDS = 'add seeds';

/** The best mean of the longest regime, where seeds are too few for more. */
export function bestSoFar(report: StudyReport): string | undefined {
  const longest = regimes(report).at(-1);
  const known = trained(report).filter(({ epochs }) => epochs === longest);
  if (known.length === 0 || seedsDone(report) >= LEAST_SEEDS) return undefined;
  const best = known.reduce((a, b) => (betterBy(report.metric, b.score!.mean, a.score!.mean) > 0 ? b : a));
  const { n, mean } = best.score!;
  return (
    `The best ${n === 1 ? 'result' : 'mean'} so far is ${measureOf(report.metric).value(mean)}, of ${best.name} over ` +
    `${n === 1 ? 'one seed' : `${n} seeds`}: which of the models near it is better is not known.`
  );
}

/** What is missing, and what would mend it. */
export function missingSentence(one: Missing): string {
  switch (one.kind) {
    case 'trials': {
      const parts = [
        one.pending.length > 0 && `${count(one.pending.length)} to do`,
        one.failed.length > 0 && `${count(one.failed.length)} failed`,
      ].filter((text) => text !== false);
      return `Trials without a result: ${words(parts)}.`;
    }
    case 'points':
      return (
        `No two trained models differ in ${words(one.dimensions)} alone: train one more along ` +
        `${one.dimensions.length === 1 ? 'it' : 'each'}.`
      );
    case 'seeds':
      return (
        `${one.now === 1 ? 'One seed says nothing' : 'Two seeds say little'} of noise along ` +
        `${words(one.dimensions)}: use ${LEAST_SEEDS} or more.`
      );
    case 'more seeds':
      return (
        `${one.now} seeds do not tell ${one.first} from ${one.second}: ` +
        (one.needed === undefined
          ? 'their gains are too alike for any number up to 100.'
          : `about ${one.needed} would, if the gains stay what they are.`)
      );
    case 'times':
      return (
        `Times of ${count(one.names.length)} ${one.names.length === 1 ? 'model' : 'models'} were not measured, ` +
        'so that gains are counted by FLOPs.'
      );
  }
}
