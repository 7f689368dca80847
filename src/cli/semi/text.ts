import { BINS, classCount, type LabelCounts } from '../../labels/counts.js';
import { type Manifest, shortIdentity, type Teacher } from '../../labels/format.js';
import type { LabelPlan } from '../../semi/plan.js';
import { plural } from '../../suggest.js';
import { table } from '../table.js';

/** Classes that are printed; the JSON has all. */
const CLASSES = 20;
/** Probabilities that the summary counts from. */
const FROM = [0.3, 0.6, 0.9];

export const teacherText = ({ model, weights, size, identity }: Teacher): string =>
  `${model}${weights === 'ema' ? ', averaged weights (EMA)' : weights === 'raw' ? ', weights as trained' : ''}, ` +
  `${size} pixels, ${shortIdentity(identity)}`;

/** A class as the teacher sees it. */
export interface ClassLine {
  name: string;
  pictures: number;
  /** How many of its pictures are at least so probable, by `from 0.3`. */
  ofThem: Record<string, number>;
}

/** The classes, the richest first. */
export const classLines = (counts: LabelCounts, { classes }: Pick<Manifest, 'classes'>): ClassLine[] =>
  classes
    .map((name, label) => ({
      name,
      pictures: classCount(counts, label),
      ofThem: Object.fromEntries(FROM.map((p) => [`from ${p}`, classCount(counts, label, Math.round(p * BINS))])),
    }))
    .sort((a, b) => b.pictures - a.pictures);

export const share = (part: number, of: number): string => (of === 0 ? '-' : `${((100 * part) / of).toFixed(1)} %`);

/** How many pictures the teacher put into each class, and how sure it was. */
export function classTable(counts: LabelCounts, manifest: Pick<Manifest, 'classes'>): string {
  const lines = classLines(counts, manifest);
  const row = ({ name, pictures, ofThem }: ClassLine): string[] => [
    name,
    String(pictures),
    share(pictures, counts.pictures),
    ...FROM.map((p) => share(ofThem[`from ${p}`]!, pictures)),
  ];
  const total: ClassLine = {
    name: 'all',
    pictures: counts.pictures,
    ofThem: Object.fromEntries(
      FROM.map((p) => [`from ${p}`, lines.reduce((sum, { ofThem }) => sum + ofThem[`from ${p}`]!, 0)]),
    ),
  };
  const rest = lines.length - CLASSES;
  return [
    table(
      [
        ['class', 'pictures', 'share', ...FROM.map((p) => `p >= ${p}`)],
        ...lines.slice(0, CLASSES).map(row),
        ...(lines.length > 1 ? [row(total)] : []),
      ],
      1,
    ),
    ...(rest > 0 ? [`and ${plural(rest, 'class', 'classes')} with fewer pictures (--json has all)`] : []),
  ].join('\n');
}

/** Bytes in powers of 1000. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** power;
  return `${scaled >= 100 || power === 0 ? scaled.toFixed(0) : scaled.toPrecision(3)} ${units[power]}`;
}

const hours = (value: number): string =>
  value < 1 / 60
    ? `${(3600 * value).toFixed(0)} s`
    : value < 1
      ? `${(60 * value).toFixed(0)} min`
      : value < 48
        ? `${value.toFixed(1)} hours`
        : `${(value / 24).toFixed(1)} days (${value.toFixed(0)} hours)`;

export function planText(plan: LabelPlan): string {
  const { teacher, classes, top, pictures, there, measured, unreadable, seconds, picturesPerSecond, threads } = plan;
  const number = (value: number): string => value.toLocaleString('en-US');
  const parts = (count: number, one: string): string => `${number(count)} ${one}${count === 1 ? '' : 's'}`;
  return [
    `teacher   ${teacherText(teacher)}, ${plural(classes, 'class', 'classes')}, ${top} of them kept for each picture`,
    `measured  ${picturesPerSecond.toPrecision(3)} pictures/s on ${plural(threads, 'thread')} ` +
      `(${number(measured)} pictures from all of ${number(there)}${measured > there ? ', round and round,' : ''} in ${seconds.toFixed(1)} s` +
      `${unreadable === 0 ? '' : `, ${unreadable} cannot be read`})`,
    '',
    ...table(
      [
        ['for', `${number(pictures)} pictures`],
        ['time', `${hours(plan.hours)} on this machine; of N machines (--of N) an Nth of that`],
        [
          'labels',
          `${bytes(plan.labelBytes)} in ${parts(plan.parts, 'part')}; a selection of all of them ${bytes(plan.selectionBytes)} more`,
        ],
        ...(plan.pictureBytes === undefined
          ? []
          : [['pictures', `${bytes(plan.pictureBytes)}, or ${parts(plan.shards!, 'shard')} of 512 MB`]]),
      ],
      2,
    ).split('\n'),
  ].join('\n');
}
