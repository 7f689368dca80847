import { once } from 'node:events';
import { csvRow } from '../../csv.js';
import type { OutputName } from '../../deploy/session.js';
import { type PictureResult, UNSURE } from '../../deploy/told.js';
import { type Endings, passedOverText } from '../../part-words.js';
import { plural } from '../../suggest.js';
import { table } from '../table.js';

/** How results are written. */
export type Form = 'text' | 'csv' | 'json';

export interface Shape {
  /** Classes, or undefined of a file that gives numbers. */
  labels?: readonly string[];
  numbers?: readonly string[];
  gives: OutputName;
  /** Classes named for each picture. */
  top: number;
  /** A column for each class. */
  all: boolean;
}

/** A result and the file that was written of it. */
export interface Written extends PictureResult {
  file?: string;
}

/** A figure of a single-precision number: seven digits say all that it holds. */
const figure = (value: number): number => Number(value.toPrecision(7));

/** The header of the CSV. */
export function csvHeader({ labels, numbers, gives, top, all }: Shape): string {
  if (gives === 'boxes') return csvRow(['path', 'label', 'score', 'x0', 'y0', 'x1', 'y1', 'error']);
  if (gives === 'masks') return csvRow(['path', 'label', 'pixels', 'share', 'file', 'error']);
  if (gives === 'depth') return csvRow(['path', ...DEPTHS, 'file', 'error']);
  if (labels === undefined) return csvRow(['path', ...numbers!, 'error']);
  const columns = all
    ? labels.map((label) => `p(${label})`)
    : ranks(top).flatMap((rank) => [`label${rank}`, `probability${rank}`]);
  return csvRow(['path', 'label', 'probability', ...columns, 'error']);
}

/** The first rank is the label itself, unless there are more: then it stands there too, since a label may be `unsure`. */
const ranks = (top: number): number[] => (top < 2 ? [] : Array.from({ length: top }, (_, i) => i + 1));

/** What is told of a picture's depth, in metres. */
const DEPTHS = ['nearest', 'median', 'mean', 'farthest'] as const;

/** A picture as rows of the CSV: one, or one a box or class. */
export function csvLine(result: Written, shape: Shape): string {
  const { path, boxes, mask, depth, file, error } = result;
  if (mask !== undefined)
    return mask.classes
      .map(({ label, pixels, share }) => csvRow([path, label, pixels, figure(share), file, undefined]))
      .join('\n');
  if (shape.gives === 'masks') return csvRow([path, ...new Array<undefined>(4).fill(undefined), error]);
  if (shape.gives === 'depth')
    return csvRow([path, ...DEPTHS.map((name) => depth && metres(depth[name])), file, error]);
  if (shape.gives !== 'boxes') return pictureLine(result, shape);
  const empty = new Array<undefined>(6).fill(undefined);
  if (boxes === undefined || boxes.length === 0) return csvRow([path, ...empty, error]);
  return boxes
    .map(({ label, score, box }) => csvRow([path, label, figure(score), ...box.map((edge) => pixel(edge)), undefined]))
    .join('\n');
}

/** To a tenth of a millimetre. */
const metres = (value: number): number => Number(value.toFixed(4));

/** An edge to a hundredth of a pixel. */
const pixel = (edge: number): number => Number(edge.toFixed(2));

function pictureLine({ path, label, probability, predictions, numbers, error }: PictureResult, shape: Shape): string {
  const { labels, top, all } = shape;
  if (labels === undefined) return csvRow([path, ...shape.numbers!.map((name) => numbers?.[name]).map(rounded), error]);
  let cells: unknown[];
  if (all) {
    cells = new Array<unknown>(labels.length).fill(undefined);
    for (const one of predictions) cells[one.index] = figure(one.probability);
  } else
    cells = ranks(top).flatMap((rank) => [predictions[rank - 1]?.label, rounded(predictions[rank - 1]?.probability)]);
  return csvRow([path, label, rounded(probability), ...cells, error]);
}

const rounded = (value: number | undefined): number | undefined => (value === undefined ? undefined : figure(value));

/** A picture as one line of JSON; the class names alone are not repeated for a picture that could not be read. */
export function jsonLine({ path, label, probability, predictions, numbers, ...rest }: Written): string {
  const { boxes, mask, depth, width, height, file, error } = rest;
  if (mask !== undefined) {
    const classes = mask.classes.map(({ share, ...one }) => ({ ...one, share: figure(share) }));
    return JSON.stringify({ path, width, height, classes, file, error });
  }
  if (depth !== undefined) {
    const depths = Object.fromEntries(DEPTHS.map((name) => [name, metres(depth[name])]));
    return JSON.stringify({ path, width, height, ...depths, file, error });
  }
  if (boxes === undefined) return JSON.stringify({ path, label, probability, predictions, numbers, error });
  const written = boxes.map(({ box, ...one }) => ({ ...one, box: box.map(pixel) }));
  return JSON.stringify({ path, width, height, boxes: written, error });
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Classes of a picture that are named in its line. */
const LARGEST = 5;

/** `Road 31.2 %   Sky 20.1 %   and 4 more` */
function maskText({ classes }: NonNullable<PictureResult['mask']>): string {
  const more = classes.length - LARGEST;
  return [
    ...classes.slice(0, LARGEST).map(({ label, share }) => `${label} ${percent(share)}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join('   ');
}

const depthText = ({ nearest, median, farthest }: NonNullable<PictureResult['depth']>): string =>
  `${nearest.toFixed(2)} to ${farthest.toFixed(2)} m, median ${median.toFixed(2)} m`;

/** `14 RBC 0.99 to 0.51, 1 WBC 0.97`: boxes by class, the most frequent first. */
function boxesText(boxes: NonNullable<PictureResult['boxes']>): string {
  const scores = new Map<string, number[]>();
  for (const { label, score } of boxes) scores.set(label, [...(scores.get(label) ?? []), score]);
  if (scores.size === 0) return 'nothing found';
  return [...scores]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([label, own]) => {
      const [best, least] = [own[0]!, own.at(-1)!].map((score) => score.toFixed(2));
      return `${own.length} ${label} ${best}${best === least ? '' : ` to ${least}`}`;
    })
    .join(', ');
}

/** A picture as a line for people; columns stand as far right as the longest path so far asks for. */
export class TextLines {
  #width = 0;

  line({ path, label, predictions, numbers, boxes, mask, depth, error }: PictureResult): string {
    this.#width = Math.max(this.#width, Math.min(60, path.length));
    const named = path.padEnd(this.#width);
    if (error !== undefined) return `${named}  cannot be read: ${error}`;
    if (boxes !== undefined) return `${named}  ${boxesText(boxes)}`;
    if (mask !== undefined) return `${named}  ${maskText(mask)}`;
    if (depth !== undefined) return `${named}  ${depthText(depth)}`;
    if (numbers !== undefined)
      return `${named}  ${Object.entries(numbers)
        .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
        .join('   ')}`;
    const unsure = label === UNSURE && predictions[0]?.label !== UNSURE ? [UNSURE] : [];
    return `${named}  ${[
      ...unsure,
      ...predictions.map((one) => `${one.label} ${(100 * one.probability).toFixed(1)} %`),
    ].join('   ')}`;
  }
}

/** Writes a line and waits while its reader is slow. */
export async function writeLine(stream: NodeJS.WriteStream, line: string): Promise<void> {
  if (!stream.write(`${line}\n`)) await once(stream, 'drain');
}

/** Classes named in the summary. */
const NAMED = 20;

/** Counts what was said, for the summary at the end. */
export class Tally {
  pictures = 0;
  failed = 0;
  readonly #labels = new Map<string, number>();
  /** Boxes a class. */
  readonly #boxes = new Map<string, number>();
  /** Pixels a class, and pictures that have some. */
  readonly #pixels = new Map<string, { pixels: number; pictures: number }>();
  #depth: { nearest: number; farthest: number } | undefined;

  add({ label, boxes, mask, depth, error }: PictureResult): void {
    this.pictures++;
    if (error !== undefined) this.failed++;
    else if (mask !== undefined)
      for (const { label: name, pixels } of mask.classes) {
        const before = this.#pixels.get(name) ?? { pixels: 0, pictures: 0 };
        this.#pixels.set(name, { pixels: before.pixels + pixels, pictures: before.pictures + 1 });
      }
    else if (depth !== undefined) {
      const { nearest, farthest } = this.#depth ?? depth;
      this.#depth = { nearest: Math.min(nearest, depth.nearest), farthest: Math.max(farthest, depth.farthest) };
    } else if (boxes !== undefined)
      for (const one of boxes) this.#boxes.set(one.label, (this.#boxes.get(one.label) ?? 0) + 1);
    else if (label !== undefined) this.#labels.set(label, (this.#labels.get(label) ?? 0) + 1);
  }

  /** Pictures a class, the most frequent first, then those below the threshold and those that cannot be read. */
  lines({ threshold, ignored }: { threshold?: number; ignored: Endings }): string[] {
    const unsure = threshold === undefined ? 0 : (this.#labels.get(UNSURE) ?? 0);
    const classes = [...this.#labels]
      .filter(([label]) => threshold === undefined || label !== UNSURE)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    const share = (count: number): string => `${((100 * count) / this.pictures).toFixed(1)} %`;
    const rest = classes.slice(NAMED);
    const rows = classes.slice(0, NAMED).map(([label, count]) => [label, String(count), share(count)]);
    const more = rest.reduce((sum, [, count]) => sum + count, 0);
    if (more > 0) rows.push([`${plural(rest.length, 'class', 'classes')} more`, String(more), share(more)]);
    if (unsure > 0) rows.push([`${UNSURE}, below ${threshold}`, String(unsure), share(unsure)]);
    for (const [label, count] of this.#boxes) rows.push([label, plural(count, 'box', 'boxes'), '']);
    rows.push(...this.#pixelRows());
    if (this.#depth !== undefined)
      rows.push(['depth', `${this.#depth.nearest.toFixed(2)} to ${this.#depth.farthest.toFixed(2)} m`, '']);
    if (this.failed > 0) rows.push(['could not be read', String(this.failed), share(this.failed)]);
    const over = passedOverText(ignored);
    return [
      ...(this.pictures !== 1 || this.failed > 0
        ? [
            `${plural(this.pictures, 'picture')}${rows.length > 0 ? ':' : ''}`,
            ...(rows.length > 0
              ? [
                  table(
                    rows.map(([name, ...cells]) => [`  ${name}`, ...cells]),
                    1,
                  ),
                ]
              : []),
          ]
        : []),
      ...(over === undefined ? [] : [`note: ${over}`]),
    ];
  }

  /** Classes of pixels, the most frequent first. */
  #pixelRows(): string[][] {
    const all = [...this.#pixels].sort(([, a], [, b]) => b.pixels - a.pixels);
    const total = all.reduce((sum, [, { pixels }]) => sum + pixels, 0);
    return all.map(([label, { pixels, pictures }]) => [
      ...[label, `${percent(pixels / total)} of the pixels`, `in ${plural(pictures, 'picture')}`],
    ]);
  }
}
