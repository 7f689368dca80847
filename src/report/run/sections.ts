import type { Metric } from '../../metric.js';
import type { MeasuredPart } from '../../part-words.js';
import { bytes, count, missing, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { measureOf } from '../draw/measure.js';
import type { EpochRow, OnnxParity, RunReport } from './data.js';

type Column = [title: string, (row: EpochRow) => number | undefined, (value: number | undefined) => string];

/** The columns of a metric: on training batches where a step tells it, then of each kind of weights. */
function columnsOf(metric: Metric, primary: boolean): Column[] {
  const { name } = metric;
  const { title, head, value: show } = measureOf(metric);
  return [
    [`Training ${title}`, ({ train }) => train[name], (v) => show(v)],
    [`${head}, raw`, ({ raw }) => raw?.[name], (v) => show(v)],
    [`${head}, EMA`, ({ ema }) => ema?.[name], show],
    ...(primary ? [[`${head}, minival`, ({ minival }: EpochRow) => minival?.[name], show] satisfies Column] : []),
  ];
}

/** Every epoch in figures, folded. */
export function epochTable(
  epochs: readonly EpochRow[],
  metrics: readonly Metric[],
  validated: MeasuredPart = 'test',
): Html {
  const on = validated === 'val' ? 'Validation' : 'Test';
  const columns: Column[] = [
    ['Training loss', ({ train }) => train['loss'], (v) => significant(v)],
    [`${on} loss, raw`, ({ raw }) => raw?.['loss'], (v) => significant(v)],
    [`${on} loss, EMA`, ({ ema }) => ema?.['loss'], (v) => significant(v)],
    ['Minival loss', ({ minival }) => minival?.['loss'], (v) => significant(v)],
    ...metrics.flatMap((metric, i) => (metric.name === 'loss' ? [] : columnsOf(metric, i === 0))),
    ['Learning rate', (row) => row.learningRate, (v) => significant(v, 3)],
    ['Pictures/s', (row) => row.imagesPerSecond, (v) => significant(v, 3)],
  ];
  const used = columns.filter(([, value]) => epochs.some((row) => value(row) !== undefined));
  return html`<details><summary>Every epoch in figures</summary><div class="scroll"><table class="sortable full">
<thead><tr><th class="num">Epoch</th>${used.map(([name]) => html`<th class="num">${name}</th>`)}</tr></thead>
<tbody>${epochs.map(
    (row) => html`<tr><td class="num" data-sort="${row.epoch}">${row.epoch}</td>${used.map(([, value, format]) => {
      const v = value(row);
      return html`<td class="num" data-sort="${v !== undefined && Number.isFinite(v) ? v : -1}">${format(v)}</td>`;
    })}</tr>
`,
  )}</tbody></table></div></details>`;
}

/** The recipe: every setting, its value and where it comes from. */
export function recipeTable(recipe: RunReport['recipe']): Html {
  return html`<table class="recipe full"><thead><tr><th>Setting</th><th>Value</th><th>Source</th></tr></thead>
<tbody>${recipe.map(
    (
      row,
    ) => html`<tr><td>${row.key}</td><td>${row.value}${row.note !== undefined && html`<small>${row.note}</small>`}</td>\
<td class="source">${row.source}</td></tr>
`,
  )}</tbody></table>`;
}

/** How well the exported file agrees with the trained model. */
export function parity({ file, bytes: size, maxAbsDiff, top1Agreement, pictures }: OnnxParity): Html {
  return html`<p><code>${file}</code>, ${bytes(size)}, was run beside the trained model on ${count(pictures)} pictures.</p>
<dl class="facts">${
    top1Agreement !== undefined &&
    html`<div><dt>Same top-1 answer</dt><dd>${percent(top1Agreement)}</dd></div>
`
  }<div><dt>Largest difference of an output</dt><dd>${Number.isFinite(maxAbsDiff) ? significant(maxAbsDiff, 3) : missing}</dd></div></dl>`;
}
