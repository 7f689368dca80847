import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderSelectionPage, type SelectionClass, type SelectionPage } from '../../../src/report/labels/report.js';

const page = (classes: SelectionClass[], rest: Partial<SelectionPage> = {}): string =>
  renderSelectionPage({
    title: 'heap-labels',
    teacher: 'resnet-rs-50, 160 pixels',
    rule: [{ key: 'least probability', value: '0.3' }],
    findings: ['90 of 100 pictures were kept.'],
    warnings: [],
    pictures: 100,
    kept: 90,
    drawn: 120,
    classes,
    histogram: { pictures: new Array<number>(100).fill(1), kept: new Array<number>(100).fill(0) },
    generatedAt: '2026-01-02T03:04:00Z',
    commands: [],
    ...rest,
  });
const one = (name: string, pictures: number, rest: Partial<SelectionClass> = {}): SelectionClass => ({
  name,
  pictures,
  threshold: 0.3,
  above: pictures,
  copies: 1,
  kept: pictures,
  drawn: pictures,
  ...rest,
});

test('every class stands in the table with what was kept, thrown away and repeated; the richest first', () => {
  const text = page([
    one('rare', 10, { kept: 8, drawn: 32, copies: 4 }),
    one('<b>rich</b>', 1200, { threshold: null, kept: 0, drawn: 0 }),
  ]);
  const cells = [...text.matchAll(/<tr>(<td class="named">.*?)<\/tr>|<tr>(<td class="named">[\s\S]*?)\n/g)].map(
    ([row]) => [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => cell),
  );
  assert.deepEqual(cells, [
    [
      '&lt;b&gt;rich&lt;/b&gt;',
      '1,200',
      '–',
      '1,200',
      '1.00',
      '0 <small class="note">0\u00a0%</small>',
      '1,200',
      '0',
      '0',
    ],
    ['rare', '10', '0.30', '10', '4.00', '8 <small class="note">80\u00a0%</small>', '2', '24', '32'],
  ]);
  assert.match(text, /Pictures that the teacher calls so \(pale\)/);
  assert.doesNotMatch(text, /class="warnings"/);
  assert.match(
    page([one('a', 1)], { warnings: ['Nothing was kept of 1 class: a.'] }),
    /class="warnings"[\s\S]*Nothing was kept/,
  );
});

test('many classes are curves over their rank, and their table is folded', () => {
  const many = Array.from({ length: 1000 }, (_, k) =>
    one(`class ${k}`, 1000 - k, k % 7 === 0 ? { kept: 0, drawn: 0 } : {}),
  );
  const text = page(many);
  assert.match(text, /Pictures of each class, the richest first/);
  assert.match(text, /<summary>1,000 classes<\/summary>/);
  assert.match(text, /Classes without a picture are drawn at 1/);
  assert.doesNotMatch(text, /NaN|Infinity/);
});

test('a selection of nothing is a page as well', () => {
  const nothing = new Array<number>(100).fill(0);
  const text = page([one('a', 0, { threshold: null, copies: 0 })], {
    pictures: 0,
    kept: 0,
    drawn: 0,
    histogram: { pictures: nothing, kept: nothing },
  });
  assert.doesNotMatch(text, /NaN|Infinity/);
});
