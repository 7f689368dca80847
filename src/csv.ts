/** One cell, quoted where it must be (RFC 4180). What is undefined, null or a number that is not finite is empty. */
function cell(value: unknown): string {
  if (value === undefined || value === null || (typeof value === 'number' && !Number.isFinite(value))) return '';
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row of CSV, without its line end. */
export const csvRow = (cells: readonly unknown[]): string => cells.map(cell).join(',');

/** A header and its rows as CSV (RFC 4180 with line feeds), a line feed at the end. */
export const csvText = (columns: readonly string[], rows: readonly (readonly unknown[])[]): string =>
  `${[columns, ...rows].map(csvRow).join('\n')}\n`;
