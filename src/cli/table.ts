import { tableLines } from '../suggest.js';

/** A table as one text; see `tableLines`. */
export const table = (rows: readonly (readonly string[])[], left: number): string => tableLines(rows, left).join('\n');
