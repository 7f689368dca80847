/** A size at which a model was trained or measured, with the top-1 that its authors print. */
export interface PublishedCompared {
  /** As in the registry. */
  name: string;
  /** Resolution in pixels: of training and evaluation, or of one of them where the row after it has another. */
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
  nfnet: 'Published: NFNets, arXiv 2102.06171, Table 3 (mean of 3 runs)',
  'nfnet-sam': 'Published: NFNets, arXiv 2102.06171, Table 3 (trained with sharpness-aware minimisation)',
  'nfnet-timm': 'Weights of DeepMind, measured by timm at the size of training: results/results-imagenet.csv',
  'compared-timm': 'Weights of timm, measured by timm: results/results-imagenet.csv',
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
  // The size of training first, that of test behind it.
  ...rows('bicubic', [
    ['dm-nfnet-f0', 192, 71489284, 6.977, [[81.4, 'nfnet-timm']], 0.9],
    ['dm-nfnet-f0', 256, 71489284, 12.384, [[83.6, 'nfnet']], 0.9],
    ['dm-nfnet-f1', 224, 132634256, 17.438, [[83.4, 'nfnet-timm']], 0.91],
    ['dm-nfnet-f1', 320, 132634256, 35.539, [[84.7, 'nfnet']], 0.91],
    ['dm-nfnet-f2', 256, 193779228, 33.139, [[84.1, 'nfnet-timm']], 0.92],
    ['dm-nfnet-f2', 352, 193779228, 62.593, [[85.1, 'nfnet']], 0.92],
    ['dm-nfnet-f3', 320, 254924200, 67.944, [[85.1, 'nfnet-timm']], 0.94],
    ['dm-nfnet-f3', 416, 254924200, 114.764, [[85.7, 'nfnet']], 0.94],
    ['dm-nfnet-f4', 384, 316069172, 121.122, [[85.5, 'nfnet-timm']], 0.951],
    ['dm-nfnet-f4', 512, 316069172, 215.241, [[85.9, 'nfnet']], 0.951],
    ['dm-nfnet-f5', 416, 377214144, 169.498, [[85.7, 'nfnet-timm']], 0.954],
    ['dm-nfnet-f5', 544, 377214144, 289.757, [[86, 'nfnet']], 0.954],
    ['dm-nfnet-f6', 448, 438359116, 228.293, [[86.2, 'nfnet-timm']], 0.956],
    ['dm-nfnet-f6', 576, 438359116, 377.28, [[86.5, 'nfnet-sam']], 0.956],
    ['nfnet-f0', 192, 71489272, 6.977, [], 0.9],
    ['nfnet-f0', 256, 71489272, 12.384, [], 0.9],
    ['nfnet-f1', 224, 132634232, 17.438, [], 0.9],
    ['nfnet-f1', 320, 132634232, 35.539, [], 0.9],
    ['nfnet-f2', 256, 193779192, 33.139, [], 0.9],
    ['nfnet-f2', 352, 193779192, 62.593, [], 0.9],
    ['nfnet-f3', 320, 254924152, 67.944, [], 0.9],
    ['nfnet-f3', 416, 254924152, 114.764, [], 0.9],
    ['nfnet-f4', 384, 316069112, 121.122, [], 0.9],
    ['nfnet-f4', 512, 316069112, 215.241, [], 0.9],
    ['nfnet-f5', 416, 377214072, 169.498, [], 0.9],
    ['nfnet-f5', 544, 377214072, 289.757, [], 0.9],
    ['nfnet-f6', 448, 438359032, 228.293, [], 0.9],
    ['nfnet-f6', 576, 438359032, 377.28, [], 0.9],
    ['nfnet-f7', 480, 499503992, 298.477, [], 0.9],
    ['nfnet-f7', 608, 499503992, 478.782, [], 0.9],
    ['nfnet-l0', 224, 35074488, 4.255, [[81.9, 'compared-timm']], 0.9],
    ['nfnet-l0', 288, 35074488, 7.025, [[82.8, 'compared-timm']], 1],
    ['eca-nfnet-l0', 224, 24143924, 4.244, [[81.8, 'compared-timm']], 0.9],
    ['eca-nfnet-l0', 288, 24143924, 7.014, [[82.6, 'compared-timm']], 1],
    ['eca-nfnet-l1', 256, 41407728, 9.429, [[83.3, 'compared-timm']], 0.9],
    ['eca-nfnet-l1', 320, 41407728, 14.73, [[84.1, 'compared-timm']], 1],
    ['eca-nfnet-l2', 320, 56722348, 20.683, [[84.2, 'compared-timm']], 0.9],
    ['eca-nfnet-l2', 384, 56722348, 29.782, [[84.7, 'compared-timm']], 1],
    ['eca-nfnet-l3', 352, 72036968, 32.228, [], 0.9],
    ['eca-nfnet-l3', 448, 72036968, 52.202, [], 1],
    ['nf-resnet-26', 224, 15995176, 2.342, [], 0.9],
    ['nf-resnet-50', 256, 25557032, 5.34, [[80.2, 'compared-timm']], 0.94],
    ['nf-resnet-50', 288, 25557032, 6.758, [[80.7, 'compared-timm']], 0.94],
    ['nf-resnet-101', 224, 44549160, 7.801, [], 0.9],
    ['nf-seresnet-26', 224, 17395976, 2.344, [], 0.9],
    ['nf-seresnet-50', 224, 28088024, 4.092, [], 0.9],
    ['nf-seresnet-101', 224, 49326872, 7.806, [], 0.9],
    ['nf-ecaresnet-26', 224, 15995220, 2.342, [], 0.9],
    ['nf-ecaresnet-50', 224, 25557118, 4.089, [], 0.9],
    ['nf-ecaresnet-101', 224, 44549331, 7.802, [], 0.9],
    ['lambda-resnet-26t', 256, 10958272, 2.995, [[79.1, 'compared-timm']], 0.94],
    ['lambda-resnet-26rpt', 256, 10988688, 2.921, [[79, 'compared-timm']], 0.94],
    ['lambda-resnet-50ts', 256, 21536832, 5.024, [[81.2, 'compared-timm']], 0.95],
  ]),
];
