import { decimals } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { DENSE, type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { measureOf } from '../draw/measure.js';
import { linearScale, logScale } from '../draw/scale.js';
import { quantile } from '../draw/series.js';
import { numbers, type Sheet, sheet } from '../draw/sheet.js';
import { td, tdNum, th, thNum, tr, wideTable } from '../draw/table.js';
import type { Change } from '../statistics.js';
import type { StudyCost } from './costs.js';
import type { StudyReport } from './data.js';
import { COST_WORDS, epochWords, estimateCell, resolutions, toneOf, VERDICTS } from './words.js';

/** A step of one model from a resolution to the next. */
interface Step {
  epochs: number;
  family: string;
  depth: number;
  width: number;
  from: number;
  to: number;
  cost: StudyCost;
  doublings?: number;
  perDoubling: Change;
}

function stepsOf({ gains, configurations }: StudyReport): Step[] {
  const byName = new Map(configurations.map((one) => [one.name, one]));
  return gains.flatMap(({ epochs, pairs }) =>
    pairs.flatMap((pair): Step[] => {
      const { family, depth, width } = byName.get(pair.to) ?? { family: pair.to, depth: 0, width: 0 };
      if (pair.dimension !== 'resolution' || pair.perDoubling === undefined || !Number.isFinite(pair.perDoubling.mean))
        return [];
      return [
        {
          epochs,
          family,
          depth,
          width,
          from: pair.fromValue,
          to: pair.toValue,
          cost: pair.cost,
          perDoubling: pair.perDoubling,
          ...(pair.doublings !== undefined && { doublings: pair.doublings }),
        },
      ];
    }),
  );
}

/** The middle of the gains at each resolution. */
function medians(steps: readonly Step[]): Mark[] {
  const sides = [...new Set(steps.map(({ to }) => to))].sort((a, b) => a - b);
  return sides.map((to) => ({
    x: to,
    y: quantile(
      steps.filter((step) => step.to === to).map(({ perDoubling }) => perDoubling.mean),
      0.5,
    )!,
  }));
}

/** What a doubling of the cost gains when it goes into resolution: less at each step, as the paper found. */
export function resolutionFigure(report: StudyReport): Html {
  const steps = stepsOf(report);
  if (steps.length === 0) {
    const sizes = resolutions(report);
    return html`<p>${
      sizes.length < 2
        ? `Every configuration has ${sizes[0] ?? 'the same'} pixels: what resolution gains needs the same model at two ` +
          'of them.'
        : 'No model is trained at two resolutions of a regime yet, so that nothing can be said of resolution.'
    }</p>`;
  }
  const { noun, head, inChange, tick } = measureOf(report.metric);
  const gained = noun === 'accuracy' ? 'Accuracy gained' : `Change of ${head}`;
  const costs = [...new Set(steps.map(({ cost }) => COST_WORDS[cost].short))];
  const spans = [...new Set(steps.map(({ epochs }) => epochs))].sort((a, b) => a - b);
  const sides = [...new Set(steps.map(({ to }) => to))].sort((a, b) => a - b);
  // Models stand a little apart, so that their whiskers do, over a third of the way to the next resolution.
  const apart = Math.min(0.25, ...sides.slice(1).map((side, i) => Math.log(side / sides[i]!))) / 3;
  const around = logScale(sides, { name: 'pixels, from the resolution before', format: String });
  const x = {
    ...around,
    min: around.min / (1 + apart),
    max: around.max * (1 + apart),
    ...(sides.length <= 6 && { ticks: sides }),
  };
  const y = linearScale(
    [
      0,
      ...steps.flatMap(({ perDoubling: { mean, low, high } }) =>
        steps.length > DENSE ? [mean] : [low ?? mean, high ?? mean],
      ),
    ],
    { name: `${inChange === '' ? 'change' : inChange.slice(2)} for each doubling`, format: tick },
  );
  return html`<div class="panels">${spans.map((epochs, i) => {
    const rows = steps.filter((step) => step.epochs === epochs);
    const place = new Map(
      [...new Set(rows.map(modelOf))].map((model, at, all) => [model, (at + 0.5) / all.length - 0.5]),
    );
    const marks = rows.map((step): Mark => {
      const { mean, low, high } = step.perDoubling;
      return {
        x: step.to * Math.exp(2 * apart * place.get(modelOf(step))!),
        y: mean,
        ...(low !== undefined && high !== undefined && { low, high }),
      };
    });
    const series: MarkSeries[] = [
      { name: 'each model', tone: toneOf(i), marks },
      { name: 'median', tone: toneOf(i), bare: true, marks: medians(rows) },
    ];
    return markChart({ id: `resolution-${epochs}`, title: epochWords(epochs), panel: true, height: 260, x, y, series });
  })}</div>
<p class="note">${gained} for each doubling of ${costs.join(' or ')} from one resolution to the next, depth and width \
the same: a mark for each model, whiskers its 95\u00a0% interval over seeds, the line through the medians.</p>
${diminishingTable(report)}
${numbers(resolutionSheet(report), 'Every gain')}`;
}

const modelOf = ({ family, depth, width }: Step): string => `${family} ${depth} ${width}`;

/** Regimes in which the gains of resolution were compared, low steps with high ones. */
export const diminishingOf = ({ gains }: Pick<StudyReport, 'gains'>) =>
  gains.flatMap(({ epochs, diminishing }) =>
    diminishing
      .filter(({ dimension }) => dimension === 'resolution')
      .flatMap(({ lower, upper, change }) =>
        change === undefined ? [] : [{ epochs, lower: lower.perDoubling, upper: upper.perDoubling, change }],
      ),
  );

function diminishingTable(report: StudyReport): Html | undefined {
  const rows = diminishingOf(report);
  if (rows.length === 0)
    return html`<p class="note">Whether returns diminish: not enough evidence. It needs the same model at three \
resolutions, with three seeds or more.</p>`;
  const { bare, title, inUnit } = measureOf(report.metric);
  const heads = [th('Regime'), ['Lower half of the steps', 'Upper half', 'Change'].map(thNum), th('Returns')];
  const cells = rows.map(({ epochs, lower, upper, change }) =>
    tr([
      td(epochWords(epochs)),
      tdNum(estimateCell(lower, bare)),
      tdNum(estimateCell(upper, bare)),
      tdNum(estimateCell(change, bare)),
      td(RETURNS[change.verdict]),
    ]),
  );
  const what = report.metric.unit === 'share' ? 'Points' : `Change of ${title}${inUnit}`;
  return html`${wideTable(heads, cells)}<p class="note">${what} for each doubling, with 95\u00a0% intervals.</p>`;
}

/** What a change from the lower to the upper steps says of the returns. */
export const RETURNS: Record<Change['verdict'], string> = {
  worse: 'diminish',
  better: 'grow',
  noise: 'neither diminish nor grow beyond the noise',
  none: 'stay the same',
  unknown: 'cannot be told: too few seeds',
};

export function resolutionSheet(report: StudyReport): Sheet {
  const { bare } = measureOf(report.metric);
  return sheet(
    'resolution',
    [
      { key: 'family', title: 'Family', words: true, value: ({ family }) => family },
      { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
      { key: 'width', title: 'Width', value: ({ width }) => width },
      { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
      { key: 'from', title: 'From', value: ({ from }) => from },
      { key: 'to', title: 'To', value: ({ to }) => to },
      {
        key: 'cost',
        title: 'Cost',
        words: true,
        value: ({ cost }) => cost,
        show: ({ cost }) => COST_WORDS[cost].short,
      },
      {
        key: 'costRatio',
        title: 'Cost ratio',
        value: ({ doublings }) => (doublings === undefined ? undefined : 2 ** doublings),
        show: ({ doublings }) => decimals(doublings === undefined ? undefined : 2 ** doublings),
      },
      {
        key: 'perDoubling',
        title: report.metric.unit === 'share' ? 'Points a doubling' : 'Change a doubling',
        value: ({ perDoubling }) => perDoubling.mean,
        show: ({ perDoubling }) => bare(perDoubling.mean),
      },
      {
        key: 'perDoublingLow',
        title: 'low',
        value: ({ perDoubling }) => perDoubling.low,
        show: ({ perDoubling }) => bare(perDoubling.low),
      },
      {
        key: 'perDoublingHigh',
        title: 'high',
        value: ({ perDoubling }) => perDoubling.high,
        show: ({ perDoubling }) => bare(perDoubling.high),
      },
      {
        key: 'verdict',
        title: 'Verdict',
        words: true,
        value: ({ perDoubling }) => perDoubling.verdict,
        show: ({ perDoubling }) => VERDICTS[perDoubling.verdict],
      },
    ],
    stepsOf(report),
  );
}
