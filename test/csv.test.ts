import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvRow, csvText } from '../src/csv.js';

test('CSV quotes what must be quoted, and leaves empty what is not there', () => {
  assert.equal(csvRow(['a b', 'a,b', 'a"b', 'a\nb', 'a\rb']), 'a b,"a,b","a""b","a\nb","a\rb"');
  assert.equal(csvRow([1.5, undefined, null, Number.NaN, Infinity, '', false]), '1.5,,,,,,false');
  assert.equal(csvText(['x', 'y'], [[1, 2], []]), 'x,y\n1,2\n\n');
});
