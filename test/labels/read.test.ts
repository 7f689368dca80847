import assert from 'node:assert/strict';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPool } from '../../src/data/pool.js';
import { partFile, partsFolder } from '../../src/labels/format.js';
import { readPseudoLabels } from '../../src/labels/read.js';
import { labelsFrom, type Selection, selectionFile, writeSelectedPart } from '../../src/labels/selection.js';
import { PartLabels, Sidecar } from '../../src/labels/sidecar.js';
import { rejectsWith, temporaryFolder, writeTree } from '../data/helpers.js';
import { poolOfNames, TEACHER, writeLabels } from './helpers.js';

const CLASSES = ['cat', 'dog', 'fish'];
/** Of 2 to the minus something, so that half precision holds them exactly. */
const GIVEN = [[0.25, 0.625, 0.125], undefined, [0.5, 0.0625, 0.4375]];

async function labelled() {
  const root = temporaryFolder();
  const pool = await poolOfNames(join(root, 'heap'), ['a.jpg', 'b.jpg', 'deep/ç.jpg']);
  const labels = join(root, 'labels');
  const manifest = writeLabels(labels, pool, CLASSES, (i) => GIVEN[i], 2);
  return { root, pool, labels, manifest };
}

test('labels are read in the order of the pool and of the classes that were asked for', async () => {
  const { pool, labels } = await labelled();
  const read = await readPseudoLabels(labels, pool, ['fish', 'cat', 'dog']);
  assert.equal(read.teacher, TEACHER.identity);
  assert.equal(read.k, 2);
  assert.deepEqual([...read.positions], [0, 2]);
  assert.deepEqual([...read.copies], [1, 1]);
  assert.deepEqual([...read.classOf], [2, 1]);
  assert.deepEqual([...read.probability], [0.625, 0.5]);
  assert.deepEqual([...read.topClasses], [2, 1, 1, 0]);
  assert.deepEqual([...read.topProbabilities], [0.625, 0.25, 0.5, 0.4375]);
  assert.equal(read.unreadable, 1);
  assert.ok(read.topClasses.buffer instanceof SharedArrayBuffer);
});

test('the top classes are those of a full sort, the first of equal ones first', () => {
  const rows = new PartLabels(1, 4);
  rows.set(0, Float32Array.of(0.1, 0.2, 0.05, 0.2, 0.15, 0.2, 0.1));
  assert.deepEqual([...rows.topClasses], [1, 3, 5, 4]);
  assert.deepEqual([...rows.topProbabilities], [...Float32Array.of(0.2, 0.2, 0.2, 0.15)]);
  assert.throws(() => rows.set(0, new Float32Array(7).fill(Number.NaN)), /weights are broken/);
});

test('a sidecar says who gave it, of what, and what could not be read', async () => {
  const { labels, manifest } = await labelled();
  const sidecar = Sidecar.open(labels, manifest.parts[0]!, TEACHER.identity);
  assert.deepEqual(sidecar.teacher, TEACHER);
  assert.deepEqual(sidecar.unreadable(), [[1, 'it is empty']]);
  assert.deepEqual([...sidecar.classOf()], [1, -1, 0]);
  const key = sidecar.keys();
  assert.deepEqual(
    [0, 1, 2].map((row) => Buffer.from(key(row)).toString()),
    ['a.jpg', 'b.jpg', 'deep/ç.jpg'],
  );
  sidecar.close();
});

test('labels of other classes are refused by name', async () => {
  const { pool, labels } = await labelled();
  await rejectsWith(
    readPseudoLabels(labels, pool, ['cat', 'dog', 'bird', 'cow']),
    2,
    /4 classes of the data .* the teacher alone knows fish; it does not know bird, cow\./,
  );
});

test('labels of other pictures, missing ones and foreign files are named', async () => {
  const { root, pool, labels, manifest } = await labelled();
  const path = partFile(labels, 'heap-00000');

  writeTree(root, { 'heap/d.jpg': 'd.jpg' });
  await rejectsWith(
    readPseudoLabels(labels, await openPool([join(root, 'heap')]), CLASSES),
    2,
    /the 4 pictures of part heap-00000 .* are of 3: pictures were added/,
  );
  writeTree(root, { 'other/a.jpg': 'a' });
  await rejectsWith(
    readPseudoLabels(labels, await openPool([join(root, 'other')]), CLASSES),
    2,
    /labels of part other-00000 .* heap-00000\./,
  );
  await rejectsWith(readPseudoLabels(join(root, 'heap'), pool, CLASSES), 2, /Expected pseudo-labels in .*labels\.json/);

  assert.throws(
    () => Sidecar.open(labels, manifest.parts[0]!, 'b'.repeat(64)),
    /another \(aaaaaaaaaaaa, not bbbbbbbbbbbb\)/,
  );
  truncateSync(path, 300);
  await rejectsWith(readPseudoLabels(labels, pool, CLASSES), 1, /heap-00000\.safetensors is not a valid safetensors/);
  rmSync(path);
  await rejectsWith(
    readPseudoLabels(labels, pool, CLASSES),
    2,
    /labels of part heap-00000 at .* are missing: .* Go on with the same/,
  );
});

test('a selection gives its rows and how often each is drawn', async () => {
  const { root, pool, labels, manifest } = await labelled();
  const folder = join(labels, 'selected');
  mkdirSync(partsFolder(folder), { recursive: true });
  const selection: Selection = {
    format: 1,
    kind: 'selection',
    labels: labelsFrom(folder, labels),
    teacher: TEACHER.identity,
    rule: { name: 'threshold' },
    seed: 0,
    pictures: 3,
    unreadable: 1,
    kept: 1,
    drawn: 3,
    classes: [],
    histogram: { pictures: [], kept: [] },
    selectedAt: '2026-01-01T00:00:00Z',
  };
  writeFileSync(selectionFile(folder), JSON.stringify(selection));
  await rejectsWith(readPseudoLabels(folder, pool, CLASSES), 2, /selected of part heap-00000 .* Select again/);
  const rows = { rows: Int32Array.of(2), copies: Int32Array.of(3) };
  writeSelectedPart(folder, TEACHER.identity, manifest.parts[0]!, rows);
  const read = await readPseudoLabels(folder, pool, CLASSES);
  assert.deepEqual([...read.positions], [2]);
  assert.deepEqual([...read.copies], [3]);
  assert.deepEqual([...read.classOf], [0]);
  assert.deepEqual(read.selection?.rule, { name: 'threshold' });

  writeSelectedPart(folder, 'b'.repeat(64), manifest.parts[0]!, rows);
  await rejectsWith(
    readPseudoLabels(folder, pool, CLASSES),
    2,
    /selection of the labels that are there .* Select again/,
  );
  assert.equal(selection.labels, '..');
  assert.equal(labelsFrom(join(root, 'elsewhere'), labels), '../labels');
});
