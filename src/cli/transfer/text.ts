import type { TransferTable } from '../../transfer/table.js';
import type { TargetFacts } from '../../transfer/targets.js';
import { table } from '../table.js';

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A target and what is to be known of it, one a line. */
export const targetText = ({ name, classes, train, val, test, notes }: TargetFacts): string =>
  [
    `${name}: ${classes} classes, ${train} training, ${val} validation and ${test} test pictures`,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');

/** Rows are starts, columns targets by method, one table a share of the labels. */
export function tableText({ starts, targets, methods, labels, cells }: TransferTable): string {
  return [...labels]
    .reverse()
    .map((share) => {
      const columns = targets.flatMap((target) => methods.map((method) => ({ target: target.name, method })));
      const rows = starts.map(({ name }) => [
        name,
        ...columns.map(({ target, method }) => {
          const cell = cells.find(
            (one) => one.start === name && one.target === target && one.method === method.name && one.labels === share,
          );
          if (cell?.top1 === undefined) return '-';
          const { top1, low, high, interval, rank } = cell;
          const half =
            interval === 'seeds' && low !== undefined && high !== undefined
              ? ` ± ${(50 * (high - low)).toFixed(1)}`
              : '';
          return `${(100 * top1).toFixed(1)}${half}${rank === 'best' ? ' *' : rank === 'noise' ? ' =' : '  '}`;
        }),
      ]);
      const head = [`${share} % of labels`, ...columns.map(({ target, method }) => `${target} ${method.title}`)];
      return table([head, ...rows], 1);
    })
    .concat(
      '* best of its column, = cannot be told from it; top-1 in % on test pictures, ± half of the 95 % interval over seeds',
    )
    .join('\n\n');
}
