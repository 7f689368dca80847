import { percent, points, significant } from '../draw/format.js';
import type { AblationReport, AblationRow } from './data.js';

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
const bareName = (row: AblationRow): string => row.cell?.row ?? row.name.replace(/^(\+|without) /, '');
const by = (row: AblationRow): string => `${bareName(row)} (${points(row.change!.mean).replace(' points', '')})`;

/** What the figures say, in sentences that follow from them alone. */
export function ablationFindings(report: AblationReport): string[] {
  const compared = report.rows.filter((row) => row.change !== undefined);
  if (compared.length === 0)
    return report.rows.every(({ done }) => done.length === 0) ? ['No trial has ended yet.'] : [];
  return [...verdicts(report, compared), ...total(report), ...overfitting(report), ...cost(report)];
}

function verdicts({ kind }: AblationReport, compared: readonly AblationRow[]): string[] {
  const of = (verdict: string): AblationRow[] => compared.filter(({ change }) => change!.verdict === verdict);
  const [up, down] = [
    of('better').sort((a, b) => b.change!.mean - a.change!.mean),
    of('worse').sort((a, b) => a.change!.mean - b.change!.mean),
  ];
  const said: string[] = [];
  const [gains, losses] = {
    additive: ['Gain beyond the noise of the seeds', 'Loss beyond the noise of the seeds'],
    'leave-one-out': ['Better without', 'Worse without'],
    'weight-decay': ['Better with the smaller weight decay', 'Worse with the smaller weight decay'],
  }[kind] as [string, string];
  if (up.length > 0) said.push(`${gains}, in points: ${list(up.map(by))}.`);
  if (down.length > 0) said.push(`${losses}, in points: ${list(down.map(by))}.`);
  const noise = of('noise');
  if (noise.length > 0)
    said.push(
      `Within noise (the interval of the change covers 0): ${list(noise.map(by))}. More seeds would narrow the intervals.`,
    );
  const none = of('none');
  if (none.length > 0)
    said.push(
      `${list(none.map(bareName))} ${none.length === 1 ? 'changes' : 'change'} nothing here: the very same results.`,
    );
  const unknown = of('unknown');
  if (unknown.length > 0)
    said.push(
      `${unknown.length === compared.length ? 'Every change comes' : `The changes of ${list(unknown.map(bareName))} come`} from one seed: there is no interval, and a change may be chance. Use --seeds 3 or more.`,
    );
  return said;
}

function total({ total: whole, kind, rows }: AblationReport): string[] {
  if (whole === undefined || kind !== 'additive') return [];
  const { mean, low, high } = whole;
  const interval =
    low === undefined || high === undefined ? '' : ` (95\u00a0% interval ${points(low)} to ${points(high)})`;
  return [
    `All steps together: ${points(mean)}${interval}, from ${percent(rows[0]!.top1?.mean)} to ${percent(rows.at(-1)!.top1?.mean)}.`,
  ];
}

/** Training accuracy above this, and this much more than on test pictures, is worth a sentence. */
const GAP = 0.02;

function overfitting({ rows }: AblationReport): string[] {
  const gap = (row: AblationRow): number => row.trainTop1!.mean - row.top1!.mean;
  const known = rows.filter((row) => row.trainTop1 !== undefined && row.top1 !== undefined);
  if (known.length === 0) return [];
  const widest = known.reduce((a, b) => (gap(b) > gap(a) ? b : a));
  const smallest = known.reduce((a, b) => (gap(b) < gap(a) ? b : a));
  if (gap(widest) < GAP)
    return [
      'Training and test accuracy lie close together in every row: nothing over-fits here, and regularisation has little to gain. More epochs or fewer pictures would show it.',
    ];
  return [
    `Over-fitting is widest in “${widest.name}”: ${percent(widest.trainTop1!.mean)} on training pictures, ${percent(widest.top1!.mean)} on test pictures; smallest in “${smallest.name}”: ${percent(smallest.trainTop1!.mean)} and ${percent(smallest.top1!.mean)}.`,
  ];
}

function cost({ rows, kind }: AblationReport): string[] {
  const [first, last] = [rows[0]!.msPerStep, rows.at(-1)!.msPerStep];
  if (kind !== 'additive' || first === undefined || last === undefined || !(first > 0)) return [];
  return [
    `A step takes ${(last / first).toFixed(2)} times as long in the last row as in the first: ${significant(last, 3)} against ${significant(first, 3)} ms.`,
  ];
}
