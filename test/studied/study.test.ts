import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ablate, planAblation, Study } from '../../src/index.js';
import { FASHION, SMALL_STUDY, temporaryFolder } from '../cli/helpers.js';

const folder = temporaryFolder();
const file = join(folder, 'study.json');
const models = SMALL_STUDY.models.map((model) => ({ ...model, widths: [0.125, 0.25] }));
writeFileSync(file, JSON.stringify({ ...SMALL_STUDY, models, seeds: 3 }));

test('a study from a program: planned, stopped, gone on with, read and picked from', async () => {
  const out = join(folder, 'study');
  const study = await Study.open(file, { out });
  await assert.rejects(study.points(), /Expected a study that has begun .* Begin it with run\(\)/);
  const { configurations } = await study.plan();
  assert.equal(configurations.length, 2);
  assert.ok(!existsSync(out), 'a plan writes nothing');

  const stop = new AbortController();
  const seen: string[] = [];
  const first = await study.run({
    threads: 1,
    workers: 1,
    signal: stop.signal,
    onEvent: ({ type, name }) => {
      seen.push(`${type} ${name}`);
      if (type === 'done') stop.abort();
    },
  });
  assert.equal(first.stopped, true);
  assert.equal((await study.trials()).filter(({ state }) => state === 'done').length, 1);

  const again = await Study.open(out);
  const { stopped, failed, page } = await again.run({ threads: 1, workers: 1, measure: false });
  assert.deepEqual([stopped, failed], [false, 0]);
  assert.ok((await again.trials()).every(({ state }) => state === 'done'));
  assert.ok(readFileSync(page, 'utf8').includes('resnet-rs-14 x0.25'));
  const points = await again.points();
  assert.deepEqual(
    points.map(({ score }) => [...score.keys()].sort()),
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  );
  const { pick } = await again.pick('1GFLOPs', { any: true });
  const best = points.reduce((a, b) => (mean(b.score) > mean(a.score) ? b : a));
  assert.ok(pick !== undefined && Math.abs(pick.score.mean - mean(best.score)) < 1e-12, `${pick?.name}, ${best.name}`);
  assert.equal((await again.advice()).regimes.length, 1);
});

const mean = (score: ReadonlyMap<number, number>): number => [...score.values()].reduce((a, b) => a + b) / score.size;

test('an ablation from a program: rows with what each is worth, and again for nothing', async () => {
  const out = join(folder, 'worth');
  const options = {
    ...{ data: FASHION, limitTrain: 100, limitVal: 50, width: 0.125, size: 20, epochs: 1, seeds: 1 },
    steps: ['label-smoothing'],
    settings: { batch: 25 },
  };
  const { variants } = await planAblation(options);
  assert.deepEqual(
    variants.map(({ name }) => name),
    (await ablate(options, out, { threads: 1 })).rows.map(({ name }) => name),
  );
  assert.match(readFileSync(join(out, 'ablation.html'), 'utf8'), /abel smoothing/);
  const started: string[] = [];
  const { rows, failed } = await ablate(options, out, { threads: 1, onEvent: ({ type }) => started.push(type) });
  assert.deepEqual([started, failed], [[], 0]);
  assert.ok(rows.every(({ done }) => done.length === 1));
  await assert.rejects(planAblation({ ...options, kind: 'weight-decay' }), /Expected one of steps, order and/);
});
