import { type Bar, barChart } from '../draw/bars.js';
import { niceRange } from '../draw/charts.js';
import { count, duration, missing, moment, percent, points, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { renderPage } from '../draw/page.js';
import { pairList } from '../run/sections.js';
import { wilson } from '../wilson.js';
import type { AblationReport, AblationRow, Change, Estimate } from './data.js';
import { ablationFindings } from './findings.js';

export type { AblationReport, AblationRow, AblationTrial } from './data.js';

const KINDS = {
  additive: 'Additive study',
  'leave-one-out': 'Leave-one-out study',
  'weight-decay': 'Weight decay beside regularisation',
} as const;
const WORTH = {
  additive: 'What each step is worth',
  'leave-one-out': 'What changes without each step',
  'weight-decay': 'Weight decay with and without regularisation',
} as const;
const WORDS: Record<Change['verdict'], string> = {
  better: 'gain',
  worse: 'loss',
  noise: 'within noise',
  none: 'changes nothing',
  unknown: 'one seed: cannot tell from noise',
};

/** Published models of the rows, in order of appearance; one figure alone compares with nothing. */
function modelsOf({ rows }: AblationReport): string[] {
  const models = [...new Set(rows.flatMap(({ paper }) => Object.keys(paper)))];
  return models.filter((model) => rows.filter(({ paper }) => paper[model] !== undefined).length > 1);
}

function published(report: AblationReport, row: AblationRow, model: string): { top1?: number; change?: number } {
  const top1 = row.paper[model];
  const before = row.against === undefined ? undefined : report.rows[row.against]!.paper[model];
  return {
    ...(top1 !== undefined && { top1 }),
    ...(top1 !== undefined && before !== undefined && { change: (top1 - before) / 100 }),
  };
}

/** `+0.63` of `+0.63 points`. */
const bare = (fraction: number | undefined): string =>
  fraction === undefined ? missing : points(fraction).replace(' points', '');
const withInterval = ({ mean, low, high }: Estimate): Html =>
  html`${percent(mean)}${low !== undefined && high !== undefined && html`<br><small class="note">${percent(low)} to ${percent(high)}</small>`}`;

function changeCell(change: Change | undefined): Html {
  if (change === undefined) return html`<td class="num">${missing}</td>`;
  const { mean, low, high, verdict } = change;
  return html`<td class="num" data-sort="${mean}">${verdict === 'better' || verdict === 'worse' ? html`<b>${bare(mean)}</b>` : bare(mean)}${
    low !== undefined &&
    high !== undefined &&
    verdict !== 'none' &&
    html`<br><small class="note">${bare(low)} to ${bare(high)}</small>`
  }<br><small class="note">${WORDS[verdict]}</small></td>`;
}

function rowTable(report: AblationReport): Html {
  const models = report.kind === 'weight-decay' ? [] : modelsOf(report); // those stand in the grid
  return html`<div class="scroll"><table class="full"><thead><tr><th>Step</th><th class="num">Test top-1</th><th class="num">Change, points</th>${models.map((model) => html`<th class="num">Published: ${model}</th>`)}<th class="num">Training top-1</th><th class="num">ms a step</th><th class="num">Epochs</th><th class="num">Seeds</th></tr></thead>
<tbody>${report.rows.map(
    (
      row,
    ) => html`<tr><td>${row.name}<br><small class="note">${row.changed}</small></td><td class="num">${row.top1 === undefined ? missing : withInterval(row.top1)}</td>${
      row.against === undefined ? html`<td class="num"></td>` : changeCell(row.change)
    }${models.map((model) => {
      const { top1, change } = published(report, row, model);
      return html`<td class="num">${top1 === undefined ? missing : `${top1.toFixed(1)}\u00a0%`}${change !== undefined && html`<br><small class="note">${signed(change)}</small>`}</td>`;
    })}<td class="num">${percent(row.trainTop1?.mean)}</td><td class="num">${significant(row.msPerStep, 3)}</td><td class="num">${row.epochs ?? missing}</td><td class="num">${seeds(row)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">Below each accuracy its 95\u00a0% interval over the seeds, below each change its own. Training top-1: the same weights on a fixed part of the training pictures, without augmentation. Milliseconds: the median step.</p>`;
}

const seeds = ({ done, failed, pending }: AblationRow): string =>
  [
    String(done.length),
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(pending.length > 0 ? [`${pending.length} to do`] : []),
  ].join(', ');
/** Published changes have one decimal. */
const signed = (change: number): string =>
  `${change < -0.0004 ? '−' : change > 0.0004 ? '+' : ''}${Math.abs(100 * change).toFixed(1)}`;

/** Rows by columns, for a study of two dimensions: the last column is the change between the two. */
function grid(report: AblationReport): Html {
  const columns = [...new Set(report.rows.map(({ cell }) => cell?.column ?? ''))];
  const names = [...new Set(report.rows.map(({ cell }) => cell?.row ?? ''))];
  const models = modelsOf(report);
  return html`<div class="scroll"><table class="full"><thead><tr><th>Regularisation</th>${columns.map((column) => html`<th class="num">${column}</th>`)}<th class="num">Change, points</th>${models.map((model) => html`<th class="num">Published: ${model}</th>`)}</tr></thead>
<tbody>${names.map((name) => {
    const cells = columns.map((column) => report.rows.find(({ cell }) => cell?.row === name && cell.column === column));
    const last = cells.at(-1);
    return html`<tr><td>${name}</td>${cells.map((row) => html`<td class="num">${row?.top1 === undefined ? missing : withInterval(row.top1)}</td>`)}${changeCell(last?.change)}${models.map(
      (model) => {
        const tops = cells.map((row) => row?.paper[model]);
        const change = last === undefined ? undefined : published(report, last, model).change;
        return html`<td class="num">${tops.every((top1) => top1 === undefined) ? missing : tops.map((top1) => top1?.toFixed(1) ?? missing).join(' → ')}${change !== undefined && html`<br><small class="note">${signed(change)}</small>`}</td>`;
      },
    )}</tr>`;
  })}</tbody></table></div>
<p class="note">RA RandAugment, LS label smoothing, DO dropout on FC, SD stochastic depth.</p>`;
}

function charts(report: AblationReport): Html {
  const models = modelsOf(report);
  return html`<div class="charts">${oursChart(report)}${models.map((model, i) => paperChart(report, model, i))}</div>`;
}

function chartOf(id: string, title: string, bars: Bar[], note?: string): Html {
  const ends = bars.flatMap(({ from, to, low, high }) => [from, to, low ?? to, high ?? to]).filter(Number.isFinite);
  // A little room, so that no whisker ends on the frame.
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const range = niceRange(low - 0.02 * (high - low), high + 0.02 * (high - low), 5);
  return barChart({
    id,
    title,
    bars,
    x: { name: 'top-1, %', ...range, format: (value) => String(Number(value.toFixed(2))) },
    ...(note !== undefined && { note }),
  });
}

/** In a drawing there is little room. */
const label = ({ name }: AblationRow): string => name.replace(/^without /, '− ');

function oursChart(report: AblationReport): Html {
  const bars = report.rows.flatMap((row, i): Bar[] => {
    const before = row.against === undefined ? undefined : report.rows[row.against]!.top1;
    if (row.top1 === undefined)
      return [{ name: label(row), from: Number.NaN, to: Number.NaN, value: missing, tone: 'one' }];
    const to = 100 * row.top1.mean;
    const change = row.change;
    if (row.against === undefined || before === undefined || change === undefined) {
      const { low, high } = row.top1;
      return [
        {
          name: label(row),
          from: to,
          to,
          value: to.toFixed(2),
          tone: 'one',
          connect: report.kind !== 'leave-one-out' && report.rows[i + 1]?.against === i,
          ...(low !== undefined && high !== undefined && { low: 100 * low, high: 100 * high }),
        },
      ];
    }
    // Paired changes may leave out a seed that only one side has: the bar then starts where its own pairs do.
    const from = to - 100 * change.mean;
    return [
      {
        name: label(row),
        from,
        to,
        value: bare(change.mean),
        tone: change.mean < 0 ? 'two' : 'one',
        faint: change.verdict === 'noise' || change.verdict === 'unknown',
        connect: report.kind === 'additive' && report.rows[i + 1]?.against === i,
        ...(change.low !== undefined &&
          change.high !== undefined &&
          change.verdict !== 'none' && { low: from + 100 * change.low, high: from + 100 * change.high }),
      },
    ];
  });
  return chartOf(
    'ours',
    'Here',
    bars,
    `Bars: change against ${report.kind === 'leave-one-out' ? 'all steps together' : 'the row before'}. Whiskers: its 95\u00a0% interval over seeds. Pale: within noise, or too few seeds to tell.`,
  );
}

function paperChart(report: AblationReport, model: string, i: number): Html | undefined {
  const bars = report.rows.flatMap((row, at): Bar[] => {
    const { top1, change } = published(report, row, model);
    if (top1 === undefined) return [];
    return [
      {
        name: label(row),
        from: change === undefined ? top1 : top1 - 100 * change,
        to: top1,
        value: change === undefined ? top1.toFixed(1) : signed(change),
        tone: (change ?? 0) < 0 ? 'two' : 'one',
        connect: report.rows[at + 1]?.against === at,
      },
    ];
  });
  return bars.length < 2 ? undefined : chartOf(`paper-${i}`, `Published: ${model}`, bars, report.paperSource);
}

function trialTable({ rows }: AblationReport): Html {
  return html`<div class="scroll"><table class="sortable full"><thead><tr><th>Row</th><th class="num">Seed</th><th class="num">Top-1</th><th class="num">raw</th><th class="num">EMA</th><th class="num">Loss</th><th class="num">Training top-1</th><th class="num">Training</th><th class="num">ms a step</th></tr></thead>
<tbody>${rows.flatMap((row) =>
    row.done.map(
      (
        t,
      ) => html`<tr><td>${row.name}</td><td class="num">${t.seed}</td><td class="num" data-sort="${t.top1}">${percent(t.top1)}</td><td class="num" data-sort="${t.top1Raw}">${percent(t.top1Raw)}</td><td class="num" data-sort="${t.top1Ema ?? -1}">${percent(t.top1Ema)}</td><td class="num">${significant(t.loss)}</td><td class="num" data-sort="${t.trainTop1}">${percent(t.trainTop1)}</td><td class="num" data-sort="${t.seconds}">${duration(t.seconds)}</td><td class="num">${significant(t.msPerStep, 3)}</td></tr>
`,
    ),
  )}</tbody></table></div>`;
}

function comparable(report: AblationReport): Html {
  const { data, rows, kind } = report;
  const models = modelsOf(report);
  const top = rows.find(({ top1 }) => top1 !== undefined)?.top1;
  const interval = top === undefined ? undefined : wilson(Math.round(top.mean * data.testPictures), data.testPictures);
  return html`<ul class="findings">
<li>Comparable: the rows of this page with each other. Seed by seed all have the same training and test pictures, size and width, and the same first weights where the architecture is the same. Changes are taken seed by seed, so that the luck of a seed cancels out.</li>
<li>The order matters: a step's change is its worth ${kind === 'additive' ? 'on top of the rows before it' : kind === 'leave-one-out' ? 'in the presence of all others' : 'with the regularisers of its row'}, and no other.</li>
${
  models.length > 0 &&
  html`<li>Not comparable: accuracies here with the published ones, which are of ${models.some((model) => model !== 'published') ? `${models.join(' and ')} on ImageNet (1.28 million pictures, 1000 classes)` : 'other pictures'}. Of those, only signs and order may be compared, and they need not agree: over-fitting depends on pictures, model and epochs.</li>
`
}<li>An interval over seeds covers first weights, order and augmentation${data.trainPictures > 0 && ', and which training pictures were drawn where only part of them is used'}. It does not cover the choice of test pictures${interval && html`: ${count(data.testPictures)} of them alone leave ${percent(interval.low)} to ${percent(interval.high)} (95\u00a0%, Wilson) around ${percent(top!.mean)}`}.</li>
<li>Each interval is of one change. Of twenty steps that do nothing, one on average shows a “gain” or “loss” by chance.</li>
<li>Milliseconds a step are medians on this machine under the load of the trials beside it; compare them within the page.</li>
</ul>`;
}

/** The page of a study, finished or not. */
export function renderAblation(report: AblationReport): string {
  const { rows, data } = report;
  const [done, failed, pending] = [
    rows.flatMap((row) => row.done),
    rows.flatMap((row) => row.failed.map((f) => ({ ...f, name: row.name }))),
    rows.flatMap((row) => row.pending),
  ];
  const warnings = [
    ...(pending.length > 0
      ? [
          `${count(pending.length)} of ${count(done.length + failed.length + pending.length)} trials are not done yet: figures and intervals will change.`,
        ]
      : []),
    ...failed.map(({ name, seed, reason }) => `${name}, seed ${seed} failed: ${reason.split('\n')[0]}`),
  ];
  return renderPage({
    title: report.title,
    kind: KINDS[report.kind],
    subtitle: html`${report.model} at ${report.size} pixels; ${count(data.trainPictures)} training and ${count(data.testPictures)} test pictures of ${count(data.classes)} classes; ${moment(report.generatedAt)}`,
    head: html`${warnings.length > 0 && html`<div class="warnings" role="note"><h2>${pending.length > 0 ? 'Not finished' : 'Failed trials'}</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`}
<ul class="findings">${ablationFindings(report).map((text) => html`<li>${text}</li>`)}</ul>`,
    sections: [
      {
        id: 'worth',
        title: WORTH[report.kind],
        body: html`${report.kind === 'weight-decay' && grid(report)}${charts(report)}`,
      },
      { id: 'rows', title: 'All rows', body: rowTable(report) },
      { id: 'comparable', title: 'What can be compared', body: comparable(report) },
      ...(done.length > 0
        ? [
            {
              id: 'trials',
              title: 'Every trial',
              body: html`<details><summary>${count(done.length)} trials in figures</summary>${trialTable(report)}</details>`,
            },
          ]
        : []),
      {
        id: 'made',
        title: 'How it was made',
        body: html`${pairList([...report.common, ...report.environment])}<dl class="commands"><dt>The same again, or on with what is left</dt><dd><pre><code>${report.command}</code></pre></dd></dl>`,
      },
    ],
    footer: `Made by Rescaled, ${moment(report.generatedAt)}`,
  });
}
