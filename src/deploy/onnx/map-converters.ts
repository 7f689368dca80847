import type { Call, Converter } from './converters.js';

/** Operators on maps: enlarged, mirrored at the border, cut, made positive. */
export const MAP_CONVERTERS: Readonly<Record<string, Converter>> = {
  upsample_bilinear2d: bilinear,
  reflection_pad2d: reflectionPad,
  'slice.Tensor': slice,
  softplus,
};

/**
 * upsample_bilinear2d(self, output_size, align_corners, ..): bilinear about the pixels' centres, the border repeated. ONNX's `linear` with
 * half pixels, without antialiasing, is the same. The batch is free, so sizes are put together in the graph.
 */
function bilinear({ graph, args, tensor }: Call): string {
  if (args.boolean(2)) throw args.error(2, 'align_corners=false');
  const input = tensor(0);
  const own = graph.add('Slice', [graph.add('Shape', [input]), graph.ints([0], 'from'), graph.ints([2], 'to')]);
  const sizes = graph.add('Concat', [own, graph.ints(args.pair(1), 'sides')], { axis: 0 });
  return graph.add('Resize', [input, '', '', sizes], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  });
}

/** reflection_pad2d(self, [left, right, top, bottom]): the border mirrored without its own pixels, ONNX's `reflect` */
function reflectionPad({ graph, args, tensor }: Call): string {
  const [left = 0, right = 0, top = 0, bottom = 0] = args.numbers(1);
  const pads = graph.ints([0, 0, top, left, 0, 0, bottom, right], 'pads');
  return graph.add('Pad', [tensor(0), pads], { mode: 'reflect' });
}

/** slice.Tensor(self, dim, start, end, step), not of the batch */
function slice({ graph, args, tensor, shape }: Call): string {
  const rank = shape(0).length;
  const given = args.number(1, 0);
  const dim = given < 0 ? given + rank : given;
  if (dim === 0) throw args.error(1, 'a dimension other than the batch');
  const side = shape(0)[dim]!;
  const at = (index: number, none: number): number => {
    const value = args.isNone(index) ? none : Math.min(side, args.number(index));
    return value < 0 ? value + side : value;
  };
  return graph.add('Slice', [
    tensor(0),
    graph.ints([at(2, 0)], 'from'),
    graph.ints([at(3, side)], 'to'),
    graph.ints([dim], 'axes'),
    graph.ints([args.number(4, 1)], 'steps'),
  ]);
}

/** softplus(self, beta, threshold): ln(1 + e^x); above PyTorch's threshold x itself, which float32 does not tell apart */
function softplus({ graph, args, tensor }: Call): string {
  if (args.number(1, 1) !== 1) throw args.error(1, 'a beta of 1');
  return graph.add('Softplus', [tensor(0)]);
}
