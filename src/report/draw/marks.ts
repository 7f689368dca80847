import { CustomChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { axis, font, sizes, standalone, type Tone, tidy } from './charts.js';
import { type Html, html, trusted } from './html.js';
import type { MarkSeries, Shape, Vertical } from './marks-data.js';
import { drawMarks, type Frame, symbolPath } from './marks-draw.js';
import { type Scale, ticks } from './scale.js';

export { type Mark, type MarkSeries, SHAPES, type Shape } from './marks-data.js';

use([CustomChart, GridComponent, SVGRenderer]);

export interface MarkChartOptions {
  /** Unique in the page: ids inside the drawing are made from it. */
  id: string;
  title: string;
  series: readonly MarkSeries[];
  x: Scale;
  y: Scale;
  /** What the shapes of the marks stand for, for the key. */
  shapes?: readonly { shape: Shape; name: string }[];
  /** Upright dashed lines, each with a word. */
  verticals?: readonly Vertical[];
  height?: number;
  /** Of the wide drawing, in pixels: 520 where absent. */
  width?: number;
  note?: string;
  /** A small drawing among others, without a key of its own. */
  panel?: boolean;
}

/** Of a small drawing, three of which fit side by side. */
const PANEL = { name: 'panel', width: 340, fontSize: 11, xParts: 4 } as const;
/** In pixels. */
const HEIGHT = 300;
type Size = { name: string; width: number; fontSize: number; xParts: number };

/** Where there are more marks, they are drawn as dots without intervals: more would cover each other. */
export const DENSE = 400;

/**
 * Marks with their intervals on linear or logarithmic axes, joined or not. In the look of `lineChart`, and like it
 * drawn twice, for wide and narrow pages. What is not finite, or not positive on a logarithmic axis, is left out.
 */
export function markChart(options: MarkChartOptions): Html {
  const { title, series, note, panel, width } = options;
  const shown: readonly Size[] =
    panel === true ? [PANEL] : [{ ...sizes[0], ...(width !== undefined && { width }) }, sizes[1]];
  const dense = series.reduce((sum, { marks, bare }) => sum + (bare === true ? 0 : marks.length), 0) > DENSE;
  return html`<figure class="chart"><figcaption><h3>${title}</h3>${panel !== true && key(options)}</figcaption>
${shown.map((size) => html`<div${panel !== true && html` class="${size.name}"`}>${draw(options, size, dense)}</div>`)}
${note !== undefined && html`<p class="note">${note}</p>`}</figure>`;
}

/** The wide drawing as an SVG file of its own; see `standaloneChart`. */
export const standaloneMarks = (options: MarkChartOptions): string =>
  standalone(
    options.title,
    options.series.filter(({ unnamed }) => unnamed !== true),
    draw(options, sizes[0], false),
    options.height ?? HEIGHT,
  );

/** What colours and shapes stand for. */
export function key({ series, shapes = [] }: Pick<MarkChartOptions, 'series' | 'shapes'>): Html | undefined {
  const named = series.filter(({ faint, unnamed }) => faint !== true && unnamed !== true);
  if (named.length + shapes.length === 0) return undefined;
  return html`<ul class="key">${named.map(
    ({ name, tone, joined, bare, dashed }) =>
      html`<li>${
        joined === true || bare === true
          ? html`<i class="swatch ${tone}${dashed === true && ' dashed'}"></i>`
          : symbol('circle', tone)
      }${name}</li>`,
  )}${shapes.map(({ shape, name }) => html`<li>${symbol(shape)}${name}</li>`)}</ul>`;
}

const symbol = (shape: Shape, tone?: Tone): Html =>
  html`<svg class="symbol${tone !== undefined && ` ${tone}`}" viewBox="0 0 10 10" aria-hidden="true"><path d="${symbolPath(
    shape,
    5,
    5,
    4,
  )}" fill="currentColor"/></svg>`;

/** Values of a scale as the drawing library's linear coordinates. */
const at = ({ log }: Scale, value: number): number => (log === true ? Math.log10(value) : value);
const back = ({ log }: Scale, value: number): number => (log === true ? 10 ** value : value);

function draw(
  { id, title, series, x, y, verticals = [], height = HEIGHT, panel }: MarkChartOptions,
  size: Size,
  dense: boolean,
): Html {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: size.width, height });
  try {
    const side = (scale: Scale, parts: number) => ({
      ...(scale.name !== undefined && { name: scale.name }),
      min: at(scale, scale.min),
      max: at(scale, scale.max),
      ticks: ticks(scale, parts).map((value) => at(scale, value)),
      format: (value: number) => scale.format(Number(back(scale, value).toPrecision(9))),
    });
    const { name, ...upright } = side(y, panel === true ? 4 : 5);
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: font, fontSize: size.fontSize },
      grid: { left: 50, right: 14, top: name === undefined ? 10 : 26, bottom: x.name === undefined ? 24 : 42 },
      xAxis: axis(side(x, size.xParts - 1), size.xParts, size.fontSize, false),
      yAxis: {
        ...axis(upright, 4, size.fontSize, true),
        ...(name !== undefined && {
          name,
          nameLocation: 'end',
          nameGap: 9,
          nameTextStyle: {
            color: 'var(--muted)',
            fontFamily: font,
            fontSize: size.fontSize,
            align: 'left',
            padding: [0, 0, 0, -44],
          },
        }),
      },
      series: [
        {
          type: 'custom',
          silent: true,
          data: [[at(x, x.min), at(y, y.min)]],
          renderItem: ({ coordSys }: { coordSys: { x: number; y: number; width: number; height: number } }) => {
            // The axes are linear in these coordinates; asking the library for each of thousands of marks takes most of
            // the time.
            const [perX, perY] = [
              coordSys.width / (at(x, x.max) - at(x, x.min)),
              coordSys.height / (at(y, y.max) - at(y, y.min)),
            ];
            const place = (px: number, py: number): [number, number] => [
              coordSys.x + perX * (at(x, px) - at(x, x.min)),
              coordSys.y + coordSys.height - perY * (at(y, py) - at(y, y.min)),
            ];
            const frame: Frame = {
              ...coordSys,
              place,
              fits: (px, py) => px >= x.min && px <= x.max && py >= y.min && py <= y.max,
              low: y.min,
              high: y.max,
            };
            return drawMarks(series, verticals, frame, { dense, small: panel === true, fontSize: size.fontSize });
          },
        },
      ],
    });
    return trusted(tidy(chart.renderToSVGString({ useViewBox: true }), `${id}-${size.name}`, title));
  } finally {
    chart.dispose();
  }
}
