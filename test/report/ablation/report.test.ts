import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AblationReport, type AblationRow, renderAblation } from '../../../src/report/ablation/report.js';
import { barChart } from '../../../src/report/draw/bars.js';
import { difference, estimate } from '../../../src/study/analysis/statistics.js';
import { additive, leaveOneOut, type Variant, weightDecay } from '../../../src/study/plan/ablation.js';
import { paperLadder } from '../../../src/study/plan/ladder.js';
import { ACCURACY, RMSE } from '../../study/synthetic.js';

const text = (page: string): string =>
  page
    .replace(/<(style|script|svg)[\s>][\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('\u00a0', ' ')
    .replace(/\s+/g, ' ');
const ladder = paperLadder({ model: 'resnet-rs-26', epochs: 10 });

/** A study whose truth is known: `accuracy(row, seed)`, where undefined is a trial that is not done. */
function study(
  kind: AblationReport['kind'],
  variants: readonly Variant[],
  accuracy: (row: number, seed: number) => number | undefined,
  change: Partial<AblationReport> = {},
): AblationReport {
  const seeds = [1, 2, 3];
  const { metric = ACCURACY } = change;
  const scores = variants.map(
    (_, i) =>
      new Map(seeds.flatMap((seed) => (accuracy(i, seed) === undefined ? [] : [[seed, accuracy(i, seed)!] as const]))),
  );
  const rows = variants.map(
    (variant, i): AblationRow => ({
      ...variant,
      done: [...scores[i]!].map(([seed, score]) => ({
        seed,
        score,
        scoreRaw: score - 0.01,
        scoreEma: score,
        loss: 0.5,
        trainScore: score + 0.1,
        seconds: 60,
        msPerStep: 20 + i,
      })),
      failed: [],
      pending: seeds.filter((seed) => !scores[i]!.has(seed)),
      score: estimate([...scores[i]!.values()]),
      trainScore: estimate([...scores[i]!.values()].map((score) => score + 0.1)),
      change: variant.against === undefined ? undefined : difference(scores[variant.against]!, scores[i]!, metric),
      msPerStep: 20 + i,
      epochs: 10,
    }),
  );
  return {
    title: 'a study',
    kind,
    metric,
    proportion: true,
    generatedAt: '2026-03-02T14:05:12.000Z',
    data: { name: 'kinds', classes: 10, trainPictures: 3000, testPictures: 10_000 },
    model: 'resnet-26',
    size: 28,
    rows,
    total: difference(scores[0]!, scores.at(-1)!, metric),
    paperSource: 'Published: somewhere.',
    common: [{ key: 'Seeds', value: '1, 2, 3' }],
    environment: [],
    command: 'rescaled ablate kinds -o runs/a',
    ...change,
  };
}

function check(page: string): string {
  assert.doesNotMatch(page.replace(/<script>[\s\S]*?<\/script>/, ''), /NaN|Infinity|undefined|\[object/);
  assert.doesNotMatch(page, /(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?\/\//i);
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
    'p',
    'dl',
    'g',
    'small',
    'b',
  ]) {
    const open = [...page.matchAll(new RegExp(`<${tag}[ >]`, 'g'))].length;
    assert.equal(
      [...page.matchAll(new RegExp(`</${tag}>`, 'g'))].length,
      open,
      `<${tag}> is closed as often as opened`,
    );
  }
  return text(page);
}

/** Luck of a seed, common to all rows, which pairing must take away: twice the size of the planted gain. */
const luck = (seed: number): number => 0.02 * (seed - 2);

describe('renderAblation', () => {
  it('finds the planted gain and loss, and calls the rest noise', () => {
    // Row 4 (label smoothing) gains a point for good; row 7 (dropout) loses half a point; the others wobble by a tenth
    // of a point, evenly.
    const accuracy = (row: number, seed: number): number =>
      0.85 +
      luck(seed) +
      (row >= 4 ? 0.01 : 0) -
      (row >= 7 ? 0.005 : 0) +
      (row === 4 || row === 7 ? 0 : [0.001, -0.0005, -0.0005][(seed + row) % 3]!) / 2;
    const said = check(renderAblation(study('additive', additive(ladder), accuracy)));
    assert.match(said, /Gain beyond the noise of the seeds, in points: label smoothing \(\+1\.00\)\./);
    assert.match(said, /Loss beyond the noise of the seeds, in points: dropout on FC \(−0\.50\)\./);
    assert.match(said, /Within noise \(the interval of the change covers 0\): cosine decay .* and ResNet-D/);
    assert.match(
      said,
      /label smoothing labelSmoothing=0\.1 86\.00 % 81\.03 % to 90\.97 % \+1\.00 /,
      'the interval over seeds is wide, that of the change is not',
    );
    assert.match(said, /A step takes 1\.50 times as long/);
    for (const figure of ['79.0 %', '78.8 % −0.5', '83.4 % +0.5', '82.2 % +1.5'])
      assert.ok(said.includes(figure), figure);
    assert.match(said, /Not comparable: accuracies here with the published ones, which are of ResNet-200 on ImageNet/);
    assert.ok(said.includes('rescaled ablate kinds -o runs/a'));
  });
  it('calls validation pictures validation pictures', () => {
    const report = study('additive', additive(ladder), (row, seed) => 0.85 + luck(seed) + 0.01 * row);
    const said = text(renderAblation({ ...report, data: { ...report.data, part: 'val' } }));
    assert.match(said, /10,000 validation pictures of 10 classes/);
    assert.doesNotMatch(said, /test pictures?/);
  });

  it('of a metric where lower is better, a fall is a gain, in its unit', () => {
    // Label smoothing takes 0.1 m off, dropout adds 0.05 m; the others wobble.
    const rmse = (row: number, seed: number): number =>
      2 +
      luck(seed) -
      (row >= 4 ? 0.1 : 0) +
      (row >= 7 ? 0.05 : 0) +
      (row === 4 || row === 7 ? 0 : [0.001, -0.0005, -0.0005][(seed + row) % 3]!) / 2;
    const report = study('additive', additive(ladder), rmse, { metric: RMSE, proportion: false });
    const said = check(renderAblation(report));
    assert.match(said, /Gain beyond the noise of the seeds, in m: label smoothing \(−0\.100\)\./);
    assert.match(said, /Loss beyond the noise of the seeds, in m: dropout on FC \(\+0\.0500\)\./);
    assert.match(said, /Test RMSE Change, m/);
    assert.match(said, /All steps together: −0\.0\d+ m .* from 2\.000 m to 1\.950 m\./);
    // Training is 0.1 m worse here than test: nothing over-fits.
    assert.match(said, /Training and test score lie close together in every row/);
    assert.doesNotMatch(said, /top-1|points|Wilson/);
  });
  it('says of equal results that the step changes nothing', () => {
    const said = check(renderAblation(study('additive', additive(ladder), (_, seed) => 0.9 + luck(seed))));
    assert.match(said, /cosine decay, .* and ResNet-D change nothing here: the very same results\./);
    assert.doesNotMatch(said, /Gain beyond|Within noise/);
  });
  it('says of an equal score beside another loss that the score alone is equal', () => {
    const report = study('additive', additive(ladder), (_, seed) => 0.9 + luck(seed));
    const rows = report.rows.map((row, i) => ({ ...row, done: row.done.map((trial) => ({ ...trial, loss: 1 + i })) }));
    const said = check(renderAblation({ ...report, rows }));
    assert.match(said, /No change in top-1 by cosine decay, .*, though other figures differ\./);
    assert.doesNotMatch(said, /very same|changes nothing/);
  });
  it('gives no interval from one seed, and says so', () => {
    const said = check(
      renderAblation(study('additive', additive(ladder), (row, seed) => (seed === 1 ? 0.8 + row / 100 : undefined))),
    );
    assert.match(said, /Every change comes from one seed: there is no interval/);
    assert.match(said, /too few seeds: cannot tell from noise/);
    assert.match(said, /22 of 33 trials are not done yet/);
    assert.doesNotMatch(said, /95 % interval [+−\d]/);
  });
  it('draws a study that has only begun, and one with nothing', () => {
    assert.match(
      check(
        renderAblation(
          study('additive', additive(ladder), (row, seed) =>
            row < 3 && seed < 3 ? 0.8 + row / 100 + luck(seed) * row : undefined,
          ),
        ),
      ),
      /27 of 33 trials are not done yet/,
    );
    for (const [kind, variants] of [
      ['additive', additive(ladder)],
      ['leave-one-out', leaveOneOut(ladder)],
      ['weight-decay', weightDecay(ladder)],
    ] as const)
      assert.match(check(renderAblation(study(kind, variants, () => undefined))), /No trial has ended yet/);
  });
  it('names failed trials with their reason', () => {
    const report = study('additive', additive(ladder), (row, seed) =>
      row === 2 && seed === 3 ? undefined : 0.9 + luck(seed) + row / 1000,
    );
    const rows = report.rows.map((row, i) =>
      i === 2 ? { ...row, pending: [], failed: [{ seed: 3, reason: 'The loss is not finite.\n  at a place' }] } : row,
    );
    const said = check(renderAblation({ ...report, rows }));
    assert.match(said, /Failed trials/);
    assert.match(said, /\+ more epochs, seed 3 failed: The loss is not finite\. /);
    assert.match(said, /2, 1 failed/);
  });
  it('shows what is lost without each step', () => {
    const said = check(
      renderAblation(
        study(
          'leave-one-out',
          leaveOneOut(ladder),
          (row, seed) => 0.9 + luck(seed) - (row === 1 ? 0.03 : 0) + (row === 7 ? 0.01 : 0),
        ),
      ),
    );
    assert.match(said, /Worse without, in points: cosine decay \(−3\.00\)/);
    assert.match(said, /Better without, in points: dropout on FC \(\+1\.00\)/);
  });
  it('shows weight decay by regularisation as a grid', () => {
    const said = check(
      renderAblation(
        study(
          'weight-decay',
          weightDecay(ladder),
          (row, seed) => 0.9 + luck(seed) + (row === 1 ? -0.01 : row === 7 ? 0.004 : 0),
        ),
      ),
    );
    assert.match(said, /Worse with the smaller weight decay, in points: none \(−1\.00\)/);
    assert.match(said, /Better with the smaller weight decay, in points: RA-LS-SD-DO \(\+0\.40\)/);
    assert.match(said, /none 90\.00 % [^a-z]*to [\d.]+ % 89\.00 %/);
    assert.match(said, /79\.7 → 78\.7 −1\.0 82\.5 → 81\.7 −0\.8/);
    assert.match(said, /– 85\.3 → 85\.5 \+0\.2/);
  });
  it('escapes every name', () => {
    const evil = `"><script>alert(1)</script>`;
    const variants = additive({
      base: { ...ladder.base, name: evil },
      steps: [{ key: 'x', name: evil, settings: { [evil]: evil }, modelOptions: {}, paper: { [evil]: 50 } }],
    });
    const page = renderAblation(
      study('additive', variants, (row, seed) => 0.9 + row / 100 + luck(seed), {
        title: evil,
        model: evil,
        command: evil,
        paperSource: evil,
      }),
    );
    check(page);
    assert.equal([...page.matchAll(/<script/g)].length, 1);
  });
});

describe('barChart', () => {
  const chart = (bars: Parameters<typeof barChart>[0]['bars']): string =>
    barChart({ id: 'b', title: 'bars', bars, x: { min: 80, max: 90, interval: 5, format: String } }).toString();
  it('draws a bar as long as its change', () => {
    const widths = [
      ...chart([
        { name: 'a', from: 80, to: 85, value: '', tone: 'one' },
        { name: 'b', from: 85, to: 82.5, value: '', tone: 'two' },
      ]).matchAll(/<path d="M([\d.]+) [\d.]+l([\d.]+) 0/g),
    ].map(([, x, width]) => [Number(x), Number(width)]);
    const [first, second] = widths as [[number, number], [number, number]];
    assert.ok(Math.abs(first[1] - 2 * second[1]) < 0.01, JSON.stringify(widths));
    assert.ok(Math.abs(second[0] - (first[0] + second[1])) < 0.01, 'a falling bar begins where it ends on the axis');
  });
  it('leaves a gap where a value is missing', () =>
    assert.doesNotMatch(chart([{ name: 'a', from: Number.NaN, to: Number.NaN, value: '–', tone: 'one' }]), /NaN/));
  it('is the same each time', () => {
    const bars = [{ name: 'a', from: 81, to: 85, low: 84, high: 86, value: '+4', tone: 'one' as const }];
    assert.equal(chart(bars), chart(bars));
  });
});
