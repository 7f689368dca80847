import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createModel,
  type LambdaResNetOptions,
  type ModelOverrides,
  type NfNetOptions,
} from '../../src/models/index.js';
import { liveTensors } from '../../src/torch/index.js';
import { blocksMatch, matchesFixture } from '../fixtures/compare.js';

// Oracle: timm's own code in float64 (make_nfnet_lambda.py).
const plain = { classes: 5, dropout: 0, stochasticDepth: 0 } as const;
const nfnet = (options: Partial<NfNetOptions>): Partial<NfNetOptions> => ({
  ...{ ...plain, width: 0.125, layers: [1, 2, 1, 1], stageWidths: [128, 128, 192, 192] },
  ...{ groupWidth: 8, bottleneckRatio: 0.5, finalWidth: 384 },
  ...options,
});
const lambda = (options: Partial<LambdaResNetOptions>): Partial<LambdaResNetOptions> => ({
  ...{ ...plain, width: 0.0625, lambdaEvery: [0, 0, 2, 1], activation: 'silu' },
  ...options,
});
const variants: [file: string, name: string, options: ModelOverrides][] = [
  ['nfnet_dm', 'dm-nfnet-f0', nfnet({})],
  ['nfnet_se', 'nfnet-l0', nfnet({})],
  ['nfnet_eca', 'eca-nfnet-l0', nfnet({ layers: [1, 1, 1, 1] })],
  [
    'nfnet_res',
    'nf-resnet-26',
    {
      ...plain,
      width: 0.0625,
      layers: [2, 1, 1, 1],
      stageWidths: [256, 256, 512, 512],
    } satisfies Partial<NfNetOptions>,
  ],
  ['lambda_conv', 'lambda-resnet-26t', lambda({ layers: [1, 1, 2, 1], context: 5 })],
  ['lambda_rel', 'lambda-resnet-26rpt', lambda({ layers: [1, 1, 2, 2], positionSize: 64 })],
];

for (const [fileName, name, options] of variants)
  describe(`${fileName} against timm`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const) {
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const model = createModel(name, options);
        matchesFixture(model, `${fileName}.safetensors`, `${fileName}.safetensors`, memoryFormat);
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
      test(`${memoryFormat}: each block alone`, () => {
        blocksMatch(() => createModel(name, options), `${fileName}.safetensors`, memoryFormat);
      });
    }
  });
