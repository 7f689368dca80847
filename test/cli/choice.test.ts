import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { cli } from './helpers.js';

describe('train without a model', () => {
  const work = mkdtempSync(join(tmpdir(), 'rescaled-choice-'));
  const data = join(work, 'colours');
  before(async () => {
    for (const [part, count] of [
      ['train', 24],
      ['val', 8],
    ] as const)
      for (const [name, background] of [
        ['red', '#c03020'],
        ['blue', '#2040c0'],
      ] as const) {
        mkdirSync(join(data, part, name), { recursive: true });
        for (let i = 0; i < count; i++)
          await sharp({ create: { width: 100 + i, height: 100, channels: 3, background } })
            .png()
            .toFile(join(data, part, name, `${i}.png`));
      }
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  test('picks network, size and length for pictures and time, says so, and keeps it', async () => {
    const out = join(work, 'run');
    const done = await cli('train', data, '--minutes', '0.2', '--threads', '1', '-o', out);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stderr, /48 training pictures of 2 classes, 1\d\d pixels at the shorter side/);
    assert.match(
      done.stderr,
      /chosen +resnet-rs-\d+( x[\d.]+)? at 96 pixels, recipe quick, batch 12, \d+ epochs? \(\d+ steps?\)/,
    );
    assert.match(done.stderr, /takes +about (\d+ min )?\d+ s in all and/);
    assert.match(done.stderr, /better +few pictures .* --from resnet18\.a1_in1k/);
    assert.match(done.stdout, /in all \(predicted /);
    const { recipe, model, size, modelOptions } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
    assert.equal(recipe.preset, 'quick');
    assert.match(
      recipe.sources.epochs,
      /^chosen for the 0\.2 minutes asked for: a training picture takes about .* ms here$/,
    );
    // The command that does the same without measuring.
    const again = /again +rescaled (.*)/.exec(done.stderr)![1]!.split(' ');
    assert.deepEqual(again.slice(0, 4), ['train', data, '-m', model]);
    assert.equal(again[again.indexOf('--size') + 1], String(size));
    assert.equal(again[again.indexOf('-e') + 1], String(recipe.values.epochs));
    if (modelOptions.width !== 1) assert.equal(again[again.indexOf('--width') + 1], String(modelOptions.width));
  });

  test('what is given stays, also with --explain, which writes nothing', async () => {
    const done = await cli('train', data, '--size', '64', '-e', '3', '--explain', '--threads', '1');
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /^resnet-rs-\d+.* at 64 pixels/);
    assert.match(done.stdout, /epochs +3 +set by the user/);
    assert.ok(!existsSync(join(process.cwd(), 'runs', 'colours-1')));
  });

  test('a model, weights or another recipe leave nothing to choose; wrong times are refused', async () => {
    const named = await cli('train', data, '-m', 'resnet-rs-50', '--size', '96', '--explain');
    assert.match(named.stdout, /recipe resnet-rs;/);
    assert.match(named.stdout, /epochs +350 /);
    const short = await cli('train', data, '--recipe', 'resnet-rs', '--size', '96', '--explain');
    assert.match(short.stdout, /^resnet-rs-50 at 96 pixels/);
    for (const [args, pattern] of [
      [['--minutes', '0'], /at least 0\.1|from 0\.1/],
      [['--minutes', 'ten'], /minutes/],
      [['--minutes', '2', '-e', '3'], /either --minutes or --epochs/],
    ] as const) {
      const refused = await cli('train', data, ...args);
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, pattern);
    }
  });
});
