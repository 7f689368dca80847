import { type MeasuredPart, partWord } from '../../part-words.js';
import { fourOf } from '../beside.js';
import { compact, count, decimals, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { type Mark, markChart } from '../draw/marks.js';
import { linearScale } from '../draw/scale.js';
import { numbers, sheet } from '../draw/sheet.js';
import { figuresTable, PICTURES_DRAWN } from '../figures.js';
import type { TaskParts } from '../parts.js';
import type { DepthFindings, DistanceBin, WorstDepth } from './data.js';

/** Distances with a smaller share of the pixels are left out of the drawings: a handful of pixels says nothing. */
const LEAST = 0.002;

/** What a report says of depth: its figures, error against distance, the worst pictures. */
export function depthParts(found: DepthFindings): TaskParts {
  const { figures, distances, worst, part } = found;
  const bins = distances.filter(({ pixels }) => pixels > 0);
  const drawn = bins.filter(({ pixels }) => pixels >= LEAST * found.pixels);
  return {
    sections: [
      { id: 'figures', title: 'Figures', body: figuresBody(found) },
      ...(bins.length > 0
        ? [{ id: 'distance', title: 'Error against distance', body: distanceBody(bins, drawn, found.pixels) }]
        : []),
      ...(worst.length > 0 ? [{ id: 'worst', title: 'Worst pictures', body: worstBody(worst, part) }] : []),
    ],
    findings: [...whole(found), ...ends(drawn), ...left(found)],
    ...(figures[0]?.interval !== undefined && { interval: { ...figures[0].interval, note: PICTURES_DRAWN } }),
  };
}

function figuresBody({ figures, pooled, pixels, images, skipped }: DepthFindings): Html {
  const other = figures.flatMap(({ title, unit }, i) => {
    const value = pooled[i];
    if (value === undefined) return [];
    return [
      `${title} ${unit === 'share' ? percent(value, 1) : `${significant(value)}${unit === '' ? '' : `\u00a0${unit}`}`}`,
    ];
  });
  return html`${figuresTable(figures)}
<p class="note">Of each of ${count(images)} pictures by itself, then the mean over pictures${
    skipped > 0 && `; ${count(skipped)} without a reading that counts are left out`
  }. The intervals are from drawing the measured pictures anew.</p>
${other.length > 0 && html`<p class="note">Over all ${compact(pixels)} pixels at once: ${other.join(', ')}.</p>`}`;
}

const middleOf = ({ from, to }: DistanceBin): number => (from + to) / 2;

function distanceBody(bins: readonly DistanceBin[], drawn: readonly DistanceBin[], pixels: number): Html {
  const few = bins.length - drawn.length;
  const first = drawn[0]?.from ?? 0;
  const last = drawn.at(-1)?.to ?? 1;
  const x = linearScale([first, last], { name: 'reading, m', format: (value) => String(value) });
  const marks = (name: 'absRel' | 'rmse' | 'bias' | 'd1', scale = 1): Mark[] =>
    drawn.map((bin) => {
      const interval = bin.intervals?.[name];
      return {
        ...{ x: middleOf(bin), y: scale * bin[name]! },
        ...(interval && { low: scale * interval.low, high: scale * interval.high }),
      };
    });
  const reach = (list: readonly Mark[]): number[] => list.flatMap(({ y, low = y, high = y }) => [low, high]);
  const [rmse, bias, absRel, d1] = [marks('rmse'), marks('bias'), marks('absRel', 100), marks('d1', 100)];
  const one = (value: number): string => significant(value, 2).replace('-', '−');
  const shares = drawn.map((bin): Mark => ({ x: middleOf(bin), y: (100 * bin.pixels) / pixels }));
  const table = sheet(
    'error-against-distance',
    [
      { key: 'from_m', title: 'From, m', value: ({ from }: DistanceBin) => from, show: ({ from }) => decimals(from) },
      { key: 'to_m', title: 'To, m', value: ({ to }) => to, show: ({ to }) => decimals(to) },
      {
        key: 'pixels',
        title: 'Of the pixels',
        value: (bin) => bin.pixels,
        show: (bin) => percent(bin.pixels / pixels, 1),
      },
      { key: 'abs_rel', title: 'AbsRel', value: (bin) => bin.absRel, show: (bin) => decimals(bin.absRel, 3) },
      { key: 'rmse_m', title: 'RMSE, m', value: (bin) => bin.rmse, show: (bin) => decimals(bin.rmse, 3) },
      { key: 'mean_error_m', title: 'Mean error, m', value: (bin) => bin.bias, show: (bin) => decimals(bin.bias, 3) },
      { key: 'd1', title: 'd1', value: (bin) => bin.d1, show: (bin) => percent(bin.d1, 1) },
    ],
    bins,
  );
  return html`<div class="charts">
${markChart({
  id: 'distance-metres',
  title: 'Error by distance, m',
  series: [
    { name: 'RMSE', tone: 'one', marks: rmse, joined: true },
    { name: 'mean error', tone: 'two', marks: bias, joined: true },
  ],
  x,
  y: linearScale([0, ...reach(rmse), ...reach(bias)], { format: one }),
  note: 'A mean error above 0: predicted too far.',
})}
${markChart({
  id: 'distance-shares',
  title: 'Relative error and d1 by distance, %',
  series: [
    { name: 'within 1.25 (d1)', tone: 'three', marks: d1, joined: true },
    { name: 'mean |error| / reading (AbsRel)', tone: 'four', marks: absRel, joined: true },
  ],
  x,
  y: linearScale([0, 100, ...reach(absRel)], { format: one }),
})}
${markChart({
  id: 'distance-pixels',
  title: 'Where the readings are, % of the pixels',
  height: 190,
  series: [{ name: 'pixels', tone: 'six', marks: shares, joined: true, unnamed: true }],
  x,
  y: linearScale([0, ...shares.map(({ y }) => y)], { format: one }),
})}
</div>
<p class="note">Over all pixels together, by what was read. Whiskers: 95\u00a0% intervals from drawing the pictures anew.${
    few > 0 &&
    ` ${few === 1 ? 'One distance' : `${count(few)} distances`} with less than ${percent(LEAST, 1)} of the pixels \
${few === 1 ? 'is' : 'are'} in the table alone.`
  }</p>
${numbers(table, 'Error against distance')}`;
}

function worstBody(worst: readonly WorstDepth[], part: MeasuredPart = 'test'): Html {
  return html`<p class="note">The ${`${partWord(part)} pictures`.trim()} with the largest relative errors, as the network sees them. Near is yellow, far \
dark blue, from the nearest to the farthest readings of each picture; grey: nothing was read. Errors: white none, red a quarter of the reading and more.</p>
<ul class="beside">${worst.map((one) =>
    fourOf(
      one,
      [
        [one.picture, 'picture'],
        [one.truth, `truth, ${decimals(one.near)} to ${decimals(one.far)} m`],
        [one.predicted, 'prediction'],
        [one.error, 'error'],
      ],
      `AbsRel ${decimals(one.absRel, 3)}`,
    ),
  )}</ul>`;
}

function whole({ figures, pooled, constant }: DepthFindings): string[] {
  const at = (title: string): number => figures.findIndex((one) => one.title === title);
  const [d1, rmse] = [figures[at('d1')], figures[at('RMSE')]];
  const together = pooled[at('RMSE')];
  return [
    ...(d1?.value === undefined
      ? []
      : [
          `${percent(d1.value, 1)} of the readings lie within 1.25 times of what is predicted${
            constant === undefined
              ? ''
              : `; ${decimals(constant.metres)} m at every pixel would be ${percent(constant.d1, 1)}`
          }.`,
        ]),
    ...(rmse?.value === undefined || together === undefined
      ? []
      : [
          `RMSE is ${decimals(rmse.value, 3)} m as a mean over pictures, ${decimals(together, 3)} m over all pixels at once.`,
        ]),
  ];
}

/** Near against far. */
function ends(drawn: readonly DistanceBin[]): string[] {
  const [near, far] = [drawn[0], drawn.at(-1)];
  if (near === undefined || far === undefined || near === far) return [];
  const words = ({ from, to, bias, absRel }: DistanceBin): string =>
    `between ${decimals(from)} and ${decimals(to)} m the error is ${percent(absRel, 1)} of the reading, ` +
    `${decimals(Math.abs(bias!), 2)} m too ${bias! < 0 ? 'near' : 'far'} in the mean`;
  return [`${words(near).replace('b', 'B')}; ${words(far)}.`];
}

function left({ skipped }: DepthFindings): string[] {
  if (skipped === 0) return [];
  return [
    `${count(skipped)} ${skipped === 1 ? 'picture has' : 'pictures have'} no reading that counts and ${skipped === 1 ? 'is' : 'are'} not measured.`,
  ];
}
