import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReportCell, ReportPair, TransferReport } from '../../src/report/transfer/data.js';
import { tally, transferFindings } from '../../src/report/transfer/findings.js';
import { renderTransfer } from '../../src/report/transfer/report.js';

const TOP1 = { name: 'top1', title: 'top-1', unit: 'share', direction: 'higher', noun: 'accuracy' } as const;
const names = ['rs', 'simclr', 'scratch'];
const methods = [
  { name: 'linear', title: 'linear' },
  { name: 'finetune', title: 'fine-tuned' },
];
const labels = [1, 100];
const cells = methods.flatMap(({ name: method }) =>
  labels.flatMap((share) =>
    names.map((start, i): ReportCell => {
      const score = 0.9 - 0.2 * i - (share === 1 ? 0.2 + 0.1 * i : 0);
      const seeds = method === 'finetune' || share < 100;
      return {
        ...{ start, target: 'flowers', method, labels: share, done: seeds ? 3 : 1, of: seeds ? 3 : 1, score },
        ...{ low: score - 0.02, high: score + 0.02, interval: seeds ? ('seeds' as const) : ('pictures' as const) },
        ...{
          each: seeds ? [score, score, score] : [score],
          pictures: 10 * share,
          validation: score,
          chosen: 'rate 0.1',
          edge: ['rate'],
        },
        ...(i === 0 ? { rank: 'best' as const } : i === 1 ? { rank: 'noise' as const } : {}),
      };
    }),
  ),
);
const pairs = methods.flatMap(({ name: method }) =>
  labels.flatMap((share) =>
    (
      [
        [0, 1, 'noise', -0.01],
        [0, 2, 'worse', -0.4],
        [1, 2, 'worse', -0.2],
      ] as const
    ).map(
      ([a, b, verdict, mean]): ReportPair => ({
        ...{ first: names[a]!, second: names[b]!, target: 'flowers', method, labels: share },
        ...{ mean, p: verdict === 'noise' ? 0.4 : 1e-6, seeds: 3, verdict },
      }),
    ),
  ),
);
const report: TransferReport = {
  title: 'rs, simclr, scratch on flowers',
  generatedAt: '2026-01-02T03:04:05Z',
  starts: names.map((name) => ({
    ...{ name, title: 'resnet-rs-14 x0.25', kind: name === 'scratch' ? ('scratch' as const) : ('weights' as const) },
    ...{ size: 64, evalCrop: 0.875, mean: [0, 0, 0], std: [1, 1, 1], interpolation: 'bicubic' },
    ...{ parameters: 1e6, multiplyAdds: 2e8, features: 512 },
    ...(name === 'rs' && { seen: 123456, seconds: 90, data: 'pets' }),
  })),
  targets: [
    {
      ...{ name: 'flowers', task: 'classify', content: '10 classes', metric: TOP1, methods: ['linear', 'finetune'] },
      ...{ classes: 10, train: 1000, val: 100, test: 200, notes: ['20 % is set aside'] },
    },
  ],
  ...{ methods, labels, seeds: 3, cells, pairs, failures: [] },
  how: [{ key: 'labels', value: 'by class' }],
  commands: [{ what: 'Again', command: 'rescaled transfer' }],
};

/** Without its script. */
const shown = (given: TransferReport): string => renderTransfer(given).replace(/<script>[\s\S]*<\/script>/, '');

test('the page has a table a share, rows of starts and columns of targets by method', () => {
  const page = shown(report);
  assert.match(page, /<h3>All labels<\/h3>[\s\S]*<h3>1.% of the labels<\/h3>/);
  assert.equal(page.match(/flowers<br>fine-tuned/g)?.length, 2);
  assert.match(page, /<b>90\.0.%<\/b>/);
  assert.match(page, /70\.0.%<sup title="not told from the best of the column">=<\/sup>/);
  assert.match(page, /± 2\.0/);
  assert.match(page, /88\.0 to 92\.0/);
  assert.match(page, /123,456/);
  assert.match(page, /20 % is set aside\./);
  assert.equal(page.match(/<figure class="chart">/g)?.length, 2);
  assert.doesNotMatch(page, /NaN|undefined|Not finished/);
});

test('what is not there yet, and what failed, is said first', () => {
  const some = cells.map((cell, i): ReportCell => {
    if (i !== 0) return cell;
    const { start, target, method, labels: share } = cell;
    return { start, target, method, labels: share, done: 0, of: 3, each: [], edge: [] };
  });
  const page = shown({
    ...report,
    cells: some,
    failures: [{ name: 'rs on flowers', reason: 'no memory\nat x' }],
  });
  assert.match(page, /Not finished[\s\S]*3 of 30 results are not there yet[\s\S]*rs on flowers failed: no memory</);
  assert.doesNotMatch(page, /NaN|undefined/);
});

test('wins and losses are counted both ways round, and sentences follow from the figures', () => {
  assert.deepEqual(tally(pairs, 'rs', 'scratch'), { won: 4, lost: 0, noise: 0 });
  assert.deepEqual(tally(pairs, 'scratch', 'rs'), { won: 0, lost: 4, noise: 0 });
  assert.deepEqual(tally(pairs, 'simclr', 'rs'), { won: 0, lost: 0, noise: 4 });
  const said = transferFindings(report);
  assert.match(said[0]!, /^flowers, linear, all labels: rs is best with 90\.0.%; simclr cannot be told from it\.$/);
  assert.ok(
    said.includes('rs against scratch: of 4 columns it wins 4 and loses 0 beyond noise; 0 cannot be told apart.'),
    said.join('\n'),
  );
  assert.match(
    said.at(-2)!,
    /^rs fine-tuned on flowers against scratch: \+60\.00.points with 1 % of the labels, \+40\.00.points with all\.$/,
  );
});
