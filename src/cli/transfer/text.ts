import { type Metric, showMetric } from '../../metric.js';
import type { TransferTable } from '../../transfer/table.js';
import { contentOf, type TargetFacts } from '../../transfer/targets.js';
import { table } from '../table.js';

/** `AP 45.1 %`. */
export const score = (metric: Metric, value: number): string => `${metric.title} ${showMetric(metric, value, 1)}`;

/** A target and what is to be known of it, one a line. */
export const targetText = ({ train, val, test, notes, ...target }: TargetFacts): string =>
  [
    `${target.name}: ${contentOf(target)}${target.size === undefined ? '' : `, seen at ${target.size} pixels`}; ` +
      `${train} training, ${val} validation and ${test} test pictures`,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');

/** Without its unit: of a share in percent. */
const bare = ({ unit }: Metric, value: number): string =>
  unit === 'share' ? (100 * value).toFixed(1) : showMetric({ unit: '' }, value);

/** Rows are starts, columns targets by method, one table a share of the labels. */
export function tableText({ starts, targets, methods, labels, cells }: TransferTable): string {
  const columns = targets.flatMap((target) =>
    methods.filter(({ name }) => target.methods.includes(name)).map((method) => ({ target, method })),
  );
  const all = new Set(targets.map(({ metric }) => metric.title));
  // Where all are compared by the same, it is said once, below.
  const title = ({ metric }: (typeof targets)[number]): string => (all.size === 1 ? '' : ` ${titleOf(metric)}`);
  const below = all.size === 1 ? `${titleOf(targets[0]!.metric, 'in ')} on test pictures` : 'on test pictures';
  return [...labels]
    .reverse()
    .map((share) => {
      const rows = starts.map(({ name }) => [
        name,
        ...columns.map(({ target, method }) => {
          const cell = cells.find(
            (one) =>
              one.start === name && one.target === target.name && one.method === method.name && one.labels === share,
          );
          if (cell?.score === undefined) return '-';
          const { low, high, interval, rank } = cell;
          const half =
            interval === 'seeds' && low !== undefined && high !== undefined
              ? ` ± ${bare(target.metric, (high - low) / 2)}`
              : '';
          return `${bare(target.metric, cell.score)}${half}${rank === 'best' ? ' *' : rank === 'noise' ? ' =' : '  '}`;
        }),
      ]);
      const head = [
        `${share} % of labels`,
        ...columns.map(({ target, method }) => `${target.name} ${method.title}${title(target)}`),
      ];
      return table([head, ...rows], 1);
    })
    .concat(`* best of its column, = cannot be told from it; ${below}, ± half of the 95 % interval over seeds`)
    .join('\n\n');
}

/** `top-1 in %`, in the head of a column `AP, %`. */
function titleOf({ title, unit }: Metric, before = ''): string {
  const named = unit === 'share' ? '%' : unit;
  if (named === '') return title;
  return before === '' ? `${title}, ${named}` : `${title} ${before}${named}`;
}
