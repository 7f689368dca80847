import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/errors.js';
import {
  createModel,
  type EfficientNetOptions,
  type ModelOverrides,
  type ResNetOptions,
} from '../../src/models/index.js';
import { noGrad, scope, shapeOnly, type Tensor, zeros } from '../../src/torch/index.js';

const small = { classes: 3, dropout: 0, stochasticDepth: 0 };
const shapes = (features: Record<string, Tensor>): number[][] => Object.values(features).map(({ shape }) => [...shape]);
const up = (side: number, stride: number): number => Math.ceil(side / stride);

const families: [name: string, options: ModelOverrides, channels: number[], least: number][] = [
  // Widths by hand: bottleneck 4 * 64 * 2^i * 0.25, basic 64 * 2^i * 0.25; EfficientNet 24, 40, 112, 320 times 0.25,
  // rounded to 8s: 6, 10, 28, 80.
  ['resnet-18', { width: 0.25 }, [16, 32, 64, 128], 32],
  ['resnet-50', { width: 0.25 }, [64, 128, 256, 512], 32],
  ['resnet-rs-50', { width: 0.25 }, [64, 128, 256, 512], 32],
  ['resnet-rs-50', { width: 0.25, stemStride: 1 }, [64, 128, 256, 512], 8],
  ['efficientnet-b0', { width: 0.25 }, [8, 16, 32, 80], 32],
  ['efficientnet-b0', { width: 0.25, padding: 'symmetric' }, [8, 16, 32, 80], 32],
  ['efficientnet-b0', { width: 0.25, stemStride: 1 }, [8, 16, 32, 80], 16],
];
for (const [name, options, channels, least] of families)
  test(`${name} ${JSON.stringify(options)}: feature maps at each stride, sides rounded up, for 1, 3 and 4 channels`, () => {
    const base = least / 8;
    for (const [height, width] of [
      [64, 64],
      [65, 97],
      [111, 50],
      [least, 224],
      [33, 160],
    ] as const)
      for (const inputs of [1, 3, 4]) {
        const found = shapeOnly(() =>
          shapes(
            createModel(name, { ...small, ...options, channels: inputs }).features(zeros([2, inputs, height, width])),
          ),
        );
        assert.deepEqual(
          found,
          channels.map((c, i) => [2, c, up(height, base * 2 ** i), up(width, base * 2 ** i)]),
          `${inputs} x ${height} x ${width}`,
        );
      }
  });

test('the engine gives the shapes that were derived, for odd and non-square pictures of 1 and 4 channels', () => {
  for (const [name, options, channels] of families.filter(([, { stemStride }]) => stemStride === undefined))
    for (const inputs of [1, 4]) {
      const model = createModel(name, { ...small, ...options, channels: inputs });
      const found = noGrad(() => scope(() => shapes(model.features(zeros([1, inputs, 67, 41])))));
      model.dispose();
      assert.deepEqual(
        found,
        [
          [1, channels[0], 17, 11],
          [1, channels[1], 9, 6],
          [1, channels[2], 5, 3],
          [1, channels[3], 3, 2],
        ],
        name,
      );
    }
});

test('the head reads c5: logits are the classifier on the pooled last map, widths 0.25 to 2', () => {
  for (const width of [0.25, 0.5, 1, 2])
    for (const name of ['resnet-26', 'resnet-rs-26', 'efficientnet-b0'] as const) {
      const [logits, c5] = shapeOnly(() => {
        const model = createModel(name, { ...small, width });
        return [
          [...model.forward(zeros([2, 3, 96, 96])).shape],
          model.features(zeros([2, 3, 96, 96])).c5.shape[1],
        ] as const;
      });
      assert.deepEqual(logits, [2, 3]);
      assert.equal(c5, (name === 'efficientnet-b0' ? 320 : 2048) * width);
    }
});

test('pictures that do not fit are refused with what to do', () => {
  const model = createModel('resnet-rs-26', { ...small, width: 0.125 });
  const efficientNet = createModel('efficientnet-b0', { ...small, width: 0.125, stemStride: 1 });
  for (const shape of [
    [1, 3, 31, 64],
    [1, 3, 64, 8],
    [1, 1, 64, 64],
    [3, 64, 64],
  ])
    assert.throws(
      () => scope(() => model.forward(zeros(shape))),
      (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /\[N, 3, H, W\] with sides of 32 or more.*received \[.*stemStride/);
        return true;
      },
    );
  assert.throws(() => scope(() => efficientNet.forward(zeros([2, 3, 15, 28]))), /sides of 16 or more/);
  noGrad(() => scope(() => assert.deepEqual([...efficientNet.forward(zeros([1, 3, 16, 16])).shape], [1, 3])));
  for (const each of [model, efficientNet]) each.dispose();
});

test('options out of range are refused before anything is built', () => {
  const cases: [name: string, options: Record<string, unknown>, message: RegExp][] = [
    ['resnet-50', { width: -1 }, /a number from 0\.01 to 16 as width of resnet-50 but received -1/],
    ['efficientnet-b0', { width: 0 }, /as width of efficientnet-b0 but received 0/],
    ['efficientnet-b0', { width: NaN }, /as width/],
    ['efficientnet-b0', { depth: 0 }, /as depth/],
    ['resnet-50', { channels: 0 }, /a whole number from 1 to 4096 as channels/],
    ['resnet-50', { classes: 2.5 }, /as classes/],
    ['resnet-50', { stemStride: 3 }, /Expected 1, 2 or 4 as stemStride/],
    ['efficientnet-b0', { stemStride: 4 }, /Expected 1 or 2 as stemStride/],
    ['efficientnet-b0', { padding: 'valid' }, /same or symmetric as padding of efficientnet-b0 but received "valid"/],
    ['resnet-50', { dropout: 1 }, /from 0 to below 1 as dropout/],
    ['resnet-50', { layers: [1, 2, 0, 1] }, /four whole numbers/],
    ['resnet-50', { width: undefined }, /as width of resnet-50 but received undefined/],
    ['resnet-50', { seRatoi: 0.25 }, /received "seRatoi"\. Did you mean "seRatio"\?/],
    ['efficientnet-b0', { layers: [1, 1, 1, 1] }, /Expected an option of efficientnet-b0 but received "layers"/],
    ['efficientnet-bo', {}, /Did you mean "efficientnet-b0"\?/],
    ['resnet-50@0', {}, /input size in pixels/],
    [
      'efficientnet-rs-b4',
      {},
      /efficientnet-rs-b4@288: an EfficientNet-RS is EfficientNet-B4 below its own 380 pixels/,
    ],
  ];
  for (const [name, options, message] of cases)
    assert.throws(
      () => createModel(name, options as Partial<ResNetOptions> | Partial<EfficientNetOptions>),
      (error: Error) => {
        assert.ok(error instanceof UsageError, error.stack);
        assert.match(error.message, message);
        return true;
      },
    );
});
