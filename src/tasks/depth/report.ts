import { pathWithin } from '../../files.js';
import { capital, type Metric } from '../../metric.js';
import type { WorstDepth } from '../../report/depths/data.js';
import { depthParts as drawnParts } from '../../report/depths/parts.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import { bytesOfPng, type Colour, depthColour, pictureUri } from '../colours.js';
import type { DepthDetails, SeenDepth } from './evaluator.js';
import { METRICS } from './measures.js';
import { DEPTH_FIGURES } from './metrics.js';
import type { DepthSettings } from './settings.js';

/** Pictures that are shown, the worst first. */
const SHOWN = 8;
/** Up to this side pixels are shown as squares. */
const SMALL = 64;

/** Depth's part of a report: error against distance, the worst pictures with truth beside prediction. */
export async function depthParts(
  { details: { scorer, constant, worst } }: Evaluation<DepthDetails>,
  context: ReportContext<DepthSettings>,
): Promise<TaskParts> {
  const { distances, mean, pooled, images, skipped, pixels } = scorer.result();
  const intervals = scorer.intervals();
  const shown: WorstDepth[] = [];
  for (const one of worst.slice(0, SHOWN)) shown.push(await drawn(one, context));
  return drawnParts({
    ...(context.part !== undefined && { part: context.part }),
    ...{ images, skipped, pixels },
    figures: DEPTH_FIGURES.map((name) => {
      const { title, unit, heading = title }: Metric = METRICS.find((metric) => metric.name === name)!;
      const [value, interval] = [mean?.[name], intervals.mean[name]];
      const note = heading.startsWith(`${title}: `) ? heading.slice(title.length + 2) : capital(heading);
      return { title, note, unit, ...(value !== undefined && { value }), ...(interval !== undefined && { interval }) };
    }),
    pooled: DEPTH_FIGURES.map((name) => pooled?.[name]),
    distances: distances.map((bin, i) => ({ ...bin, intervals: intervals.distances[i]! })),
    ...(constant !== undefined && { constant }),
    worst: shown,
  });
}

const UNREAD: Colour = [128, 128, 128];

async function drawn(
  { index, absRel, size, truth, predicted }: SeenDepth,
  { picture, source, folder }: ReportContext<DepthSettings>,
): Promise<WorstDepth> {
  const read = truth.filter((metres) => metres > 0).sort();
  // The scale of a picture is its own readings', so that truth and prediction have the same colours.
  const [near, far] = [read[Math.floor(0.02 * read.length)] ?? 0, read[Math.ceil(0.98 * read.length) - 1] ?? 1];
  const metres = (value: number): Colour =>
    value > 0 ? depthColour((value - near) / Math.max(1e-6, far - near)) : UNREAD;
  const error = (i: number): Colour =>
    truth[i]! > 0 ? errorColour(Math.abs(predicted[i]! - truth[i]!) / truth[i]!) : UNREAD;
  const coloured = (colourOf: (i: number) => Colour): Promise<string> => {
    const out = new Uint8Array(3 * size * size);
    for (let i = 0; i < size * size; i++) out.set(colourOf(i), 3 * i);
    return pictureUri(out, size, size);
  };
  return {
    picture: await pictureUri(await bytesOfPng(await picture(index)), size, size),
    truth: await coloured((i) => metres(truth[i]!)),
    predicted: await coloured((i) => metres(predicted[i]!)),
    error: await coloured(error),
    ...(size <= SMALL && { pixels: true }),
    ...{ near, far, absRel },
    source: pathWithin(folder, source.describe(index)),
  };
}

/** White for none, red for a quarter of the reading and more. */
const errorColour = (ratio: number): Colour => {
  const share = Math.min(1, ratio / 0.25);
  return [255 - Math.round(35 * share), Math.round(255 - 225 * share), Math.round(255 - 225 * share)];
};
