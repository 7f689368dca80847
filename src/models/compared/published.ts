/** A size at which a model was trained and measured, with the top-1 that its authors print. */
export interface PublishedCompared {
  /** As in the registry. */
  name: string;
  /** Training and evaluation resolution in pixels. */
  size: number;
  /** The share of the picture's shorter side that evaluation keeps, and how pictures are resampled for it. */
  crop: number;
  interpolation: 'bilinear' | 'bicubic';
  /** Of the colours, from 0 to 1: they are (x - mean) / std. TResNet takes them as they are. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
  parameters: number;
  /** Multiply-adds of learned convolutions and linear layers in 1e9, counted. */
  gmacs: number;
  /** ImageNet top-1 in percent, each with the number of its source; empty where none is printed. */
  top1: readonly (readonly [percent: number, source: keyof typeof COMPARED_SOURCES])[];
}

export const COMPARED_SOURCES = {
  tresnet: 'Published: Alibaba-MIIL/TResNet README.md',
  'tresnet-timm': 'Weights of the authors, fine-tuned at 448 pixels, measured by timm: results/results-imagenet.csv',
  'tresnet-21k': 'Published, pre-trained on ImageNet-21k: Alibaba-MIIL README.md and its ImageNet-21k table',
  resnest: 'Published: zhanghang1989/ResNeSt README.md and ablation.md (PyTorch)',
  'resnest-gluon': 'Weights of GluonCV, measured by timm: results/results-imagenet.csv',
} as const;

type Row = [
  name: string,
  size: number,
  parameters: number,
  gmacs: number,
  top1: PublishedCompared['top1'],
  crop?: number,
];

const AS_THEY_ARE = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

const rows = (interpolation: PublishedCompared['interpolation'], given: readonly Row[]): PublishedCompared[] =>
  given.map(([name, size, parameters, gmacs, top1, crop = 0.875]) => ({
    ...{ name, size, crop, interpolation, parameters, gmacs, top1 },
    ...(name.startsWith('tresnet') ? AS_THEY_ARE : IMAGENET),
  }));

/**
 * The models that ResNet-RS is compared with; the first row of a name has its own size. Crop and interpolation are those of timm's
 * configurations, with which its figures were measured. Sources stand beside the figures; parameters and gmacs are counted, parameters equal timm's.
 */
export const PUBLISHED_COMPARED: readonly PublishedCompared[] = [
  ...rows('bilinear', [
    [
      'tresnet-m',
      224,
      31389032,
      5.735,
      [
        [80.8, 'tresnet'],
        [83.1, 'tresnet-21k'],
      ],
    ],
    ['tresnet-m', 448, 31389032, 22.931, [[81.7, 'tresnet-timm']]],
    ['tresnet-l', 224, 55989256, 10.876, [[81.5, 'tresnet']]],
    ['tresnet-l', 448, 55989256, 43.49, [[82.3, 'tresnet-timm']]],
    ['tresnet-xl', 224, 78436244, 15.16501, [[82.0, 'tresnet']]],
    ['tresnet-xl', 448, 78436244, 60.644, [[83.1, 'tresnet-timm']]],
    ['tresnet-v2-l', 224, 46174824, 8.812, [[83.9, 'tresnet-21k']]],
    ['resnest-14d', 224, 10611688, 2.749, [[75.5, 'resnest-gluon']]],
    ['resnest-26d', 224, 17069448, 3.623, [[78.5, 'resnest-gluon']]],
    ['resnest-50d', 224, 27483240, 5.371, [[81.03, 'resnest']]],
    ['resnest-101e', 256, 48275016, 13.321, [[82.83, 'resnest']]],
  ]),
  ...rows('bicubic', [
    ['resnest-200e', 320, 70201544, 35.52, [[83.84, 'resnest']], 0.909],
    ['resnest-269e', 416, 110929480, 77.349, [[84.54, 'resnest']], 0.928],
    ['resnest-50d-4s2x40d', 224, 30417592, 4.369, [[81.14, 'resnest']]],
    ['resnest-50d-1s4x24d', 224, 25677000, 4.4, [[80.99, 'resnest']]],
  ]),
];
