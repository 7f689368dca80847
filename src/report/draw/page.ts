import { createHash } from 'node:crypto';
import { type Html, html, trusted } from './html.js';
import { stylesheet } from './theme.js';

/** A part of a page, with an entry in its list of contents. */
export interface Section {
  /** Unique in the page; letters, digits and hyphens. */
  id: string;
  title: string;
  body: Html;
}

export interface Page {
  title: string;
  /** What kind of report it is, above the title. */
  kind: string;
  /** A line below the title. */
  subtitle: Html;
  /** What a reader should see first, before the contents. */
  head: Html;
  sections: readonly Section[];
  footer: string;
}

/**
 * Sorts tables by a click on a heading (or Enter on it), and unfolds everything for printing. Nothing needs it to be
 * read.
 */
const script = `
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if ('nosort' in head.dataset) return;
    head.tabIndex = 0;
    const value = (row) => { const cell = row.cells[column]; return 'sort' in cell.dataset ? Number(cell.dataset.sort) : cell.textContent; };
    const sort = () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const order = (a, b) => typeof a === 'number' ? a - b : a.localeCompare(b, undefined, { numeric: true });
      body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * order(value(a), value(b))));
    };
    head.addEventListener('click', sort);
    head.addEventListener('keydown', (event) => { if (event.key === 'Enter') sort(); });
  });
}
let folded = [];
addEventListener('beforeprint', () => { folded = [...document.querySelectorAll('details:not([open])')]; for (const part of folded) part.open = true; });
addEventListener('afterprint', () => { for (const part of folded) part.open = false; });
`;

/**
 * A whole HTML document in one string. Its content security policy forbids every request and every script but the one
 * above, so that neither a report nor a name inside it can reach the network.
 */
export function renderPage(page: Page): string {
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<style>${trusted(stylesheet)}</style>
</head>
<body>
<main>
<header><p class="kind">${page.kind}</p><h1>${page.title}</h1><p class="subtitle">${page.subtitle}</p></header>
${page.head}
<nav aria-label="Contents">${page.sections.map(({ id, title }) => html`<a href="#${id}">${title}</a> `)}</nav>
${page.sections.map(
  ({ id, title, body }) => html`<section id="${id}"><h2>${title}</h2>
${body}</section>
`,
)}<footer>${page.footer}</footer>
</main>
<script>${trusted(script)}</script>
</body>
</html>
`.toString();
}
