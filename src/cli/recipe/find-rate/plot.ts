import { scalingUnit } from '../../../optim/index.js';
import { significant } from '../../../report/draw/format.js';
import { html } from '../../../report/draw/html.js';
import { type MarkChartOptions, markChart, standaloneMarks } from '../../../report/draw/marks.js';
import { renderPage } from '../../../report/draw/page.js';
import { linearScale } from '../../../report/draw/scale.js';
import { quantile } from '../../../report/draw/series.js';
import { numbers, sheet } from '../../../report/draw/sheet.js';
import { plural } from '../../../suggest.js';
import type { RatePoint, RateTest } from '../../../train/index.js';
import { adviceText, endText, type Found, ratesText, shortRate, testedText, titleOf } from './text.js';

/** The curve with what was read from it, as an SVG file. */
export const rateDrawing = (test: RateTest, found: Found): string =>
  standaloneMarks({ ...chart(test, found), title: titleOf(test) });

/** The same as a self-contained page with the figures. */
export function ratePage(test: RateTest, found: Found, command: string | undefined): string {
  const { places, suggested, notes } = found;
  const { recipe } = test.config;
  const curve = sheet<RatePoint & { step: number }>(
    'learning-rates',
    [
      { key: 'step', title: 'Step', value: ({ step }) => step },
      {
        key: 'learningRate',
        title: 'learningRate',
        value: ({ rate }) => rate,
        show: ({ rate }) => significant(rate, 3),
      },
      { key: 'loss', title: 'Loss', value: ({ loss }) => loss, show: ({ loss }) => significant(loss, 4) },
      {
        key: 'smoothed',
        title: 'Smoothed',
        value: ({ smoothed }) => smoothed,
        show: ({ smoothed }) => significant(smoothed, 4),
      },
    ],
    test.points.map((point, i) => ({ step: i + 1, ...point })),
  );
  return renderPage({
    kind: 'Learning-rate range test',
    title: titleOf(test),
    subtitle: html`${testedText(test)}; ${recipe.values.optimiser}, seed ${test.config.seed}`,
    head: html`${suggested !== undefined && html`<p>${adviceText(suggested, places)}</p>`}${[
      ...notes,
      endText(test),
    ].map(
      (text) => text !== undefined && html`<p>${text}</p>`,
    )}${command !== undefined && html`<p><code>${command}</code></p>`}`,
    sections: [
      {
        id: 'curve',
        title: 'Loss by rate',
        body: html`${markChart(chart(test, found))}${numbers(curve, 'The steps')}`,
      },
    ],
    footer: `${ratesText(test)} Written by rescaled recipe find-rate.`,
  });
}

function chart({ points, lowest, highest, config }: RateTest, { places, suggested }: Found): MarkChartOptions {
  const y = linearScale(heights(points), { name: 'loss', format: (value) => String(Number(value.toPrecision(3))) });
  const above = points.filter(({ loss }) => loss > y.max).length;
  const tones = { valley: 'three', steepest: 'two', lowest: 'four' } as const;
  return {
    id: 'find-rate',
    title: 'Loss by learning rate',
    series: [
      {
        name: 'steps',
        tone: 'one',
        marks: points.map(({ rate, loss }) => ({ x: rate, y: loss })),
        faint: true,
        unnamed: true,
      },
      {
        name: 'smoothed loss; dots are single steps',
        tone: 'one',
        marks: points.map(({ rate, smoothed }) => ({ x: rate, y: smoothed })),
        bare: true,
      },
    ],
    x: {
      name: `learningRate, ${scalingUnit(config.recipe.values.rateScaling)}`,
      log: true,
      min: lowest,
      max: highest,
      format: shortRate,
    },
    y,
    verticals: places.map(({ name, title, rate }) => ({
      x: rate,
      label: `${name === suggested?.name ? 'suggested: ' : ''}${title} ${shortRate(rate)}`,
      tone: tones[name],
    })),
    ...(above > 0 && { note: `${plural(above, 'step')} of ${points.length} above the drawing.` }),
  };
}

/**
 * What the upright axis has to show: the fall, with as much room above it. Where the network breaks down the loss would
 * hide it.
 */
function heights(points: readonly RatePoint[]): number[] {
  const smoothed = points.map((point) => point.smoothed);
  const low = Math.min(...smoothed);
  const before = points.slice(0, smoothed.indexOf(low) + 1).map(({ loss }) => loss);
  const ends = [0.02, 0.98].map((q) => quantile(before, q) ?? low);
  const [bottom, top] = [Math.min(low, ends[0]!), Math.max(smoothed[0]!, ends[1]!)];
  return [bottom, top + (top - bottom)];
}
