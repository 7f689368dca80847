import type { Interval } from '../statistics.js';
import { percent } from './format.js';
import { type Html, html } from './html.js';

/** A value between 0 and 1 on a track, with its interval as a band. */
export function bar(value: number, { low, high }: Interval): Html {
  const at = (fraction: number): string => (fraction * 100).toFixed(1);
  return html`<span class="bar" title="95\u00a0% interval ${percent(low, 1)} to ${percent(high, 1)}">\
<i class="band" style="left:${at(low)}%;width:${at(high - low)}%"></i><i class="dot" style="left:${at(value)}%"></i></span>`;
}
