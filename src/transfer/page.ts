import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { written } from '../metric.js';
import type { renderTransfer } from '../report/transfer/report.js';
import { commandLine } from '../suggest.js';
import type { TransferPlan } from './plan.js';
import { type TransferTable, tableOf } from './table.js';

export const pageOf = (out: string): string => join(out, 'report.html');

/**
 * Writes report.html, and report.json for programs.
 * @param render what draws the page, which its caller loads in time
 */
export function writePage(plan: TransferPlan, out: string, render: typeof renderTransfer): TransferTable {
  const table = tableOf(plan, out);
  writeFileAtomic(join(out, 'report.json'), `${JSON.stringify(tableJson(table), null, 2)}\n`);
  writeFileAtomic(pageOf(out), render({ ...table, commands: commandsOf(plan, out) }));
  return table;
}

/** The table as programs read it: scores under the name of their metric. */
export const tableJson = (table: TransferTable): unknown => ({
  ...table,
  cells: table.cells.map((cell) => written(table.targets.find(({ name }) => name === cell.target)!.metric, cell)),
});

function commandsOf({ ask, starts, targets }: TransferPlan, out: string): { what: string; command: string }[] {
  const given = starts.map(({ name, given: typed }) => (name === typed ? typed : `${name}=${typed}`));
  const words = ['rescaled', 'transfer', ...given, '--to', ...targets.map((target) => target.given)];
  return [
    {
      what: 'The same again, or on with what is left',
      command: commandLine([
        ...words,
        '--labels',
        ask.labels.join(','),
        '--methods',
        ask.methods.join(','),
        '--seeds',
        String(ask.seeds),
        '-o',
        out,
      ]),
    },
  ];
}
