import type { PyramidNorm } from '../pyramid.js';
import type { AnchorOptions } from './anchors.js';

/** RetinaNet: anchors (Lin et al. 2017, arXiv 1708.02002). FCOS: none (Tian et al. 2019, arXiv 1904.01355). */
export type DetectorKind = 'retinanet' | 'fcos';

/** What stands on a trunk to find boxes. */
export interface DetectorOptions {
  kind: DetectorKind;
  classes: number;
  /** Of the pyramid's levels and of the branches on them. Published: 256. */
  channels: number;
  /** 3x3 convolutions of a branch before its output. Published: 4. */
  layers: number;
  /** Behind these convolutions. */
  norm: PyramidNorm;
  /** In the pyramid. */
  pyramidNorm: PyramidNorm;
  /** What P6 is made of. */
  extra: 'c5' | 'p5';
  /** Of RetinaNet. */
  anchors: AnchorOptions;
  /** Whether the trunk's batch norm stays as its weights have it. */
  frozenNorm: boolean;
}
