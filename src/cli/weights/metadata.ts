import { readFileSync } from 'node:fs';
import { UsageError } from '../../errors.js';
import { modelFacts, PUBLISHED_COMPARED } from '../../models/index.js';
import { IMAGENET_INPUT } from '../../run/config.js';
import { outputsIn } from '../../weights/facts.js';
import type { WeightsFile } from '../../weights/formats/weights-file.js';
import type { KeyPlan } from '../../weights/names/plan.js';

/**
 * What travels with converted weights, under the keys of `saveWeights` (train/checkpoint.ts): model, its options and
 * size, and how pictures become its input. A safetensors file keeps what it had. Scalars of a training checkpoint do
 * not travel: they can name paths and people.
 *
 * Both TensorFlow releases cut the centred square of `S / (S + 32)` of the shorter side, resize bicubically and
 * normalise with ImageNet's mean and deviation: tensorflow/tpu models/official/resnet/resnet_preprocessing.py and
 * models/official/efficientnet/preprocessing.py (CROP_PADDING = 32), efficientnet_builder.py (MEAN_RGB). Keras keeps
 * the same normalisation inside its models, and so do timm's ports of the weights.
 */
export function weightsMetadata(
  file: WeightsFile,
  plan: KeyPlan,
  modelName: string | undefined,
  classes: number | undefined,
  labels?: readonly string[],
): Record<string, string> {
  const metadata: Record<string, string> = { ...(file.format === 'safetensors' ? file.metadata : {}), format: 'pt' };
  const known = (key: string, value: string): void => {
    metadata[key] ??= value;
  };
  if (file.format !== 'safetensors') known('source', file.format);
  if (labels !== undefined) metadata['classes'] = JSON.stringify(labels);
  // A bare state dict does not tell.
  if (plan.ema || file.format === 'tensorflow' || file.metadata['selected'] !== undefined)
    known('weights', plan.ema ? 'ema' : 'raw');
  const family = plan.family ?? (modelName === undefined ? undefined : 'resnet');
  if (family === undefined) return metadata;
  // Models of others were measured in their own way.
  const compared = PUBLISHED_COMPARED.find(({ name }) => name === modelName?.replace(/@.*$/, ''));
  if (modelName !== undefined) {
    const { options, size } = modelFacts(modelName, classes === undefined ? {} : { classes });
    // The name that was asked for and checked wins over an older one.
    Object.assign(metadata, { model: modelName.replace(/@.*$/, ''), modelOptions: JSON.stringify(options) });
    known('size', String(size));
    known('evalCrop', String(compared?.crop ?? Number((size / (size + 32)).toFixed(4))));
  }
  const { mean, std, interpolation } = compared ?? IMAGENET_INPUT;
  known('mean', JSON.stringify(mean));
  known('std', JSON.stringify(std));
  known('interpolation', interpolation);
  known('activation', family === 'efficientnet' ? 'swish' : 'relu');
  if (family === 'efficientnet') {
    // TensorFlow pads a strided convolution by one more on the right and below; timm calls these models
    // tf_efficientnet_*.
    known('padding', 'same');
    known('batchNormEpsilon', '0.001');
  }
  return metadata;
}

/**
 * Names of classes, one a line, in the order of the model's outputs.
 * @throws UsageError when they are not as many as the classifier has outputs
 */
export function readLabels(path: string, plan: KeyPlan): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`Expected the names of the classes but ${path} cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const labels = text.split(/\r?\n/).map((line) => line.trim());
  if (labels.at(-1) === '') labels.pop();
  const outputs = outputsIn(plan.tensors);
  if (labels.length !== outputs || labels.includes('') || new Set(labels).size !== labels.length)
    throw new UsageError(
      `Expected ${outputs ?? 'no'} different names in ${path}, one a line, as many as the classifier has outputs, ` +
        `but it has ${new Set(labels.filter(Boolean)).size} in ${labels.length} lines.`,
    );
  return labels;
}
