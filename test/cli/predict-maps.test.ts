// Masks and depth as files, drawn and told, by exported files of networks that learned nothing.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import { depthScale, maskColours } from '../../src/cli/trained/map-files.js';
import { maskRule, readDepth, readMask } from '../../src/data/annotations/files/map-file.js';
import { textsOf } from '../../src/data/annotations/files/png-write.js';
import { openDepth, openSegmentation } from '../../src/data/annotations/maps.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { Predictor } from '../../src/deploy/predictor.js';
import { call, scope, type Tensor, trace, zeros } from '../../src/torch/index.js';
import { gradientSharp } from '../data/helpers.js';
import { cliHere, type Done, temporaryFolder } from './helpers.js';

const SIZE = 16;
const LABELS = ['red & blue', '2 green', 'blue'];
const [WIDTH, HEIGHT] = [60, 40];

describe('predict of masks and depth', () => {
  const folder = temporaryFolder();
  const at = (...path: string[]): string => join(folder, ...path);
  const predict = (...args: string[]): Promise<Done> =>
    cliHere(['predict', ...args, '--threads', '1'], { cwd: folder });
  const lines = ({ stdout }: Done): Record<string, unknown>[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  before(async () => {
    const preprocess = { size: SIZE, evalCrop: 1, fit: 'letterbox', mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const write = (name: string, forward: (x: Tensor) => Tensor, output: Parameters<typeof exportOnnx>[1]['output']) =>
      writeFileSync(
        at(name),
        scope(() =>
          exportOnnx(trace(forward, [zeros([1, 3, SIZE, SIZE])], new Map()), {
            output,
            preprocess: { ...preprocess, mean: [0, 0, 0], std: [1, 1, 1] },
            training: { model: 'colours' },
          }),
        ),
      );
    // The class is the brightest channel; the depth 2 m and the red.
    write('masks.onnx', (x) => call('aten::mul.Scalar', [x, 4]), { kind: 'masks', labels: LABELS });
    write('depth.onnx', (x) => call('aten::add.Scalar', [call('aten::slice.Tensor', [x, 1, 0, 1]), 2]), {
      kind: 'depth',
      farthest: 10,
    });
    mkdirSync(at('set', 'images', 'deep'), { recursive: true });
    for (const [i, name] of ['a.color.png', 'b.png', 'deep/b.png'].entries())
      await gradientSharp(WIDTH, HEIGHT, 60 * i).toFile(at('set', 'images', name));
    writeFileSync(at('set', 'images', 'broken.jpg'), 'no picture');
  });

  test('masks are read back as annotations, whole and of their pictures', async () => {
    const done = await predict('masks.onnx', 'set/images', '--json', '-o', 'set/masks', '--draw', 'drawn');
    assert.equal(done.status, 1, done.stderr);
    const told = lines(done);
    assert.deepEqual(
      told.map(({ file }) => file),
      ['set/masks/a.mask.png', 'set/masks/b.mask.png', undefined, 'set/masks/deep/b.mask.png'],
    );
    assert.match(String(told[2]!['error']), /a text file, not a picture/);
    assert.match(
      done.stderr,
      /could not be read +1 +25\.0 %\n3 masks written into set\/masks; classes\.txt there names/,
    );
    assert.match(done.stderr, /red & blue +\d+\.\d % of the pixels +in \d pictures?/);
    assert.deepEqual(readdirSync(at('set', 'masks')).sort(), ['a.mask.png', 'b.mask.png', 'classes.txt', 'deep']);

    const predictor = await Predictor.load(at('masks.onnx'), { threads: 1 });
    let i = 0;
    for await (const { mask, error } of predictor.predict(at('set', 'images'))) {
      const { file, classes, width, height } = told[i++]!;
      if (error !== undefined) continue;
      assert.deepEqual([width, height], [WIDTH, HEIGHT]);
      const { data } = await readMask(
        at(String(file)),
        maskRule(
          LABELS.map((_, value) => ({ value })),
          [],
        ),
      );
      assert.deepEqual(data, mask!.data);
      const counts = (classes as { index: number; pixels: number; share: number }[]).map((one) => {
        assert.ok(Math.abs(one.share - one.pixels / (WIDTH * HEIGHT)) < 1e-6);
        return [one.index, one.pixels];
      });
      const own = LABELS.map((_, k) => [k, data.filter((value) => value === k).length]).filter(([, n]) => n! > 0);
      assert.deepEqual(
        counts,
        own.sort((a, b) => b[1]! - a[1]!),
      );
      assert.ok(counts.length > 1, 'more classes than one');
    }
    await predictor.close();
    const read = await openSegmentation(at('set'), { maxBroken: 1 });
    assert.deepEqual(read.classes, LABELS);
    assert.deepEqual([read.val.length + (read.train?.length ?? 0), read.problems], [3, []]);
    // Below the picture stands its legend.
    const { width, height } = await sharp(at('drawn', 'deep', 'b.png')).metadata();
    assert.ok(width === 240 && height! > HEIGHT, `${width} x ${height}`);
  });

  test('depth is written in millimetres, and maps of an earlier run are no pictures', async () => {
    const first = await predict(
      'depth.onnx',
      'set/images/b.png',
      'set/images/deep',
      '--csv',
      '-o',
      'near',
      '--draw',
      'near',
    );
    assert.equal(first.status, 0, first.stderr);
    assert.match(
      first.stderr,
      /2 depth maps written into near: PNG of 16 bits, millimetres\n2 pictures drawn into near/,
    );
    const [head, row] = first.stdout.split('\n').map((line) => line.split(','));
    assert.deepEqual(head, ['path', 'nearest', 'median', 'mean', 'farthest', 'file', 'error']);
    const { data, width, height } = await readDepth(at('near', 'b.depth.png'));
    assert.deepEqual([width, height], [WIDTH, HEIGHT]);
    const sorted = data.slice().sort();
    for (const [k, value] of [sorted[0], sorted[sorted.length / 2 - 1], undefined, sorted.at(-1)].entries())
      if (value !== undefined) assert.ok(Math.abs(Number(row![k + 1]) - value / 1000) < 0.002, `${row} and ${value}`);
    assert.ok(sorted[0]! >= 2000 && sorted.at(-1)! <= 3000 && sorted[0] !== sorted.at(-1));
    assert.equal(textsOf(readFileSync(at('near', 'b.depth.png')))['Description'], 'depth, 1000 a metre');
    // The namesake of another folder.
    assert.ok(existsSync(at('near', 'b-2.depth.png')) && existsSync(at('near', 'b-2.png')));
    mkdirSync(at('both'));
    for (const [name, from, map] of [
      ['b', 'b', 'b'],
      ['c', 'deep/b', 'b-2'],
    ] as const) {
      writeFileSync(at('both', `${name}.png`), readFileSync(at('set', 'images', `${from}.png`)));
      writeFileSync(at('both', `${name}.depth.png`), readFileSync(at('near', `${map}.depth.png`)));
    }
    assert.equal((await openDepth(at('both'))).problems.length, 0);
    const again = await predict('depth.onnx', 'both', '--json');
    assert.equal(lines(again).length, 2);
    assert.match(again.stderr, /note: 2 masks or depth maps passed over/);
    assert.deepEqual([10, 80, 1e5, 1e6].map(depthScale), [1000, 256, 0.5, 0.065534]);
  });

  test('a second run gives the same files; what is not its own is never written over', async () => {
    const before = readFileSync(at('set', 'masks', 'b.mask.png'));
    assert.equal((await predict('masks.onnx', 'set/images/b.png', '-o', 'set/masks', '--draw', 'drawn')).status, 0);
    assert.deepEqual(readFileSync(at('set', 'masks', 'b.mask.png')), before);
    mkdirSync(at('truth'));
    const made = await gradientSharp(WIDTH, HEIGHT).png().toBuffer();
    for (const name of ['b.mask.png', 'b.png']) writeFileSync(at('truth', name), made);
    for (const option of ['-o', '--draw']) {
      const done = await predict('masks.onnx', 'set/images/b.png', option, 'truth');
      assert.equal(done.status, 2);
      assert.match(
        done.stderr,
        /write over nothing but files of "rescaled predict" but truth\/b(\.mask)?\.png is another one/,
      );
    }
    writeFileSync(at('truth', 'classes.txt'), 'cat\ndog\n');
    const other = await predict('masks.onnx', 'set/images/deep/b.png', '-o', 'truth');
    assert.match(
      other.stderr,
      /Expected the model's classes in truth\/classes\.txt but it lists others \(2 classes against 3\)/,
    );
    for (const name of ['b.mask.png', 'b.png']) assert.deepEqual(readFileSync(at('truth', name)), made);
    assert.deepEqual(readdirSync(at('truth')).sort(), ['b.mask.png', 'b.png', 'classes.txt']);
  });

  test('misuse is told in one line, and leaves nothing', async () => {
    for (const [args, pattern] of [
      [
        ['masks.onnx', 'set/images', '-o', 'set/images/masks'],
        /a folder to write into outside of the pictures but set\/images\/masks lies in set\/images/,
      ],
      [
        ['masks.onnx', 'set/images', '--draw', 'set/images'],
        /a folder to write into outside of the pictures but set\/images lies in set\/images/,
      ],
      [
        ['masks.onnx', 'set/masks/b.mask.png', '-o', 'set/masks'],
        /outside of the folder to write into but set\/masks\/b\.mask\.png/,
      ],
      [['masks.onnx', 'set/images', '-o', 'masks.onnx'], /Expected a folder for --out but masks\.onnx is a file/],
      [
        ['masks.onnx', 'set/images', '--top', '2'],
        /Expected no --top for masks\.onnx: it names the class of each pixel/,
      ],
      [
        ['depth.onnx', 'set/images', '--threshold', '0.5'],
        /Expected no --threshold for depth\.onnx: it says how far away/,
      ],
      [['depth.onnx', 'set/images', '--sort-into', 'sorted'], /Expected no --sort-into for depth\.onnx/],
    ] as const) {
      const done = await predict(...args);
      assert.equal(done.status, 2, args.join(' '));
      assert.equal(done.stdout, '');
      assert.match(done.stderr, pattern);
    }
    assert.ok(
      !existsSync(at('set', 'images', 'masks')) && !existsSync(at('sorted')) && statSync(at('masks.onnx')).isFile(),
    );
  });

  test('each class has a colour of its own', () => {
    const colours = maskColours(254).map(String);
    assert.equal(new Set(colours).size, 254);
  });
});
