import { type Line, lineChart, TONES } from '../draw/charts.js';
import { percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import type { Point } from '../draw/series.js';
import type { BoxFindings } from './data.js';

const percentAxis = (name?: string) => ({
  ...(name !== undefined && { name }),
  min: 0,
  max: 100,
  interval: 25,
  format: String,
});

/** Precision over recall: of the means by overlap, and of the classes; then what a threshold of score does. */
export function curvesBody({ curves, classes, errors, overlaps }: BoxFindings): Html {
  const own = classes.filter(({ precision }) => precision !== undefined);
  // More lines than tones cannot be told apart; the weakest are of interest.
  const shown = own
    .filter(({ ap50 }) => ap50 !== undefined)
    .sort((a, b) => a.ap50! - b.ap50!)
    .slice(0, TONES.length);
  return html`<div class="charts">
${lineChart({
  id: 'precision-overlaps',
  title: 'Precision over recall, mean of the classes, %',
  lines: curves.map(({ name, precision }, i) => ({
    name: `overlap ${name}`,
    tone: TONES[i % TONES.length]!,
    points: points(precision),
    value: percent(mean(precision), 1),
  })),
  x: percentAxis('recall, %'),
  y: percentAxis(),
  note: 'A line ends where no more objects are found. The figure behind a name is the area under its line.',
})}
${
  own.length > 1 &&
  lineChart({
    id: 'precision-classes',
    title: `Precision over recall at overlap 0.50, ${own.length > shown.length ? `the ${shown.length} weakest of ${own.length} classes` : 'by class'}, %`,
    lines: shown.map(({ name, ap50, precision }, i) => ({
      name,
      tone: TONES[i % TONES.length]!,
      points: points(precision!),
      value: percent(ap50, 1),
    })),
    x: percentAxis('recall, %'),
    y: percentAxis(),
  })
}
${errors.scores.length > 1 && scoreChart(errors)}
${overlaps.length > 1 && overlapChart(overlaps)}
</div>`;
}

/** Values at recall 0, 0.01 .. 1, in percent; nothing from where it is not reached. */
const points = (precision: ArrayLike<number>): Point[] =>
  Array.from(precision, (value, i): Point => [i, value > 0 ? 100 * value : undefined]).filter(
    ([, y]) => y !== undefined,
  );

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** A page needs no more points: the lines have at most so many pixels. */
const STEPS = 200;

function scoreChart({ scores, overlap, threshold, chosen }: BoxFindings['errors']): Html {
  const step = Math.max(1, Math.ceil(scores.length / STEPS));
  const kept = scores.filter((_, i) => i % step === 0 || i === scores.length - 1).reverse();
  const line = (name: string, tone: Line['tone'], pick: (row: (typeof scores)[number]) => number): Line => {
    const at = scores.findLast(({ score }) => score >= threshold);
    return {
      ...{ name, tone, points: kept.map((row): Point => [row.score, 100 * pick(row)]) },
      ...(at !== undefined && { value: percent(pick(at), 1) }),
    };
  };
  const top = Math.max(threshold, scores[0]!.score);
  return lineChart({
    id: 'scores',
    title: `What a threshold of score keeps, overlap ${overlap.toFixed(2)}, %`,
    lines: [
      line('boxes that are right', 'one', ({ precision }) => precision),
      line('objects that are found', 'two', ({ recall }) => recall),
      line('F1', 'three', ({ f1 }) => f1),
      {
        name: 'threshold',
        tone: 'six',
        dashed: true,
        faint: true,
        points: [
          [threshold, 0],
          [threshold, 100],
        ],
      },
    ],
    x: { name: 'lowest score', min: 0, max: top > 1 ? top : 1, format: (value) => significant(value, 2) },
    y: percentAxis(),
    note: `The figures are those at ${significant(threshold, 3)}, ${chosen ? 'where F1 is highest on these very pictures' : 'which was asked for'}.`,
  });
}

/** How exactly boxes lie: AP falls where they are loose. */
const overlapChart = (overlaps: BoxFindings['overlaps']): Html =>
  lineChart({
    id: 'overlaps',
    title: 'AP by the overlap that is asked for, %',
    lines: [
      {
        name: 'AP',
        tone: 'one',
        points: overlaps.map(({ overlap, ap }): Point => [overlap, 100 * ap]),
        value: percent(mean(overlaps.map(({ ap }) => ap)), 1),
      },
    ],
    x: { name: 'overlap', min: 0.5, max: 1, interval: 0.1, format: (value) => value.toFixed(1) },
    y: percentAxis(),
    note: 'The figure behind the name is the mean.',
  });
