import { type Html, html } from '../../report/draw/html.js';
import { td, tdNum, th, thNum, tr, wideTable } from '../../report/draw/table.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import { type Colour, depthColour, pictureUri } from '../colours.js';
import type { DepthDetails, SeenDepth } from './evaluator.js';
import type { DistanceBin } from './metrics.js';
import type { DepthSettings } from './settings.js';

/** Pictures that are shown, the worst first. */
const SHOWN = 8;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Depth's part of a report: error against distance, the worst pictures with truth beside prediction. */
export async function depthParts(
  { scores, details: { scorer, constant, worst } }: Evaluation<DepthDetails>,
  { picture }: ReportContext<DepthSettings>,
): Promise<TaskParts> {
  const { distances, pooled, skipped } = scorer.result();
  const { d1 } = scorer.intervals().mean;
  const bins = distances.filter(({ pixels }) => pixels > 0);
  const farthest = bins.at(-1);
  return {
    findings: [
      `${percent(scores['d1']!)} of the readings lie within 1.25 times of what is predicted` +
        (constant === undefined
          ? '.'
          : `; ${constant.metres.toFixed(2)} m at every pixel would be ${percent(constant.d1)}.`),
      ...(pooled === undefined || scores['rmse'] === undefined
        ? []
        : [
            `RMSE is ${scores['rmse'].toFixed(3)} m as a mean over pictures, ${pooled.rmse.toFixed(3)} m over all pixels together.`,
          ]),
      ...(farthest === undefined || bins.length < 2
        ? []
        : [
            `Between ${farthest.from.toFixed(2)} and ${farthest.to.toFixed(2)} m the mean error is ${farthest.bias!.toFixed(2)} m.`,
          ]),
      ...(skipped === 0 ? [] : [`${skipped} pictures have no reading and are not measured.`]),
    ],
    ...(d1 && { interval: { ...d1, note: 'Drawing the measured pictures anew gives this interval.' } }),
    sections: [
      ...(bins.length === 0 ? [] : [{ id: 'distance', title: 'Error against distance', body: distanceTable(bins) }]),
      ...(worst.length === 0
        ? []
        : [{ id: 'worst', title: 'Worst pictures', body: await worstBody(worst.slice(0, SHOWN), picture) }]),
    ],
  };
}

function distanceTable(bins: readonly DistanceBin[]): Html {
  const total = bins.reduce((sum, { pixels }) => sum + pixels, 0);
  const rows = bins.map(({ from, to, pixels, absRel, rmse, bias, d1 }) =>
    tr([
      td(`${from.toFixed(2)} to ${to.toFixed(2)} m`),
      tdNum(percent(pixels / total)),
      tdNum(absRel!.toFixed(3)),
      tdNum(`${rmse!.toFixed(3)} m`),
      tdNum(`${bias!.toFixed(3)} m`),
      tdNum(percent(d1!)),
    ]),
  );
  const heads = [th('reading'), ...['of the pixels', 'AbsRel', 'RMSE', 'mean error', 'd1'].map(thNum)];
  return html`<p class="note">By what was read, over all pixels together. A mean error above 0: predicted too far.</p>
${wideTable(heads, rows)}`;
}

async function worstBody(worst: readonly SeenDepth[], picture: (index: number) => Promise<string>): Promise<Html> {
  const rows: Html[] = [];
  for (const { index, absRel, size, truth, predicted } of worst) {
    const read = truth.filter((metres) => metres > 0).sort();
    // The scale of a picture is its own readings', so that truth and prediction have the same colours.
    const [near, far] = [read[Math.floor(0.02 * read.length)] ?? 0, read[Math.ceil(0.98 * read.length) - 1] ?? 1];
    const drawn = (metres: Float32Array): Promise<string> =>
      coloured(metres, size, (value) =>
        value > 0 ? depthColour((value - near) / Math.max(1e-6, far - near)) : [128, 128, 128],
      );
    const ratios = predicted.map((value, i) => (truth[i]! > 0 ? Math.abs(value - truth[i]!) / truth[i]! : -1));
    const cells = [
      `data:image/png;base64,${await picture(index)}`,
      await drawn(truth),
      await drawn(predicted),
      await coloured(ratios, size, (value) => (value < 0 ? [128, 128, 128] : errorColour(value))),
    ];
    const titles = ['picture', 'truth', 'prediction', 'error'];
    rows.push(
      tr([
        ...cells.map((uri, k) => td(html`<img class="seen" src="${uri}" alt="${titles[k]}" width="192">`)),
        td(`${near.toFixed(2)} to ${far.toFixed(2)} m`),
        tdNum(absRel.toFixed(3)),
      ]),
    );
  }
  return html`<p class="note">As the network sees them, the largest relative errors first. Near is yellow, far dark blue, by the readings of \
each picture; grey: nothing was read. Errors: white none, red 25 % of the reading and more.</p>
${wideTable([th('picture'), th('truth'), th('prediction'), th('error'), th('colours'), thNum('AbsRel')], rows)}`;
}

const errorColour = (ratio: number): Colour => {
  const share = Math.min(1, ratio / 0.25);
  return [255 - Math.round(35 * share), Math.round(255 - 225 * share), Math.round(255 - 225 * share)];
};

function coloured(values: Float32Array, size: number, colourOf: (value: number) => Colour): Promise<string> {
  const out = new Uint8Array(3 * values.length);
  for (let i = 0; i < values.length; i++) out.set(colourOf(values[i]!), 3 * i);
  return pictureUri(out, size, size);
}
