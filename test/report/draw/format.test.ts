import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bytes,
  compact,
  count,
  decimals,
  duration,
  moment,
  percent,
  points,
  significant,
} from '../../../src/report/draw/format.js';
import { escapeHtml, html } from '../../../src/report/draw/html.js';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('figures', () => {
  it('writes numbers a person can read', () => {
    assert.equal(count(60000), '60,000');
    assert.deepEqual(
      [0.9184, 1, 0].map((v) => plain(percent(v))),
      ['91.84 %', '100.00 %', '0.00 %'],
    );
    assert.deepEqual(
      [35_694_098, 1.13e9, 999_600, 12, 0].map((v) => plain(compact(v))),
      ['35.7 M', '1.13 G', '1.00 M', '12.0', '0'],
    );
    assert.deepEqual(
      [0.098765, 1e-7, 3.1e-6, 1234.5, 123456].map((v) => significant(v, 3)),
      ['0.0988', '1e-7', '3.1e-6', '1235', '123456'],
    );
    assert.deepEqual([3.21, 48, 725, 12000, 3599.7, 187_200].map(duration), [
      '3.2 s',
      '48 s',
      '12 min 5 s',
      '3 h 20 min',
      '1 h 0 min',
      '2 d 4 h',
    ]);
    assert.deepEqual(
      [999, 142_900_000].map((v) => plain(bytes(v))),
      ['999 B', '143 MB'],
    );
    assert.deepEqual([0.0063, -0.01, 0.00001].map(points), ['+0.63 points', '−1.00 points', '0.00 points']);
    assert.deepEqual(
      [decimals(-0.2049), decimals(7.06, 1), decimals(Number.NaN), decimals(undefined)],
      ['−0.20', '7.1', '–', '–'],
    );
    assert.equal(moment('2026-03-02T14:05:12.000Z'), '2026-03-02 14:05 UTC');
    assert.equal(moment('yesterday'), 'yesterday');
  });
  it('writes a dash for what is not finite', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const format of [count, percent, compact, significant, duration, bytes, points])
        assert.equal(format(value), '–', format.name);
    }
    assert.deepEqual(
      [percent(undefined), compact(undefined), significant(undefined), duration(-1)],
      ['–', '–', '–', '–'],
    );
  });
});

describe('html', () => {
  it('escapes text and attributes, also within lists, and keeps markup', () => {
    const name = `<script>alert("1")</script> & 'x'`;
    assert.equal(
      html`<b title="${name}">${[name, html`<i>${name}</i>`]}</b>`.toString(),
      `<b title="E">E<i>E</i></b>`.replaceAll(
        'E',
        '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;',
      ),
    );
  });
  it('prints nothing for undefined, null and false, and zero as zero', () => {
    assert.equal(html`${undefined}${null}${false}${0}${''}`.toString(), '0');
  });
  it('makes control characters and direction overrides visible', () => {
    assert.equal(escapeHtml('a\u0000b\u001b[31m\u202egnp.exe\tc\nd'), 'a\ufffdb\ufffd[31m\ufffdgnp.exe\tc\nd');
  });
});
