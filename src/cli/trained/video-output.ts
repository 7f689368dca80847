import { csvRow } from '../../csv.js';
import { type Stretch, stretchesOf, type VideoResult, type WindowPrediction } from '../../deploy/video/told.js';
import { momentText } from '../../deploy/video/words.js';

/** A figure of a single-precision number: seven digits say all that it holds. */
const figure = (value: number): number => Number(value.toPrecision(7));
/** To a millisecond. */
const second = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Number(value.toFixed(3));

/** A video as one line of JSON. */
export function videoJson({ path, label, probability, predictions, windows, error, ...facts }: VideoResult): string {
  if (error !== undefined) return JSON.stringify({ path, error });
  const { frames, fps, seconds } = facts;
  return JSON.stringify({
    ...{ path, label, probability, predictions, frames, fps, seconds: second(seconds) },
    windows: windows.map(({ start, end, ...window }) => ({ start: second(start), end: second(end), ...window })),
  });
}

export interface CsvShape {
  labels: readonly string[];
  top: number;
  /** A column for each class. */
  all: boolean;
}

export function videoCsvHeader({ labels, top, all }: CsvShape): string {
  const classes = all
    ? labels.map((label) => `p(${label})`)
    : Array.from({ length: top }, (_, i) => [`label${i + 1}`, `probability${i + 1}`]).flat();
  return csvRow([
    'path',
    'part',
    'start',
    'end',
    'startFrame',
    'endFrame',
    'label',
    'probability',
    ...classes,
    'error',
  ]);
}

/** A row for the whole of a video, and one a window. */
export function videoCsv({ path, error, windows, frames, seconds, ...whole }: VideoResult, shape: CsvShape): string {
  const { labels, top, all } = shape;
  const columns = all ? labels.length : 2 * top;
  if (error !== undefined) return csvRow([path, ...new Array<undefined>(7 + columns).fill(undefined), error]);
  const row = (
    part: string,
    said: Omit<WindowPrediction, 'label' | 'probability'> & Partial<WindowPrediction>,
  ): string => {
    const cells = new Array<unknown>(columns).fill(undefined);
    for (const [rank, { label, index, probability }] of said.predictions.entries())
      if (all) cells[index] = figure(probability);
      else cells.splice(2 * rank, 2, label, figure(probability));
    const { start, end, startFrame, endFrame, label, probability } = said;
    const times = [second(start), second(end), startFrame, endFrame];
    return csvRow([path, part, ...times, label, figure(probability!), ...cells, undefined]);
  };
  const times = seconds === undefined ? {} : { start: 0, end: seconds };
  return [
    row('video', { ...whole, ...times, startFrame: 0, endFrame: frames! }),
    ...windows.map((window) => row('window', window)),
  ].join('\n');
}

/** Lines of a timeline. */
const LINES = 30;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A video for people: what it shows, and where it is more than one window what it shows when. */
export function videoText({ path, label, predictions, windows, error }: VideoResult): string {
  if (error !== undefined) return `${path}  cannot be read: ${error}`;
  const unsure = label !== predictions[0]!.label ? [label!] : [];
  const named = [...unsure, ...predictions.map((one) => `${one.label} ${percent(one.probability)}`)];
  const lines = [`${path}  ${named.join('   ')}`];
  if (windows.length === 1) return lines[0]!;
  const stretches = stretchesOf(windows);
  const place = ({ start, end, startFrame, endFrame }: Stretch): string =>
    start === undefined ? `frames ${startFrame} to ${endFrame - 1}` : `${momentText(start)} to ${momentText(end!)}`;
  const places = stretches.slice(0, LINES).map(place);
  const width = Math.max(...places.map(({ length }) => length));
  for (const [i, where] of places.entries()) {
    const { label: shown, probability } = stretches[i]!;
    lines.push(`  ${where.padStart(width)}  ${shown} ${percent(probability)}`);
  }
  if (stretches.length > LINES)
    lines.push(`  and ${stretches.length - LINES} more: --json, --csv and --report have all`);
  return lines.join('\n');
}
