/** Levels of a detector's pyramid: P3 to P7. */
export const LEVELS = 5;

/**
 * How boxes are laid over the places of a level; a place of level l stands for stride(l) pixels each way.
 *
 * - `torchvision`: centred on the place's upper left corner, as Detectron2 has it too; sides rounded to whole pixels, halves to even, sizes
 *   cut to whole pixels before (torchvision models/detection/anchor_utils.py, retinanet.py).
 * - `group`: centred on the place itself, half a stride further, sides as they are (tensorflow/tpu models/official/detection/dataloader/anchor.py).
 */
export type AnchorRule = 'torchvision' | 'group';

export interface AnchorOptions {
  rule: AnchorRule;
  /** Side of the smallest square anchor of a level, in its strides. Published: 4. */
  size: number;
  /** Sizes of a level: size * 2^(k / scales), k from 0. Published: 3. */
  scales: number;
  /** Height / width of the anchors. */
  ratios: readonly number[];
}

/** Pyramid levels over a picture: sides of their square maps, and the pixels that a place stands for each way. */
export interface Grid {
  readonly side: number;
  readonly stride: number;
}

/**
 * The maps of P3 to P7 over a picture of S x S pixels: ceil(S / stride) places each way, since each halving rounds up. A place's stride in
 * pixels is floor(S / places), as torchvision has it.
 * @param first pixels that a place of P3 stands for: 8, or less with a stem of a smaller stride
 */
export const gridsOf = (size: number, first: number): Grid[] =>
  Array.from({ length: LEVELS }, (_, level) => {
    const side = Math.ceil(size / (first * 2 ** level));
    return { side, stride: Math.floor(size / side) };
  });

/** To the nearest whole number, halves to the even one: torch.round. */
function roundEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/** The anchors of a place at (0, 0): x0, y0, x1, y1 each; ratios outside, sizes inside. */
function cell({ rule, size, scales, ratios }: AnchorOptions, stride: number, level: number, first: number): number[] {
  const whole = rule === 'torchvision';
  const fround = Math.fround;
  const sizes = Array.from({ length: scales }, (_, k) => {
    const side = size * first * 2 ** level * 2 ** (k / scales);
    return whole ? Math.floor(side) : side;
  });
  const offset = whole ? 0 : stride / 2;
  return ratios.flatMap((ratio) => {
    const tall = fround(Math.sqrt(fround(ratio)));
    const wide = fround(1 / tall);
    return sizes.flatMap((side) => {
      const half = [fround(wide * side) / 2, fround(tall * side) / 2].map((value) =>
        whole ? roundEven(value) : value,
      );
      const [x, y] = half as [number, number];
      return [offset - x, offset - y, offset + x, offset + y];
    });
  });
}

/** Anchors at each place of a level. */
export const anchorsPerPlace = ({ scales, ratios }: AnchorOptions): number => scales * ratios.length;

/**
 * All anchors over a picture of S x S pixels, [A, 4] as x0, y0, x1, y1: by level, then row, column, ratio and size, the order of a detector's
 * outputs.
 * @param first pixels that a place of P3 stands for
 */
export function anchorsOf(options: AnchorOptions, size: number, first: number): Float32Array {
  const all: number[] = [];
  gridsOf(size, first).forEach(({ side, stride }, level) => {
    const own = cell(options, stride, level, first);
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++)
        for (let i = 0; i < own.length; i += 4)
          all.push(
            column * stride + own[i]!,
            row * stride + own[i + 1]!,
            column * stride + own[i + 2]!,
            row * stride + own[i + 3]!,
          );
  });
  return Float32Array.from(all);
}

/** FCOS's places as boxes of one stride around them: torchvision has one square anchor of that size at each. */
export const PLACES: AnchorOptions = { rule: 'torchvision', size: 1, scales: 1, ratios: [1] };
