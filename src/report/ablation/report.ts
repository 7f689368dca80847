import { betterBy, type Metric } from '../../metric.js';
import { partWord, picturesOf } from '../../part-words.js';
import { type Bar, barChart } from '../draw/bars.js';
import { niceRange } from '../draw/charts.js';
import { count, duration, missing, moment, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { pairList } from '../draw/lists.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { renderPage } from '../draw/page.js';
import { below, td, tdNum, tdSorted, th, thNum, tr, wideTable } from '../draw/table.js';
import { type Change, type Estimate, wilson } from '../statistics.js';
import type { AblationReport, AblationRow } from './data.js';
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
  none: 'no change',
  unknown: 'too few seeds: cannot tell from noise',
};

/** Published models of the rows, in order of appearance; one figure alone compares with nothing. */
function modelsOf({ rows }: AblationReport): string[] {
  const models = [...new Set(rows.flatMap(({ paper }) => Object.keys(paper)))];
  return models.filter((model) => rows.filter(({ paper }) => paper[model] !== undefined).length > 1);
}

/** A published score as it stands in the row, and its change in the metric's own unit. */
function published(report: AblationReport, row: AblationRow, model: string): { score?: number; change?: number } {
  const score = row.paper[model];
  const before = row.against === undefined ? undefined : report.rows[row.against]!.paper[model];
  return {
    ...(score !== undefined && { score }),
    ...(score !== undefined && before !== undefined && { change: (score - before) / measureOf(report.metric).scale }),
  };
}

const withInterval = ({ value }: Measure, { mean, low, high }: Estimate): Html =>
  html`${value(mean)}${low !== undefined && high !== undefined && below(`${value(low)} to ${value(high)}`)}`;

function changeCell({ bare }: Measure, change: Change | undefined): Html {
  if (change === undefined) return tdNum(missing);
  const { mean, low, high, verdict } = change;
  return tdSorted(
    mean,
    html`${verdict === 'better' || verdict === 'worse' ? html`<b>${bare(mean)}</b>` : bare(mean)}${
      low !== undefined && high !== undefined && verdict !== 'none' && below(`${bare(low)} to ${bare(high)}`)
    }${below(WORDS[verdict])}`,
  );
}

function rowTable(report: AblationReport): Html {
  const models = report.kind === 'weight-decay' ? [] : modelsOf(report); // those stand in the grid
  const measure = measureOf(report.metric);
  const { title, noun, inChange, value } = measure;
  const heads = [
    th('Step'),
    thNum(`Test ${title}`),
    thNum(`Change${inChange}`),
    models.map((model) => thNum(`Published: ${model}`)),
    thNum(`Training ${title}`),
    thNum('ms a step'),
    thNum('Epochs'),
    thNum('Seeds'),
  ];
  const cells = (row: AblationRow): Html[] => [
    td(html`${row.name}${below(row.changed)}`),
    tdNum(row.score === undefined ? missing : withInterval(measure, row.score)),
    row.against === undefined ? tdNum('') : changeCell(measure, row.change),
    ...models.map((model) => {
      const { score, change } = published(report, row, model);
      return tdNum(
        html`${score === undefined ? missing : publishedText(measure, score)}${
          change !== undefined && below(signed(measure, change))
        }`,
      );
    }),
    tdNum(value(row.trainScore?.mean)),
    tdNum(significant(row.msPerStep, 3)),
    tdNum(row.epochs ?? missing),
    tdNum(seeds(row)),
  ];
  return html`${wideTable(
    heads,
    report.rows.map((row) => tr(cells(row))),
  )}
<p class="note">Below each ${noun} its 95\u00a0% interval over the seeds, below each change its own. \
Training ${title}: the same weights on a fixed part of the training pictures, without augmentation. \
Milliseconds: the median step.</p>`;
}

const seeds = ({ done, failed, pending }: AblationRow): string =>
  [
    String(done.length),
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(pending.length > 0 ? [`${pending.length} to do`] : []),
  ].join(', ');
/** Published percentages and their changes have one decimal. */
const publishedText = ({ scale, value }: Measure, score: number): string =>
  scale === 100 ? `${score.toFixed(1)}\u00a0%` : value(score);
const publishedBare = ({ scale, tick }: Measure, score: number): string =>
  scale === 100 ? score.toFixed(1) : tick(score);
const signed = ({ scale, bare }: Measure, change: number): string =>
  scale === 100
    ? `${change < -0.0004 ? '−' : change > 0.0004 ? '+' : ''}${Math.abs(100 * change).toFixed(1)}`
    : bare(change);

/** Rows by columns, for a study of two dimensions: the last column is the change between the two. */
function grid(report: AblationReport): Html {
  const columns = [...new Set(report.rows.map(({ cell }) => cell?.column ?? ''))];
  const names = [...new Set(report.rows.map(({ cell }) => cell?.row ?? ''))];
  const models = modelsOf(report);
  const measure = measureOf(report.metric);
  const heads = [
    th('Regularisation'),
    columns.map(thNum),
    thNum(`Change${measure.inChange}`),
    models.map((model) => thNum(`Published: ${model}`)),
  ];
  const rowOf = (name: string): Html => {
    const cells = columns.map((column) => report.rows.find(({ cell }) => cell?.row === name && cell.column === column));
    const last = cells.at(-1);
    const publishedCell = (model: string): Html => {
      const scores = cells.map((row) => row?.paper[model]);
      const change = last === undefined ? undefined : published(report, last, model).change;
      const text = scores.every((score) => score === undefined)
        ? missing
        : scores.map((score) => (score === undefined ? missing : publishedBare(measure, score))).join(' → ');
      return tdNum(html`${text}${change !== undefined && below(signed(measure, change))}`);
    };
    return html`<tr>${[
      td(name),
      cells.map((row) => tdNum(row?.score === undefined ? missing : withInterval(measure, row.score))),
      changeCell(measure, last?.change),
      models.map(publishedCell),
    ]}</tr>`;
  };
  return html`${wideTable(heads, names.map(rowOf))}
<p class="note">RA RandAugment, LS label smoothing, DO dropout on FC, SD stochastic depth.</p>`;
}

function charts(report: AblationReport): Html {
  const models = modelsOf(report);
  return html`<div class="charts">${oursChart(report)}${models.map((model, i) => paperChart(report, model, i))}</div>`;
}

function chartOf({ metric }: AblationReport, id: string, title: string, bars: Bar[], note?: string): Html {
  const ends = bars.flatMap(({ from, to, low, high }) => [from, to, low ?? to, high ?? to]).filter(Number.isFinite);
  // A little room, so that no whisker ends on the frame.
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const { title: name, inUnit, scale } = measureOf(metric);
  const room = 0.02 * (high - low);
  const range = niceRange(onAxis(metric, low - room), onAxis(metric, high + room), 5);
  return barChart({
    id,
    title,
    bars,
    x: {
      name: `${name}${inUnit}`,
      ...range,
      format: (value) => String(Number(scale === 100 ? value.toFixed(2) : value.toPrecision(4))),
    },
    ...(note !== undefined && { note }),
  });
}

/** A place on the axis of a chart: percentages end at 0 and 100, where the whisker of a change may reach beyond. */
const onAxis = ({ unit }: Metric, value: number): number =>
  unit === 'share' ? Math.min(100, Math.max(0, value)) : value;

/** In a drawing there is little room. */
const label = ({ name }: AblationRow): string => name.replace(/^without /, '− ');

function oursChart(report: AblationReport): Html {
  const { scale, bare, tick } = measureOf(report.metric);
  const bars = report.rows.flatMap((row, i): Bar[] => {
    const before = row.against === undefined ? undefined : report.rows[row.against]!.score;
    if (row.score === undefined)
      return [{ name: label(row), from: Number.NaN, to: Number.NaN, value: missing, tone: 'one' }];
    const to = scale * row.score.mean;
    const change = row.change;
    if (row.against === undefined || before === undefined || change === undefined) {
      const { low, high } = row.score;
      return [
        {
          name: label(row),
          from: to,
          to,
          value: scale === 100 ? to.toFixed(2) : tick(to),
          tone: 'one',
          connect: report.kind !== 'leave-one-out' && report.rows[i + 1]?.against === i,
          ...(low !== undefined && high !== undefined && { low: scale * low, high: scale * high }),
        },
      ];
    }
    // Paired changes may leave out a seed that only one side has: the bar then starts where its own pairs do.
    const from = to - scale * change.mean;
    return [
      {
        name: label(row),
        from,
        to,
        value: bare(change.mean),
        tone: betterBy(report.metric, change.mean, 0) < 0 ? 'two' : 'one',
        faint: change.verdict === 'noise' || change.verdict === 'unknown',
        connect: report.kind === 'additive' && report.rows[i + 1]?.against === i,
        ...(change.low !== undefined &&
          change.high !== undefined &&
          change.verdict !== 'none' && {
            low: onAxis(report.metric, from + scale * change.low),
            high: onAxis(report.metric, from + scale * change.high),
          }),
      },
    ];
  });
  return chartOf(
    report,
    'ours',
    'Here',
    bars,
    `Bars: change against ${report.kind === 'leave-one-out' ? 'all steps together' : 'the row before'}. ` +
      'Whiskers: its 95\u00a0% interval over seeds. Pale: within noise, or too few seeds to tell.',
  );
}

function paperChart(report: AblationReport, model: string, i: number): Html | undefined {
  const measure = measureOf(report.metric);
  const bars = report.rows.flatMap((row, at): Bar[] => {
    const { score, change } = published(report, row, model);
    if (score === undefined) return [];
    return [
      {
        name: label(row),
        from: change === undefined ? score : score - measure.scale * change,
        to: score,
        value: change === undefined ? publishedBare(measure, score) : signed(measure, change),
        tone: betterBy(report.metric, change ?? 0, 0) < 0 ? 'two' : 'one',
        connect: report.rows[at + 1]?.against === at,
      },
    ];
  });
  return bars.length < 2 ? undefined : chartOf(report, `paper-${i}`, `Published: ${model}`, bars, report.paperSource);
}

function trialTable({ rows, metric }: AblationReport): Html {
  const { head, title, value } = measureOf(metric);
  const heads = [
    th('Row'),
    ['Seed', head, 'raw', 'EMA', 'Loss', `Training ${title}`, 'Training', 'ms a step'].map(thNum),
  ];
  const trials = rows.flatMap((row) =>
    row.done.map((one) =>
      tr([
        td(row.name),
        tdNum(one.seed),
        tdSorted(one.score, value(one.score)),
        tdSorted(one.scoreRaw, value(one.scoreRaw)),
        tdSorted(one.scoreEma ?? -1, value(one.scoreEma)),
        tdNum(significant(one.loss)),
        tdSorted(one.trainScore, value(one.trainScore)),
        tdSorted(one.seconds, duration(one.seconds)),
        tdNum(significant(one.msPerStep, 3)),
      ]),
    ),
  );
  return wideTable(heads, trials, { table: 'sortable full' });
}

const ORDER = {
  additive: 'on top of the rows before it',
  'leave-one-out': 'in the presence of all others',
  'weight-decay': 'with the regularisers of its row',
} as const;

function comparable(report: AblationReport): Html {
  const { data, rows, kind, metric } = report;
  const models = modelsOf(report);
  const { nouns, value } = measureOf(metric);
  const top = rows.find(({ score }) => score !== undefined)?.score;
  const interval =
    top === undefined || report.proportion !== true
      ? undefined
      : wilson(Math.round(top.mean * data.testPictures), data.testPictures);
  const elsewhere = models.some((model) => model !== 'published')
    ? `${models.join(' and ')} on ImageNet (1.28 million pictures, 1000 classes)`
    : 'other pictures';
  return html`<ul class="findings">
<li>Comparable: the rows of this page with each other. Seed by seed all have the same training and ${partWord(data.part ?? 'test')} pictures, \
size and width, and the same first weights where the architecture is the same. Changes are taken seed by seed, so \
that the luck of a seed cancels out.</li>
<li>The order matters: a step's change is its worth ${ORDER[kind]}, and no other.</li>
${
  models.length > 0 &&
  html`<li>Not comparable: ${nouns} here with the published ones, which are of ${elsewhere}. Of those, only signs and \
order may be compared, and they need not agree: over-fitting depends on pictures, model and epochs.</li>
`
}<li>An interval over seeds covers first weights, order and augmentation${
    data.trainPictures > 0 && ', and which training pictures were drawn where only part of them is used'
  }. It does not cover the choice of ${partWord(data.part ?? 'test')} pictures${
    interval &&
    html`: ${count(data.testPictures)} of them alone leave ${value(interval.low)} to ${value(interval.high)} \
(95\u00a0%, Wilson) around ${value(top!.mean)}`
  }.</li>
<li>Each interval is of one change. Of twenty steps that do nothing, one on average shows a “gain” or “loss” by \
chance.</li>
<li>Milliseconds a step are medians on this machine under the load of the trials beside it; compare them within the \
page.</li>
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
  const all = done.length + failed.length + pending.length;
  const warnings = [
    ...(pending.length > 0
      ? [`${count(pending.length)} of ${count(all)} trials are not done yet: figures and intervals will change.`]
      : []),
    ...failed.map(({ name, seed, reason }) => `${name}, seed ${seed} failed: ${reason.split('\n')[0]}`),
  ];
  return renderPage({
    title: report.title,
    kind: KINDS[report.kind],
    subtitle: html`${report.model} at ${report.size} pixels; ${count(data.trainPictures)} training and \
${picturesOf(data.part ?? 'test', data.testPictures, count)}${data.classes > 0 && ` of ${count(data.classes)} classes`}; ${moment(report.generatedAt)}`,
    head: html`${
      warnings.length > 0 &&
      html`<div class="warnings" role="note"><h2>${
        pending.length > 0 ? 'Not finished' : 'Failed trials'
      }</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
    }
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
              body: html`<details><summary>${count(done.length)} trials in figures</summary>${trialTable(
                report,
              )}</details>`,
            },
          ]
        : []),
      {
        id: 'made',
        title: 'How it was made',
        body: html`${pairList([...report.common, ...report.environment])}<dl class="commands"><dt>The same again, or \
on with what is left</dt><dd><pre><code>${report.command}</code></pre></dd></dl>`,
      },
    ],
    footer: `Made by Rescaled, ${moment(report.generatedAt)}`,
  });
}
