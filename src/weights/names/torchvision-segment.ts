/**
 * The keys of torchvision's segmentation models (`fcn_resnet*`, `deeplabv3_resnet*`) under those of ours (models/segment):
 *
 * | torchvision | here |
 * | --- | --- |
 * | `backbone.*` | `*`: the trunk's own, which are torchvision's and timm's |
 * | `classifier.*` | `decoder.classifier.*` |
 * | `aux_classifier.*` | `decoder.aux_classifier.*` |
 *
 * Rows of the last layers are classes, the first one what is none of Pascal VOC's: it stays one of ours.
 */
export function segmentationKey(key: string): string | undefined {
  if (key.startsWith('backbone.')) return key.slice('backbone.'.length);
  return /^(aux_)?classifier\./.test(key) ? `decoder.${key}` : undefined;
}

/** Which of torchvision's segmentation models these keys are of; undefined for anything else. */
export function torchvisionSegmentation(keys: Iterable<string>): 'fcn' | 'deeplabv3' | undefined {
  const all = new Set(keys);
  if (!all.has('backbone.conv1.weight') || !all.has('classifier.4.weight')) return undefined;
  return all.has('classifier.0.convs.0.0.weight') ? 'deeplabv3' : 'fcn';
}
