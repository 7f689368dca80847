import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import { folderName, folderNames } from '../../src/cli/trained/sort-into.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { packageRoot } from '../../src/package-root.js';
import { loadNet } from '../deploy/onnx-net.js';
import { cliApart, cliHere, type Done, exited, temporaryFolder } from './helpers.js';

const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');

describe('predict', () => {
  const folder = temporaryFolder();
  const net = loadNet();
  const names = ['T-shirt/top', 'class, "1"', 'c', 'd', 'e'];
  const predict = (args: string[], input = ''): Promise<Done> =>
    cliHere(['predict', ...args, '--threads', '1'], { cwd: folder, input });

  before(async () => {
    const output = { kind: 'classes' as const, labels: names };
    writeFileSync(join(folder, 'net.onnx'), exportOnnx(net.trace, { ...net.options, output }));
    const numbers = { kind: 'numbers' as const, names: ['n0', 'n1', 'n2', 'n3', 'n4'] };
    writeFileSync(join(folder, 'numbers.onnx'), exportOnnx(net.trace, { ...net.options, output: numbers }));
    mkdirSync(join(folder, 'in', 'deep'), { recursive: true });
    const { size, images } = net;
    for (const [i, name] of ['a.png', 'b.png', 'deep/a.png', 'deep/b.png'].entries()) {
      // The last one is a copy of b.png.
      const at = (i % 3 || (i === 3 ? 1 : 0)) % net.pictures;
      const data = images.subarray(at * size * size * 3, (at + 1) * size * size * 3);
      await sharp(data, { raw: { width: size, height: size, channels: 3 } }).toFile(join(folder, 'in', name));
    }
    writeFileSync(join(folder, 'in', 'notes.txt'), 'x');
    writeFileSync(join(folder, 'broken.png'), 'no picture');
  });

  test('CSV: a row a picture, in columns that stay the same, and errors in one of them', async () => {
    const done = await predict(['net.onnx', 'in', 'broken.png', '--csv', '--top', '2', '--threshold', '1']);
    assert.equal(done.status, 1, done.stderr);
    const rows = parseCsv(done.stdout);
    assert.deepEqual(rows[0], [
      'path',
      'label',
      'probability',
      'label1',
      'probability1',
      'label2',
      'probability2',
      'error',
    ]);
    assert.deepEqual(
      rows.slice(1).map(([path]) => path),
      ['in/a.png', 'in/b.png', 'in/deep/a.png', 'in/deep/b.png', 'broken.png'],
    );
    for (const row of rows) assert.equal(row.length, 8);
    for (const [, label, probability, label1, probability1, label2, , error] of rows.slice(1, 5)) {
      assert.deepEqual([label, error], ['unsure', '']);
      assert.ok(Number(probability) > 0 && probability === probability1);
      assert.ok(names.includes(label1!) && names.includes(label2!) && label1 !== label2);
    }
    assert.match(rows[5]![7]!, /not a picture/);
    assert.match(
      done.stderr,
      /^5 pictures:\n {2}unsure, below 1 +4 +80\.0 %\n {2}could not be read +1 +20\.0 %\nnote: 1 file was/,
    );
  });

  test('--all: a column a class that sum up to 1; JSON says the same', async () => {
    const [header, ...rows] = parseCsv((await predict(['net.onnx', 'in', '--csv', '--all'])).stdout);
    assert.deepEqual(header, ['path', 'label', 'probability', ...names.map((name) => `p(${name})`), 'error']);
    const lines = (await predict(['net.onnx', 'in', '--json', '--all'])).stdout.trim().split('\n');
    assert.equal(lines.length, rows.length);
    for (const [i, row] of rows.entries()) {
      const shares = row.slice(3, 8).map(Number);
      assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-5);
      const told = JSON.parse(lines[i]!) as {
        path: string;
        label: string;
        probability: number;
        predictions: unknown[];
      };
      assert.deepEqual([told.path, told.label, told.predictions.length], [row[0], row[1], 5]);
      assert.ok(Math.abs(told.probability - Math.max(...shares)) < 1e-6);
    }
  });

  test('paths from standard input: lines, NUL, folders, and what has gone', async () => {
    const lines = cliApart(['predict', 'net.onnx', '-', '--csv', '--top', '1'], {
      cwd: folder,
      input: 'in/a.png\r\n\nin/deep\ngone[1].png\nin/b.png',
    });
    assert.equal(lines.status, 1);
    assert.deepEqual(
      parseCsv(lines.stdout)
        .slice(1)
        .map(([path, , , error]) => [path, error]),
      [
        ['in/a.png', ''],
        ['in/deep/a.png', ''],
        ['in/deep/b.png', ''],
        ['gone[1].png', 'no such file'],
        ['in/b.png', ''],
      ],
    );
    copyFileSync(join(folder, 'in', 'a.png'), join(folder, 'two\nlines.png'));
    const nul = await predict(['net.onnx', '-', '--null', '--json'], 'two\nlines.png\0in/b.png\0');
    assert.equal(nul.status, 0, nul.stderr);
    assert.deepEqual(
      nul.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { path: string }).path),
      ['two\nlines.png', 'in/b.png'],
    );
    assert.match((await predict(['net.onnx', '-'], 'a\0b')).stderr, /received NUL characters/);
    assert.match((await predict(['net.onnx', '-'], '')).stderr, /^0 pictures\n$/);
  });

  test('--sort-into copies, numbers what has the same name, and a second run leaves all alone', async () => {
    const sort = (...more: string[]) => predict(['net.onnx', 'in', '--sort-into', 'out/sorted', ...more]);
    const first = await sort();
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /4 pictures copied into out\/sorted\n$/);
    const files = listed(join(folder, 'out', 'sorted'));
    assert.equal(files.length, 4);
    for (const [, name] of files.map((file) => file.split('/'))) assert.match(name!, /^[ab](-2)?\.png$/);
    for (const file of files) assert.ok(names.map(folderName).includes(file.split('/')[0]!), file);
    const bytes = (path: string) => readFileSync(path).toString('base64');
    assert.deepEqual(
      files.map((file) => bytes(join(folder, 'out', 'sorted', file))).sort(),
      listed(join(folder, 'in'))
        .filter((file) => file.endsWith('.png'))
        .map((file) => bytes(join(folder, 'in', file)))
        .sort(),
    );
    const before = files.map((file) => statSync(join(folder, 'out', 'sorted', file)).ctimeMs);
    assert.match((await sort()).stderr, /0 pictures copied into out\/sorted, 4 there already\n$/);
    assert.deepEqual(listed(join(folder, 'out', 'sorted')), files);
    assert.deepEqual(
      files.map((file) => statSync(join(folder, 'out', 'sorted', file)).ctimeMs),
      before,
    );
    // Something else of the same name is never written over.
    const taken = join(folder, 'out', 'sorted', files[0]!);
    writeFileSync(taken, 'mine');
    assert.match((await sort()).stderr, /1 picture copied into out\/sorted, 3 there already\n$/);
    assert.equal(readFileSync(taken, 'utf8'), 'mine');
    assert.match((await sort('--threshold', '1')).stderr, /4 pictures copied/);
    assert.equal(listed(join(folder, 'out', 'sorted', 'unsure')).length, 4);
  });

  test('a folder to sort into that would feed the next run is refused', async () => {
    for (const args of [
      ['in', 'in/sorted'],
      ['in', 'in'],
      ['in/**', 'in/x'],
      ['in/*', 'in/deep'],
      ['**/*.png', 'new'],
    ]) {
      const done = await predict(['net.onnx', args[0]!, '--sort-into', args[1]!]);
      assert.equal(done.status, 2, args.join(' '));
      assert.match(done.stderr, /Expected a folder to sort into outside of the pictures/);
    }
    assert.match((await predict(['net.onnx', 'in', '--sort-into', 'net.onnx'])).stderr, /net\.onnx is a file/);
    const near = await predict(['net.onnx', 'in/*.png', '--sort-into', 'in/near']);
    assert.equal(near.status, 0, near.stderr);
    const inside = `in/near/${listed(join(folder, 'in', 'near'))[0]!}`;
    assert.match((await predict(['net.onnx', '-', '--sort-into', 'in/near'], inside)).stderr, /lies in in\/near/);
  });

  test('names of classes as folders', () => {
    assert.equal(folderName('T-shirt/top'), 'T-shirt-top');
    assert.equal(folderName('..'), 'class');
    assert.equal(folderName('a\\b:c?'), 'a-b-c-');
    assert.equal(folderName('CON'), 'class CON');
    assert.deepEqual([...folderNames(['a/b', 'a-b', 'a:b']).values()], ['a-b', 'a-b-2', 'a-b-3']);
  });

  test('a model of numbers prints them, and classes are not asked of it', async () => {
    const [header, row] = parseCsv((await predict(['numbers.onnx', 'in/a.png', '--csv'])).stdout);
    assert.deepEqual(header, ['path', 'n0', 'n1', 'n2', 'n3', 'n4', 'error']);
    assert.ok(row!.slice(1, 6).every((cell) => cell !== '' && Number.isFinite(Number(cell))));
    for (const [option, ...value] of [
      ['--threshold', '0.5'],
      ['--sort-into', 'x'],
      ['--all'],
      ['--top', '1'],
    ] as const) {
      const done = await predict(['numbers.onnx', 'in', option, ...value]);
      assert.equal(done.status, 2);
      assert.match(done.stderr, new RegExp(`Expected no ${option} for numbers.onnx: it gives numbers`));
    }
  });

  test('misuse: exit code 2 and one line', async () => {
    mkdirSync(join(folder, 'run', 'checkpoints'), { recursive: true });
    writeFileSync(join(folder, 'run', 'run.json'), '{}');
    for (const [args, message] of [
      [['net.onnx', 'in', '--csv', '--json'], /--csv or --json but received both/],
      [['net.onnx', 'in', '--all', '--top', '2'], /--all or --top/],
      [['net.onnx', 'in', '--threshold', '80'], /from 0 to 1 for --threshold but received 80/],
      [['net.onnx', 'in', '--null'], /Expected "-" beside --null/],
      [['net.onnx', '-', '-'], /once but received it several times/],
      [['net.onnx', 'gone'], /there is nothing/],
      [['net.onnx', '*.tif'], /it takes none/],
      [['run', 'in'], /--resume run/],
      [['in', 'in'], /is no run folder/],
    ] as const) {
      const done = await predict([...args]);
      assert.equal(done.status, 2, done.stderr);
      assert.match(done.stderr, message);
      assert.equal(done.stderr.trim().split('\n').length, 1, done.stderr);
      assert.equal(done.stdout, '');
    }
  });

  test('a reader that leaves ends it without a word, an endless list is read as it is needed', async () => {
    const child = spawn(process.execPath, [main, 'predict', 'net.onnx', '-', '--csv', '--threads', '1'], {
      cwd: folder,
    });
    let stderr = '';
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
    let written = 0;
    const feed = (): void => {
      do written += 1000;
      while (child.stdin.write('in/a.png\n'.repeat(1000)));
      child.stdin.once('drain', feed);
    };
    child.stdin.on('error', () => {});
    feed();
    // Nobody reads its output: it stops reading paths too.
    child.stdout.pause();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.ok(written < 200_000, `${written} paths were taken`);
    child.stdout.destroy();
    assert.equal(await exited(child), 0);
    assert.equal(stderr, '');
  });

  test('an interrupt ends it at once', async () => {
    const child = spawn(process.execPath, [main, 'predict', 'net.onnx', '-', '--threads', '1', '--sort-into', 'cut'], {
      cwd: folder,
    });
    child.stdin.write('in/a.png\n');
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    await exited(child);
    assert.equal(child.signalCode, 'SIGINT');
    assert.equal(listed(join(folder, 'cut')).length, 1);
    assert.ok(listed(join(folder, 'cut')).every((file) => !basename(file).startsWith('.')));
  });
});

function listed(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** RFC 4180, as far as a test needs it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === '\n') rows.push([]);
  }
  return rows.slice(0, -1);
}
