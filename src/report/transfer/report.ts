import { clipped } from '../../metric.js';
import { niceRange } from '../draw/charts.js';
import { compact, count, duration, missing, moment, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { commandList, pairList } from '../draw/lists.js';
import { markChart } from '../draw/marks.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { renderPage } from '../draw/page.js';
import { below, td, tdNamed, tdNum, tdSorted, th, thNum, tr, wideTable } from '../draw/table.js';
import { TONES } from '../draw/theme.js';
import type { ReportCell, ReportPair, ReportStart, ReportTarget, TransferReport } from './data.js';
import { tally, transferFindings } from './findings.js';

/** The page of `rescaled transfer`: one HTML document that loads nothing. */
export function renderTransfer(report: TransferReport): string {
  const { starts, targets, cells, failures, labels, generatedAt } = report;
  const heads = headsOf(targets);
  const pending = cells.reduce((sum, { done, of }) => sum + of - done, 0);
  const warnings = [
    ...(pending > 0
      ? [
          `${count(pending)} of ${count(cells.reduce((sum, { of }) => sum + of, 0))} results are not there yet: figures and verdicts will change.`,
        ]
      : []),
    ...failures.map(({ name, reason }) => `${name} failed: ${reason.split('\n')[0]}`),
  ];
  return renderPage({
    title: report.title,
    kind: 'Rescaled · transfer',
    subtitle: html`${count(starts.length)} starts on ${targets.map(({ name }) => name).join(', ')} · ${moment(generatedAt)}`,
    head: html`${
      warnings.length > 0 &&
      html`<div class="warnings" role="note"><h2>${pending > 0 ? 'Not finished' : 'Failed'}</h2><ul>${warnings.map(
        (text) => html`<li>${text}</li>`,
      )}</ul></div>`
    }<ul class="findings">${transferFindings(report).map((text) => html`<li>${text}</li>`)}</ul>`,
    sections: [
      {
        id: 'table',
        title: `${heads} on the test pictures`,
        body: html`${[...labels].reverse().map((share) => shareTable(report, share))}${tableNote(report)}`,
      },
      ...(labels.length > 1 ? [{ id: 'labels', title: `${heads} against labels`, body: labelCharts(report) }] : []),
      ...(starts.length > 1 ? [{ id: 'wins', title: 'Wins and losses beyond noise', body: wins(report) }] : []),
      { id: 'cost', title: 'What each start costs', body: costTable(starts) },
      { id: 'targets', title: 'The targets', body: targetTable(report) },
      { id: 'chosen', title: 'What validation chose', body: chosenTable(report) },
      { id: 'how', title: 'How it was done', body: html`${pairList(report.how)}${commandList(report.commands)}` },
    ],
    footer: `Made by Rescaled, ${moment(generatedAt)}. This file is complete: it loads nothing.`,
  });
}

/** What the page is of: accuracy where all targets are classes. */
const headsOf = (targets: readonly ReportTarget[]): string =>
  targets.every(({ task }) => task === 'classify') ? 'Accuracy' : 'Scores';

/** Targets by the methods that each was measured by. */
const columnsOf = ({ targets, methods }: TransferReport) =>
  targets.flatMap((target) =>
    methods.filter(({ name }) => target.methods.includes(name)).map((method) => ({ target, method })),
  );

const shareWords = (labels: number): string => (labels >= 100 ? 'all labels' : `${labels}\u00a0% of the labels`);

const inColumn = (cell: ReportCell, target: string, method: string, labels: number): boolean =>
  cell.target === target && cell.method === method && cell.labels === labels;

/** Rows are starts, columns are targets by method: the form of the paper's Table 5. */
function shareTable(report: TransferReport, labels: number): Html {
  const { starts, cells, labels: shares } = report;
  const columns = columnsOf(report);
  const title = `${shareWords(labels)[0]!.toUpperCase()}${shareWords(labels).slice(1)}`;
  const pictures = (target: string): string => {
    const known = cells.find((cell) => cell.target === target && cell.labels === labels && cell.pictures !== undefined);
    return known === undefined ? '' : `${count(known.pictures!)} pictures`;
  };
  const body = starts.map(({ name, title: network }) =>
    tr([
      tdNamed(html`<b>${name}</b>${below(network)}`),
      columns.map(({ target, method }) =>
        figure(
          measureOf(target.metric),
          cells.find((cell) => cell.start === name && inColumn(cell, target.name, method.name, labels)),
        ),
      ),
    ]),
  );
  return html`${shares.length > 1 && html`<h3>${title}</h3>`}${wideTable(
    [
      th('Start'),
      columns.map(({ target, method }) =>
        thNum(
          html`${target.name}<br>${method.title}<br>${measureOf(target.metric).title}${below(pictures(target.name))}`,
        ),
      ),
    ],
    body,
  )}`;
}

function figure({ value: write, scale }: Measure, cell: ReportCell | undefined): Html {
  if (cell?.score === undefined) return tdNum(missing);
  const { score, low, high, interval, rank, done, of } = cell;
  const value = write(score, 1);
  const half =
    low === undefined || high === undefined
      ? undefined
      : interval === 'seeds'
        ? `± ${bare(scale, (high - low) / 2)}`
        : `${bare(scale, low)} to ${bare(scale, high)}`;
  return tdSorted(
    score,
    html`${rank === 'best' ? html`<b>${value}</b>` : value}${rank === 'noise' && html`<sup title="not told from the best of the column">=</sup>`}${below(
      [half, ...(done < of ? [`${done} of ${of}`] : [])].filter((text) => text !== undefined).join(', '),
    )}`,
  );
}

/** Without its unit: of a share in percent. */
const bare = (scale: number, value: number): string =>
  scale === 100 ? (100 * value).toFixed(1) : significant(value, 3);

function tableNote({ cells, seeds, targets }: TransferReport): Html {
  const kinds = new Set(cells.map(({ interval }) => interval));
  return html`<p class="note">Bold: the best of its column. =: not told from it (neither the test of pictures nor the seeds say \
that it is another).${
    kinds.has('seeds') &&
    ` After ±: the half of the 95\u00a0% interval of the mean over ${count(seeds)} seeds, each with other labels and other chance; \
it does not cover the choice of test pictures.`
  }${kinds.has('pictures') && ` As “a to b”: one result, with the 95\u00a0% interval that its test pictures leave (${intervalWords(targets)}).`}</p>`;
}

function labelCharts({ starts, targets, methods, cells, labels }: TransferReport): Html {
  const charts = targets.flatMap((target, t) =>
    methods.flatMap((method, m) => {
      const measure = measureOf(target.metric);
      const { scale } = measure;
      const own = cells.filter(
        (cell) => cell.target === target.name && cell.method === method.name && cell.score !== undefined,
      );
      const at = (cell: ReportCell): number => cell.pictures ?? (target.train * cell.labels) / 100;
      if (new Set(own.map(at)).size < 2) return [];
      const ends = own.flatMap(({ low, high, score }) => {
        const own = clipped(target.metric, { low: low ?? score!, high: high ?? score! });
        return [scale * own.low, scale * own.high];
      });
      const range = niceRange(Math.min(...ends), Math.max(...ends), 5);
      const ticks = [
        ...new Set(
          labels.map((share) => own.find((cell) => cell.labels === share)).flatMap((cell) => (cell ? [at(cell)] : [])),
        ),
      ];
      return [
        markChart({
          id: `labels-${t}-${m}`,
          title: `${target.name}, ${method.title}: ${measure.title}${measure.inUnit}`,
          series: starts.map(({ name }, i) => ({
            name,
            tone: TONES[i % TONES.length]!,
            joined: true,
            dashed: i >= TONES.length,
            marks: own
              .filter(({ start }) => start === name)
              .map((cell) => ({
                // A little apart, so that whiskers do not cover each other.
                x: at(cell) * 1.04 ** (i - (starts.length - 1) / 2),
                y: scale * cell.score!,
                ...(cell.low !== undefined &&
                  cell.high !== undefined && { low: scale * cell.low, high: scale * cell.high }),
              })),
          })),
          x: {
            name: 'labelled pictures',
            min: Math.min(...ticks) / 1.25,
            max: Math.max(...ticks) * 1.25,
            log: true,
            ticks,
            format: (value) => count(Math.round(value)),
          },
          y: {
            min: scale === 100 ? Math.max(0, range.min) : range.min,
            max: scale === 100 ? Math.min(100, range.max) : range.max,
            format: (value) => String(Number(value.toPrecision(4))),
          },
        }),
      ];
    }),
  );
  return html`<div class="charts">${charts}</div><p class="note">Whiskers are 95\u00a0% intervals, as in the table.</p>`;
}

const kindsOf = (targets: readonly ReportTarget[]) => ({
  classes: targets.some(({ task }) => task === 'classify'),
  others: targets.some(({ task }) => task !== 'classify'),
});

/** Whence the interval of one result comes. */
function intervalWords(targets: readonly ReportTarget[]): string {
  const { classes, others } = kindsOf(targets);
  const words = [...(classes ? ['Wilson'] : []), ...(others ? ['the bootstrap over pictures'] : [])];
  return words.length === 2 ? `${words[0]}; of boxes, masks and depth ${words[1]}` : words.join('');
}

/** How test pictures judge a difference. */
function testWords(targets: readonly ReportTarget[]): string {
  const { classes, others } = kindsOf(targets);
  const permuted = "of the exact permutation test of the test pictures (of one seed, McNemar's)";
  const drawn = 'the paired bootstrap of the test pictures';
  if (!others) return permuted;
  return classes ? `${permuted}, of boxes, masks and depth of ${drawn},` : `of ${drawn}`;
}

/** Who beats whom in how many columns, and each comparison. */
function wins(report: TransferReport): Html {
  const { starts, pairs, targets, labels } = report;
  const columns = columnsOf(report).length * labels.length;
  const cell = (row: string, column: string): Html => {
    if (row === column) return td('');
    const { won, lost, noise } = tally(pairs, row, column);
    if (won + lost + noise === 0) return tdNum(missing);
    return tdNum(html`<b>${won}</b> : ${lost}${below(`${noise} in noise`)}`);
  };
  return html`${wideTable(
    [th('Wins of … against …'), starts.map(({ name }) => thNum(name))],
    starts.map((row) => tr([tdNamed(row.name), starts.map((column) => cell(row.name, column.name))])),
  )}
<p class="note">Of ${count(columns)} columns: those that the start of the row wins beyond noise, those that it loses. Beyond noise: \
${testWords(targets)} p < 0.05, and from three seeds on the paired 95\u00a0% interval \
over seeds does not cover 0. Of twenty comparisons of equals, one is so by chance.</p>
<details><summary>All ${count(pairs.length)} comparisons</summary>${wideTable(
    [
      ...[th('Start'), th('against'), th('target'), th('method'), thNum('labels')],
      ...[thNum('difference'), thNum('95\u00a0% over seeds'), thNum('p of pictures'), th('')],
    ],
    pairs.map((pair) => comparison(pair, report)),
    { table: 'sortable full' },
  )}</details>`;
}

const VERDICTS: Readonly<Record<ReportPair['verdict'], string>> = {
  better: 'better',
  worse: 'worse',
  noise: 'within noise',
};

function comparison(
  { first, second, target, method, labels, mean, low, high, p, verdict }: ReportPair,
  { methods, targets }: TransferReport,
): Html {
  const { change, bare: difference } = measureOf(targets.find(({ name }) => name === target)!.metric);
  return tr([
    ...[
      td(second),
      td(first),
      td(target),
      td(methods.find(({ name }) => name === method)!.title),
      tdSorted(labels, `${labels}\u00a0%`),
    ],
    tdSorted(mean, verdict === 'noise' ? change(mean) : html`<b>${change(mean)}</b>`),
    tdNum(low === undefined || high === undefined ? missing : `${difference(low)} to ${change(high)}`),
    tdSorted(p, p < 1e-4 ? '< 0.0001' : significant(p, 2)),
    td(VERDICTS[verdict]),
  ]);
}

function costTable(starts: readonly ReportStart[]): Html {
  return html`${wideTable(
    [
      ...[th('Start'), th('network'), thNum('parameters'), thNum('multiply-adds'), thNum('features')],
      ...[thNum('pictures seen'), thNum('training'), th('of'), th('its pictures')],
    ],
    starts.map((start) =>
      tr([
        tdNamed(start.name),
        td(start.title),
        tdSorted(start.parameters, compact(start.parameters)),
        tdSorted(start.multiplyAdds, compact(start.multiplyAdds)),
        tdNum(count(start.features)),
        start.kind === 'scratch' ? tdNum('0') : tdNum(start.seen === undefined ? missing : count(start.seen)),
        start.kind === 'scratch'
          ? tdNum('none')
          : tdNum(start.seconds === undefined ? missing : duration(start.seconds)),
        td(html`${start.data ?? (start.kind === 'scratch' ? '' : missing)}${below(weightsWords(start))}`),
        td(
          html`${start.size} pixels, crop ${start.evalCrop}, ${start.interpolation}${below(
            `mean ${start.mean.join(', ')}; deviation ${start.std.join(', ')}`,
          )}`,
        ),
      ]),
    ),
  )}
<p class="note">Of the trunk, without a head; multiply-adds of one picture. Pictures seen and time of its own training are what its run says: \
– where the weights came without one.</p>`;
}

const weightsWords = ({ weights, task }: ReportStart): string | undefined =>
  [
    ...(weights === 'ema' ? ['averaged weights (EMA)'] : []),
    ...(task === undefined ? [] : [`trained for: ${task}`]),
  ].join(', ') || undefined;

function targetTable({ targets }: TransferReport): Html {
  const notes = targets.flatMap(({ notes: own }) => own);
  return html`${wideTable(
    [th('Target'), th('what is learned'), th('measured by'), ...['training', 'validation', 'test'].map(thNum)],
    targets.map(({ name, content, metric, size, train, val, test }) =>
      tr([
        tdNamed(name),
        td(html`${content}${size !== undefined && below(`at ${size} pixels`)}`),
        td(metric.heading ?? metric.title),
        ...[train, val, test].map((n) => tdNum(count(n))),
      ]),
    ),
  )}${notes.length > 0 && html`<ul class="findings">${notes.map((note) => html`<li>${note}.</li>`)}</ul>`}`;
}

function chosenTable({ cells, methods, targets }: TransferReport): Html {
  const of = ({ target }: ReportCell): Measure => measureOf(targets.find(({ name }) => name === target)!.metric);
  return html`<p class="note">Settings are chosen on all validation pictures at every share of the labels; the test pictures are measured once \
with what was chosen. An end of what was tried is named: more may be gained beyond it.</p>
<details><summary>What was chosen for each result</summary>${wideTable(
    [
      ...[th('Start'), th('target'), th('method'), thNum('labels'), thNum('pictures'), thNum('validation')],
      ...[thNum('test, by seed'), th('chosen'), th('at an end')],
    ],
    cells.map((cell) =>
      tr([
        ...[
          td(cell.start),
          td(cell.target),
          td(methods.find(({ name }) => name === cell.method)!.title),
          tdSorted(cell.labels, `${cell.labels}\u00a0%`),
        ],
        ...[
          tdNum(cell.pictures === undefined ? missing : count(cell.pictures)),
          tdNum(of(cell).value(cell.validation, 1)),
        ],
        tdNum(cell.each.length === 0 ? missing : cell.each.map((value) => bare(of(cell).scale, value)).join(', ')),
        td(cell.chosen ?? missing),
        td(cell.edge.join(', ')),
      ]),
    ),
    { table: 'sortable full' },
  )}</details>`;
}
