import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BoxFindings } from '../../../src/report/boxes/data.js';
import { boxParts } from '../../../src/report/boxes/parts.js';

const precision = Array.from({ length: 101 }, (_, r) => (r <= 50 ? 1 - r / 200 : 0));

const example = (change: Partial<BoxFindings> = {}): BoxFindings => ({
  images: 20,
  figures: [
    { title: 'AP', note: 'mean', unit: 'share', value: 0.41, interval: { low: 0.35, high: 0.47 } },
    { title: 'AP, small objects', note: 'small', unit: 'share' },
  ],
  curves: [{ name: '0.50', precision }],
  overlaps: [
    { overlap: 0.5, ap: 0.6 },
    { overlap: 0.55, ap: 0.4 },
  ],
  classes: [
    { name: 'cell <b>', ap: 0.2, ap50: 0.3, ap75: 0.1, recall: 0.4, precision },
    { name: 'platelet', ap: 0.6, ap50: 0.8, ap75: 0.5, recall: 0.7, interval: { low: 0.5, high: 0.7 }, precision },
    { name: 'absent' },
  ],
  errors: {
    overlap: 0.5,
    threshold: 0.3,
    chosen: true,
    scores: [
      { score: 0.9, precision: 1, recall: 0.2, f1: 0.33 },
      { score: 0.3, precision: 0.8, recall: 0.6, f1: 0.69 },
      { score: 0.1, precision: 0.5, recall: 0.7, f1: 0.58 },
    ],
    confusion: [
      [12, 2, 6, 0],
      [0, 18, 2, 0],
      [0, 0, 0, 0],
      [4, 1, 0, 0],
    ].map((row, i) => (i < 3 ? [row[0]!, row[1]!, 0, row[2]!] : [row[0]!, row[1]!, 0, 0])),
    classes: [
      { objects: 20, found: 12, taken: 2, missed: 6, detections: 16 },
      { objects: 20, found: 18, taken: 0, missed: 2, detections: 21 },
      { objects: 0, found: 0, taken: 0, missed: 0, detections: 0 },
    ],
    sizes: [
      { from: 0, to: 16, objects: 20, found: 8, reached: 10, overlap: 0.7 },
      { from: 384, to: Number.POSITIVE_INFINITY, objects: 20, found: 18, reached: 20 },
    ],
    kinds: { other: 2, again: 1, loose: 1, background: 8 },
  },
  worst: [
    {
      uri: 'data:image/jpeg;base64,AAAA',
      width: 640,
      height: 480,
      source: 'a"b.jpg',
      found: 1,
      taken: 0,
      missed: 1,
      wrong: 1,
      f1: 0.5,
      objects: [
        { edges: [0, 0, 10, 10], name: 'cell <b>', outcome: 'missed' },
        { edges: [600, 100, 640, 150], name: 'platelet', outcome: 'found' },
      ],
      detections: [{ edges: [600, 100, 640, 150], name: 'platelet', score: 0.875, outcome: 'background' }],
    },
  ],
  ...change,
});
const bodyOf = (id: string, found = example()): string =>
  boxParts(found)
    .sections.find((section) => section.id === id)!
    .body.toString();

describe('the report of boxes', () => {
  it('says in sentences what follows from the figures', () => {
    const { findings, interval } = boxParts(example());
    assert.deepEqual(
      findings.map((text) => text.replaceAll('\u00a0', ' ')),
      [
        'Of 40 objects in 20 test pictures 75.0 % are found, and 81.1 % of 37 boxes are right, at a score of 0.30 or more and an overlap of 0.50.',
        'The weakest class is “cell <b>”: its AP is 20.0 %, at an overlap of 0.50 30.0 %.',
        'Most missed is “cell <b>”: 8 of its 20 objects, 2 of them taken for another class.',
        'By size: of objects with a side of below 16 px 40.0 % are found, of those of 384 px and more 90.0 %.',
        'Of 12 wrong boxes most are on no object: 66.7 %.',
      ],
    );
    assert.deepEqual([interval!.low, interval!.high], [0.35, 0.47]);
  });

  it('has its sections in order, and none without content', () => {
    const ids = (found: BoxFindings): string[] => boxParts(found).sections.map(({ id }) => id);
    assert.deepEqual(ids(example()), ['precision', 'classes', 'confusion', 'sizes', 'worst']);
    const bare = example({ worst: [], errors: { ...example().errors, sizes: [] } });
    assert.deepEqual(ids(bare), ['precision', 'classes', 'confusion']);
  });

  it('draws lines that end where no more is found, and what a threshold keeps', () => {
    const body = bodyOf('precision');
    // Recall 50 of 100 lies in the middle of the axis; the drawing has no point beyond.
    assert.match(body, /Precision over recall at overlap 0\.50, by class/);
    assert.match(body, /AP by the overlap that is asked for/);
    // At the threshold: of three points the second.
    assert.match(body, /boxes that are right <b>80\.0\u00a0%<\/b>/);
    assert.match(body, /objects that are found <b>60\.0\u00a0%<\/b>/);
    assert.match(body, /The figures are those at 0\.300, where F1 is highest on these very pictures/);
    assert.match(body, /overlap 0\.50 <b>/);
  });

  it('lists classes from the weakest, those without objects last, and escapes names', () => {
    const body = bodyOf('classes');
    const at = ['cell &lt;b&gt;', 'platelet', 'absent'].map((name) => body.indexOf(name));
    assert.ok(at[0]! > 0 && at[0]! < at[1]! && at[1]! < at[2]!, String(at));
    assert.doesNotMatch(body, /cell <b>/);
    assert.match(body, /data-sort="0\.6">60\.0/);
  });

  it('has the background in the matrix, without a cell for nothing on nothing', () => {
    const body = bodyOf('confusion');
    assert.match(body, /title="cell &lt;b&gt; → no box: 6 \(30\.0/);
    assert.match(body, /title="no object → cell &lt;b&gt;: 4 \(80\.0/);
    assert.match(body, /<td><\/td><\/tr>\n<\/tbody>/);
    assert.match(body, /Most missed/);
    const many = Array.from({ length: 31 }, (_, i) => ({ name: `k${i}` }));
    const one = { objects: 1, found: 1, taken: 0, missed: 0, detections: 1 };
    const confusion = Array.from({ length: 32 }, (_, t) =>
      Array.from({ length: 32 }, (_, p) => Number(t === p && t < 31)),
    );
    const errors = { ...example().errors, confusion, classes: many.map(() => one) };
    assert.match(bodyOf('confusion', example({ classes: many, errors })), /31 classes are too many for a matrix/);
  });

  it('shows a picture once, with objects on the left and boxes on the right', () => {
    const body = bodyOf('worst');
    assert.equal(body.split('data:image/jpeg;base64,AAAA').length, 2);
    assert.match(body, /<use href="#boxed-0"\/>/);
    assert.match(body, /<title>cell &lt;b&gt;, missed<\/title>/);
    assert.match(body, /<title>platelet 0\.88: no object<\/title>/);
    assert.match(body, /1 of 2 objects found, 1 wrong box, F1 50\.0/);
    assert.match(body, /a&quot;b\.jpg/);
    // A name at the right edge ends there, one at the top stands inside.
    assert.match(body, /<text class="missed" x="640" y="[\d.]+" font-size="26\.7" text-anchor="end">platelet 0\.88/);
    assert.match(body, /<text class="missed" x="0" y="26\.7"/);
    // What was found has no name in the drawing.
    assert.doesNotMatch(body, /<text class="found"/);
  });

  it('gives the same bytes for the same findings', () => {
    const print = (): string =>
      boxParts(example())
        .sections.map(({ body }) => body)
        .join('');
    assert.equal(print(), print());
  });
});
