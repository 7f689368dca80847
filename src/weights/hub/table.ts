import type { WeightsFacts } from '../facts.js';
import { imagenetClasses } from './imagenet.js';
import { TIMM, TORCHVISION } from './rows.js';

/** Where the bytes are. */
export type Address =
  /** A repository on the Hugging Face hub. */
  | { kind: 'hub'; repository: string; file: string }
  /** A file that torch.hub keeps under this name; `sha256` is the beginning of its hash, which the name ends in. */
  | { kind: 'torch'; url: string; file: string; sha256: string }
  /** A compressed archive, which is not fetched. */
  | { kind: 'archive'; url: string };

/** A row of the table: weights that have a name. What is not known for certain is absent. */
export interface NamedWeights {
  name: string;
  /** The model that they fit, as `rescaled models` calls it. */
  model: string;
  /** Switches that differ from the named model's. */
  modelOptions: Readonly<Record<string, unknown>>;
  /** Side of the pictures that they are best measured at, in pixels; they may have been trained at another. */
  size: number;
  /** Share of the shorter side that is kept. */
  evalCrop: number;
  interpolation: 'bicubic' | 'bilinear';
  mean: [number, number, number];
  std: [number, number, number];
  /** Published ImageNet top-1 in percent at these pixels, crop and resampling. */
  top1?: number;
  licence?: string;
  /** Numbers among the weights: four bytes each in the file, beside a header of some kilobytes. */
  numbers?: number;
  address: Address;
}

const SWITCHES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '-': {},
  // timm's own EfficientNets pad evenly; tf_efficientnet_* are TensorFlow's weights.
  even: { padding: 'symmetric', normEpsilon: 1e-5 },
  d: { stem: 'deep', avgDown: true },
  se: { seRatio: 1 / 16 },
  'd+se': { stem: 'deep', avgDown: true, seRatio: 1 / 16 },
};
type Statistics = Pick<NamedWeights, 'mean' | 'std'>;
const IMAGENET: Statistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const STATISTICS: Readonly<Record<string, Statistics>> = {
  imagenet: IMAGENET,
  none: { mean: [0, 0, 0], std: [1, 1, 1] },
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/** Columns: name, model, switches, size, crop, resampling, statistics, top-1, licence, numbers[, file]; - is unknown. */
function rowsOf(text: string, addressOf: (name: string, file: string) => Address): NamedWeights[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name, model, switches, size, crop, interpolation, statistics, top1, licence, numbers, file = ''] =
        line.split(' ') as [string, string, string, string, string, string, string, string, string, string, string?];
      return {
        name,
        model,
        modelOptions: SWITCHES[switches]!,
        size: Number(size),
        evalCrop: Number(crop),
        interpolation: interpolation as 'bicubic' | 'bilinear',
        ...STATISTICS[statistics]!,
        ...(top1 === '-' ? {} : { top1: Number(top1) }),
        ...(licence === '-' ? {} : { licence }),
        numbers: Number(numbers),
        address: addressOf(name, file),
      };
    });
}

/**
 * The TensorFlow releases, which are archives: tensorflow/tpu models/official/resnet/resnet_rs/README.md and
 * models/official/efficientnet/README.md (at 7dc921f846c9e4071f3884b768a7ddf521272a49) have addresses and accuracies,
 * resnet_preprocessing.py and preprocessing.py the crop of S / (S + 32). Files in that repository are Apache-2.0; what
 * holds for the weights is not said.
 */
function releases(): NamedWeights[] {
  const release = (name: string, model: string, size: number, top1: number, path: string): NamedWeights => ({
    name,
    model,
    modelOptions: {},
    size,
    evalCrop: Number((size / (size + 32)).toFixed(4)),
    interpolation: 'bicubic',
    ...IMAGENET,
    top1,
    address: { kind: 'archive', url: `https://storage.googleapis.com/cloud-tpu-checkpoints/${path}.tar.gz` },
  });
  const resnetRs: [depth: number, size: number, top1: number][] = [
    [50, 160, 78.8],
    [101, 160, 80.3],
    [101, 192, 81.2],
    [152, 192, 82],
    [152, 224, 82.2],
    [152, 256, 83],
    [200, 256, 83.4],
    [270, 256, 83.8],
    [350, 256, 84],
    [350, 320, 84.2],
    [420, 320, 84.4],
  ];
  const efficientNet: [size: number, top1: number][] = [
    [224, 77.1],
    [240, 79.1],
    [260, 80.1],
    [300, 81.6],
    [380, 82.9],
    [456, 83.6],
    [528, 84],
    [600, 84.3],
  ];
  return [
    ...resnetRs.map(([depth, size, top1]) => {
      const file = `resnet-rs-${depth}-i${size}`;
      return release(`${file}.tensorflow`, `resnet-rs-${depth}@${size}`, size, top1, `resnet-rs/${file}`);
    }),
    ...efficientNet.map(([size, top1], i) => {
      const model = `efficientnet-b${i}`;
      return release(`${model}.tensorflow_aa`, model, size, top1, `efficientnet/ckptsaug/${model}`);
    }),
    ...(
      [
        [5, 456, 83.7],
        [7, 600, 84.7],
      ] as const
    ).map(([i, size, top1]) => {
      const model = `efficientnet-b${i}`;
      return release(`${model}.tensorflow_ra`, model, size, top1, `efficientnet/randaug/${model}-randaug`);
    }),
  ];
}

/** All weights that have a name: timm's on the hub, torchvision's, the TensorFlow releases. */
export const NAMED_WEIGHTS: readonly NamedWeights[] = [
  ...rowsOf(TIMM, (name) => ({ kind: 'hub', repository: `timm/${name}`, file: 'model.safetensors' })),
  ...rowsOf(TORCHVISION, (_, file) => ({
    kind: 'torch',
    url: `https://download.pytorch.org/models/${file}`,
    file,
    sha256: /-([0-9a-f]{8})\.pth$/.exec(file)![1]!,
  })),
  ...releases(),
];

/** What a row says of its weights. The classes are ImageNet-1k's. */
export const factsOf = (row: NamedWeights): WeightsFacts => ({
  model: row.model,
  ...(Object.keys(row.modelOptions).length === 0 ? {} : { modelOptions: row.modelOptions }),
  classes: imagenetClasses(),
  size: row.size,
  evalCrop: row.evalCrop,
  mean: row.mean,
  std: row.std,
  interpolation: row.interpolation,
});

/**
 * The row of a file that lies where the hub's or torch's programs keep it: the place tells which weights it holds, also
 * to a run that started from it and goes on on another day.
 */
export function rowOfFile(path: string): NamedWeights | undefined {
  const parts = path.split(/[\\/]/);
  const file = parts.at(-1)!;
  const at = parts.findLastIndex((part) => part.startsWith('models--'));
  const repository = parts[at + 1] === 'snapshots' ? parts[at]!.split('--').slice(1).join('/') : undefined;
  return NAMED_WEIGHTS.find(
    ({ address }) =>
      (address.kind === 'hub' && address.repository === repository && address.file === file) ||
      (address.kind === 'torch' && address.file === file),
  );
}
