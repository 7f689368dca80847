import { betterBy } from '../../metric.js';
import { partWord } from '../../part-words.js';
import { significant } from '../draw/format.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { LEAST_SEEDS } from '../statistics.js';
import type { AblationReport, AblationRow } from './data.js';

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
const bareName = (row: AblationRow): string => row.cell?.row ?? row.name.replace(/^(\+|without) /, '');
const by =
  ({ bare }: Measure) =>
  (row: AblationRow): string =>
    `${bareName(row)} (${bare(row.change!.mean)})`;

/** What the figures say, in sentences that follow from them alone. */
export function ablationFindings(report: AblationReport): string[] {
  const compared = report.rows.filter((row) => row.change !== undefined);
  if (compared.length === 0)
    return report.rows.every(({ done }) => done.length === 0) ? ['No trial has ended yet.'] : [];
  return [...verdicts(report, compared), ...total(report), ...overfitting(report), ...cost(report)];
}

/** Whether every figure of every seed is that of the row before: an equal score alone may be chance. */
function isSame(row: AblationRow, rows: readonly AblationRow[]): boolean {
  const against = row.against === undefined ? undefined : rows[row.against];
  const figures = ({ done }: AblationRow): string =>
    JSON.stringify(
      [...done]
        .sort((a, b) => a.seed - b.seed)
        .map(({ seed, score, scoreRaw, scoreEma, loss, trainScore }) => [
          ...[seed, score, scoreRaw, scoreEma, loss, trainScore],
        ]),
    );
  return against !== undefined && figures(row) === figures(against);
}

function verdicts({ kind, metric, rows }: AblationReport, compared: readonly AblationRow[]): string[] {
  const measure = measureOf(metric);
  const named = (rows: readonly AblationRow[]): string => list(rows.map(by(measure)));
  const of = (verdict: string): AblationRow[] => compared.filter(({ change }) => change!.verdict === verdict);
  const [up, down] = [
    of('better').sort((a, b) => betterBy(metric, b.change!.mean, a.change!.mean)),
    of('worse').sort((a, b) => betterBy(metric, a.change!.mean, b.change!.mean)),
  ];
  const said: string[] = [];
  const [gains, losses] = {
    additive: ['Gain beyond the noise of the seeds', 'Loss beyond the noise of the seeds'],
    'leave-one-out': ['Better without', 'Worse without'],
    'weight-decay': ['Better with the smaller weight decay', 'Worse with the smaller weight decay'],
  }[kind] as [string, string];
  const unit = measure.inChange.replace(', ', ', in ');
  if (up.length > 0) said.push(`${gains}${unit}: ${named(up)}.`);
  if (down.length > 0) said.push(`${losses}${unit}: ${named(down)}.`);
  const noise = of('noise');
  if (noise.length > 0)
    said.push(
      `Within noise (the interval of the change covers 0): ${named(noise)}. More seeds would narrow the intervals.`,
    );
  const none = of('none');
  const [same, even] = [none.filter((row) => isSame(row, rows)), none.filter((row) => !isSame(row, rows))];
  const change = (some: readonly AblationRow[]): string =>
    `${list(some.map(bareName))} ${some.length === 1 ? 'changes' : 'change'}`;
  if (same.length > 0) said.push(`${change(same)} nothing here: the very same results.`);
  if (even.length > 0)
    said.push(`No change in ${metric.title} by ${list(even.map(bareName))}, though other figures differ.`);
  const unknown = of('unknown');
  const changes =
    unknown.length === compared.length ? 'Every change comes' : `The changes of ${list(unknown.map(bareName))} come`;
  if (unknown.length > 0) {
    const fewest = Math.min(...unknown.map(({ change }) => change!.n));
    said.push(
      `${changes} from ${fewest === 1 ? 'one seed: there is no interval, and a change' : 'two seeds, too few to judge by: each'} ` +
        `may be chance. Use --seeds ${LEAST_SEEDS} or more.`,
    );
  }
  return said;
}

function total({ total: whole, kind, rows, metric }: AblationReport): string[] {
  if (whole === undefined || kind !== 'additive') return [];
  const { mean, low, high } = whole;
  const { change, value } = measureOf(metric);
  const interval =
    low === undefined || high === undefined ? '' : ` (95\u00a0% interval ${change(low)} to ${change(high)})`;
  return [
    `All steps together: ${change(mean)}${interval}, ` +
      `from ${value(rows[0]!.score?.mean)} to ${value(rows.at(-1)!.score?.mean)}.`,
  ];
}

/** Better on training pictures by so much is worth a sentence: of a share, and in parts of the test score. */
const GAP = 0.02;
const RELATIVE_GAP = 0.1;

function overfitting({ rows, metric, data }: AblationReport): string[] {
  const { value, noun } = measureOf(metric);
  const on = partWord(data.part ?? 'test');
  const gap = (row: AblationRow): number => betterBy(metric, row.trainScore!.mean, row.score!.mean);
  const known = rows.filter((row) => row.trainScore !== undefined && row.score !== undefined);
  if (known.length === 0) return [];
  const widest = known.reduce((a, b) => (gap(b) > gap(a) ? b : a));
  const smallest = known.reduce((a, b) => (gap(b) < gap(a) ? b : a));
  if (gap(widest) < (metric.unit === 'share' ? GAP : RELATIVE_GAP * Math.abs(widest.score!.mean)))
    return [
      `Training and ${on} ${noun} lie close together in every row: nothing over-fits here, ` +
        'and regularisation has little to gain. More epochs or fewer pictures would show it.',
    ];
  return [
    `Over-fitting is widest in “${widest.name}”: ${value(widest.trainScore!.mean)} on training pictures, ` +
      `${value(widest.score!.mean)} on ${on} pictures; smallest in “${smallest.name}”: ` +
      `${value(smallest.trainScore!.mean)} and ${value(smallest.score!.mean)}.`,
  ];
}

function cost({ rows, kind }: AblationReport): string[] {
  const [first, last] = [rows[0]!.msPerStep, rows.at(-1)!.msPerStep];
  if (kind !== 'additive' || first === undefined || last === undefined || !(first > 0)) return [];
  return [
    `A step takes ${(last / first).toFixed(2)} times as long in the last row as in the first: ` +
      `${significant(last, 3)} against ${significant(first, 3)} ms.`,
  ];
}
