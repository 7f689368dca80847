import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { StudyPlan } from '../../../src/study/plan/ablation.js';
import {
  readResult,
  resultFile,
  type TrialResult,
  trialsFolder,
  writeResult,
} from '../../../src/study/trials/result.js';
import { studyCsv, summarise } from '../../../src/study/trials/summary.js';
import { ACCURACY, RMSE } from '../synthetic.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-results-'));
after(() => rmSync(folder, { recursive: true }));
const result: TrialResult = {
  format: 1,
  status: 'done',
  id: 'one',
  seed: 1,
  options: {},
  score: 0.75,
  weights: 'ema',
  scoreRaw: 0.7,
  scoreEma: 0.75,
  loss: 0.5,
  testPictures: 100,
  trainScore: 0.9,
  trainLoss: 0.4,
  trainPictures: 50,
  seconds: 2,
  msPerStep: 10,
  imagesPerSecond: 100,
  scoredPerSecond: 200,
  epochs: 1,
  steps: 3,
  parameters: 7,
  threads: 1,
  versions: { rescaled: '0', engine: 'none', node: 'none' },
  finishedAt: '2026-01-01T00:00:00.000Z',
};

test('a result file has the name of the metric, and no task where it is of classification', () => {
  writeResult(folder, result);
  const file = JSON.parse(readFileSync(resultFile(folder, 'one'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(file).slice(0, 13), [
    'format',
    'status',
    'id',
    'seed',
    'options',
    'top1',
    'weights',
    'top1Raw',
    'top1Ema',
    'loss',
    'testPictures',
    'trainTop1',
    'trainLoss',
  ]);
  assert.deepEqual(readResult(folder, 'one'), result);
});

test('a share beyond 1 is refused under the name that stands in the file', () => {
  mkdirSync(trialsFolder(folder), { recursive: true });
  const bad = JSON.parse(readFileSync(resultFile(folder, 'one'), 'utf8')) as object;
  writeFileSync(join(trialsFolder(folder), 'bad.json'), JSON.stringify({ ...bad, id: 'bad', trainTop1: 2 }));
  assert.throws(() => readResult(folder, 'bad'), /trainTop1: .*Delete it, and the trial runs again/);
});

test('the table of an ablation has its columns by the name of the metric', () => {
  const plan = {
    kind: 'additive',
    variants: [{ name: 'base', paper: {}, trials: [{ id: 'one', seed: 1 }] }],
    seeds: [1],
    size: 28,
  } as unknown as StudyPlan;
  const rows = summarise(plan, folder);
  const [head, line] = studyCsv(rows, ACCURACY).split('\n');
  assert.equal(
    head,
    'row,name,seed,status,top1,weights,top1Raw,top1Ema,loss,testPictures,trainTop1,trainLoss,trainPictures,' +
      'epochs,steps,seconds,msPerStep,imagesPerSecond,parameters,threads,id,reason',
  );
  assert.match(line!, /^0,base,1,done,0\.75,ema,0\.7,0\.75,0\.5,100,0\.9,/);
  assert.match(studyCsv(rows, RMSE), /^row,name,seed,status,rmse,weights,rmseRaw,rmseEma,loss,testPictures,trainRmse,/);
});
