import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMatch, matchKeys } from '../../src/weights/report.js';

const expected = new Map<string, number[]>([
  ['conv1.weight', [8, 3, 3, 3]],
  ['bn1.weight', [8]],
  ['fc.weight', [5, 16]],
  ['fc.bias', [5]],
]);

test('an exact match', () => {
  const match = matchKeys(expected, new Map(expected));
  assert.deepEqual(match, { loaded: [...expected.keys()], missing: [], unexpected: [], wrongShape: [], ignored: [], renewed: [] });
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
  assert.deepEqual(matchKeys(one, new Map([['w', [4]], ['my_num_batches_tracked', [1]]])).unexpected, ['my_num_batches_tracked']);
});

test('long lists are cut at ten', () => {
  const match = matchKeys(new Map(Array.from({ length: 12 }, (_, i) => [`w${i}`, [1]])), new Map());
  const lines = formatMatch(match).split('\n');
  assert.deepEqual([lines[0], lines[1], lines.at(-2), lines.at(-1)], ['loaded: 0', 'missing: 12', '  w9', '  and 2 more']);
});
