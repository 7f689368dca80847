import type { Transform } from './transforms.js';

const FIRST = 'body.conv1.0.weight';

/**
 * The keys of Alibaba-MIIL's own TResNet files under timm's, which are ours. A convolution and its InPlace-ABN stand in a sequence there, and
 * where a blur follows in one within another.
 *
 * | Alibaba-MIIL | here |
 * | --- | --- |
 * | `...conv<n>.0.weight`, before a blur `...conv<n>.0.0.weight` | `...conv<n>.conv.weight` |
 * | `...conv<n>.1.*`, before a blur `...conv<n>.0.1.*` | `...conv<n>.bn.*` |
 * | `...downsample.<i>.0.*`, `...downsample.<i>.1.*` | `...downsample.<i>.conv.*`, `...downsample.<i>.bn.*` |
 * | `...conv<n>.1.filt`: the blur itself, which is fixed | left out |
 *
 * InPlace-ABN multiplies by |weight| + 1e-5, so that is a batch norm's weight. Source: Alibaba-MIIL/TResNet src/models/tresnet/tresnet.py,
 * mapillary/inplace_abn abn.py; timm tresnet.py checkpoint_filter_fn.
 * @returns undefined for a key that is left out
 */
function tresnetKey(key: string): { key: string; transform: Transform } | undefined {
  if (/\.filt$/.test(key)) return undefined;
  const layer = /^(.*\.(?:conv\d+(?:\.0(?=\.[01]\.))?|downsample\.\d+))\.([01])\.(\w+)$/.exec(key);
  if (layer === null) return { key, transform: 'none' };
  const [, at, i, tensor] = layer as unknown as [string, string, string, string];
  const path = at.replace(/(\.conv\d+)\.0$/, '$1');
  return i === '0'
    ? { key: `${path}.conv.${tensor}`, transform: 'none' }
    : { key: `${path}.bn.${tensor}`, transform: tensor === 'weight' ? 'abn' : 'none' };
}

/** The rule for files of Alibaba-MIIL's TResNet; undefined for any other. */
export const tresnetKeys = (keys: ReadonlyMap<string, unknown>): typeof tresnetKey | undefined =>
  keys.has(FIRST) ? tresnetKey : undefined;
