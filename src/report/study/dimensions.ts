import { type Html, html } from '../draw/html.js';
import { key, type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { measureOf } from '../draw/measure.js';
import { linearScale, logScale, type Scale } from '../draw/scale.js';
import { numbers, type Sheet, sheet } from '../draw/sheet.js';
import type { StudyCost } from './costs.js';
import { type StudyConfiguration, type StudyReport, studyCost } from './data.js';
import { COST_WORDS, epochWords, labelled, regimes, resolutions, trained } from './words.js';

type Dimension = 'depth' | 'width';
/** The configurations of one line: the base model with only one dimension changed. */
interface Scaled {
  dimension: Dimension;
  epochs: number;
  size: number;
  points: readonly StudyConfiguration[];
}

/** Lines of every resolution and regime, each from small to large, of what has a score and the cost. */
function scaled(report: StudyReport, cost: StudyCost): Scaled[] {
  const { base } = report;
  if (base === undefined) return [];
  const usable = trained(report).filter((one) => one.family === base.family && studyCost(one, cost) !== undefined);
  return regimes(report).flatMap((epochs) =>
    resolutions(report).flatMap((size) =>
      (['depth', 'width'] as const).flatMap((dimension): Scaled[] => {
        const fixed: Dimension = dimension === 'depth' ? 'width' : 'depth';
        const points = usable
          .filter((one) => one.epochs === epochs && one.size === size && one[fixed] === base[fixed])
          .sort((a, b) => a[dimension] - b[dimension]);
        return points.length === 0 ? [] : [{ dimension, epochs, size, points }];
      }),
    ),
  );
}

/** Time where every model of the figure was timed; FLOPs otherwise, since half of a figure would mislead. */
function costOfFigure(report: StudyReport): StudyCost {
  const all = scaled(report, 'flops').flatMap(({ points }) => points);
  return all.length > 0 && all.every((one) => studyCost(one, 'trainStepMs') !== undefined) ? 'trainStepMs' : 'flops';
}

/** Panels that the page shows at most. */
const PANELS = 32;
/** Points of a line that are labelled. */
const LABELS = 5;
const TONE = { depth: 'one', width: 'two' } as const;

/**
 * The score against time when only depth or only width is scaled (paper, Figure 3): a panel for each regime and
 * resolution.
 */
export function dimensionFigure(report: StudyReport): Html {
  const { base } = report;
  if (base === undefined)
    return html`<p>No common base model was named from which depth and width would be scaled.</p>`;
  const cost = costOfFigure(report);
  const lines = scaled(report, cost);
  if (lines.length === 0)
    return html`<p>Nothing to draw: no trained configuration has the base's depth (${base.depth}) or width \
(${base.width}).</p>`;
  const { axis, tick } = COST_WORDS[cost];
  const { title, inUnit, nouns, tick: scoreTick } = measureOf(report.metric);
  const costs = lines.flatMap(({ points }) => points.map((one) => studyCost(one, cost)!));
  const x = logScale(costs, { name: axis, format: tick });
  const legend = (['depth', 'width'] as const).map(
    (dimension): MarkSeries => ({ name: `only ${dimension} scaled`, tone: TONE[dimension], joined: true, marks: [] }),
  );
  let drawn = 0;
  const panels = regimes(report).flatMap((epochs) => {
    const row = lines.filter((line) => line.epochs === epochs);
    // Scores of a regime have one scale, so that its resolutions can be compared by eye.
    const y = linearScale(
      row.flatMap(({ points }) =>
        points.flatMap(({ score }) => [score!.low ?? score!.mean, score!.high ?? score!.mean]),
      ),
      { name: `${title}${inUnit}`, format: scoreTick },
    );
    const sizes = resolutions(report).filter((size) => row.some((line) => line.size === size));
    const panelsOfRow = sizes.slice(0, Math.max(0, PANELS - drawn));
    drawn += sizes.length;
    return panelsOfRow.length === 0
      ? []
      : [
          html`<h3 class="row-head">${epochWords(epochs)}</h3><div class="panels">${panelsOfRow.map((size) =>
            panel(
              row.filter((line) => line.size === size),
              `${size} pixels`,
              `dimension-${epochs}-${size}`,
              x,
              y,
              cost,
            ),
          )}</div>`,
        ];
  });
  return html`${
    cost === 'flops' &&
    html`<p class="note"><b>Times were not measured</b> for all of these models, so that the axis shows FLOPs, which do \
not predict time. Measure them for the figure of the paper.</p>`
  }
${key({ series: legend })}
${panels}
${drawn > PANELS && html`<p class="note">The first ${PANELS} of ${drawn} panels: the CSV has all.</p>`}
<p class="note">Both lines pass through the base model, depth ${base.depth} and width ${base.width}. Whiskers: \
95\u00a0% interval over seeds, where there are at least two. Panels of a row share their axes; every row has ${nouns} of \
its own.</p>
${numbers(dimensionSheet(report), 'Every point')}`;
}

function panel(lines: readonly Scaled[], title: string, id: string, x: Scale, y: Scale, cost: StudyCost): Html {
  return markChart({
    id,
    title,
    panel: true,
    height: 250,
    x,
    y,
    series: lines.map(
      ({ dimension, points }): MarkSeries => ({
        name: dimension,
        tone: TONE[dimension],
        joined: true,
        marks: points.map(
          (one, at): Mark => ({
            x: studyCost(one, cost)!,
            y: one.score!.mean,
            ...(labelled(at, points.length, LABELS) && {
              label: dimension === 'depth' ? String(one.depth) : `×${one.width}`,
            }),
            ...(one.score!.low !== undefined && { low: one.score!.low, high: one.score!.high! }),
          }),
        ),
      }),
    ),
  });
}

/** The points of every panel. */
export function dimensionSheet(report: StudyReport): Sheet {
  const cost = costOfFigure(report);
  const { head, value: text } = measureOf(report.metric);
  const { name } = report.metric;
  const rows = scaled(report, cost).flatMap(({ dimension, points }) => points.map((one) => ({ dimension, one })));
  return sheet(
    'depth-width',
    [
      { key: 'epochs', title: 'Epochs', value: ({ one }) => one.epochs },
      { key: 'size', title: 'Pixels', value: ({ one }) => one.size },
      { key: 'scaled', title: 'Scaled', words: true, value: ({ dimension }) => dimension },
      { key: 'depth', title: 'Depth', value: ({ one }) => one.depth },
      { key: 'width', title: 'Width', value: ({ one }) => one.width },
      {
        key: 'trainMsPerPicture',
        title: 'Training step, each picture',
        value: ({ one }) => studyCost(one, 'trainStepMs'),
        show: ({ one }) => COST_WORDS.trainStepMs.text(studyCost(one, 'trainStepMs') ?? Number.NaN),
      },
      {
        key: 'flops',
        title: 'FLOPs',
        value: ({ one }) => one.flops,
        show: ({ one }) => COST_WORDS.flops.text(one.flops),
      },
      { key: name, title: head, value: ({ one }) => one.score!.mean, show: ({ one }) => text(one.score!.mean) },
      { key: `${name}Low`, title: 'low', value: ({ one }) => one.score!.low, show: ({ one }) => text(one.score!.low) },
      {
        key: `${name}High`,
        title: 'high',
        value: ({ one }) => one.score!.high,
        show: ({ one }) => text(one.score!.high),
      },
      { key: 'seeds', title: 'Seeds', value: ({ one }) => one.score!.n },
    ],
    rows,
  );
}
