import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkStudy } from '../../src/study/plan/file.js';
import { claimStudy, planScaling } from '../../src/study/plan/scaling-plan.js';
import { measuredFolder, timedModels } from '../../src/study/trials/measured.js';
import { resultFile, trialsFolder } from '../../src/study/trials/result.js';
import { cli, FASHION, temporaryFolder } from './helpers.js';

// A thousand trials with made-up results of a planted truth: nothing is trained.
test('a thousand trials are planned, listed, reported and advised on', async (context) => {
  const folder = temporaryFolder();
  const study = checkStudy(
    {
      data: FASHION,
      limitTrain: 1000,
      seeds: 3,
      epochs: [5, 20, 80],
      settings: { batch: 32 },
      models: [
        {
          family: 'resnet-rs',
          depths: [14, 26, 50, 101, 152, 200, 270, 300, 350, 400],
          widths: [0.1, 0.2, 0.3, 0.4, 0.5],
          sizes: [16, 28, 48],
        },
      ],
    },
    'large',
    'large.json',
  );
  const plan = await planScaling(study);
  assert.equal(plan.configurations.length, 450);
  assert.equal(new Set(plan.configurations.flatMap(({ trials }) => trials.map(({ id }) => id))).size, 1350);
  const out = join(folder, 'study');
  claimStudy(out, plan);
  mkdirSync(trialsFolder(out));
  const versions = { rescaled: '0', engine: 'none', node: process.versions.node };
  for (const [i, { trials, depth, width, size, epochs, multiplyAdds }] of plan.configurations.entries())
    for (const { id, seed, options } of trials) {
      // Depth gains 2 points a doubling, width 1 and resolution 0.5, longer training 3; a little noise.
      const noise = (((i * 3 + seed) * 48271) % 1999) / 1e6 - 0.001;
      const top1 =
        0.5 +
        0.02 * Math.log2(depth / 14) +
        0.02 * Math.log2(width / 0.1) +
        0.01 * Math.log2(size / 16) +
        0.03 * Math.log2(epochs / 5) +
        noise;
      const result = {
        format: 1,
        status: 'done',
        id,
        seed,
        options: { ...options },
        top1,
        weights: 'raw',
        top1Raw: top1,
        loss: 1,
        testPictures: 10_000,
        trainTop1: Math.min(1, top1 + 0.05),
        trainLoss: 0.5,
        trainPictures: 1000,
        seconds: 10,
        msPerStep: multiplyAdds / 1e6,
        imagesPerSecond: 100,
        scoredPerSecond: 1000,
        epochs,
        steps: 31 * epochs,
        parameters: 1,
        threads: 1,
        versions,
        finishedAt: '2026-01-01T00:00:00.000Z',
      };
      writeFileSync(resultFile(out, id), JSON.stringify(result));
    }
  mkdirSync(measuredFolder(out));
  for (const { id, multiplyAdds, batch } of timedModels(plan.configurations))
    writeFileSync(
      join(measuredFolder(out), `${id}.json`),
      JSON.stringify({
        format: 1,
        id,
        trainStepMs: multiplyAdds / 1e6,
        inferenceMs: multiplyAdds / 1e8,
        peakBytes: 1e8,
        batch,
        threads: 2,
        device: 'cpu',
        processor: 'none',
        at: '2026-01-01T00:00:00.000Z',
      }),
    );

  const took = (what: string, began: number): void =>
    context.diagnostic(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  let began = performance.now();
  const status = JSON.parse((await cli('study', 'status', out, '--json')).stdout) as Record<string, unknown>;
  took('status', began);
  assert.deepEqual([status['trials'], status['done'], status['measured']], [1350, 1350, 150]);
  began = performance.now();
  const report = await cli('study', 'report', out);
  took('report', began);
  assert.equal(report.status, 0, report.stderr);
  const page = readFileSync(join(out, 'report.html'), 'utf8').replace(/<script>[^]*?<\/script>/g, '');
  const wrong = /NaN|undefined/.exec(page);
  assert.equal(wrong === null ? '' : page.slice(Math.max(0, wrong.index - 100), wrong.index + 100), '');
  assert.ok(statSync(join(out, 'report.html')).size < 5e6);
  assert.ok(readdirSync(join(out, 'figures')).includes('configurations.csv'));
  assert.equal(
    readFileSync(join(out, 'figures', 'trials.csv'), 'utf8')
      .trimEnd()
      .split('\n').length,
    1351,
  );
  began = performance.now();
  const advice = JSON.parse((await cli('study', 'advise', out, '--json')).stdout) as {
    regimes: { epochs: number; pays: string }[];
  };
  took('advise', began);
  // Time grows with depth as FLOPs do, with width and resolution twice as fast: the planted gains for each doubling are
  // 2, 1 and 0.5.
  assert.deepEqual(
    advice.regimes.map(({ epochs, pays }) => [epochs, pays]),
    [5, 20, 80].map((epochs) => [epochs, 'depth']),
  );
  assert.match((await cli('scale', out, '--budget', '5ms')).stdout, /train it: rescaled train/);
});
