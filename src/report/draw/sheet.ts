import { csvText } from '../../csv.js';
import { count, missing } from './format.js';
import { type Child, type Html, html } from './html.js';

/** A column of a table that is both shown in the page and written as CSV. */
export interface Column<Row> {
  /** In CSV. */
  key: string;
  /** In the page; a column without one is in the CSV only. */
  title?: string;
  value: (row: Row) => string | number | undefined;
  /** How the page shows it: its text where absent. */
  show?: (row: Row) => Child;
  /** Text stands at the left. */
  words?: boolean;
}

/** The numbers under a figure. */
export interface Sheet {
  /** File name, without `.csv`; letters, digits and hyphens. */
  name: string;
  rows: number;
  csv(): string;
  table(limit?: number): Html;
}

/** Rows that a table of the page holds at most. */
const LIMIT = 200;

/**
 * The rows as CSV (RFC 4180 with line feeds) and as a table of the page. Numbers that are not finite are empty cells.
 */
export function sheet<Row>(name: string, columns: readonly Column<Row>[], rows: readonly Row[]): Sheet {
  // A column that has nothing in any row stands in the CSV alone.
  const shown = columns.filter(
    ({ title, value }) => title !== undefined && (rows.length === 0 || rows.some((row) => value(row) !== undefined)),
  );
  const side = ({ words }: Column<Row>): Html => html` class="${words === true ? 'words' : 'num'}"`;
  return {
    name,
    rows: rows.length,
    csv: () =>
      csvText(
        columns.map(({ key }) => key),
        rows.map((row) => columns.map(({ value }) => value(row))),
      ),
    table: (limit = LIMIT) => html`<div class="scroll"><table class="sortable full"><thead><tr>${shown.map(
      (column) => html`<th${side(column)}>${column.title}</th>`,
    )}</tr></thead>
<tbody>${rows.slice(0, limit).map(
      (row) => html`<tr>${shown.map((column) => {
        const value = column.value(row);
        const sort =
          column.words === true
            ? false
            : html` data-sort="${
                typeof value === 'number' && Number.isFinite(value) ? value : Number.MIN_SAFE_INTEGER
              }"`;
        return html`<td${side(column)}${sort}>${column.show === undefined ? cellText(value) : column.show(row)}</td>`;
      })}</tr>
`,
    )}</tbody></table></div>${
      rows.length > limit &&
      html`<p class="note">The first ${count(limit)} of ${count(rows.length)} rows: the CSV has all.</p>`
    }`,
  };
}

const cellText = (value: string | number | undefined): string =>
  value === undefined ? '' : typeof value === 'number' && !Number.isFinite(value) ? missing : String(value);

/** A link that saves the rows as a file; it holds them itself, since a page must not depend on a file beside it. */
export function download({ name, csv, rows }: Sheet): Html | undefined {
  if (rows === 0) return undefined;
  const href = `data:text/csv;charset=utf-8;base64,${Buffer.from(csv()).toString('base64')}`;
  return html`<a class="download" download="${name}.csv" href="${href}">${name}.csv</a>`;
}

/** The numbers under a figure, folded, with the link beside them. */
export function numbers(of: Sheet, what: string): Html | undefined {
  if (of.rows === 0) return undefined;
  return html`<details><summary>${what} in figures</summary>${of.table()}</details>
<p class="note">Download CSV: ${download(of)}</p>`;
}
