import { bytes, count } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { td, tdSorted, th, thNum, wideTable } from '../draw/table.js';

/** Exported files of the same networks in several precisions, timed in ONNX Runtime: what `npm run bench:int8` writes. */
export interface ExportedFiles {
  machine: string;
  runtime: string;
  /** Timed runs of each. */
  rounds: number;
  rows: readonly {
    model: string;
    size: number;
    /** `float32`, `int8`, `float16`, or another program's. */
    kind: string;
    bytes: number;
    threads: number;
    batch: number;
    /** Median time of a batch. */
    milliseconds: number;
    /** Times as fast as float32, both in turn. */
    ratio: number;
  }[];
}

const HEADS = ['pixels', 'bytes', 'threads', 'batch', 'time of a batch, ms', 'times as fast as float32'] as const;

/** The section of a page. */
export function filesSection({ machine, runtime, rounds, rows }: ExportedFiles): Html {
  const cells = rows.map((row) => [
    ...[td(row.model), td(row.kind)],
    ...[tdSorted(row.size, row.size), tdSorted(row.bytes, bytes(row.bytes))],
    ...[tdSorted(row.threads, row.threads), tdSorted(row.batch, row.batch)],
    ...[tdSorted(row.milliseconds, count(row.milliseconds)), tdSorted(row.ratio, row.ratio.toFixed(2))],
  ]);
  return html`${wideTable(
    [th('model'), th('precision'), HEADS.map(thNum)],
    cells.map((row) => html`<tr>${row}</tr>`),
    { table: 'sortable full' },
  )}
<p class="note">${runtime} on ${machine}: files of <code>rescaled export</code>, medians of ${rounds} runs of each, all files in turn. \
float16 is for GPUs and the web: this CPU computes it in float32. What int8 costs of a trained network's accuracy is measured by \
<code>rescaled export --int8</code>.</p>`;
}
