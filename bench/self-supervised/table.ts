import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is read of the report of `rescaled transfer`. */
interface Report {
  starts: readonly { name: string }[];
  targets: readonly { name: string }[];
  labels: readonly number[];
  cells: readonly {
    start: string;
    target: string;
    method: string;
    labels: number;
    top1?: number;
    low?: number;
    high?: number;
    rank?: 'best' | 'noise' | 'worse';
  }[];
}

/** A Markdown table for each method: top-1 on test pictures, percent, with half of the 95 % interval; the best are bold. */
export function tables(transfer: string): string {
  const { starts, targets, labels, cells } = JSON.parse(readFileSync(join(transfer, 'report.json'), 'utf8')) as Report;
  const columns = targets.flatMap(({ name }) => labels.map((share) => ({ target: name, share })));
  return ['linear', 'knn', 'finetune']
    .flatMap((method) => [
      `${method}:`,
      '',
      `| start | ${columns.map(({ target, share }) => `${target} ${share} %`).join(' | ')} |`,
      `| --- |${' --- |'.repeat(columns.length)}`,
      ...starts.map(({ name }) => {
        const row = columns.map(({ target, share }) => {
          const cell = cells.find(
            (one) => one.start === name && one.target === target && one.method === method && one.labels === share,
          );
          if (cell?.top1 === undefined) return '';
          const half = ((cell.high! - cell.low!) / 2) * 100;
          const text = `${(100 * cell.top1).toFixed(1)} ± ${half.toFixed(1)}`;
          return cell.rank === 'best' ? `**${text}**` : cell.rank === 'noise' ? `${text} =` : text;
        });
        return `| ${name} | ${row.join(' | ')} |`;
      }),
      '',
    ])
    .join('\n');
}

/** What is read of a report whose targets have metrics of their own. */
interface MetricReport {
  starts: readonly { name: string }[];
  targets: readonly { name: string; metric: { name: string; title: string; unit: string } }[];
  cells: readonly Readonly<Record<string, unknown>>[];
}

/** One Markdown table: rows are starts, columns targets with the metric of each; shares in percent, with half of the 95 % interval over seeds. */
export function metricTable(transfer: string): string {
  const { starts, targets, cells } = JSON.parse(readFileSync(join(transfer, 'report.json'), 'utf8')) as MetricReport;
  const titles = targets.map(({ name, metric }) => `${name}, ${metric.title}${metric.unit === 'share' ? ' %' : ''}`);
  return [
    `| start | ${titles.join(' | ')} |`,
    `| --- |${' --- |'.repeat(targets.length)}`,
    ...starts.map(({ name }) => {
      const row = targets.map(({ name: target, metric }) => {
        const cell = cells.find((one) => one['start'] === name && one['target'] === target);
        const value = cell?.[metric.name] as number | undefined;
        if (cell === undefined || value === undefined) return '';
        const write = (number: number): string =>
          metric.unit === 'share' ? (100 * number).toFixed(1) : number.toPrecision(3);
        const half = ((cell['high'] as number) - (cell['low'] as number)) / 2;
        const text = cell['interval'] === 'seeds' ? `${write(value)} ± ${write(half)}` : write(value);
        return cell['rank'] === 'best' ? `**${text}**` : cell['rank'] === 'noise' ? `${text} =` : text;
      });
      return `| ${name} | ${row.join(' | ')} |`;
    }),
  ].join('\n');
}
