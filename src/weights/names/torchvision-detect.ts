/**
 * The keys of torchvision's detectors (RetinaNet, FCOS on a ResNet with a feature pyramid) under those of ours (models/detect):
 *
 * | torchvision | here |
 * | --- | --- |
 * | `backbone.body.*` | `*`: the trunk's own, which are torchvision's and timm's |
 * | `backbone.fpn.inner_blocks.<i>.0.*`, in files of before 0.14 `inner_blocks.<i>.*`; `layer_blocks` alike | `detector.fpn.inner_blocks.<i>.0.*` |
 * | `backbone.fpn.extra_blocks.*` | `detector.fpn.extra_blocks.*` |
 * | `head.classification_head.conv.<i>.0.*`, of RetinaNet before 0.14 `conv.<2i>.*`, of FCOS `conv.<3i>.*` | `detector.classes.tower.<i>.conv.*` |
 * | `...conv.<i>.1.*`, of FCOS `conv.<3i + 1>.*` | `detector.classes.tower.<i>.norm.*` |
 * | `head.classification_head.cls_logits.*` | `detector.classes.out.*` |
 * | `head.regression_head.conv...` | `detector.boxes.tower...`, as above |
 * | `head.regression_head.bbox_reg.*` | `detector.boxes.out.*` |
 * | `head.regression_head.bbox_ctrness.*` (FCOS) | `detector.boxes.centre.*` |
 *
 * torchvision counts classes from 1, its row 0 of `cls_logits` stands for nothing that it was ever shown: its rows stay as they are.
 */
export function detectorKey(key: string, kind: 'retinanet' | 'fcos'): string | undefined {
  if (key.startsWith('backbone.body.')) return key.slice('backbone.body.'.length);
  const pyramid = /^backbone\.fpn\.(inner_blocks|layer_blocks)\.(\d+)\.(?:(\d+)\.)?(\w+)$/.exec(key);
  if (pyramid !== null) return `detector.fpn.${pyramid[1]}.${pyramid[2]}.${pyramid[3] ?? 0}.${pyramid[4]}`;
  if (key.startsWith('backbone.fpn.extra_blocks.')) return `detector.${key.slice('backbone.'.length)}`;
  const head = /^head\.(classification|regression)_head\.(.+)$/.exec(key);
  if (head === null) return undefined;
  const [, name, rest = ''] = head;
  const branch = `detector.${name === 'classification' ? 'classes' : 'boxes'}`;
  const out = /^(cls_logits|bbox_reg|bbox_ctrness)\.(\w+)$/.exec(rest);
  if (out !== null) return `${branch}.${out[1] === 'bbox_ctrness' ? 'centre' : 'out'}.${out[2]}`;
  const layer = /^conv\.(\d+)\.(?:(\d+)\.)?(\w+)$/.exec(rest);
  if (layer === null) return undefined;
  const [, first, second, tensor] = layer;
  // One list of convolutions, norms and activations, in place of a list of layers.
  const every = kind === 'fcos' ? 3 : 2;
  const [i, part] =
    second === undefined ? [Math.floor(Number(first) / every), Number(first) % every] : [Number(first), Number(second)];
  return part > 1 ? undefined : `${branch}.tower.${i}.${part === 0 ? 'conv' : 'norm'}.${tensor}`;
}

/** Which of torchvision's detectors these keys are of; undefined for anything else. */
export function torchvisionDetector(keys: Iterable<string>): 'retinanet' | 'fcos' | undefined {
  let found: 'retinanet' | 'fcos' | undefined;
  let body = false;
  for (const key of keys) {
    body ||= key.startsWith('backbone.body.');
    if (key.startsWith('head.classification_head.cls_logits.')) found ??= 'retinanet';
    if (key.startsWith('head.regression_head.bbox_ctrness.')) found = 'fcos';
  }
  return body ? found : undefined;
}
