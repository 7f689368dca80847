import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, FASHION, pictureFolder, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
const written = (name: string, study: object): string => {
  writeFileSync(join(folder, name), JSON.stringify(study));
  return join(folder, name);
};
const tiny = {
  data: FASHION,
  limitTrain: 64,
  limitTest: 32,
  models: [{ family: 'resnet-rs', depths: [14], widths: [0.125, 0.25], sizes: [20] }],
  epochs: [1],
  seeds: 1,
  settings: { batch: 32 },
};

test('a study file is written for the pictures, and is one', async () => {
  const [out, pictures] = [join(folder, 'study.json'), join(folder, 'pictures')];
  await pictureFolder(pictures, 3, 20);
  const { status, stdout, stderr } = await cli(
    'study',
    'init',
    pictures,
    '-o',
    out,
    '--minutes',
    '1',
    '--threads',
    '1',
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /pictures: 48 training and 12 validation pictures, 3 classes, 28 pixels at the shorter/);
  assert.match(stderr, /Measuring a few steps of 3 models/);
  assert.match(stdout, /then run it: rescaled study run \S+study\.json/);
  const study = JSON.parse(readFileSync(out, 'utf8')) as {
    data: string;
    seeds: number;
    models: { sizes: number[] }[];
  };
  assert.equal(study.data, 'pictures');
  assert.equal(study.seeds, 3);
  assert.deepEqual(study.models[0]!.sizes, [20, 28]);
  assert.match((await cli('study', 'plan', out)).stdout, /x 3 seeds = \d+ trials/);
  const again = await cli('study', 'init', pictures, '-o', out);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /exists already\. --force replaces it/);
  assert.match(
    (await cli('study', 'init', pictures, '-o', join(folder, 'x.json'), '--minutes', '0')).stderr,
    /above 0/,
  );
  assert.ok(!existsSync(join(folder, 'x.json')));
});

test('a plan stands there before it is measured, and its times after it', async () => {
  const { status, stdout, stderr } = await cli(
    'study',
    'plan',
    written('tiny.json', tiny),
    '--measure',
    '--threads',
    '1',
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /= 2 trials, .*\n\nconfiguration +a trial takes about\n(.*\n)+\n2 to do: about .* 1 at a time/);
  assert.match(stderr, /Ctrl-C ends it; nothing is lost by that\./);
});

test('one seed is no family and no pick: the command that adds seeds does', async () => {
  const runs = join(folder, 'runs');
  const first = await cli('study', 'run', join(folder, 'tiny.json'), '-o', runs, '--threads', '1', '--no-measure');
  assert.equal(first.status, 0, first.stderr);
  const advice = (await cli('study', 'advise', runs)).stdout;
  assert.match(
    advice,
    /takes 3 seeds of a model or more, and there is one\. Add seeds: rescaled study run \S+ --seeds 3/,
  );
  assert.match(advice, /The best result so far is [\d.]+\s%/);
  assert.doesNotMatch(advice, /To try next/);
  const pick = await cli('scale', runs, '--budget', '100MFLOPs');
  assert.equal(pick.status, 1);
  assert.match(pick.stderr, /Expected 3 seeds or more of a model to pick it but the 2 within 100MFLOPs have fewer/);
  const untimed = await cli('scale', runs, '--budget', '5ms');
  assert.match(untimed.stderr, /none of 2 is timed: .* give a budget such as [\d.]+MFLOPs or 5Mparams/);

  const more = await cli('study', 'run', runs, '--seeds', '3', '--threads', '1', '--no-measure');
  assert.equal(more.status, 0, more.stderr);
  assert.match(more.stderr, /2 of 6 trials are done already/);
  assert.doesNotMatch((await cli('study', 'advise', runs)).stdout, /Add seeds/);
  assert.equal((await cli('scale', runs, '--budget', '100MFLOPs')).status, 0);
  const fewer = await cli('study', 'run', runs, '--seeds', '2');
  assert.equal(fewer.status, 2);
  assert.match(fewer.stderr, /from 3 \(the seeds of the study\) to 1000 for --seeds/);
});

test('a bad setting inside a study file names the file', async () => {
  const { status, stderr } = await cli('study', 'plan', written('bad.json', { ...tiny, settings: { learningRat: 1 } }));
  assert.equal(status, 2);
  assert.match(stderr, /In \S*bad\.json: Expected a recipe setting but received "learningRat"/);
});
