import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { modelShapes } from '../../src/models/index.js';
import { formatMatch, formatMisfit, matchKeys } from '../../src/weights/report.js';

const expected = new Map<string, number[]>([
  ['conv1.weight', [8, 3, 3, 3]],
  ['bn1.weight', [8]],
  ['fc.weight', [5, 16]],
  ['fc.bias', [5]],
]);

test('an exact match', () => {
  const match = matchKeys(expected, new Map(expected));
  assert.deepEqual(match, {
    loaded: [...expected.keys()],
    missing: [],
    unexpected: [],
    wrongShape: [],
    ignored: [],
    renewed: [],
  });
  assert.equal(formatMatch(match), 'loaded: 4');
});

test('every kind of difference, each key in one list', () => {
  const found = new Map<string, number[]>([
    ['conv1.weight', [8, 3, 3, 3]],
    ['fc.weight', [1000, 16]],
    ['fc.bias', [5]],
    ['head.bias', [5]],
    ['maxpool.1.num_batches_tracked', []],
  ]);
  const match = matchKeys(expected, found);
  assert.deepEqual(match, {
    loaded: ['conv1.weight', 'fc.bias'],
    missing: ['bn1.weight'],
    unexpected: ['head.bias'],
    wrongShape: [{ key: 'fc.weight', expected: [5, 16], found: [1000, 16] }],
    ignored: ['maxpool.1.num_batches_tracked'],
    renewed: [],
  });
  assert.deepEqual(formatMatch(match).split('\n'), [
    'loaded: 2',
    'missing: 1',
    '  bn1.weight',
    'unexpected: 1',
    '  head.bias',
    'wrong shape: 1',
    '  fc.weight: expected [5, 16], found [1000, 16]',
    'ignored: 1',
    '  maxpool.1.num_batches_tracked',
  ]);
});

test('a shape of another rank is another shape; only a real step counter is ignored', () => {
  const one = new Map([['w', [4]]]);
  assert.equal(matchKeys(one, new Map([['w', [4, 1]]])).wrongShape.length, 1);
  assert.equal(matchKeys(one, new Map([['w', []]])).wrongShape.length, 1);
  assert.deepEqual(
    matchKeys(
      one,
      new Map([
        ['w', [4]],
        ['my_num_batches_tracked', [1]],
      ]),
    ).unexpected,
    ['my_num_batches_tracked'],
  );
});

test('long lists are cut at ten', () => {
  const match = matchKeys(new Map(Array.from({ length: 12 }, (_, i) => [`w${i}`, [1]])), new Map());
  const lines = formatMatch(match).split('\n');
  assert.deepEqual(
    [lines[0], lines[1], lines.at(-2), lines.at(-1)],
    ['loaded: 0', 'missing: 12', '  w9', '  and 2 more'],
  );
});

describe('a misfit', () => {
  const keys = (names: readonly string[]): Map<string, number[]> => new Map(names.map((name) => [name, [1]]));
  const many = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
  const shown = (lines: readonly string[]): number => lines.filter((line) => /^ {2}(?!and )/.test(line)).length;

  test('names eight keys in all and says how many more there are', () => {
    for (const [missing, unexpected, expected] of [
      [20, 0, [8, 12]],
      [20, 30, [4, 16, 26]],
    ] as const) {
      const lines = formatMisfit(
        matchKeys(keys(many('w', missing)), keys([...many('v', unexpected), 'bn.num_batches_tracked'])),
      ).split('\n');
      assert.equal(shown(lines), 8);
      assert.deepEqual(
        lines.filter((line) => line.startsWith('  and ')),
        expected.slice(1).map((n) => `  and ${n} more`),
      );
    }
    const three = formatMisfit(
      matchKeys(new Map([...keys(many('w', 20)), ['s', [2]]]), keys([...many('v', 3), 's'])),
    ).split('\n');
    assert.deepEqual(three, [
      'fits: 0',
      'missing: 20',
      '  w0',
      '  w1',
      '  and 18 more',
      'unexpected: 3',
      '  v0',
      '  v1',
      '  and 1 more',
      'wrong shape: 1',
      '  s: expected [2], found [1]',
    ]);
  });

  // The names are torchvision 0.14's: models.efficientnet_b0 and models.resnet50.
  const torchvision = {
    efficientnet: [
      'features.0.0.weight',
      'features.0.1.weight',
      'features.1.0.block.0.0.weight',
      'features.8.1.running_var',
      'classifier.1.weight',
    ],
    resnet: ['conv1.weight', 'bn1.weight', 'layer1.0.conv1.weight', 'layer1.0.downsample.0.weight', 'fc.weight'],
  };
  const misfit = (model: string, found: readonly string[]): string =>
    formatMisfit(matchKeys(modelShapes(model, {}), keys(found)));

  test("of torchvision's EfficientNet says so, and so does that of its ResNet where another stem is expected", () => {
    assert.match(
      misfit('efficientnet-b0', torchvision.efficientnet),
      /\nThese look like torchvision's names of an EfficientNet.*timm's file/,
    );
    assert.match(
      misfit('resnet-rs-50', torchvision.resnet),
      /\nThese look like torchvision's names of a classic ResNet.*--model resnet-50/,
    );
    for (const [model, found] of [
      ['resnet-50', torchvision.resnet],
      ['resnet-rs-50', torchvision.efficientnet],
      ['efficientnet-b0', torchvision.resnet],
      ['efficientnet-b0', ['conv_stem.weight']],
    ] as const)
      assert.doesNotMatch(misfit(model, found), /look like/, model);
  });
});
