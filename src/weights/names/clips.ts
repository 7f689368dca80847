/**
 * The keys of networks of clips under those of ours (models/video). torchvision's are ours as they are.
 *
 * | pytorchvideo (slow_r50) | SlowFast (SLOW_8x8_R50) | here |
 * | --- | --- | --- |
 * | `blocks.0.conv.*`, `blocks.0.norm.*` | `s1.pathway0_stem.conv.*`, `.bn.*` | `conv1.*`, `bn1.*` |
 * | `blocks.<s>.res_blocks.<i>.branch2.conv_a.*`, `norm_a` | `s<s + 1>.pathway0_res<i>.branch2.a.*`, `a_bn` | `layer<s>.<i>.conv1.*`, `bn1` |
 * | the same of b and c | | of `conv2` and `conv3` |
 * | `...branch1_conv.*`, `branch1_norm.*` | `...branch1.*`, `branch1_bn.*` | `layer<s>.<i>.downsample.0.*`, `.1.*` |
 * | `blocks.5.proj.*` | `head.projection.*` | `fc.*` |
 *
 * Source: pytorchvideo models/resnet.py, stem.py, head.py; SlowFast models/stem_helper.py, resnet_helper.py, head_helper.py.
 */
function clipKey(key: string): string | undefined {
  const end = /^(?:blocks\.5\.proj|head\.projection)\.(\w+)$/.exec(key);
  if (end !== null) return `fc.${end[1]}`;
  const start = /^(?:blocks\.0|s1\.pathway0_stem)\.(conv|norm|bn)\.(\w+)$/.exec(key);
  if (start !== null) return `${start[1] === 'conv' ? 'conv1' : 'bn1'}.${start[2]}`;
  const block =
    /^blocks\.([1-4])\.res_blocks\.(\d+)\.(.+)$/.exec(key) ?? /^s([2-5])\.pathway0_res(\d+)\.(.+)$/.exec(key);
  if (block === null) return undefined;
  const [, stage, i, rest = ''] = block;
  const at = `layer${Number(stage) - (key.startsWith('s') ? 1 : 0)}.${i}`;
  const shortcut = /^branch1(_conv|_norm|_bn|)\.(\w+)$/.exec(rest);
  if (shortcut !== null)
    return `${at}.downsample.${shortcut[1] === '_conv' || shortcut[1] === '' ? 0 : 1}.${shortcut[2]}`;
  const layer = /^branch2\.(?:(conv|norm)_([abc])|([abc])(_bn)?)\.(\w+)$/.exec(rest);
  if (layer === null) return undefined;
  const [, kind, letter, other, norm, tensor] = layer;
  const n = 'abc'.indexOf(letter ?? other ?? '') + 1;
  return `${at}.${kind === 'norm' || norm !== undefined ? 'bn' : 'conv'}${n}.${tensor}`;
}

const ANCHOR = /^(blocks\.1\.res_blocks\.0\.branch2\.conv_a|s2\.pathway0_res0\.branch2\.a)\.weight$/;

/**
 * The rule for files of pytorchvideo and SlowFast; undefined for any other. A name that it does not know stays as it is.
 * Networks with a pool between their stages (c2d_r50, i3d_r50) have other numbers and do not fit.
 */
export function clipKeys(keys: Iterable<string>): ((key: string) => string) | undefined {
  for (const key of keys) if (ANCHOR.test(key)) return (other) => clipKey(other) ?? other;
  return undefined;
}
