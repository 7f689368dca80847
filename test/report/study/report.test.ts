import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { studyFigureCsv } from '../../../src/report/study/csv.js';
import type { StudyConfiguration, StudyReport } from '../../../src/report/study/data.js';
import { renderStudy } from '../../../src/report/study/report.js';
import { PSNR, RMSE } from '../../study/synthetic.js';
import { exampleStudy, withAnalysis } from './example.js';

const text = (page: string): string =>
  page
    .replace(/<(style|script|svg)[\s>][\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('\u00a0', ' ')
    .replace(/\s+/g, ' ');

/** What must hold for every page; gives its text. */
function check(page: string): string {
  const shown = page.replace(/<script>[\s\S]*?<\/script>/, '').replace(/base64,[^"]*/g, '');
  const wrong = /NaN|Infinity|undefined|\[object|e\+\d/.exec(shown);
  assert.ok(wrong === null, `the page holds …${shown.slice((wrong?.index ?? 0) - 120, (wrong?.index ?? 0) + 40)}…`);
  assert.doesNotMatch(shown, /(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?\/\//i);
  const ids = [...shown.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  for (const [, target] of shown.matchAll(/url\(#([^)]*)\)|href="#([^"]*)"/g))
    if (target !== undefined) assert.ok(ids.includes(target), target);
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
    'p',
    'dl',
    'g',
    'small',
    'b',
    'h3',
    'a',
  ]) {
    const open = [...shown.matchAll(new RegExp(`<${tag}[ >]`, 'g'))].length;
    assert.equal(
      [...shown.matchAll(new RegExp(`</${tag}>`, 'g'))].length,
      open,
      `<${tag}> is closed as often as opened`,
    );
  }
  return text(page);
}

/** The CSV that a link of the page holds, by file name. */
const linked = (page: string): Map<string, string> =>
  new Map(
    [
      ...page.matchAll(/<a class="download" download="([^"]*)" href="data:text\/csv;charset=utf-8;base64,([^"]*)"/g),
    ].map(([, name, data]) => [name!, Buffer.from(data!, 'base64').toString('utf8')]),
  );

const edit = (
  report: StudyReport,
  change: (one: StudyConfiguration, i: number) => Partial<StudyConfiguration>,
): StudyReport => ({
  ...report,
  configurations: report.configurations.map((one, i) => ({ ...one, ...change(one, i) })),
});

describe('renderStudy', () => {
  it('says which dimension pays in each regime, with intervals, and what is missing where it cannot tell', () => {
    const said = check(renderStudy(withAnalysis(exampleStudy({ regimes: [10, 100, 350] }))));
    assert.ok(
      said.includes(
        'At 10 epochs, scale width. For each doubling of training-step time: depth +0.40 points ' +
          '(−0.20 to +1.00) and width +2.10 points (+1.60 to +2.60). Depth less width: −1.70 points ' +
          '(−2.50 to −0.90). No larger neighbour over-fits.',
      ),
      said,
    );
    assert.match(said, /At 100 epochs, scale depth\. .* Larger models over-fit in 3 of 12 pairs of neighbours\./);
    assert.match(
      said,
      /At 350 epochs, depth and resolution cannot be told apart\. .* 3 seeds do not tell depth from resolution: about 11 would/,
    );
    assert.match(said, /about 11 would, if the gains stay what they are\./);
  });

  it('calls validation pictures validation pictures', () => {
    const report = withAnalysis(exampleStudy());
    const said = check(renderStudy({ ...report, data: { ...report.data, part: 'val' } }));
    assert.match(said, /3,000 training and 1,000 validation pictures of 17 classes/);
    assert.match(said, /less accuracy on validation pictures/);
    assert.doesNotMatch(said, /test pictures?/);
    assert.match(check(renderStudy(report)), /1,000 test pictures of 17 classes/);
  });

  it('shows the proposed family, what to try next with its cost, and how FLOPs rank time', () => {
    const said = check(renderStudy(withAnalysis(exampleStudy())));
    assert.ok(
      said.includes(
        'resnet-rs-26 x1 @96 for 10 epochs gains beyond noise; instead of resnet-rs-26 x1.5 @96 for ' +
          '10 epochs, which it is not told from 26 1 96 563 M 26.0 M 7.91 ms 79.33 ± 1.25 +13.21 +11.21 ' +
          'to +15.21 79.33 % 77.10 % to 81.55 %',
      ),
      said,
    );
    assert.match(
      said,
      /To try next: resnet-rs, depth 270, width 1, 160 pixels, 100 epochs, about 1 h 30 min of training\./,
    );
    assert.match(said, /FLOPs training-step time 0\.71 0\.60 to 0\.80 0\.88 0\.75 to 0\.94 27/);
    assert.match(said, /FLOPs memory too few models have both – – 2/);
    // 1 / 2.5 = 0.40 times the time.
    assert.match(
      said,
      /resnet-rs-26 x1 @96 for 10 epochs has 1\.83 times the FLOPs of resnet-rs-26 x1\.5 @96 for 10 epochs and takes 0\.40 times as long/,
    );
    assert.match(
      said,
      /Resolution, at 100 epochs: \+3\.20 points for each doubling in the lower half of its steps, \+1\.75 in the upper half\. Returns diminish\./,
    );
    assert.match(said, /An order after few epochs need not be the order at the end/);
    assert.ok(
      said.includes(
        '5 epochs 27 9 decided 1 failed resnet-rs-26 x0.5 @96 for 10 epochs resnet-rs-26 x1 @96 for ' +
          '10 epochs 0.30 τ = 0.33 3 models the best at the end was number 2 20 epochs 9 3 trials are ' +
          'not done – – – 100 epochs 3 – to do',
      ),
      said,
    );
    assert.match(said, /Of 12 pairs of neighbours with enough seeds, 1 over-fits/);
    assert.match(said, /Not comparable: accuracies here with those of the paper, which are of ImageNet/);
    assert.ok(said.includes('rescaled scale flowers -o runs/scaling'));
  });

  it('shows the law with its break and the spread at equal FLOPs', () => {
    const report = withAnalysis(exampleStudy());
    const said = check(renderStudy(report));
    // 0.33 * 1e9 ** b * (1e9) ** -b.
    assert.match(
      said,
      /100 epochs 33\.0 % 0\.19 0\.16 to 0\.22 1\.08 27 flattens at 2\.90 G 2\.32 G to 3\.77 G b beyond: 0\.10/,
    );
    assert.match(said, /10 epochs 33\.0 % 0\.21 0\.18 to 0\.24 1\.08 27 none seen/);
    const { best, worst } = report.powerLaws[0]!.spread[0]!;
    assert.ok(
      said.includes(`5 configurations lie up to ${(100 * (worst.error - best.error)).toFixed(2)} points apart`),
    );
  });

  it('shows training and test accuracy of every cell with the gap between', () => {
    const report = edit(exampleStudy({ depths: [26], widths: [1], sizes: [96], regimes: [10] }), () => ({
      score: { mean: 0.6012, n: 3, low: 0.5952, high: 0.6072 },
      trainScore: { mean: 0.9234, n: 3, low: 0.9204, high: 0.9264 },
      gap: { mean: 0.3222, n: 3, low: 0.31, high: 0.334 },
    }));
    assert.match(
      check(renderStudy(report)),
      /10 epochs, 96 pixels Depth width 1 26 \+32\.22 train 92\.3 ± 0\.3 test 60\.1 ± 0\.6/,
    );
  });

  it('draws one panel for each regime and resolution, and both series of two families', () => {
    const report = exampleStudy({ families: ['efficientnet', 'efficientnet-rs'] });
    const page = renderStudy(report);
    check(page);
    for (const id of ['10-96', '10-128', '10-160', '100-96', '100-128', '100-160'])
      assert.ok(page.includes(`aria-label="${id.split('-')[1]} pixels"`), id);
    assert.equal([...page.matchAll(/aria-label="(?:96|128|160) pixels"/g)].length, 6);
    const frontier = page.slice(page.indexOf('id="frontier"'), page.indexOf('id="gap"'));
    assert.equal([...frontier.matchAll(/<figure /g)].length, 5);
    assert.equal([...frontier.matchAll(/<\/i>efficientnet-rs<\/li>/g)].length, 5);
  });

  it('holds the numbers of every figure, the same in the links and in the files', () => {
    const report = withAnalysis(exampleStudy());
    const page = renderStudy(report);
    const files = studyFigureCsv(report);
    const links = linked(page);
    assert.deepEqual([...links.keys()].sort(), files.map(({ name }) => name).sort());
    for (const { name, text: csv } of files) assert.equal(links.get(name), csv, name);
    const errors = links
      .get('error-flops.csv')!
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    assert.equal(errors.length, 1 + report.configurations.length);
    const one = report.configurations.find(({ name }) => name === errors[1]![0])!;
    assert.deepEqual(errors[1]!.slice(6, 10).map(Number), [
      one.flops,
      1 - one.score!.mean,
      1 - one.score!.high!,
      1 - one.score!.low!,
    ]);
    // A line each: 3 depths and 3 widths at 3 resolutions in 2 regimes.
    assert.equal(links.get('depth-width.csv')!.trimEnd().split('\n').length, 1 + 6 * 3 * 2);
    assert.equal(links.get('trials.csv')!.trimEnd().split('\n').length, 1 + 3 * report.configurations.length);
  });

  it('quotes names in CSV and escapes them in the page', () => {
    const evil = `"><script>alert(1)</script>, 'x' & y`;
    const report = withAnalysis(exampleStudy({ depths: [26], widths: [0.5, 1, 1.5], families: [evil] }));
    const page = renderStudy({
      ...report,
      title: evil,
      data: { ...report.data, name: evil },
      warnings: [evil],
      common: [{ key: evil, value: evil }],
      environment: [{ key: evil, value: evil }],
      commands: [{ what: evil, command: evil }],
      configurations: report.configurations.map((one) => ({
        ...one,
        model: evil,
        failed: [{ seed: 9, reason: evil }],
      })),
      halving: { ...report.halving!, warning: { text: evil, source: evil } },
      advice: { ...report.advice, risk: { text: evil, source: evil, otherwise: [] } },
    });
    check(page);
    assert.equal([...page.matchAll(/<script/g)].length, 1);
    const line = linked(page).get('configurations.csv')!.split('\n')[1]!;
    assert.ok(line.startsWith(`"""><script>alert(1)</script>, 'x' & y-26 x0.5 @96 for 10 epochs",`), line);
  });

  it('uses FLOPs where times are not measured, and says so', () => {
    const said = check(renderStudy(exampleStudy({ measured: false })));
    assert.match(said, /Times were not measured for all of these models, so that the axis shows FLOPs/);
    assert.match(
      said,
      /Not measured : training step, inference, peak memory of training\. Their frontiers are missing\./,
    );
    assert.match(said, /No rank correlation: it needs configurations with measured times\./);
    const one = check(
      renderStudy(
        edit(exampleStudy(), ({ measured }, i) => (i === 0 || measured === undefined ? { measured: undefined! } : {})),
      ),
    );
    assert.match(one, /Times were not measured for all of these models/);
    assert.match(one, /1 of 54 configurations have no such figure\./);
  });

  it('gives no interval from one seed, and says so', () => {
    const said = check(renderStudy(exampleStudy({ seeds: [1] })));
    assert.match(said, /54 configurations have fewer than 3 seeds: a difference may be chance, and none is judged\./);
    assert.doesNotMatch(said.slice(said.indexOf('Over-fitting In bold')), /± \d/);
  });

  it('draws a study with nothing done yet', () => {
    const said = check(renderStudy(edit(exampleStudy({ seeds: [] }), () => ({ pending: [1, 2, 3] }))));
    assert.match(said, /No trial has ended yet\./);
    assert.match(said, /162 of 162 trials are not done yet/);
    assert.match(said, /resnet-rs-26 x0\.5 @96 for 10 epochs \(seed 1, 2, 3\)/);
    const none = exampleStudy({ depths: [] });
    assert.match(check(renderStudy({ ...none, base: undefined! })), /The study has no configuration\./);
  });

  it('names failed and pending trials', () => {
    const report = edit(exampleStudy(), (_, i) =>
      i === 3 ? { failed: [{ seed: 3, reason: 'The loss is not finite.\n  at a place' }], pending: [4] } : {},
    );
    const said = check(renderStudy(report));
    assert.match(said, /resnet-rs-50 x0\.5 @96 for 10 epochs, seed 3: The loss is not finite\. /);
    assert.match(said, /3, 1 failed, 1 to do/);
    assert.match(said, /1 of 164 trials failed/);
    assert.match(linked(renderStudy(report)).get('trials.csv')!, /"The loss is not finite\.\n {2}at a place"/);
  });

  it('says what one resolution cannot tell', () => {
    assert.match(
      check(renderStudy(exampleStudy({ sizes: [96] }))),
      /Every configuration has 96 pixels: what resolution gains needs the same model at two of them\./,
    );
  });

  it('shows a dash where a figure is not finite, and leaves out a mark without a place', () => {
    const nan = Number.NaN;
    const report = edit(
      withAnalysis(exampleStudy()),
      (_one, i) =>
        [
          {
            score: { mean: nan, n: 3, low: nan, high: nan },
            trainScore: { mean: nan, n: 1 },
            gap: { mean: nan, n: 1 },
          },
          {
            flops: nan,
            parameters: Number.POSITIVE_INFINITY,
            measured: { trainStepMs: nan, inferenceMs: 0, peakBytes: -1 },
          },
          { score: { mean: 1, n: 3, low: 1, high: 1 } },
          { flops: 0, score: { mean: 0.999, n: 2, low: 0.9, high: 1.098 } },
          {},
        ][Math.min(i, 4)]!,
    );
    const said = check(
      renderStudy({
        ...report,
        ranks: report.ranks.map((rank) => ({ ...rank, tau: { value: nan, low: nan, high: nan } })),
        powerLaws: report.powerLaws.map((law) => ({ ...law, scale: nan, residualFactor: nan })),
      }),
    );
    assert.match(said, /1 without any error lie below the axis\./);
  });

  it('writes another metric by its title and its unit, and its CSV by its name', () => {
    const report: StudyReport = { ...withAnalysis(exampleStudy()), metric: RMSE };
    const page = renderStudy(report);
    const said = check(page);
    assert.doesNotMatch(said, /top-1|accurac|(?:in|,|\d) points|percentage/i);
    // Member of the family: 0.6612 m, 0.655 to 0.668.
    assert.match(said, /Measured RMSE, m Gain, m Predicted RMSE/);
    assert.ok(said.includes('0.6612 ± 0.0065'), said.slice(0, 2000));
    assert.match(said, /Change of RMSE, m, for each doubling of/);
    assert.match(said, /In bold: score on test pictures less score on training pictures/);
    assert.match(page, />RMSE, m, logarithmic</);
    const [head, first] = linked(page).get('configurations.csv')!.split('\n');
    assert.match(head!, /^name,rmse,rmseLow,rmseHigh,trainRmse,trainRmseLow,trainRmseHigh,/);
    assert.equal(Number(first!.split(',')[1]), report.configurations[0]!.score!.mean);
    // Lower is better: what is drawn as an error is the value, with the interval as it stands.
    const errors = linked(page).get('error-flops.csv')!.split('\n')[1]!.split(',');
    const one = report.configurations.find(({ name }) => name === errors[0])!;
    assert.deepEqual(errors.slice(7, 10).map(Number), [one.score!.mean, one.score!.low, one.score!.high]);
  });

  it('draws no error of a metric whose best value nobody knows', () => {
    const said = check(renderStudy({ ...exampleStudy(), metric: PSNR }));
    assert.match(said, /No error is drawn and no power law fitted: the best PSNR that there could be is not known/);
    assert.doesNotMatch(said, /error-flops\.csv/);
  });

  it('stays readable and quick with 10,000 configurations', () => {
    const range = (n: number, a: number, b: number): number[] =>
      Array.from({ length: n }, (_, i) => Number((a * (b / a) ** (i / (n - 1))).toPrecision(4)));
    const report = withAnalysis(
      exampleStudy({
        depths: Array.from({ length: 20 }, (_, i) => 18 + 20 * i),
        widths: range(20, 0.25, 2),
        sizes: [96, 128, 160, 224, 320],
        regimes: [10, 50, 100, 200, 350],
        seeds: [1, 2],
      }),
    );
    assert.equal(report.configurations.length, 10_000);
    const before = process.cpuUsage();
    const page = renderStudy(report);
    const seconds = process.cpuUsage(before).user / 1e6;
    assert.ok(seconds < 10, `${seconds} s of processor time`);
    const said = check(page);
    assert.match(said, /The first 200 of 10,000 rows: the CSV has all\./);
    assert.match(said, /Dots without shapes and intervals: more than 400 would cover each other\./);
    assert.match(said, /Evenly chosen rows and columns: the CSV has all\./);
    assert.equal(linked(page).get('configurations.csv')!.trimEnd().split('\n').length, 10_001);
    const drawings = [...page.matchAll(/<svg [\s\S]*?<\/svg>/g)].reduce((sum, [svg]) => sum + svg.length, 0);
    assert.ok(drawings < 5e6, `drawings of ${drawings} bytes`);
  });

  it('gives the same bytes for the same report', () => {
    const report = withAnalysis(exampleStudy());
    assert.equal(renderStudy(report), renderStudy(report));
  });
});
