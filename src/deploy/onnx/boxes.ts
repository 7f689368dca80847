import { anchorsFor, anchorsPerPlace, type DetectorFacts, MOST_GROWTH } from '../../models/detect/index.js';
import type { OnnxGraph } from './graph.js';
import { DataType } from './schema.js';

/** What a file of boxes gives, M of them in all: corners in pixels of its input, scores, classes, and which of the N pictures each is in. */
export const BOX_OUTPUTS = ['boxes', 'scores', 'classes', 'pictures'] as const;

/** A detector at some size. */
export interface BoxHead extends DetectorFacts {
  readonly classes: number;
  /** Side of the pictures, pixels. */
  readonly size: number;
  /** The product of all strides of the trunk. */
  readonly totalStride: number;
}

const LAST = Number.MAX_SAFE_INTEGER;

/**
 * Adds what `detectionsOf` does (models/detect/predict.ts) behind a detector's outputs [N, A, classes + 4 (+ 1)]: scores, of each level the
 * highest, boxes, and non-maximum suppression of each class. Boxes come by score, highest first, over all pictures. A picture may have
 * `perPicture` boxes of each class: whoever reads them takes the first so many.
 * @returns names of `BOX_OUTPUTS`
 */
export function addBoxes(graph: OnnxGraph, raw: string, head: BoxHead): string[] {
  const { kind, classes, anchors: options, size, totalStride, predict } = head;
  const { anchors, grids } = anchorsFor(head, size, totalStride);
  const fcos = kind === 'fcos';
  const slice = (x: string, axis: number, from: number, to: number): string =>
    graph.add('Slice', [x, ...[from, to, axis].map((value) => graph.ints([value], 'at'))]);
  const number = (value: number, hint: string): string => graph.floats([value], [], hint);

  const own = graph.add('Sigmoid', [slice(raw, 2, 0, classes)]);
  const scores = fcos
    ? graph.add('Sqrt', [graph.add('Mul', [own, graph.add('Sigmoid', [slice(raw, 2, classes + 4, classes + 5)])])])
    : own;
  // Of each level the highest: what is lower than the last of them becomes 0.
  let begin = 0;
  const levels = grids.map(({ side }) => {
    const count = side * side * (fcos ? 1 : anchorsPerPlace(options));
    const level = slice(scores, 1, begin, (begin += count));
    if (count * classes <= predict.perLevel) return level;
    const flat = graph.add('Reshape', [level, graph.ints([0, -1])]);
    const [best] = graph.addAll('TopK', [flat, graph.ints([predict.perLevel], 'k')], 2, { axis: 1 });
    const last = graph.add('Unsqueeze', [slice(best!, 1, -1, LAST), graph.ints([2], 'axes')]);
    return graph.add('Where', [graph.add('GreaterOrEqual', [level, last]), level, number(0, 'zero')]);
  });
  const kept = graph.add('Transpose', [graph.add('Concat', levels, { axis: 1 })], { perm: [0, 2, 1] });

  const columns = decodedColumns(graph, anchors, fcos, (i) => slice(raw, 2, classes + i, classes + i + 1));
  const boxes = graph.add('Clip', [graph.add('Concat', columns, { axis: 2 }), number(0, 'edge'), number(size, 'edge')]);
  const found = graph.add('NonMaxSuppression', [
    ...[boxes, kept, graph.ints([predict.perPicture], 'most')],
    ...[predict.overlap, predict.scoreThreshold].map((value) => graph.floats([value], [1], 'threshold')),
  ]);
  const score = graph.add('GatherND', [kept, found]);
  const all = graph.add('Shape', [score]);
  const [sorted, order] = graph.addAll('TopK', [score, all], 2, { axis: 0 });
  const chosen = graph.add('Gather', [found, order!], { axis: 0 });
  const column = (i: number): string => graph.add('Reshape', [slice(chosen, 1, i, i + 1), graph.ints([-1])]);
  const places = graph.add('Gather', [chosen, graph.ints([0, 2], 'columns')], { axis: 1 });
  return [graph.add('GatherND', [boxes, places]), sorted!, column(1), column(0)];
}

/** x0, y0, x1, y1 of the boxes of codes at anchors, [N, A, 1] each. @param code the i-th number of the codes, [N, A, 1] */
function decodedColumns(graph: OnnxGraph, anchors: Float32Array, fcos: boolean, code: (i: number) => string): string[] {
  const count = anchors.length / 4;
  const each = (of: (x0: number, y0: number, x1: number, y1: number) => number, hint: string): string =>
    graph.floats(
      Float32Array.from({ length: count }, (_, a) => of(...(anchors.slice(4 * a, 4 * a + 4) as unknown as Corners))),
      [1, count, 1],
      hint,
    );
  const [x, y] = [each((a, _, c) => (a + c) / 2, 'anchor_x'), each((_, b, __, d) => (b + d) / 2, 'anchor_y')];
  const [width, height] = [each((a, _, c) => c - a, 'anchor_width'), each((_, b, __, d) => d - b, 'anchor_height')];
  const times = (a: string, b: string): string => graph.add('Mul', [a, b]);
  if (fcos)
    return [
      graph.add('Sub', [x, times(code(0), width)]),
      graph.add('Sub', [y, times(code(1), height)]),
      graph.add('Add', [x, times(code(2), width)]),
      graph.add('Add', [y, times(code(3), height)]),
    ];
  const half = (i: number, side: string): string =>
    times(
      times(graph.add('Exp', [graph.add('Min', [code(i), graph.floats([MOST_GROWTH], [], 'growth')])]), side),
      graph.floats([0.5], [], 'half'),
    );
  const middle = (i: number, side: string, at: string): string => graph.add('Add', [times(code(i), side), at]);
  const [u, v, w, h] = [middle(0, width, x), middle(1, height, y), half(2, width), half(3, height)];
  return [
    ...[u, v].map((at, i) => graph.add('Sub', [at, [w, h][i]!])),
    ...[u, v].map((at, i) => graph.add('Add', [at, [w, h][i]!])),
  ];
}

type Corners = [x0: number, y0: number, x1: number, y1: number];

/** Types and dimensions of `BOX_OUTPUTS`. */
export const BOX_SHAPES = [
  { type: DataType.FLOAT, dims: ['M', 4] },
  { type: DataType.FLOAT, dims: ['M'] },
  { type: DataType.INT64, dims: ['M'] },
  { type: DataType.INT64, dims: ['M'] },
] as const;
