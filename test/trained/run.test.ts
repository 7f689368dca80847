import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { type Exported, Run, type RunEvent, train } from '../../src/index.js';
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
    const report = run.figures() as unknown as Record<'perClass', Record<'pictures' | 'correct', number>[]> & {
      [key: string]: unknown;
    };
    const total = (key: 'pictures' | 'correct'): number => report.perClass.reduce((sum, row) => sum + row[key], 0);
    assert.equal(total('pictures'), report['testImages']);
    assert.equal(total('correct') / total('pictures'), report['top1']);
    assert.equal(report['model'], 'resnet-rs-14 x0.125');
    assert.deepEqual(report['network'], { name: 'resnet-rs-14', width: 0.125, stemStride: 2 });
    const page = readFileSync(join(folder, 'report.html'), 'utf8');
    assert.match(page, /<h1>resnet-rs-14 x0\.125 on clothes<\/h1>/);
    for (const id of ['seen', 'maps', 'mistakes']) assert.ok(page.includes(`<section id="${id}">`), id);
    // The commands name the run as the caller did.
    assert.ok(!page.replaceAll(folder, '').includes(work), 'no place of this machine');
    assert.match(page, /<td>\.\.\/clothes \(from the run&#39;s folder\)<\/td>/);
    assert.ok(run.events().some(({ type }) => type === 'end'));
  });

  test('it is measured, exported and asked, as by the commands', async () => {
    const run = Run.open(folder);
    const page = join(work, 'eval.html');
    const found = await run.evaluate({ report: page });
    const told = JSON.parse((await cli('eval', folder, '--json')).stdout);
    assert.equal(found.scores['top1'], told.top1);
    assert.equal(found.images, told.images);
    assert.deepEqual(JSON.parse(JSON.stringify(found.told)).classes, told.classes);
    assert.deepEqual(told.perClass, JSON.parse(JSON.stringify(run.figures()!['perClass'])));
    assert.deepEqual(told.mostConfused, run.figures()!['mostConfused']);
    const html = readFileSync(page, 'utf8');
    assert.match(html, /<title>resnet-rs-14 x0\.125 on clothes/);
    for (const id of ['seen', 'maps']) assert.ok(html.includes(`<section id="${id}">`), id);
    assert.ok(!html.replaceAll(folder, '').includes(work), 'no place of this machine');
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

  test('data that is gone is said to be; other pictures are measured and drawn', async () => {
    const moved = join(work, 'elsewhere');
    renameSync(data, moved);
    try {
      const named = `Expected the data that the run was trained on at ${data}, as its run.json says, but there is nothing`;
      for (const [words, way] of [
        [['eval', folder], `rescaled eval ${folder} FOLDER`],
        [['eval', join(folder, 'model.onnx')], `rescaled eval ${join(folder, 'model.onnx')} FOLDER`],
        [['export', folder, '--int8'], `rescaled export ${folder} --int8 --calibrate FOLDER`],
        [['train', '--resume', folder], `rescaled train --resume ${folder} --data FOLDER`],
      ] as const) {
        const { status, stderr } = await cli(...words);
        assert.equal(status, 2, stderr);
        for (const text of [named, way]) assert.ok(stderr.includes(text), stderr);
      }
      const out = join(work, 'gone.onnx');
      const exported = await cli('export', folder, '-o', out, '--json');
      assert.ok(exported.stderr.includes(named), exported.stderr);
      const { parity, labels } = JSON.parse(exported.stdout) as Exported;
      assert.ok(existsSync(out) && existsSync(labels!));
      assert.ok(parity!.synthetic === true && parity!.pictures === 64);
      assert.ok(parity!.maxAbsDiff < 1e-3 && parity!.top1Agreement! > 0.95, JSON.stringify(parity));
      const real = (await Run.open(folder).export(out, { data: moved, float16: true })).parity!;
      assert.equal(real.synthetic, undefined);
      const wrong = await cli('export', folder, '-o', out, '--data', join(work, 'none'));
      assert.equal(wrong.status, 2);
      assert.match(wrong.stderr, /none, as --data says, but there is nothing/);
      for (const [more, told] of [
        [['--int8', '--float16'], /Export twice, with one of them each; -o FILE/],
        [['-o', join(work, 'q.txt')], /Expected a name that ends in \.onnx/],
      ] as const) {
        const refused = await cli('export', folder, ...more);
        assert.equal(refused.status, 2);
        assert.match(refused.stderr, told);
      }
      const page = join(work, 'moved.html');
      const found = await Run.open(folder).evaluate({ data: moved, report: page });
      const html = readFileSync(page, 'utf8');
      assert.ok(found.images > 0);
      assert.match(html, /<section id="seen">.*\n<p class="note">The training pictures no longer lie where they lay/);
      assert.ok(html.includes('<section id="maps">'));
      assert.match(html, new RegExp(`pictures of ${moved}</td>`));
      assert.equal(html.replaceAll(folder, '').split(moved).length, 2, 'the folder is named once');
    } finally {
      renameSync(moved, data);
    }
  });

  test('--resume-if-there tells what was typed that the run has otherwise', async () => {
    const again = (...words: string[]) =>
      cli(
        'train',
        data,
        '-o',
        folder,
        '--resume-if-there',
        '--explain',
        '-m',
        'resnet-rs-14',
        '--size',
        '28',
        ...words,
      );
    const same = await again('-e', '2', '--set', 'labelSmoothing=0', '-b', '8', '--device', 'auto', '-r', 'quick');
    assert.equal(same.status, 0, same.stderr);
    assert.equal(same.stderr, '');
    const others = await again('-e', '5', '--set', 'mixup=0.25', '--limit-train', '9', '--width', '0.125');
    assert.match(others.stdout, /recipe quick/);
    assert.match(
      others.stderr,
      /a resumed run keeps its settings: not --set mixup=0\.25 \(it has 0\), --epochs 5 \(it has 2\), --limit-train 9 \(it has none\)\./,
    );
  });

  test('what is no run is said to be none', () => {
    assert.throws(() => Run.open(data), /Expected a run folder but .* has no run\.json/);
    assert.throws(() => Run.open(join(work, 'none')), /there is nothing at/);
  });
});
