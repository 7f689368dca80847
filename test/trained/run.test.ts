import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { Run, type RunEvent, train } from '../../src/index.js';
import { cli, pictureFolder, temporaryFolder } from '../cli/helpers.js';

describe('a run from a program', () => {
  const work = temporaryFolder();
  const data = join(work, 'clothes');
  const folder = join(work, 'run');
  const events: RunEvent[] = [];
  const stop = new AbortController();

  before(async () => {
    await pictureFolder(data, 3, 12);
    const options = { data, out: folder, model: 'resnet-rs-14', width: 0.125, size: 28, recipe: 'quick' } as const;
    // Stopped in its first epoch, as by Ctrl-C.
    const training = train(
      { ...options, epochs: 2, batch: 8, settings: { labelSmoothing: 0 }, threads: 1 },
      { signal: stop.signal, finish: true },
    );
    for await (const event of training) {
      events.push(event);
      if (event.type === 'step') stop.abort();
    }
  });

  test('typed settings reach the recipe; a run that was stopped is not finished', async () => {
    assert.equal(events.at(-1)!.type, 'stopped');
    const run = Run.open(folder);
    assert.deepEqual(
      (({ epochs, batch, labelSmoothing }) => ({ epochs, batch, labelSmoothing }))(run.config.recipe.values),
      { epochs: 2, batch: 8, labelSmoothing: 0 },
    );
    assert.ok(!run.trained);
    assert.equal(run.figures(), undefined);
    await assert.rejects(run.report(), /Expected a finished training in .* go on with resume\(\) first/);
  });

  test('it goes on and ends as the command line does', async () => {
    const run = Run.open(folder);
    const types = new Set<string>();
    let figures: unknown;
    for await (const event of run.resume({ finish: true })) {
      types.add(event.type);
      if (event.type === 'finished') figures = event.figures.scores;
    }
    assert.ok(types.has('end') && types.has('finished'));
    assert.ok(run.trained);
    for (const name of ['model.onnx', 'labels.json', 'report.html', 'report.json'])
      assert.ok(existsSync(join(folder, name)), name);
    assert.equal(run.figures()!['top1'], (figures as { top1: number }).top1);
    assert.ok(run.events().some(({ type }) => type === 'end'));
  });

  test('it is measured, exported and asked, as by the commands', async () => {
    const run = Run.open(folder);
    const page = join(work, 'eval.html');
    const found = await run.evaluate({ report: page });
    const told = JSON.parse(cli('eval', folder, '--json').stdout);
    assert.equal(found.scores['top1'], told.top1);
    assert.equal(found.images, told.images);
    assert.deepEqual(JSON.parse(JSON.stringify(found.told)).classes, told.classes);
    assert.match(readFileSync(page, 'utf8'), /<title>/);
    const all = await run.evaluate({ data: join(data), split: 'train', best: true });
    assert.equal(all.part, 'train');
    assert.ok(all.images > found.images);

    const file = join(work, 'clothes.onnx');
    const exported = await run.export(file);
    assert.equal(exported.path, file);
    assert.ok(exported.parity!.maxAbsDiff < 1e-3);
    const predictor = await run.predictor();
    assert.equal(predictor.labels.length, 3);
    await predictor.close();
  });

  test('what is no run is said to be none', () => {
    assert.throws(() => Run.open(data), /Expected a run folder but .* has no run\.json/);
    assert.throws(() => Run.open(join(work, 'none')), /there is nothing at/);
  });
});
