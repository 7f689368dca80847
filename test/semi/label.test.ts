import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import { openPool } from '../../src/data/pool.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { Predictor } from '../../src/deploy/predictor.js';
import { partFile, partsFolder, readManifest } from '../../src/labels/format.js';
import { readPseudoLabels } from '../../src/labels/read.js';
import { Sidecar } from '../../src/labels/sidecar.js';
import { takeLock } from '../../src/lock.js';
import { type PseudoLabelEvent, type PseudoLabelOptions, pseudoLabel } from '../../src/semi/label.js';
import { planLabels } from '../../src/semi/plan.js';
import { openTeacher } from '../../src/semi/teacher.js';
import { cli, start } from '../cli/helpers.js';
import { rejectsWith, temporaryFolder } from '../data/helpers.js';
import { packed } from '../data/shards/helpers.js';
import { loadNet } from '../deploy/onnx-net.js';

const net = loadNet();
const CLASSES = ['a', 'b', 'c', 'd', 'e'];

async function all(options: Partial<PseudoLabelOptions> & Pick<PseudoLabelOptions, 'teacher' | 'pictures' | 'out'>) {
  const events: PseudoLabelEvent[] = [];
  for await (const event of pseudoLabel({ threads: 1, ...options })) events.push(event);
  return events;
}
const ofType = <T extends PseudoLabelEvent['type']>(events: readonly PseudoLabelEvent[], type: T) =>
  events.filter((event): event is Extract<PseudoLabelEvent, { type: T }> => event.type === type);

describe('pseudo-label', () => {
  const root = temporaryFolder();
  const teacher = join(root, 'net.onnx');
  const heaps = ['one', 'two', 'three'].map((name) => join(root, name));

  before(async () => {
    const output = { kind: 'classes' as const, labels: CLASSES };
    writeFileSync(teacher, exportOnnx(net.trace, { ...net.options, output }));
    const { size, images, pictures } = net;
    for (const [h, heap] of heaps.entries()) {
      mkdirSync(heap);
      for (let i = 0; i < 11 + h; i++) {
        const at = ((h + i) % pictures) * size * size * 3;
        await sharp(images.subarray(at, at + size * size * 3), {
          raw: { width: size, height: size, channels: 3 },
        }).toFile(join(heap, `${String(i).padStart(2, '0')}.png`));
      }
    }
    writeFileSync(join(heaps[1]!, '03.png'), 'no picture');
  });

  test('labels are what predict says of the pictures', async () => {
    const out = join(root, 'labels');
    const events = await all({ teacher, pictures: heaps, out, batch: 4, top: 3 });
    const [begun] = ofType(events, 'start');
    assert.deepEqual(
      [begun!.pictures, begun!.parts, begun!.ownPictures, begun!.doneParts, begun!.top],
      [36, 3, 36, 0, 3],
    );
    assert.match(begun!.teacher.identity, /^[0-9a-f]{64}$/);
    assert.deepEqual(
      ofType(events, 'part').map(({ part, pictures, unreadable }) => [part, pictures, unreadable]),
      [
        ['one-00000', 11, 0],
        ['two-00000', 12, 1],
        ['three-00000', 13, 0],
      ],
    );
    const [unreadable] = ofType(events, 'unreadable');
    assert.ok(unreadable!.path.endsWith('two/03.png'));
    const [end] = ofType(events, 'end');
    assert.deepEqual([end!.labelled, end!.unreadable, end!.counts.pictures, end!.counts.missing], [35, 1, 35, []]);

    const pool = await openPool(heaps);
    const read = await readPseudoLabels(out, pool, CLASSES);
    assert.equal(read.unreadable, 1);
    const predictor = await Predictor.load(teacher, { threads: 1 });
    let record = 0;
    let place = -1;
    for await (const { path, error, predictions } of predictor.predict(heaps, { top: 3 })) {
      place++;
      assert.equal(path, pool.source.describe(place));
      if (error !== undefined) continue;
      assert.equal(read.positions[record], place);
      assert.equal(read.classOf[record], predictions[0]!.index);
      assert.ok(Math.abs(read.probability[record]! - predictions[0]!.probability) < 1e-6);
      for (const [j, { index, probability }] of predictions.entries()) {
        assert.equal(read.topClasses[3 * record + j], index);
        assert.ok(Math.abs(read.topProbabilities[3 * record + j]! - probability) < 2 ** -11);
      }
      record++;
    }
    assert.equal(record, read.positions.length);
    await predictor.close();
  });

  test('shards are labelled as their pictures are, a part a shard', async () => {
    const folders = join(root, 'folders');
    const classes = ['x', 'y'];
    for (const [h, name] of classes.entries()) {
      mkdirSync(join(folders, name), { recursive: true });
      for (let i = 0; i < 9; i++)
        copyFileSync(join(heaps[h * 2]!, `0${i}.png`), join(folders, name, `${name}${i}.png`));
    }
    const shards = join(root, 'shards');
    await packed([folders], { out: shards, size: 20_000, shuffle: false });
    const events = await all({ teacher, pictures: [shards], out: join(root, 'of shards') });
    const parts = ofType(events, 'part');
    assert.ok(parts.length > 1);
    assert.deepEqual(
      parts.map(({ part }) => part),
      (await openPool([shards])).parts.map(({ name }) => name),
    );
    await all({ teacher, pictures: [folders], out: join(root, 'of folders') });
    const [a, b] = [
      await readPseudoLabels(join(root, 'of shards'), await openPool([shards]), CLASSES),
      await readPseudoLabels(join(root, 'of folders'), await openPool([folders]), CLASSES),
    ];
    assert.equal(a.positions.length, 18);
    assert.deepEqual(a.topClasses, b.topClasses);
    for (const [i, probability] of a.probability.entries()) assert.ok(Math.abs(probability - b.probability[i]!) < 1e-6);
  });

  test('processes share the parts; labels that are there are not made again', async () => {
    const out = join(root, 'shared');
    const shared = { teacher, pictures: heaps, out, of: 2 };
    const first = await all({ ...shared, index: 1 });
    assert.deepEqual(
      ofType(first, 'part').map(({ part }) => part),
      ['two-00000'],
    );
    assert.deepEqual(ofType(first, 'end')[0]!.counts.missing, ['one-00000', 'three-00000']);
    await rejectsWith(readPseudoLabels(out, await openPool(heaps), CLASSES), 2, /part one-00000 at .* are missing/);
    const before = statSync(partFile(out, 'two-00000')).mtimeMs;
    const rest = await all({ ...shared, of: 1, index: 0 });
    assert.deepEqual(
      ofType(rest, 'part').map(({ part }) => part),
      ['one-00000', 'three-00000'],
    );
    assert.deepEqual(ofType(rest, 'start')[0]!.doneParts, 1);
    assert.equal(statSync(partFile(out, 'two-00000')).mtimeMs, before);
    assert.deepEqual(readdirSync(partsFolder(out)).sort(), [
      'one-00000.safetensors',
      'three-00000.safetensors',
      'two-00000.safetensors',
    ]);
    assert.deepEqual(readdirSync(out).sort(), ['labels.json', 'parts']);
  });

  test('a part that another process has is left to it; what a killed one left is taken away', async () => {
    const out = join(root, 'left');
    mkdirSync(partsFolder(out), { recursive: true });
    writeFileSync(join(partsFolder(out), '.three-00000.safetensors.1.tmp'), 'half a file');
    const release = await takeLock(join(partsFolder(out), '.one-00000.lock'));
    const events = await all({ teacher, pictures: heaps, out });
    release();
    assert.deepEqual(ofType(events, 'elsewhere'), [{ type: 'elsewhere', part: 'one-00000', pid: process.pid }]);
    assert.deepEqual(ofType(events, 'end')[0]!.counts.missing, ['one-00000']);
    assert.deepEqual(readdirSync(partsFolder(out)).sort(), ['three-00000.safetensors', 'two-00000.safetensors']);
  });

  test('a process that is killed leaves whole parts, and the next one goes on', async () => {
    const many = Array.from({ length: 12 }, (_, k) => join(root, `many${k}`));
    for (const heap of many) {
      mkdirSync(heap);
      for (let i = 0; i < 60; i++)
        copyFileSync(join(heaps[0]!, `${String(i % 11).padStart(2, '0')}.png`), join(heap, `${i}.png`));
    }
    const out = join(root, 'killed');
    const child = start('pseudo-label', teacher, ...many, '-o', out, '-b', '1', '--threads', '1');
    const there = (): string[] => {
      try {
        return readdirSync(partsFolder(out)).filter((name) => name.endsWith('.safetensors'));
      } catch {
        return [];
      }
    };
    while (there().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    process.kill(-child.pid!, 'SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const kept = there();
    assert.ok(kept.length < many.length, 'killed too late to show anything');
    const { parts, teacher: about } = readManifest(out);
    for (const name of kept)
      Sidecar.open(out, parts.find((part) => `${part.name}.safetensors` === name)!, about.identity).close();

    const done = await cli('pseudo-label', teacher, ...many, '-o', out, '--threads', '1');
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stderr, new RegExp(`${kept.length} parts? labelled already`));
    assert.match(done.stdout, /^all +720 +100\.0 %/m);
    assert.deepEqual(readdirSync(partsFolder(out)).sort(), parts.map(({ name }) => `${name}.safetensors`).sort());
    const pool = await openPool(many);
    const { classOf, positions } = await readPseudoLabels(out, pool, CLASSES);
    assert.equal(positions.length, 720);
    const whole = await readPseudoLabels(join(root, 'labels'), await openPool(heaps), CLASSES);
    for (let i = 0; i < 720; i++) {
      const name = Number(pool.key(i).slice(0, -4));
      assert.equal(classOf[i], whole.classOf[name % 11]);
    }
  });

  test('another teacher, other pictures and another --top are refused', async () => {
    const out = join(root, 'begun');
    await all({ teacher, pictures: heaps, out, of: 3 });
    const other = join(root, 'other.onnx');
    writeFileSync(
      other,
      exportOnnx(net.trace, { ...net.options, output: { kind: 'classes', labels: [...CLASSES].reverse() } }),
    );
    await rejectsWith(
      all({ teacher: other, pictures: heaps, out }),
      2,
      /the teacher that .* were begun with .* is another/,
    );
    await rejectsWith(all({ teacher, pictures: heaps, out, top: 2 }), 2, /Expected --top 5/);
    await rejectsWith(all({ teacher, pictures: heaps.slice(0, 2), out }), 2, /there are 2 parts, not 3/);
    copyFileSync(join(heaps[0]!, '00.png'), join(heaps[2]!, 'more.png'));
    await rejectsWith(all({ teacher, pictures: heaps, out }), 2, /part three-00000 has 14 pictures, not 13/);
    rmSync(join(heaps[2]!, 'more.png'));
    await rejectsWith(all({ teacher, pictures: heaps, out: root }), 2, /holds something else/);
    await rejectsWith(all({ teacher: join(root, 'nothing'), pictures: heaps, out: join(root, 'x') }), 2, /nothing at/);
    const numbers = join(root, 'numbers.onnx');
    writeFileSync(
      numbers,
      exportOnnx(net.trace, { ...net.options, output: { kind: 'numbers', names: ['n', 'm', 'o', 'p', 'q'] } }),
    );
    await rejectsWith(all({ teacher: numbers, pictures: heaps, out: join(root, 'x') }), 2, /gives numbers \(n, m, o/);
    await rejectsWith(all({ teacher, pictures: heaps, out, given: { size: 30 } }), 2, /Expected no --size/);
    // A sidecar of the old teacher in place of one of this one.
    const sidecar = partFile(out, 'one-00000');
    const bytes = readFileSync(sidecar);
    const { identity } = readManifest(out).teacher;
    writeFileSync(sidecar, Buffer.from(bytes.toString('latin1').replace(identity, 'b'.repeat(64)), 'latin1'));
    await rejectsWith(all({ teacher, pictures: heaps, out }), 2, /part one-00000 has those of another/);
  });

  test('the identity is of weights, classes and preprocessing, and of nothing else', async () => {
    const identity = async (options: Partial<typeof net.options>, change = 0): Promise<string> => {
      const file = join(root, 'variant.onnx');
      const output = { kind: 'classes' as const, labels: CLASSES };
      const bytes = exportOnnx(net.trace, { ...net.options, output, ...options });
      // In the midst of the weights.
      if (change > 0) bytes[bytes.length >> 1]! ^= change;
      writeFileSync(file, bytes);
      const into = temporaryFolder();
      const { predictor, about } = await openTeacher(file, into, undefined, { threads: 1 });
      await predictor.close();
      return about.identity;
    };
    const { preprocess } = net.options;
    const first = await identity({});
    assert.equal(await identity({ training: { model: 'test-net', top1: 0.9 } }), first);
    assert.notEqual(await identity({ preprocess: { ...preprocess, evalCrop: 1 } }), first);
    assert.notEqual(await identity({ preprocess: { ...preprocess, mean: [0, 0, 0] } }), first);
    assert.notEqual(await identity({ output: { kind: 'classes', labels: ['b', 'a', 'c', 'd', 'e'] } }), first);
    assert.notEqual(await identity({}, 1), first);
  });

  test('too many pictures that cannot be read end it without labels of their part', async () => {
    const heap = join(root, 'broken');
    mkdirSync(heap);
    for (let i = 0; i < 12; i++) writeFileSync(join(heap, `${i}.png`), 'no picture');
    const out = join(root, 'of broken');
    await rejectsWith(
      all({ teacher, pictures: [heap], out }),
      1,
      /part broken-00000 but 11 of its 12 cannot be read: .*--max-broken/,
    );
    assert.deepEqual(readdirSync(partsFolder(out)), []);
    assert.equal(ofType(await all({ teacher, pictures: [heap], out, maxBroken: 1 }), 'unreadable').length, 12);
  });

  test('a signal ends it at once and gives the part back', async () => {
    const out = join(root, 'stopped');
    const stop = new AbortController();
    await assert.rejects(async () => {
      for await (const { type } of pseudoLabel({ teacher, pictures: heaps, out, threads: 1, signal: stop.signal }))
        if (type === 'picture') stop.abort();
    }, /abort/i);
    assert.deepEqual(readdirSync(partsFolder(out)), []);
  });

  test('a plan says what labels cost', async () => {
    const plan = await planLabels({ teacher, pictures: [heaps[0]!], threads: 1 }, 130_000_000, 0.2);
    assert.equal(plan.pictures, 130_000_000);
    assert.equal(plan.there, 11);
    assert.equal(plan.top, 5);
    assert.equal(plan.parts, 13_000);
    assert.ok(plan.picturesPerSecond > 0);
    assert.ok(Math.abs(plan.hours - 130e6 / plan.picturesPerSecond / 3600) < 1e-6);
    // A key of 6 bytes and its end, class, probability, 5 x (class + probability).
    const rows = 130e6 * (6 + 4 + 2 + 4 + 20);
    assert.ok(plan.labelBytes > rows && plan.labelBytes < 1.01 * rows, String(plan.labelBytes / rows));
    // And what they cost then is near to that.
    await all({ teacher, pictures: [heaps[0]!], out: join(root, 'planned') });
    const { size } = statSync(partFile(join(root, 'planned'), 'one-00000'));
    const small = await planLabels({ teacher, pictures: [heaps[0]!], threads: 1 }, undefined, 0.2);
    assert.ok(Math.abs(small.labelBytes - size) < 200, `${small.labelBytes} ${size}`);
  });

  test('the command line says what is wrong, and selects', async () => {
    for (const [pattern, ...args] of [
      [/-o LABELS/, teacher, heaps[0]!],
      [/--plan or --out/, teacher, heaps[0]!, '--plan', '-o', 'x'],
      [/--plan beside --pictures/, teacher, heaps[0]!, '-o', 'x', '--pictures', '3'],
      [/from 0 to 1 for --index/, teacher, heaps[0]!, '-o', 'x', '--of', '2', '--index', '2'],
      [/--threshold alone but received --floor/, 'select', 'x', '--floor', '0.2', '--threshold', '0.3'],
      [/balanced, thinned or one/, 'select', join(root, 'labels'), '--copies', 'many'],
    ] as const) {
      const { status, stderr } = await cli('pseudo-label', ...args);
      assert.equal(status, 2);
      assert.match(stderr, pattern);
    }
    const out = join(root, 'mine');
    const done = await cli(
      'pseudo-label',
      'select',
      join(root, 'labels'),
      '--floor',
      '0',
      '--copies',
      'one',
      '-o',
      out,
    );
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /^all +35 +35 +0 +0 +35$/m);
    const page = readFileSync(join(out, 'index.html'), 'utf8');
    assert.match(page, /Noisy Student(&#39;|')s filter and balance/);
    assert.match(page, /35 of 35 pictures/);
  });
});
