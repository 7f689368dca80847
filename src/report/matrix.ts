import { count, percent } from './draw/format.js';
import { type Html, html } from './draw/html.js';

/** Above this many classes a cell is too small for its number, which then stands in its tooltip. */
const numbersLimit = 16;

/**
 * How often each class is taken for each. @param counts [true][predicted]
 * @param columns names of the columns where they differ from those of the rows; the cells of the same place are right
 * @param write a count in its cell
 */
export function matrix(
  classes: readonly string[],
  counts: readonly (readonly number[])[],
  {
    columns = classes,
    write = String,
    numbers = classes.length <= numbersLimit,
    unasked = () => false,
  }: {
    columns?: readonly string[];
    write?: (value: number, share: number) => string;
    numbers?: boolean;
    /** Cells that nothing can fall into. */
    unasked?: (row: number, column: number) => boolean;
  } = {},
): Html {
  return html`<div><p class="note">Rows: true class. Columns: prediction. Colour: share of the row.</p>
${legend()}
<div class="scroll"><table class="matrix${numbers ? '' : ' dense'}">
<thead><tr><td></td>${columns.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
<tbody>${counts.map((row, t) => {
    const support = row.reduce((sum, value) => sum + value, 0);
    return html`<tr><th scope="row">${classes[t]}</th>${row.map((value, p) =>
      unasked(t, p)
        ? html`<td></td>`
        : cell(value, support, t === p, `${classes[t]} → ${columns[p]}`, numbers ? write : undefined),
    )}</tr>
`;
  })}</tbody></table></div></div>`;
}

/** The two scales of colour: of what was right and of what was mistaken. */
function legend(): Html {
  const swatches = (kind: 'right' | 'wrong', shares: readonly number[]): Html[] =>
    shares.map(
      (share) => html`<span class="swatch ${kind}" style="--v:${depthOf(share, kind === 'right').toFixed(2)}"></span>`,
    );
  return html`<p class="note legend">right: 0 %${swatches('right', [0, 0.25, 0.5, 0.75, 1])}100 %; \
mistaken: 0 %${swatches('wrong', [0.01, 0.08, 0.15, 0.22, 0.3])}30 % and more</p>
`;
}

/** The root spreads the small shares, where the mistakes are; 30 % of a row confused is as strong as the colour gets. */
const depthOf = (share: number, right: boolean): number =>
  right ? 0.12 + 0.6 * share : Math.min(1, 0.1 + 0.9 * Math.sqrt(Math.min(1, share / 0.3)));

function cell(
  value: number,
  support: number,
  right: boolean,
  name: string,
  write: ((value: number, share: number) => string) | undefined,
): Html {
  const share = support > 0 ? value / support : 0;
  if (value === 0) return html`<td class="zero">${write !== undefined && '·'}</td>`;
  const depth = depthOf(share, right);
  return html`<td class="${right ? 'right' : 'wrong'}${depth > 0.62 ? ' deep' : ''}" style="--v:${depth.toFixed(2)}" \
title="${name}: ${count(value)} (${percent(share, 1)})">${write?.(value, share)}</td>`;
}
