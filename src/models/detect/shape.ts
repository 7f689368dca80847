import type { PyramidNorm } from '../pyramid.js';
import { HEAD } from './detector.js';
import type { DetectorOptions } from './options.js';

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * What the tensors of a detector say of it: all but how its anchors are laid, which no tensor knows.
 * @param c5 channels of the trunk's last map
 * @returns undefined where there is no detector's head
 */
export function detectorShape(
  tensors: Shapes,
  c5: number,
): (Omit<DetectorOptions, 'anchors' | 'frozenNorm'> & { perPlace: number }) | undefined {
  const shape = (key: string): readonly number[] | undefined => tensors.get(`${HEAD}.${key}`)?.shape;
  const [out, boxes] = [shape('classes.out.weight'), shape('boxes.out.weight')];
  if (out === undefined || boxes === undefined) return undefined;
  const [rows, channels] = out as [number, number];
  const perPlace = boxes[0]! / 4;
  let layers = 0;
  while (shape(`classes.tower.${layers}.conv.weight`) !== undefined) layers++;
  const norm: PyramidNorm =
    shape('classes.tower.0.norm.weight') !== undefined
      ? 'group'
      : shape('classes.tower.0.norms.0.weight') !== undefined
        ? 'batch'
        : 'none';
  const pyramidNorm: PyramidNorm =
    shape('fpn.inner_blocks.0.1.running_mean') !== undefined
      ? 'batch'
      : shape('fpn.inner_blocks.0.1.weight') !== undefined
        ? 'group'
        : 'none';
  return {
    kind: shape('boxes.centre.weight') === undefined ? 'retinanet' : 'fcos',
    classes: rows / perPlace,
    perPlace,
    channels,
    layers,
    norm,
    pyramidNorm,
    extra: shape('fpn.extra_blocks.p6.weight')?.[1] === c5 ? 'c5' : 'p5',
  };
}
