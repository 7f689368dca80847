import { missing, percent } from './draw/format.js';
import { type Html, html } from './draw/html.js';
import { bar } from './draw/lists.js';
import { measureOf } from './draw/measure.js';
import { tdNum, tdSorted, tdWords, th, thNum, tr, wideTable } from './draw/table.js';
import type { Interval } from './statistics.js';

/** A measured value with its interval, and what it is. */
export interface Figure {
  title: string;
  /** Of what it is the mean, say. */
  note: string;
  /** As of a metric: `share`, a unit, or nothing. */
  unit: string;
  value?: number;
  interval?: Interval;
}

/** The head of a column of bars, and a bar from 0 to 100 %. */
export const barHead = (label: string): Html =>
  html`<th class="bar-head" aria-label="${label}" data-nosort><span>0</span><span>100 %</span></th>`;
export const barCell = (value: number | undefined, interval: Interval | undefined): Html =>
  html`<td class="bar-cell">${value !== undefined && interval !== undefined && bar(value, interval)}</td>`;
export const share = (value: number | undefined): Html => tdSorted(value ?? -1, percent(value, 1));

/** Figures one below the other. Bars are of shares alone. */
export function figuresTable(figures: readonly Figure[]): Html {
  return wideTable(
    [th('Figure'), thNum('Value'), barHead('Value and its interval'), thNum('95 % interval'), th('What it is')],
    figures.map(({ title, note, unit, value, interval }) => {
      const measure = measureOf({ name: title, title, unit, direction: 'higher' });
      const write = (of: number): string => measure.value(of, 1);
      return tr([
        tdWords(title),
        tdNum(value === undefined ? missing : write(value)),
        barCell(value, unit === 'share' ? interval : undefined),
        tdNum(interval === undefined ? missing : `${write(interval.low)} to ${write(interval.high)}`),
        html`<td class="note">${note}</td>`,
      ]);
    }),
    { table: 'classes full' },
  );
}

/** What an interval from drawn pictures says, and what not. */
export const PICTURES_DRAWN =
  'The interval covers which pictures happened to be measured (they are drawn anew), not the luck of the seed: ' +
  'for that, repeat the run with other seeds.';
