import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/package-root.js';

interface Differences {
  jsonDifference(a: unknown, b: unknown): string | undefined;
  csvDifference(a: string, b: string): string | undefined;
  linesDifference(a: string, b: string): string | undefined;
  bytesDifference(a: Buffer, b: Buffer): string | undefined;
  safetensorsDifference(a: Buffer, b: Buffer): string | undefined;
  maskReport(page: string): string;
}
const path = join(packageRoot, 'scripts', 'compare', 'differences.mjs');
const { jsonDifference, csvDifference, linesDifference, bytesDifference, safetensorsDifference, maskReport } =
  (await import(pathToFileURL(path).href)) as Differences;

test('differences name their place, and times are none', () => {
  assert.equal(jsonDifference({ a: [1, { b: 2 }], seconds: 1 }, { a: [1, { b: 2 }], seconds: 2 }), undefined);
  assert.equal(jsonDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), 'a.1.b: 2 against 3');
  assert.equal(jsonDifference({ a: 1 }, { a: 1, c: 1 }), 'c: only in the new one');
  assert.equal(jsonDifference({ a: 1, b: 1 }, { b: 1, a: 1 }), 'the whole: keys in another order');

  const table = 'epoch,loss,imagesPerSecond\n1,0.5,100\n2,0.4,100\n';
  assert.equal(csvDifference(table, table.replace('1,0.5,100', '1,0.5,200')), undefined);
  assert.equal(csvDifference(table, table.replace('2,0.4', '2,0.3')), 'row 2, loss: 0.4 against 0.3');
  assert.equal(csvDifference(table, table.replace('loss', 'error'))?.startsWith('columns '), true);

  assert.equal(linesDifference('a\nb', 'a\nb'), undefined);
  assert.equal(linesDifference('a\nb', 'a\nc'), 'line 2: b against c');
  assert.equal(linesDifference('a\nb', 'a'), 'line 2: b against (end)');
  assert.equal(bytesDifference(Buffer.from('abc'), Buffer.from('abd')), '3 against 3 bytes, which part at 2');
});

test('weights that differ name the first tensor', () => {
  const file = (first: number, second: number): Buffer => {
    const header = JSON.stringify({
      a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      b: { dtype: 'U8', shape: [1], data_offsets: [1, 2] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, Buffer.from(header), Buffer.from([first, second])]);
  };
  assert.equal(safetensorsDifference(file(1, 2), file(1, 2)), undefined);
  assert.equal(safetensorsDifference(file(1, 2), file(1, 3)), '1 tensors differ, the first: b');
});

test('speeds and dates of a report are masked, its figures are not', () => {
  const page = (speed: string, loss: string, date: string): string =>
    `<p>${date}</p>\n<figure><h3>Training speed, pictures a second</h3>${speed}</figure>\n` +
    `<table><tr><th>Loss</th><th>Pictures/s</th></tr><tr><td>${loss}</td><td>${speed}</td></tr></table>\n` +
    `<dt>Speed</dt><dd>${speed} pictures/s<small>${speed}\u00a0% waiting for pictures</small></dd>`;
  const old = maskReport(page('12.5', '0.25', '2026-01-02 03:04'));
  assert.equal(maskReport(page('99.1', '0.25', '2026-05-06 07:08')), old);
  assert.notEqual(maskReport(page('12.5', '0.26', '2026-01-02 03:04')), old);
});
