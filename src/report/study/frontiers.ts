import { decimals } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { linearScale, logScale } from '../draw/scale.js';
import { download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import { below, td, tdNamed, tdNum, th, thNum, tr, wideTable } from '../draw/table.js';
import type { RankEstimate } from './analysis.js';
import { STUDY_COSTS, type StudyCost } from './costs.js';
import { type StudyConfiguration, type StudyReport, studyCost } from './data.js';
import { COST_WORDS, estimateCell, families, label, labelled, toneOf, trained } from './words.js';

/** Points of all frontiers of a chart that are labelled: more would cover each other. */
const LABELS = 10;

/** Inversions that the page shows; the CSV has all. */
const INVERSIONS = 10;

/**
 * The score against each cost, with what no other configuration of its family beats (paper, Figures 1, 4 and 5), and
 * how FLOPs rank time.
 */
export function frontierFigure(report: StudyReport): Html {
  const done = trained(report);
  if (done.length === 0)
    return html`<p>No configuration has ${measureOf(report.metric).aNoun} yet, so that there is no frontier.</p>`;
  const byName = new Map(done.map((one) => [one.name, one]));
  const drawn = STUDY_COSTS.filter((cost) => done.some((one) => studyCost(one, cost) !== undefined));
  const absent = STUDY_COSTS.filter((cost) => !drawn.includes(cost));
  const batches = [...new Set(done.map(({ batch }) => batch))].sort((a, b) => a - b);
  const without = absent.map((cost) => COST_WORDS[cost].title.toLowerCase().replace('measured ', '')).join(', ');
  return html`${
    absent.length > 0 && html`<p class="note"><b>Not measured</b>: ${without}. Their frontiers are missing.</p>`
  }
<div class="charts">${drawn.map((cost) => chart(report, done, byName, cost))}</div>
<p class="note">Pale dots: all trained configurations. The line joins the frontier of a family: what costs no more and \
is at least as good. Labels: depth × width @ pixels. A frontier's points were chosen as the best among many, so that \
they are somewhat lucky. ${
    batches.length === 1
      ? `A training step has ${batches[0]} pictures.`
      : `Training steps have ${batches[0]} to ${batches.at(-1)} pictures: time is counted by the picture, ` +
        'but peaks of memory of unlike batches do not compare.'
  }</p>
${numbers(frontierSheet(report), 'The frontiers')}
${rankTables(report)}`;
}

function chart(
  report: StudyReport,
  done: readonly StudyConfiguration[],
  byName: ReadonlyMap<string, StudyConfiguration>,
  cost: StudyCost,
): Html {
  const { title, axis, unit, tick } = COST_WORDS[cost];
  const has = done.filter((one) => studyCost(one, cost) !== undefined);
  const mark = (one: StudyConfiguration): Mark => ({ x: studyCost(one, cost)! / unit, y: one.score!.mean });
  const all = families(report);
  const series = all.flatMap((family, i): MarkSeries[] => {
    const best = (
      report.frontiers.find((frontier) => frontier.cost === cost && frontier.family === family)?.names ?? []
    ).flatMap((name) => byName.get(name) ?? []);
    return [
      { name: family, tone: toneOf(i), faint: true, marks: has.filter((one) => one.family === family).map(mark) },
      ...(best.length > 0
        ? [
            {
              name: family,
              tone: toneOf(i),
              joined: true,
              marks: best
                .filter((one) => studyCost(one, cost) !== undefined)
                .map((one, at, line) => ({
                  ...mark(one),
                  ...(labelled(at, line.length, Math.max(2, Math.floor(LABELS / all.length))) && { label: label(one) }),
                  ...(one.score!.low !== undefined && { low: one.score!.low, high: one.score!.high! }),
                })),
            },
          ]
        : []),
    ];
  });
  const missed = done.length - has.length;
  const measure = measureOf(report.metric);
  return markChart({
    id: `frontier-${cost.toLowerCase()}`,
    title: `${metricTitle(measure)} against ${title[0]!.toLowerCase() === 'f' ? title : title.toLowerCase()}`,
    height: 320,
    series,
    x: logScale(
      has.map((one) => studyCost(one, cost)! / unit),
      { name: `${axis}, logarithmic`, format: tick },
    ),
    y: linearScale(
      has.map(({ score }) => score!.mean),
      { name: `${measure.title}${measure.inUnit}`, format: measure.tick, parts: 5 },
    ),
    ...(missed > 0 && { note: `${missed} of ${done.length} configurations have no such figure.` }),
  });
}

/** In a chart's title an accuracy is called that. */
const metricTitle = ({ noun, head }: Measure): string => (noun === 'accuracy' ? 'Accuracy' : head);

const OUTCOMES = { compared: '', 'too few points': 'too few models have both', 'all equal': 'all are equal' } as const;

function rankTables({ ranks }: StudyReport): Html {
  const inversions = inversionsOf({ ranks });
  const rank = (of: RankEstimate | undefined): Html =>
    estimateCell(of && { mean: of.value, ...(of.low !== undefined && { low: of.low, high: of.high! }) }, decimals);
  const rankHeads = [
    th('Ranked by'),
    th('instead of'),
    html`<th class="num">Kendall's τ</th>`,
    html`<th class="num">Spearman's ρ</th>`,
    thNum('Models'),
  ];
  const rankRows = ranks.map(({ a, b, outcome, n, tau, rho }) =>
    tr([
      td(COST_WORDS[a].short),
      td(html`${COST_WORDS[b].short}${outcome !== 'compared' && below(OUTCOMES[outcome])}`),
      tdNum(rank(tau)),
      tdNum(rank(rho)),
      tdNum(n),
    ]),
  );
  const inversionHeads = [th('This one'), th('against this one'), thNum('has'), thNum('and yet only')];
  const inversionRows = inversions
    .slice(0, INVERSIONS)
    .map(({ more, less, a, b, aRatio, bRatio }) =>
      tr([
        tdNamed(more),
        tdNamed(less),
        tdNum(`${decimals(aRatio)}\u00a0× the ${COST_WORDS[a].short}`),
        tdNum(`${decimals(1 / bRatio)}\u00a0× the ${COST_WORDS[b].short}`),
      ]),
    );
  return html`<h3>How well one cost ranks what another ranks</h3>${
    ranks.length === 0
      ? html`<p class="note">No rank correlation: it needs configurations with measured times.</p>`
      : html`${wideTable(rankHeads, rankRows)}<p class="note">1: the same order; 0: unrelated; −1: reversed. Below each \
its 95\u00a0% interval, of configurations drawn like these. With τ, (1 − τ) / 2 of all pairs are the wrong way round. \
Download CSV: ${download(rankSheet({ ranks }))}</p>`
  }
${
  inversions.length > 0 &&
  html`<h3>Worst inversions</h3>${wideTable(inversionHeads, inversionRows)}<p class="note">${
    inversions.length > INVERSIONS && `The first ${INVERSIONS} of ${inversions.length}. `
  }Download CSV: ${download(inversionSheet({ ranks }))}</p>`
}`;
}

const inversionsOf = ({ ranks }: Pick<StudyReport, 'ranks'>) =>
  ranks.flatMap(({ a, b, inversions }) => inversions.map((one) => ({ a, b, ...one })));

/** The points of every frontier. */
export function frontierSheet(report: StudyReport): Sheet {
  const { head, value: text } = measureOf(report.metric);
  const { name: stem } = report.metric;
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  const rows = report.frontiers.flatMap(({ cost, family, names }) =>
    names.flatMap((name) => {
      const one = byName.get(name);
      const value = one === undefined ? undefined : studyCost(one, cost);
      return one?.score === undefined || value === undefined ? [] : [{ cost, family, one, score: one.score, value }];
    }),
  );
  return sheet(
    'frontier',
    [
      {
        key: 'cost',
        title: 'Cost',
        words: true,
        value: ({ cost }) => cost,
        show: ({ cost }) => COST_WORDS[cost].short,
      },
      { key: 'family', title: 'Family', words: true, value: ({ family }) => family },
      { key: 'name', title: 'Configuration', words: true, value: ({ one }) => one.name },
      {
        key: 'value',
        title: 'Costs',
        value: ({ value }) => value,
        show: ({ cost, value }) => COST_WORDS[cost].text(value),
      },
      { key: stem, title: head, value: ({ score }) => score.mean, show: ({ score }) => text(score.mean) },
      { key: `${stem}Low`, title: 'low', value: ({ score }) => score.low, show: ({ score }) => text(score.low) },
      { key: `${stem}High`, title: 'high', value: ({ score }) => score.high, show: ({ score }) => text(score.high) },
    ],
    rows,
  );
}

export const rankSheet = ({ ranks }: Pick<StudyReport, 'ranks'>): Sheet =>
  sheet(
    'ranks',
    [
      { key: 'rankedBy', value: ({ a }) => a },
      { key: 'insteadOf', value: ({ b }) => b },
      { key: 'kendallTau', value: ({ tau }) => tau?.value },
      { key: 'tauLow', value: ({ tau }) => tau?.low },
      { key: 'tauHigh', value: ({ tau }) => tau?.high },
      { key: 'spearmanRho', value: ({ rho }) => rho?.value },
      { key: 'rhoLow', value: ({ rho }) => rho?.low },
      { key: 'rhoHigh', value: ({ rho }) => rho?.high },
      { key: 'models', value: ({ n }) => n },
    ],
    ranks,
  );

export const inversionSheet = ({ ranks }: Pick<StudyReport, 'ranks'>): Sheet =>
  sheet(
    'inversions',
    [
      { key: 'more', value: ({ more }) => more },
      { key: 'less', value: ({ less }) => less },
      { key: 'moreOf', value: ({ a }) => a },
      { key: 'moreRatio', value: ({ aRatio }) => aRatio },
      { key: 'lessOf', value: ({ b }) => b },
      { key: 'lessRatio', value: ({ bRatio }) => 1 / bRatio },
    ],
    inversionsOf({ ranks }),
  );
