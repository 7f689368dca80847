import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { type ClassFindings, classParts } from '../../../src/report/classes/parts.js';
import { type RunReport, renderRunReport } from '../../../src/report/run/report.js';
import { METRICS } from '../../../src/tasks/classify/metrics.js';

/** A 1 x 1 PNG. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function example(
  classes: number,
  epochs: number,
  change: Partial<RunReport> = {},
  found: Partial<ClassFindings> = {},
): RunReport {
  const names = Array.from({ length: classes }, (_, i) => `kind ${i}`);
  const perEpoch = 30;
  const rows = Array.from({ length: epochs }, (_, i) => i + 1);
  return {
    title: 'a run',
    generatedAt: '2026-03-02T14:05:12.000Z',
    summary: {
      model: 'resnet-rs-50',
      dataset: 'kinds',
      classes,
      trainImages: 4000,
      testImages: 10 * classes,
      size: 64,
      epochs,
      batch: 128,
      steps: epochs * perEpoch,
      parameters: 35_694_098,
      multiplyAdds: 1.13e9,
      scores: { top1: 0.9, top5: 1 },
      rawScore: 0.88,
      chosen: 'ema',
      crop: 'centre crop of 7/8',
      seconds: 725,
      imagesPerSecond: 812,
      loaderWaitShare: 0.2,
      seed: 7,
    },
    epochs: rows.map((epoch) => ({
      epoch,
      step: epoch * perEpoch,
      learningRate: 0.1,
      train: { loss: 1 / epoch },
      raw: { top1: 0.88 - 0.3 / epoch },
      ema: { top1: 0.9 - 0.4 / epoch, loss: 1 / epoch },
      imagesPerSecond: 800,
    })),
    steps: Array.from({ length: epochs * perEpoch }, (_, i) => ({
      step: i + 1,
      loss: 2 / (1 + i / 50),
      learningRate: 0.1,
      imagesPerSecond: 800,
    })),
    metrics: METRICS,
    task: classParts({
      accuracy: 0.9,
      images: 10 * classes,
      confusion: {
        classes: names,
        counts: names.map((_, t) => names.map((__, p) => (t === p ? 9 : p === (t + 1) % classes ? 1 : 0))),
      },
      mistakes: [{ label: 'kind 0', predicted: 'kind 1', probability: 0.97, source: 'val/kind 0/1.png', png }],
      ...found,
    }),
    recipe: [{ key: 'label smoothing', value: '0.1', source: 'paper, Table 1', note: 'off in the baseline' }],
    warnings: ['1 picture could not be read: val/x.png'],
    onnx: { file: 'model.onnx', bytes: 142_900_000, maxAbsDiff: 3.1e-6, top1Agreement: 1, pictures: 256 },
    environment: [{ key: 'Node.js', value: '20.20.2' }],
    commands: [{ what: 'Classify pictures', command: 'rescaled predict run *.jpg' }],
    ...change,
  };
}

/** What must hold for every report. */
function check(page: string): void {
  assert.doesNotMatch(page.replace(/<script>[\s\S]*?<\/script>/, ''), /NaN|Infinity|undefined|\[object/);
  assert.doesNotMatch(page, /(?:src|href|action|data|poster|srcset)\s*=\s*["']?\s*(?:https?:)?\/\//i);
  assert.doesNotMatch(page, /url\((?!#)|@import|<link|<iframe|<object|<base/i);
  for (const [, target] of page.matchAll(/url\(#([^)]*)\)/g)) assert.ok(page.includes(`id="${target}"`), target);
  for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) assert.ok(page.includes(`id="${target}"`), target);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  for (const tag of [
    'div',
    'table',
    'tr',
    'td',
    'th',
    'section',
    'ul',
    'li',
    'svg',
    'figure',
    'details',
    'span',
    'p',
    'dl',
    'g',
  ]) {
    const open = [...page.matchAll(new RegExp(`<${tag}[ >]`, 'g'))].length;
    assert.equal(
      [...page.matchAll(new RegExp(`</${tag}>`, 'g'))].length,
      open,
      `<${tag}> is closed as often as opened`,
    );
  }
}

const text = (page: string): string =>
  page
    .replace(/<(style|script)>[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('\u00a0', ' ')
    .replace(/\s+/g, ' ');

describe('renderRunReport', () => {
  it('says what every headline accuracy was measured on', () => {
    const page = renderRunReport(example(10, 8));
    check(page);
    // 90 of 100: (0.9 + 1.9207/100 ± 1.96 sqrt(0.0009 + 0.9604/10000)) / 1.0384 = 0.8256 to 0.9448.
    assert.match(
      text(page),
      /Top-1 accuracy 90\.00 % 95 % interval 82\.56 % to 94\.48 % EMA weights, 100 test pictures, centre crop of 7\/8; trained on 4,000 pictures/,
    );
    for (const words of [
      'Most confused',
      'label smoothing',
      'paper, Table 1',
      'model.onnx',
      'rescaled predict run *.jpg',
      'val/x.png',
      '20.0 % waiting',
      '2.26 G FLOPs',
      'Seed 7',
    ])
      assert.ok(text(page).includes(words), words);
  });

  it('shows the minival where early stopping decided on it, and only there', () => {
    const plain = example(10, 8);
    assert.doesNotMatch(text(renderRunReport(plain)), /minival/i);
    const report = example(10, 8);
    report.summary.minivalImages = 80;
    report.epochs = report.epochs.map((row) => ({
      ...row,
      minival: { top1: 0.8 - 0.1 / row.epoch, loss: 0.5 + 1 / row.epoch },
    }));
    const page = renderRunReport(report);
    check(page);
    const said = text(page);
    assert.match(
      said,
      /The weights are those of epoch 8, the best on 80 training pictures set aside \(minival\); the test pictures decided nothing\./,
    );
    assert.match(said, /minival 78\.75 %/); // 0.8 - 0.1/8, the key of the chart
    assert.match(said, /a minival of 80 set aside from them/);
    assert.match(said, /Minival loss .*Top-1, minival /);
    report.epochs[0] = { ...report.epochs[0]!, minival: { top1: 75 } };
    assert.throws(() => renderRunReport(report), /minival top1 of epoch 1/);
  });

  it('says what the figures show', () => {
    const said = text(renderRunReport(example(10, 8)));
    assert.match(said, /Accuracy was still rising at the end: \+1\.67 points since epoch 6/); // 0.4/6 - 0.4/8
    assert.match(said, /EMA\) gained 2\.00 points/);
    assert.match(said, /Training waited for pictures 20\.0 % of the time/);
  });

  for (const [classes, epochs] of [
    [10, 1],
    [2, 3],
    [24, 2],
    [31, 2],
    [200, 12],
    [1, 1],
  ] as const) {
    it(`draws ${classes} classes and ${epochs} epochs`, () => {
      const page = renderRunReport(example(classes, epochs));
      check(page);
      assert.equal(page.includes('<table class="matrix'), classes <= 30);
      assert.equal(page.includes(`All ${classes} classes`), classes > 30);
    });
  }

  it('draws a run with nothing in it', () => {
    const page = renderRunReport(
      example(
        2,
        0,
        { recipe: [], warnings: [], environment: [], commands: [], onnx: undefined! },
        {
          mistakes: [],
          confusion: {
            classes: ['a', 'b'],
            counts: [
              [0, 0],
              [0, 0],
            ],
          },
        },
      ),
    );
    check(page);
    assert.doesNotMatch(page, /id="(?:mistakes|recipe|onnx|environment|next)"/);
  });

  it('shows a dash and a gap where a figure is not finite', () => {
    const mistakes = [{ label: 'a', predicted: 'b', probability: Number.NaN, source: 'x.png', png }];
    const report = example(3, 6, {}, { accuracy: Number.NaN, mistakes });
    Object.assign(report.summary, {
      scores: { top1: Number.NaN, top5: Number.NaN },
      rawScore: Number.NaN,
      imagesPerSecond: Number.POSITIVE_INFINITY,
      seconds: Number.NaN,
      loaderWaitShare: Number.NaN,
      multiplyAdds: Number.NaN,
    });
    report.steps[7]!.loss = Number.NaN;
    report.steps[8]!.loss = Number.POSITIVE_INFINITY;
    for (const row of report.epochs)
      Object.assign(row, {
        ema: { top1: Number.NaN, loss: Number.NaN },
        train: { loss: Number.NaN },
        imagesPerSecond: Number.NaN,
      });
    report.onnx!.maxAbsDiff = Number.NaN;
    const page = renderRunReport(report);
    check(page);
    assert.match(text(page), /2 steps have no finite loss/);
  });

  it('shows epochs that were not measured as dashes, and draws no gap for them', () => {
    const report = example(6, 4);
    const whole = renderRunReport(report);
    for (const row of report.epochs) if (row.epoch % 3 !== 0) Object.assign(row, { raw: undefined, ema: undefined });
    const page = renderRunReport(report);
    check(page);
    assert.match(text(page), /Not every epoch was measured/);
    assert.doesNotMatch(text(whole), /Not every epoch was measured/);
    assert.match(text(page), /Speed 812 pictures\/s mean; 20\.0\s% waiting/);
  });

  it('escapes every name, path and message', () => {
    const evil = `"><script>alert(1)</script><img src=x onerror='alert(1)'>$&$1`;
    const change = {
      title: evil,
      generatedAt: evil,
      warnings: [evil],
      environment: [{ key: evil, value: evil }],
      commands: [{ what: evil, command: evil }],
      recipe: [{ key: evil, value: evil, source: evil, note: evil }],
      onnx: { file: evil, bytes: 1, maxAbsDiff: 0, top1Agreement: 1, pictures: 1 },
    };
    const report = example(3, 6, change, {
      mistakes: [{ label: evil, predicted: evil, probability: 0.5, source: evil, png: evil }],
      confusion: {
        classes: [evil, `${evil}2`, `${evil}3`],
        counts: [
          [9, 1, 0],
          [0, 9, 1],
          [1, 0, 9],
        ],
      },
    });
    Object.assign(report.summary, { model: evil, dataset: evil, crop: evil });
    const page = renderRunReport(report);
    check(page);
    assert.equal([...page.matchAll(/<script/g)].length, 1);
    assert.doesNotMatch(page, /<img src=x|<[^>]*\sonerror=(?![^<]*&#39;)/);
  });

  it('forbids requests and foreign scripts by a policy that its own script meets', () => {
    const page = renderRunReport(example(2, 1));
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)![1]!;
    assert.ok(page.includes(`script-src &#39;sha256-${createHash('sha256').update(script).digest('base64')}&#39;`));
    assert.ok(page.includes('default-src &#39;none&#39;'));
  });

  it('gives the same bytes for the same report', () => {
    assert.equal(renderRunReport(example(10, 4)), renderRunReport(example(10, 4)));
  });

  it('stays small for a long run and keeps its spikes', () => {
    const report = example(10, 2);
    report.steps = Array.from({ length: 200_000 }, (_, i) => ({
      step: i + 1,
      loss: i === 123_456 ? 50 : 1 + Math.sin(i) / 10,
      learningRate: 0.1,
      imagesPerSecond: 800,
    }));
    const page = renderRunReport(report);
    check(page);
    assert.ok(page.length < 250_000, String(page.length));
    assert.match(text(page), /1 step lies above the chart, the highest at 50/);
  });

  it('refuses percentages where fractions belong, and a matrix that does not fit', () => {
    const report = example(2, 1);
    report.summary.scores = { top1: 91.8, top5: 1 };
    assert.throws(() => renderRunReport(report), {
      name: 'UsageError',
      message: 'expected a fraction between 0 and 1 for summary.top1 but received 91.8: divide percentages by 100',
    });
    assert.throws(
      () => renderRunReport(example(2, 1, {}, { confusion: { classes: ['a', 'b'], counts: [[1, 2]] } })),
      /expected a 2 x 2 confusion matrix/,
    );
  });
});
