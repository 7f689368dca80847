import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DepthFindings } from '../../../src/report/depths/data.js';
import { depthParts } from '../../../src/report/depths/parts.js';

const example = (change: Partial<DepthFindings> = {}): DepthFindings => ({
  images: 5,
  skipped: 1,
  pixels: 100_000,
  figures: [
    { title: 'd1', note: 'within 1.25', unit: 'share', value: 0.8, interval: { low: 0.7, high: 0.9 } },
    { title: 'RMSE', note: 'root', unit: 'm', value: 0.4, interval: { low: 0.3, high: 0.5 } },
  ],
  pooled: [0.81, 0.45],
  distances: [
    { from: 0, to: 1, pixels: 0 },
    {
      from: 1,
      to: 2,
      pixels: 59_990,
      absRel: 0.1,
      rmse: 0.2,
      bias: 0.05,
      d1: 0.9,
      intervals: { rmse: { low: 0.1, high: 0.3 } },
    },
    { from: 2, to: 3, pixels: 40_000, absRel: 0.2, rmse: 0.6, bias: -0.3, d1: 0.7 },
    { from: 3, to: 4, pixels: 10, absRel: 0.5, rmse: 2, bias: -2, d1: 0 },
  ],
  constant: { metres: 1.7, d1: 0.5 },
  worst: [
    {
      picture: 'data:p',
      truth: 'data:t',
      predicted: 'data:q',
      error: 'data:e',
      near: 1,
      far: 2.5,
      absRel: 0.25,
      source: 'f<1>',
    },
  ],
  ...change,
});

describe('the report of depth', () => {
  it('says in sentences what follows from the figures', () => {
    const { findings, interval } = depthParts(example());
    assert.deepEqual(
      findings.map((text) => text.replaceAll('\u00a0', ' ')),
      [
        '80.0 % of the readings lie within 1.25 times of what is predicted; 1.70 m at every pixel would be 50.0 %.',
        'RMSE is 0.400 m as a mean over pictures, 0.450 m over all pixels at once.',
        'Between 1.00 and 2.00 m the error is 10.0 % of the reading, 0.05 m too far in the mean; ' +
          'between 2.00 and 3.00 m the error is 20.0 % of the reading, 0.30 m too near in the mean.',
        '1 picture has no reading that counts and is not measured.',
      ],
    );
    assert.deepEqual([interval!.low, interval!.high], [0.7, 0.9]);
  });

  it('draws distances with enough pixels, and has all of them in the table', () => {
    const [figures, distance, worst] = depthParts(example()).sections.map(({ body }) => body.toString());
    assert.match(figures!, /Over all 100\u00a0k pixels at once: d1 81\.0\u00a0%, RMSE 0\.4500\u00a0m/);
    assert.match(figures!, /1 without a reading that counts are left out/);
    assert.match(distance!, /One distance with less than 0\.2\u00a0% of the pixels is in the table alone/);
    assert.equal(distance!.split('<tr><td').length - 1, 3);
    const csv = Buffer.from(/base64,([A-Za-z0-9+/=]+)/.exec(distance!)![1]!, 'base64').toString();
    assert.deepEqual(csv.split('\n').slice(0, 2), [
      'from_m,to_m,pixels,abs_rel,rmse_m,mean_error_m,d1',
      '1,2,59990,0.1,0.2,0.05,0.9',
    ]);
    assert.match(worst!, /truth, 1\.00 to 2\.50 m/);
    assert.match(worst!, /alt="error of f&lt;1&gt;"/);
  });

  it('leaves out what there is nothing of', () => {
    const { sections, findings } = depthParts(
      example({ worst: [], distances: [], skipped: 0, figures: [], pooled: [] }),
    );
    assert.deepEqual([sections.map(({ id }) => id), findings], [['figures'], []]);
  });
});
