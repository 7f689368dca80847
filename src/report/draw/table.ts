import { type Child, type Html, html } from './html.js';

/** Heads and cells: of text, of figures, and of names that must not be broken. */
export const th = (text: Child): Html => html`<th>${text}</th>`;
export const thNum = (text: Child): Html => html`<th class="num">${text}</th>`;
export const td = (text: Child): Html => html`<td>${text}</td>`;
export const tdNum = (text: Child): Html => html`<td class="num">${text}</td>`;
export const tdNamed = (text: Child): Html => html`<td class="named">${text}</td>`;
export const tdWords = (text: Child): Html => html`<td class="words">${text}</td>`;
/** A figure that the page sorts by another value than its text. */
export const tdSorted = (by: number, text: Child): Html => html`<td class="num" data-sort="${by}">${text}</td>`;

/** A small line below what stands in a cell; nothing below where there is no text. */
export const below = (text: Child): Html | false =>
  text !== undefined && text !== null && text !== false && html`<br><small class="note">${text}</small>`;

export const tr = (cells: Child): Html => html`<tr>${cells}</tr>
`;

/** A table that scrolls sideways where it is wider than the page. Its classes: none for `''`. */
export function wideTable(heads: Child, rows: Child, { scroll = 'scroll', table = 'full' } = {}): Html {
  return html`<div class="${scroll}"><table${table !== '' && html` class="${table}"`}><thead><tr>${heads}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
