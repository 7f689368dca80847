import { bytes, count, missing, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import type { EpochRow, Mistake, OnnxParity, RunReport } from './data.js';

/** Every epoch in figures, folded. */
export function epochTable(epochs: readonly EpochRow[]): Html {
  const columns: [string, (row: EpochRow) => number | undefined, (value: number | undefined) => string][] = [
    ['Training loss', (row) => row.trainLoss, (v) => significant(v)],
    ['Test loss, raw', (row) => row.lossRaw, (v) => significant(v)],
    ['Test loss, EMA', (row) => row.lossEma, (v) => significant(v)],
    ['Minival loss', (row) => row.lossMinival, (v) => significant(v)],
    ['Training top-1', (row) => row.trainTop1, (v) => percent(v)],
    ['Top-1, raw', (row) => row.top1Raw, (v) => percent(v)],
    ['Top-1, EMA', (row) => row.top1Ema, (v) => percent(v)],
    ['Top-1, minival', (row) => row.top1Minival, (v) => percent(v)],
    ['Top-5, raw', (row) => row.top5Raw, (v) => percent(v)],
    ['Top-5, EMA', (row) => row.top5Ema, (v) => percent(v)],
    ['Learning rate', (row) => row.learningRate, (v) => significant(v, 3)],
    ['Pictures/s', (row) => row.imagesPerSecond, (v) => significant(v, 3)],
  ];
  const shown = columns.filter(([, value]) => epochs.some((row) => value(row) !== undefined));
  return html`<details><summary>Every epoch in figures</summary><div class="scroll"><table class="sortable full">
<thead><tr><th class="num">Epoch</th>${shown.map(([name]) => html`<th class="num">${name}</th>`)}</tr></thead>
<tbody>${epochs.map(
    (row) => html`<tr><td class="num" data-sort="${row.epoch}">${row.epoch}</td>${shown.map(([, value, format]) => {
      const v = value(row);
      return html`<td class="num" data-sort="${v !== undefined && Number.isFinite(v) ? v : -1}">${format(v)}</td>`;
    })}</tr>
`,
  )}</tbody></table></div></details>`;
}

const mistakesShown = 48;

/** The worst mistakes as pictures. */
export function mistakeGrid(mistakes: readonly Mistake[]): Html {
  const shown = mistakes.slice(0, mistakesShown);
  return html`<p class="note">Test pictures that were given a wrong class with the greatest confidence. Often some of them carry a wrong label: look before blaming the model.${
    mistakes.length > shown.length && ` ${count(shown.length)} of ${count(mistakes.length)}.`
  }</p>
<ul class="mistakes">${shown.map(
    (mistake) => html`<li>${picture(mistake)}
<p class="said">${mistake.predicted} ${percent(mistake.probability, 1)}</p><p>is ${mistake.label}</p><p class="source">${mistake.source}</p></li>
`,
  )}</ul>`;
}

function picture({ png, label, predicted }: Mistake): Html {
  const header = Buffer.from(png.slice(0, 32), 'base64');
  // A PNG's first chunk holds its width at byte 16; small pictures are clearer as sharp squares than as a blur.
  const width = header.length >= 20 ? header.readUInt32BE(16) : 0;
  return html`<img${width > 0 && width <= 64 && html` class="pixels"`} src="data:image/png;base64,${png}" alt="A test picture of ${label}, taken for ${predicted}">`;
}

/** The recipe: every setting, its value and where it comes from. */
export function recipeTable(recipe: RunReport['recipe']): Html {
  return html`<table class="recipe full"><thead><tr><th>Setting</th><th>Value</th><th>Source</th></tr></thead>
<tbody>${recipe.map(
    (
      row,
    ) => html`<tr><td>${row.key}</td><td>${row.value}${row.note !== undefined && html`<small>${row.note}</small>`}</td><td class="source">${row.source}</td></tr>
`,
  )}</tbody></table>`;
}

/** How well the exported file agrees with the trained model. */
export function parity({ file, bytes: size, maxAbsDiff, top1Agreement, pictures }: OnnxParity): Html {
  return html`<p><code>${file}</code>, ${bytes(size)}, was run beside the trained model on ${count(pictures)} pictures.</p>
<dl class="facts"><div><dt>Same top-1 answer</dt><dd>${percent(top1Agreement)}</dd></div>
<div><dt>Largest difference of an output</dt><dd>${Number.isFinite(maxAbsDiff) ? significant(maxAbsDiff, 3) : missing}</dd></div></dl>`;
}
