import { LineChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';
import { escapeHtml, type Html, html, trusted } from './html.js';
import { type Point, thin } from './series.js';
import { lightColours, type Tone } from './theme.js';

export { TONES, type Tone } from './theme.js';

use([LineChart, GridComponent, LabelLayout, SVGRenderer]);

export interface Line {
  name: string;
  points: readonly Point[];
  tone: Tone;
  /** Faint lines lie behind and have no entry in the key unless they are named there on purpose (`value`). */
  faint?: boolean;
  dashed?: boolean;
  /** A name beside each point, and a dot on it. */
  labels?: readonly string[];
  /** On which side of its points the names stand; above by default. */
  labelSide?: 'top' | 'bottom' | 'right' | 'left';
  /** What the key says after the name, such as the last value. */
  value?: string;
}

export interface Axis {
  name?: string;
  min: number;
  max: number;
  /** Whole ticks only. */
  whole?: boolean;
  /** Powers of this base lie at equal distances. */
  log?: 2 | 10;
  /** Distance of the ticks, which lie at its multiples; chosen from the span where absent. */
  interval?: number;
  /** Where ticks lie, instead of at an interval. */
  ticks?: readonly number[];
  format: (value: number) => string;
}

export interface LineChartOptions {
  /** Unique in the page: ids inside the drawing are made from it. */
  id: string;
  title: string;
  lines: readonly Line[];
  x: Axis;
  y: Axis;
  /** Of the wide drawing, in pixels; it is 520 wide. */
  height?: number;
  /** What a reader should know, such as points beyond the axis. */
  note?: string;
}

/** A round distance (1, 2, 2.5 or 5 times a power of ten) that cuts `span` into at most `parts` pieces. */
export function niceInterval(span: number, parts: number, whole = false): number {
  if (!(span > 0) || !Number.isFinite(span)) return 1;
  const power = 10 ** Math.floor(Math.log10(span / parts));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => span / m <= parts * (1 + 1e-9)) ?? 10 * power;
  return whole ? Math.max(1, Math.ceil(step)) : step;
}

/** A range with the distance of its ticks; both ends lie on a tick. */
export interface NiceRange {
  min: number;
  max: number;
  interval: number;
}

/** `low..high` widened to ticks; a single value gets room on both sides. Where nothing is finite: 0..1. */
export function niceRange(low: number | undefined, high: number | undefined, parts = 4): NiceRange {
  if (low === undefined || high === undefined || !Number.isFinite(low) || !Number.isFinite(high))
    return { min: 0, max: 1, interval: 0.25 };
  const room = high > low ? 0 : Math.abs(high) * 0.1 || 1;
  const interval = niceInterval(high - low + 2 * room, parts);
  // The tiny shift keeps 0.3 / 0.1 from being rounded up to 4.
  return {
    min: Math.floor((low - room) / interval + 1e-9) * interval,
    max: Math.ceil((high + room) / interval - 1e-9) * interval,
    interval,
  };
}

export const font = 'inherit';
/** Every chart is drawn in both. */
export const sizes = [
  { name: 'wide', width: 520, fontSize: 11.5, xParts: 6, rows: 1000 },
  { name: 'narrow', width: 350, fontSize: 11.5, xParts: 4, rows: 400 },
] as const;

/**
 * A chart with its title and key, drawn twice, because text in a scaled drawing would become too small on a phone: the
 * theme shows the one that fits. Colours are the theme's CSS variables. Values that are not finite leave gaps.
 */
export function lineChart(options: LineChartOptions): Html {
  const key = options.lines.filter((line) => !line.faint || line.value !== undefined);
  return html`<figure class="chart">
<figcaption><h3>${options.title}</h3>${
    key.length > 0 &&
    html`<ul class="key">${key.map(
      (line) => html`<li>
<i class="swatch ${line.tone}${line.faint ? ' faint' : ''}${line.dashed ? ' dashed' : ''}"></i>${line.name}${
        line.value !== undefined && html` <b>${line.value}</b>`
      }</li>`,
    )}</ul>`
  }</figcaption>
${sizes.map((size) => html`<div class="${size.name}">${draw(options, size)}</div>`)}
${options.note !== undefined && html`<p class="note">${options.note}</p>`}</figure>`;
}

/** The wide drawing as an SVG file of its own, in the light colours, with its title and key. */
export const standaloneChart = (options: LineChartOptions): string =>
  standalone(options.title, options.lines, draw(options, sizes[0]), options.height ?? 280);

/** A drawing as an SVG file of its own: see `standaloneChart`. */
export function standalone(
  title: string,
  named: readonly { name: string; tone: Tone }[],
  drawing: Html,
  height: number,
): string {
  const { width } = sizes[0];
  const top = 46;
  const key = named.map(
    ({ name, tone }, i) => html`<text x="${12 + i * 130}" y="38" fill="var(--tone-${tone})">● ${name}</text>`,
  );
  const box = `0 0 ${width} ${height + top}`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" font-family="system-ui, sans-serif" font-size="11.5">
<style>svg { ${trusted(lightColours)} }</style>
<rect width="100%" height="100%" fill="#fdfdfc"/>
<text x="12" y="20" font-size="14" font-weight="600" fill="var(--ink)">${title}</text>
${key}
<g transform="translate(0 ${top})">${trusted(drawing.toString().replace('<svg ', `<svg width="${width}" height="${height}" `))}</g>
</svg>
`.toString();
}

function draw(options: LineChartOptions, size: (typeof sizes)[number]): Html {
  const height = options.height ?? 280;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: size.width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: font, fontSize: size.fontSize },
      grid: { left: 46, right: 14, top: 10, bottom: options.x.name === undefined ? 24 : 42 },
      xAxis: axis(options.x, size.xParts, size.fontSize, false),
      yAxis: axis(options.y, 4, size.fontSize, true),
      series: options.lines.map((line) => series(line, size.rows)),
    });
    return trusted(tidy(chart.renderToSVGString({ useViewBox: true }), `${options.id}-${size.name}`, options.title));
  } finally {
    chart.dispose();
  }
}

export function axis(
  { name, min, max, whole, log, format, ticks, ...given }: Axis,
  parts: number,
  fontSize: number,
  grid: boolean,
): object {
  const interval = given.interval ?? niceInterval(max - min, parts, whole);
  // An axis that ends between ticks gets a label there from echarts, too close to its neighbour.
  const onTick = (value: number): boolean => Math.abs(value / interval - Math.round(value / interval)) < 1e-6;
  return {
    ...(log === undefined ? { type: 'value', min, max, interval } : { type: 'log', logBase: log, min, max }),
    ...(name !== undefined && {
      name,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: { color: 'var(--muted)', fontFamily: font, fontSize },
    }),
    axisLine: { show: !grid, onZero: false, lineStyle: { color: 'var(--axis)' } },
    axisTick: { show: false, ...(ticks !== undefined && { customValues: ticks }) },
    axisLabel: {
      color: 'var(--muted)',
      fontFamily: font,
      fontSize,
      ...(ticks !== undefined && { customValues: ticks }),
      formatter: (value: number) => (log !== undefined || ticks !== undefined || onTick(value) ? format(value) : ''),
    },
    splitLine: { show: grid, lineStyle: { color: 'var(--rule)' } },
  };
}

function series(line: Line, rows: number): object {
  const data = thin(line.points, rows, ([, y]) => y).map(([x, y]) => [
    x,
    y !== undefined && Number.isFinite(y) ? y : null,
  ]);
  const color = `var(--tone-${line.tone})`;
  return {
    type: 'line',
    data,
    silent: true,
    emphasis: { disabled: true },
    // A line needs two points; a dot shows one, and where an epoch ends while there are few.
    showSymbol: line.labels !== undefined || (!line.faint && data.length <= 24),
    symbol: 'circle',
    symbolSize: data.length <= 2 || line.labels !== undefined ? 7 : 4.5,
    ...(line.labels !== undefined && {
      label: {
        show: true,
        position: line.labelSide ?? 'top',
        formatter: ({ dataIndex }: { dataIndex: number }) => line.labels![dataIndex] ?? '',
        color,
        fontFamily: font,
        fontSize: 10.5,
      },
      labelLayout: { hideOverlap: true },
    }),
    itemStyle: { color, borderWidth: 0 },
    lineStyle: {
      color,
      width: line.faint ? 1 : 2,
      opacity: line.faint ? 0.32 : 1,
      ...(line.dashed && { type: [4, 4] }),
      cap: 'round',
      join: 'round',
    },
    z: line.faint ? 1 : 2,
  };
}

/**
 * What echarts adds for its own runtime goes (classes with hover rules, pointer events, namespaces that HTML implies),
 * and ids, which it numbers by process, become the same in every rendering and unique in the page.
 */
export function tidy(svg: string, id: string, title: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ class="zr\d+-[^"]*"/g, '')
    .replace(/ (?:pointer-events|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/\bzr\d+-c(\d+)/g, `${id}-c$1`)
    .replace(
      /<svg [^>]*?(viewBox="[^"]*")[^>]*>/,
      `<svg $1 role="img" aria-label="${escapeHtml(title).replaceAll('$', '$$$$')}">`,
    )
    .replace(/\n\s*/g, '\n');
}
