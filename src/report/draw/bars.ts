import { CustomChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { type Axis, axis, font, sizes, tidy } from './charts.js';
import { type Html, html, trusted } from './html.js';

use([CustomChart, GridComponent, SVGRenderer]);

/** A bar from one value to another, in a row of its own. */
export interface Bar {
  name: string;
  from: number;
  to: number;
  /** Interval around `to`, drawn as a whisker. */
  low?: number;
  high?: number;
  /** What stands at the right of the row. */
  value: string;
  tone: 'one' | 'two' | 'three';
  /** For what may be chance: the bar is pale. */
  faint?: boolean;
  /** A line leads on from its end to the next row. */
  connect?: boolean;
}

export interface BarChartOptions {
  /** Unique in the page. */
  id: string;
  title: string;
  bars: readonly Bar[];
  x: Axis;
  note?: string;
}

/** Pixels: a row, what lies below the rows, the names at the left, the values at the right. */
const ROW = 27;
const BELOW = 44;
const NAMES = { wide: 168, narrow: 134 };
const VALUES = 62;

/**
 * Floating horizontal bars, such as a waterfall: each row a bar from `from` to `to`, which is a dot where both are
 * equal. In the look of `lineChart`, and like it drawn twice. Bars whose ends are not finite are left empty.
 */
export function barChart(options: BarChartOptions): Html {
  return html`<figure class="chart"><figcaption><h3>${options.title}</h3></figcaption>
${sizes.map((size) => html`<div class="${size.name}">${draw(options, size)}</div>`)}
${options.note !== undefined && html`<p class="note">${options.note}</p>`}</figure>`;
}

function draw({ id, title, bars, x }: BarChartOptions, size: (typeof sizes)[number]): Html {
  const height = bars.length * ROW + BELOW + 6;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: size.width, height });
  try {
    const text = { fontFamily: font, fontSize: size.fontSize };
    const left = NAMES[size.name];
    chart.setOption({
      animation: false,
      textStyle: text,
      grid: { left, right: VALUES, top: 6, bottom: BELOW },
      xAxis: {
        ...axis(x, size.xParts - 1, size.fontSize, true),
        axisLine: { show: true, lineStyle: { color: 'var(--axis)' } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map(({ name }) => name),
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: { color: 'var(--ink)', ...text, width: left - 16, overflow: 'truncate', interval: 0 },
      },
      series: [
        {
          type: 'custom',
          silent: true,
          data: bars.map((_, i) => i),
          renderItem: (_: unknown, api: Api) => shape(bars, api.value(0), api, size.width - VALUES + 8, size.fontSize),
        },
      ],
    });
    return trusted(tidy(chart.renderToSVGString({ useViewBox: true }), `${id}-${size.name}`, title));
  } finally {
    chart.dispose();
  }
}

/** What echarts gives to draw a row with. */
interface Api {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
}

function shape(bars: readonly Bar[], row: number, api: Api, right: number, fontSize: number): object {
  const { from, to, low, high, value, tone, faint, connect } = bars[row]!;
  const color = `var(--tone-${tone})`;
  const at = (where: number): number => api.coord([where, row])[0];
  const y = api.coord([0, row])[1];
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, lineWidth: number): object => ({
    type: 'line',
    shape: { x1, y1, x2, y2 },
    style: { stroke, lineWidth },
  });
  const children: object[] = [
    {
      type: 'text',
      style: { text: value, x: right, y, textVerticalAlign: 'middle', fill: 'var(--ink)', fontFamily: font, fontSize },
    },
  ];
  if (Number.isFinite(from) && Number.isFinite(to)) {
    if (connect === true && row + 1 < bars.length) children.push(line(at(to), y, at(to), y + ROW, 'var(--axis)', 1));
    const [start, end] = [Math.min(at(from), at(to)), Math.max(at(from), at(to))];
    if (from === to) children.push({ type: 'circle', shape: { cx: at(to), cy: y, r: 4 }, style: { fill: color } });
    else
      children.push({
        type: 'rect',
        shape: { x: start, y: y - 7, width: Math.max(1, end - start), height: 14 },
        style: { fill: color, opacity: faint === true ? 0.35 : 0.85 },
      });
    if (low !== undefined && high !== undefined) {
      children.push(line(at(low), y, at(high), y, 'var(--ink)', 1));
      for (const end of [low, high]) children.push(line(at(end), y - 3.5, at(end), y + 3.5, 'var(--ink)', 1));
    }
  }
  return { type: 'group', children };
}
