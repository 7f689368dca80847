import { font } from './charts.js';
import type { Mark, MarkSeries, Shape, Vertical } from './marks-data.js';

/** Where marks are drawn. Pixels, with y downwards. */
export interface Frame {
  x: number;
  y: number;
  width: number;
  height: number;
  place(x: number, y: number): [number, number];
  fits(x: number, y: number): boolean;
  /** Ends of the upright axis, at which intervals are cut. */
  low: number;
  high: number;
}
interface Look {
  dense: boolean;
  small: boolean;
  fontSize: number;
}
/** An element of the drawing library. */
type Element = object;

const px = (value: number): string => String(Math.round(value * 10) / 10);

/** A symbol of about equal area around a place, as the data of an SVG path. */
export function symbolPath(shape: Shape, x: number, y: number, r: number): string {
  const go = (points: readonly (readonly [number, number])[]): string =>
    `M${points.map(([dx, dy]) => `${px(x + r * dx)} ${px(y + r * dy)}`).join('L')}Z`;
  switch (shape) {
    case 'circle':
      return `M${px(x - r)} ${px(y)}a${px(r)} ${px(r)} 0 1 0 ${px(2 * r)} 0a${px(r)} ${px(r)} 0 1 0 ${px(-2 * r)} 0Z`;
    case 'square':
      return go([
        [-0.88, -0.88],
        [0.88, -0.88],
        [0.88, 0.88],
        [-0.88, 0.88],
      ]);
    case 'triangle':
      return go([
        [0, -1.2],
        [1.12, 0.8],
        [-1.12, 0.8],
      ]);
    case 'down':
      return go([
        [0, 1.2],
        [1.12, -0.8],
        [-1.12, -0.8],
      ]);
    case 'diamond':
      return go([
        [0, -1.25],
        [1.25, 0],
        [0, 1.25],
        [-1.25, 0],
      ]);
    case 'cross':
      return go([
        [-1.1, -0.38],
        [-0.38, -0.38],
        [-0.38, -1.1],
        [0.38, -1.1],
        [0.38, -0.38],
        [1.1, -0.38],
        [1.1, 0.38],
        [0.38, 0.38],
        [0.38, 1.1],
        [-0.38, 1.1],
        [-0.38, 0.38],
        [-1.1, 0.38],
      ]);
  }
}

/**
 * Everything inside the axes. Marks of one colour and shape are one path: thousands of elements would make a page slow.
 */
export function drawMarks(
  series: readonly MarkSeries[],
  verticals: readonly Vertical[],
  frame: Frame,
  look: Look,
): Element {
  const children: Element[] = [];
  for (const [row, { x, label, tone }] of verticals.entries()) {
    if (!frame.fits(x, frame.high)) continue;
    const [at] = frame.place(x, frame.low);
    const right = at > frame.x + 0.7 * frame.width;
    children.push({
      type: 'line',
      shape: { x1: at, y1: frame.y, x2: at, y2: frame.y + frame.height },
      style: { stroke: `var(--tone-${tone})`, lineWidth: 1, lineDash: [2, 3] },
    });
    children.push(
      text(
        label,
        right ? at - 5 : at + 5,
        frame.y + 7 + 14 * row,
        right ? 'right' : 'left',
        `var(--tone-${tone})`,
        look.fontSize - 0.5,
      ),
    );
  }
  for (const one of [...series].sort((a, b) => Number(b.faint === true) - Number(a.faint === true)))
    children.push(...drawSeries(one, frame, look));
  children.push(...labels(series, frame, look));
  return { type: 'group', children };
}

const visible = (marks: readonly Mark[], frame: Frame): Mark[] =>
  marks.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y) && frame.fits(x, y));

function drawSeries(
  { tone, marks, joined, bare, dashed, faint }: MarkSeries,
  frame: Frame,
  { dense, small }: Look,
): Element[] {
  const color = `var(--tone-${tone})`;
  const shown = visible(marks, frame);
  const found: Element[] = [];
  if ((joined === true || bare === true) && marks.length > 1) {
    // A line may lead out of the frame: it is cut there, where a mark would be left out.
    const points = marks
      .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
      .map(({ x, y }) => frame.place(x, y));
    found.push({
      type: 'polyline',
      clipPath: { type: 'rect', shape: { x: frame.x, y: frame.y, width: frame.width, height: frame.height } },
      shape: { points },
      style: {
        stroke: color,
        lineWidth: small || bare === true ? 1.5 : 2,
        fill: 'none',
        ...(dashed === true && { lineDash: [4, 4] }),
        lineJoin: 'round',
      },
    });
  }
  if (bare === true) return found;
  const dots = faint === true || (dense && joined !== true);
  if (!dots) {
    const whiskers = shown
      .filter(({ low, high }) => low !== undefined && high !== undefined)
      .map(({ x, low, high }) => {
        const [at, top] = frame.place(x, Math.min(high!, frame.high));
        return `M${px(at)} ${px(top)}L${px(at)} ${px(frame.place(x, Math.max(low!, frame.low))[1])}`;
      });
    if (whiskers.length > 0)
      found.push({
        type: 'path',
        shape: { pathData: whiskers.join('') },
        style: { stroke: color, lineWidth: 1.2, opacity: 0.55, fill: 'none' },
      });
  }
  const byShape = new Map<Shape, Set<string>>();
  for (const { x, y, shape = 'circle' } of shown) {
    const [left, top] = frame.place(x, y);
    // Dots on the same two pixels are one dot.
    const d = dots
      ? `M${2 * Math.round(left / 2) - 1.4} ${2 * Math.round(top / 2) - 1.4}h2.8v2.8h-2.8Z`
      : symbolPath(shape, left, top, small ? 3 : 3.6);
    const kind = dots ? 'square' : shape;
    if (!byShape.has(kind)) byShape.set(kind, new Set());
    byShape.get(kind)!.add(d);
  }
  for (const paths of byShape.values()) {
    found.push({
      type: 'path',
      shape: { pathData: [...paths].join('') },
      style: dots
        ? { fill: color, opacity: faint === true ? 0.45 : 0.7 }
        : { fill: color, stroke: 'var(--ground)', lineWidth: 0.8 },
    });
  }
  return found;
}

const text = (
  words: string,
  x: number,
  y: number,
  align: 'left' | 'right' | 'center',
  fill: string,
  fontSize: number,
): Element => ({
  type: 'text',
  style: {
    text: words,
    x,
    y,
    align,
    verticalAlign: 'middle',
    fill,
    stroke: 'var(--ground)',
    lineWidth: 3,
    fontFamily: font,
    fontSize,
  },
});

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}
const apart = (a: Box, b: Box): boolean => a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top;

/**
 * Labels where they cover neither a labelled mark, nor each other, nor the frame: one that finds no such place is left
 * out.
 */
function labels(series: readonly MarkSeries[], frame: Frame, { fontSize }: Look): Element[] {
  const marked = series.flatMap(({ tone, marks }) =>
    visible(marks, frame)
      .filter(({ label }) => label !== undefined)
      .map((mark) => ({ tone, label: mark.label!, at: frame.place(mark.x, mark.y) })),
  );
  const taken: Box[] = marked.map(({ at: [x, y] }) => ({ left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 }));
  const found: Element[] = [];
  for (const {
    tone,
    label,
    at: [x, y],
  } of marked) {
    const width = label.length * (fontSize - 1) * 0.62;
    for (const [dx, dy, align] of [
      [-7, -8, 'right'],
      [7, 9, 'left'],
      [0, -13, 'center'],
      [0, 14, 'center'],
      [8, 0, 'left'],
      [-8, 0, 'right'],
    ] as const) {
      const left = align === 'right' ? x + dx - width : align === 'left' ? x + dx : x - width / 2;
      const box = { left, right: left + width, top: y + dy - 6, bottom: y + dy + 6 };
      if (
        box.left < frame.x ||
        box.right > frame.x + frame.width ||
        box.top < frame.y ||
        box.bottom > frame.y + frame.height ||
        !taken.every((other) => apart(other, box))
      )
        continue;
      taken.push(box);
      found.push(text(label, x + dx, y + dy, align, `var(--tone-${tone})`, fontSize - 1));
      break;
    }
  }
  return found;
}
