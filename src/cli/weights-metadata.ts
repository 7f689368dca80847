import { modelFacts } from '../models/index.js';
import { IMAGENET_INPUT } from '../train/index.js';
import type { KeyPlan } from '../weights/plan.js';
import type { WeightsFile } from '../weights/weights-file.js';

/**
 * What travels with converted weights, under the keys of `saveWeights` (train/checkpoint.ts): model, its options and size, and how pictures become its input.
 * A safetensors file keeps what it had. Scalars of a training checkpoint do not travel: they can name paths and people.
 *
 * Both TensorFlow releases cut the centred square of `S / (S + 32)` of the shorter side, resize bicubically and normalise with ImageNet's mean and
 * deviation: tensorflow/tpu models/official/resnet/resnet_preprocessing.py and models/official/efficientnet/preprocessing.py (CROP_PADDING = 32),
 * efficientnet_builder.py (MEAN_RGB). Keras keeps the same normalisation inside its models, and so do timm's ports of the weights.
 */
export function weightsMetadata(file: WeightsFile, plan: KeyPlan, modelName: string | undefined, classes: number | undefined): Record<string, string> {
  const metadata: Record<string, string> = { ...(file.format === 'safetensors' ? file.metadata : {}), format: 'pt' };
  const known = (key: string, value: string): void => {
    metadata[key] ??= value;
  };
  if (file.format !== 'safetensors') known('source', file.format);
  if (plan.ema) known('weights', 'ema');
  const family = plan.family ?? (modelName === undefined ? undefined : 'resnet');
  if (family === undefined) return metadata;
  if (modelName !== undefined) {
    const { options, size } = modelFacts(modelName, classes === undefined ? {} : { classes });
    // The name that was asked for and checked wins over an older one.
    Object.assign(metadata, { model: modelName.replace(/@.*$/, ''), modelOptions: JSON.stringify(options) });
    known('size', String(size));
    known('evalCrop', String(Number((size / (size + 32)).toFixed(4))));
  }
  known('mean', JSON.stringify(IMAGENET_INPUT.mean));
  known('std', JSON.stringify(IMAGENET_INPUT.std));
  known('interpolation', IMAGENET_INPUT.interpolation);
  known('activation', family === 'efficientnet' ? 'swish' : 'relu');
  if (family === 'efficientnet') {
    // TensorFlow pads a strided convolution by one more on the right and below; timm calls these models tf_efficientnet_*.
    known('padding', 'same');
    known('batchNormEpsilon', '0.001');
  }
  return metadata;
}
