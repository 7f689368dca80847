import { decimals, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { type Mark, type MarkSeries, markChart } from '../draw/marks.js';
import { linearScale, logScale } from '../draw/scale.js';
import { download, numbers, type Sheet, sheet } from '../draw/sheet.js';
import type { RankEstimate } from './analysis.js';
import { STUDY_COSTS, type StudyConfiguration, type StudyCost, type StudyReport, studyCost } from './data.js';
import { COST_WORDS, estimateCell, families, label, labelled, percentTick, toneOf, trained } from './words.js';

/** Points of all frontiers of a chart that are labelled: more would cover each other. */
const LABELS = 10;

/** Inversions that the page shows; the CSV has all. */
const INVERSIONS = 10;

/**
 * Accuracy against each cost, with what no other configuration of its family beats (paper, Figures 1, 4 and 5), and how
 * FLOPs rank time.
 */
export function frontierFigure(report: StudyReport): Html {
  const done = trained(report);
  if (done.length === 0) return html`<p>No configuration has an accuracy yet, so that there is no frontier.</p>`;
  const byName = new Map(done.map((one) => [one.name, one]));
  const drawn = STUDY_COSTS.filter((cost) => done.some((one) => studyCost(one, cost) !== undefined));
  const absent = STUDY_COSTS.filter((cost) => !drawn.includes(cost));
  const batches = [...new Set(done.map(({ batch }) => batch))].sort((a, b) => a - b);
  return html`${absent.length > 0 && html`<p class="note"><b>Not measured</b>: ${absent.map((cost) => COST_WORDS[cost].title.toLowerCase().replace('measured ', '')).join(', ')}. Their frontiers are missing.</p>`}
<div class="charts">${drawn.map((cost) => chart(report, done, byName, cost))}</div>
<p class="note">Pale dots: all trained configurations. The line joins the frontier of a family: what costs no more and is at least as good. Labels: depth × width @ pixels. A frontier's points were chosen as the best among many, so that they are somewhat lucky. ${
    batches.length === 1
      ? `A training step has ${batches[0]} pictures.`
      : `Training steps have ${batches[0]} to ${batches.at(-1)} pictures: time is counted by the picture, but peaks of memory of unlike batches do not compare.`
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
  const mark = (one: StudyConfiguration): Mark => ({ x: studyCost(one, cost)! / unit, y: one.top1!.mean });
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
                  ...(one.top1!.low !== undefined && { low: one.top1!.low, high: one.top1!.high! }),
                })),
            },
          ]
        : []),
    ];
  });
  const missed = done.length - has.length;
  return markChart({
    id: `frontier-${cost.toLowerCase()}`,
    title: `Accuracy against ${title[0]!.toLowerCase() === 'f' ? title : title.toLowerCase()}`,
    height: 320,
    series,
    x: logScale(
      has.map((one) => studyCost(one, cost)! / unit),
      { name: `${axis}, logarithmic`, format: tick },
    ),
    y: linearScale(
      has.map(({ top1 }) => top1!.mean),
      { name: 'top-1, %', format: percentTick, parts: 5 },
    ),
    ...(missed > 0 && { note: `${missed} of ${done.length} configurations have no such figure.` }),
  });
}

const OUTCOMES = { compared: '', 'too few points': 'too few models have both', 'all equal': 'all are equal' } as const;

function rankTables({ ranks }: StudyReport): Html {
  const inversions = inversionsOf({ ranks });
  const rank = (of: RankEstimate | undefined): Html =>
    estimateCell(of && { mean: of.value, ...(of.low !== undefined && { low: of.low, high: of.high! }) }, decimals);
  return html`<h3>How well one cost ranks what another ranks</h3>${
    ranks.length === 0
      ? html`<p class="note">No rank correlation: it needs configurations with measured times.</p>`
      : html`<div class="scroll"><table class="full"><thead><tr><th>Ranked by</th><th>instead of</th><th class="num">Kendall's τ</th><th class="num">Spearman's ρ</th><th class="num">Models</th></tr></thead>
<tbody>${ranks.map(
          ({
            a,
            b,
            outcome,
            n,
            tau,
            rho,
          }) => html`<tr><td>${COST_WORDS[a].short}</td><td>${COST_WORDS[b].short}${outcome !== 'compared' && html`<br><small class="note">${OUTCOMES[outcome]}</small>`}</td><td class="num">${rank(tau)}</td><td class="num">${rank(rho)}</td><td class="num">${n}</td></tr>
`,
        )}</tbody></table></div><p class="note">1: the same order; 0: unrelated; −1: reversed. Below each its 95\u00a0% interval, of configurations drawn like these. With τ, (1 − τ) / 2 of all pairs are the wrong way round. Download CSV: ${download(rankSheet({ ranks }))}</p>`
  }
${
  inversions.length > 0 &&
  html`<h3>Worst inversions</h3><div class="scroll"><table class="full"><thead><tr><th>This one</th><th>against this one</th><th class="num">has</th><th class="num">and yet only</th></tr></thead>
<tbody>${inversions.slice(0, INVERSIONS).map(
    ({
      more,
      less,
      a,
      b,
      aRatio,
      bRatio,
    }) => html`<tr><td class="named">${more}</td><td class="named">${less}</td><td class="num">${decimals(aRatio)}\u00a0× the ${COST_WORDS[a].short}</td><td class="num">${decimals(1 / bRatio)}\u00a0× the ${COST_WORDS[b].short}</td></tr>
`,
  )}</tbody></table></div><p class="note">${inversions.length > INVERSIONS && `The first ${INVERSIONS} of ${inversions.length}. `}Download CSV: ${download(inversionSheet({ ranks }))}</p>`
}`;
}

const inversionsOf = ({ ranks }: Pick<StudyReport, 'ranks'>) =>
  ranks.flatMap(({ a, b, inversions }) => inversions.map((one) => ({ a, b, ...one })));

/** The points of every frontier. */
export function frontierSheet(report: StudyReport): Sheet {
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  const rows = report.frontiers.flatMap(({ cost, family, names }) =>
    names.flatMap((name) => {
      const one = byName.get(name);
      const value = one === undefined ? undefined : studyCost(one, cost);
      return one?.top1 === undefined || value === undefined ? [] : [{ cost, family, one, top1: one.top1, value }];
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
      { key: 'top1', title: 'Top-1', value: ({ top1 }) => top1.mean, show: ({ top1 }) => percent(top1.mean) },
      { key: 'top1Low', title: 'low', value: ({ top1 }) => top1.low, show: ({ top1 }) => percent(top1.low) },
      { key: 'top1High', title: 'high', value: ({ top1 }) => top1.high, show: ({ top1 }) => percent(top1.high) },
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
