import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MaskFindings } from '../../../src/report/masks/data.js';
import { maskParts } from '../../../src/report/masks/parts.js';

const example = (change: Partial<MaskFindings> = {}): MaskFindings => ({
  images: 4,
  figures: [
    { title: 'Mean IoU', note: 'over the classes', unit: 'share', value: 0.6, interval: { low: 0.5, high: 0.7 } },
    { title: 'Pixel accuracy', note: 'pixels', unit: 'share', value: 0.9 },
  ],
  classes: [
    { name: 'road', colour: 'rgb(1 2 3)', truth: 900, predicted: 880, iou: 0.9, recall: 0.95, precision: 0.97 },
    { name: 'sign', colour: 'rgb(4 5 6)', truth: 100, predicted: 120, iou: 0.3, interval: { low: 0.1, high: 0.4 } },
    { name: 'cat', colour: 'rgb(7 8 9)', truth: 0, predicted: 0 },
  ],
  counts: [
    [850, 50, 0],
    [30, 70, 0],
    [0, 0, 0],
  ],
  constant: { name: 'road', value: 0.45 },
  worst: [
    {
      picture: 'data:p',
      truth: 'data:t',
      predicted: 'data:q',
      wrong: 'data:w',
      pixels: true,
      accuracy: 0.5,
      source: 'a&b',
    },
  ],
  ...change,
});

describe('the report of masks', () => {
  it('says in sentences what follows from the figures', () => {
    const { findings, interval } = maskParts(example());
    assert.deepEqual(
      findings.map((text) => text.replaceAll('\u00a0', ' ')),
      [
        'Mean IoU over 2 classes in 4 test pictures is 60.0 %; “road” at every pixel would give 45.0 %.',
        'The weakest class is “sign” with 10.0 % of the pixels: its IoU is 30.0 % (95 % interval 10.0 % to 40.0 %).',
        'Most often “road” is taken for “sign”: 5.6 % of its pixels, 62.5 % of all wrong ones.',
      ],
    );
    assert.deepEqual([interval!.low, interval!.high], [0.5, 0.7]);
  });

  it('lists classes from the weakest, with their colours; the matrix is in percent of the class', () => {
    const [classes, confusion, worst] = maskParts(example()).sections.map(({ body }) => body.toString());
    assert.match(classes!, /sign[\s\S]*road[\s\S]*cat/);
    assert.match(classes!, /style="background:rgb\(4 5 6\)"/);
    assert.match(confusion!, /title="road → sign: 50 \(5\.6\u00a0%\)">6</);
    assert.match(confusion!, /title="sign → road: 30 \(30\.0\u00a0%\)">30</);
    // The key has the classes that can be seen.
    assert.doesNotMatch(worst!, /cat/);
    assert.match(worst!, /<img class="pixels" src="data:q" alt="prediction of a&amp;b">/);
    assert.match(worst!, /50\.0\u00a0% of the pixels are right/);
  });

  it('leaves out what there is nothing of', () => {
    const right = example({ worst: [], counts: [[1000]], classes: [example().classes[0]!], figures: [] });
    const { sections, findings, interval } = maskParts(right);
    assert.deepEqual([sections.map(({ id }) => id), findings, interval], [['classes'], [], undefined]);
  });
});
