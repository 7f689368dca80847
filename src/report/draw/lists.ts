import { type Html, html } from './html.js';

/** Names and values. */
export function pairList(rows: readonly { key: string; value: string }[]): Html {
  return html`<table class="pairs-list"><tbody>${rows.map(
    (row) => html`<tr><td class="note">${row.key}</td><td>${row.value}</td></tr>
`,
  )}</tbody></table>`;
}

/** Commands, each with what it does. */
export function commandList(commands: readonly { what: string; command: string }[]): Html {
  return html`<dl class="commands">${commands.map(
    ({ what, command }) => html`<dt>${what}</dt><dd><pre><code>${command}</code></pre></dd>
`,
  )}</dl>`;
}
