import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bestRound } from '../../src/report/rounds/best.js';
import type { Round } from '../../src/semi/rounds.js';
import type { SelfTrainPlan } from '../../src/semi/rounds-plan.js';
import { type SelfTrainEvent, selfTrain } from '../../src/semi/self-train.js';
import { photos, rejectsWith, temporaryFolder } from '../data/helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = 'off';
const data = await photos(join(root, 'photos'), {
  ...{ 'train/a': 8, 'train/b': 8, 'val/a': 4, 'val/b': 4, 'test/a': 5, 'test/b': 5 },
});
const heap = await photos(join(root, 'heap'), { some: 14 });
const plan = (given: Partial<SelfTrainPlan> = {}): SelfTrainPlan => ({
  data,
  unlabelled: [heap],
  rounds: 2,
  training: {
    ...{ model: 'resnet-rs-14', width: 0.125, size: 16, recipe: 'quick', threads: 1, workers: 0 },
    settings: { epochs: 2, batch: 4 },
  },
  student: { width: 0.25, settings: { unlabelledRatio: 2 } },
  rule: { name: 'balance', floor: 0 },
  ...given,
});
const out = join(root, 'self');

test('stopped in its second run, it goes on there; every student learns from the labels of the run before it', async () => {
  const stop = new AbortController();
  const first: SelfTrainEvent[] = [];
  const none = await selfTrain(out, plan(), {
    signal: stop.signal,
    onEvent(event) {
      first.push(event);
      if (event.type === 'train' && event.round === 1 && event.event.type === 'step') stop.abort();
    },
  });
  assert.equal(none, undefined);
  const teacher = statSync(join(out, 'round-0', 'weights.safetensors')).mtimeMs;

  const second: SelfTrainEvent[] = [];
  const rounds = (await selfTrain(out, plan(), { onEvent: (event) => second.push(event) }))!;
  assert.deepEqual(
    second.flatMap((event) => (event.type === 'stage' ? [`${event.round} ${event.stage} ${event.done}`] : [])),
    [
      '0 train true',
      ...['1 label true', '1 select true', '1 train false'],
      ...['2 label false', '2 select false', '2 train false'],
    ],
  );
  assert.equal(statSync(join(out, 'round-0', 'weights.safetensors')).mtimeMs, teacher);
  const resumed = second.find((event) => event.type === 'train' && event.event.type === 'start');
  assert.equal(resumed?.type === 'train' && resumed.event.type === 'start' && resumed.event.resumed, true);

  assert.equal(rounds.length, 3);
  for (const [k, { round, images, measured, validation, unlabelled, model }] of rounds.entries()) {
    assert.deepEqual([round, images, measured, validation?.images], [k, 10, 'test', 8]);
    assert.equal(model, k === 0 ? 'resnet-rs-14 x0.125' : 'resnet-rs-14 x0.25');
    assert.deepEqual(
      [unlabelled?.pictures, unlabelled?.changed?.of],
      [k === 0 ? undefined : 14, k === 2 ? 14 : undefined],
    );
    const config = JSON.parse(readFileSync(join(out, `round-${k}`, 'run.json'), 'utf8')) as {
      seed: number;
      recipe: { values: { unlabelledRatio: number } };
      unlabelled?: { labels: string };
    };
    assert.deepEqual([config.seed, config.recipe.values.unlabelledRatio], [k, k === 0 ? 0 : 2]);
    assert.equal(config.unlabelled?.labels, k === 0 ? undefined : join(out, `labels-${k}`, 'selected'));
  }
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  assert.match(page, /photos: 2 of 2 rounds of self-training/);
  assert.deepEqual(JSON.parse(readFileSync(join(out, 'rounds.json'), 'utf8')), { rounds });
});

test('another round follows what is there; other settings are refused by name', async () => {
  await rejectsWith(
    selfTrain(out, plan({ training: { ...plan().training, seed: 4 } })),
    2,
    /begun with but training differs/,
  );
  await rejectsWith(
    selfTrain(out, plan({ unlabelled: [data], rule: { name: 'threshold', threshold: 0.5 } })),
    2,
    /unlabelled, rule differ/,
  );
  const rounds = await selfTrain(out, plan({ rounds: 3 }));
  assert.equal(rounds?.length, 4);
});

test('wrong paths are told before a folder is made', async () => {
  const none = join(root, 'none');
  await rejectsWith(selfTrain(none, plan({ data: join(root, 'nowhere') })), 2, /Expected a folder at .*nowhere/);
  await rejectsWith(selfTrain(none, plan({ unlabelled: [join(root, 'nowhere')] })), 2, /without labels at .*nowhere/);
  await rejectsWith(selfTrain(none, { ...plan(), round: 2 } as SelfTrainPlan), 2, /"round".*"rounds"/s);
  await rejectsWith(selfTrain(none, { ...plan(), unlabelled: 'heap' as unknown as string[] }), 2, /a list of texts/);
  assert.ok(!existsSync(none));
});

test('nothing sure enough is said to be so before a student is trained', async () => {
  const strict = join(root, 'strict');
  await rejectsWith(
    selfTrain(strict, plan({ rounds: 1, rule: { name: 'threshold', threshold: 1 } })),
    2,
    /none of the 14 pictures was selected.*lower --floor/s,
  );
  assert.ok(!existsSync(join(strict, 'round-1')));
});

test('the best round is chosen on validation pictures where there are such', () => {
  const rounds = [
    { top1: 0.9, validation: { top1: 0.5, images: 10 } },
    { top1: 0.1, validation: { top1: 0.8, images: 10 } },
  ] as Round[];
  assert.equal(bestRound(rounds), rounds[1]);
  assert.equal(bestRound(rounds.map(({ top1 }) => ({ top1 }) as Round)).top1, 0.9);
});
