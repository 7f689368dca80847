import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  lastName,
  makeFolder,
  placeOf,
  refusal,
  seenFrom,
  systemReason,
  withoutPlaces,
  writeFileAtomic,
  writeFilesAtomic,
} from '../src/files.js';
import { modelFacts, modelTitle } from '../src/models/index.js';
import { resolveRecipe } from '../src/recipe/recipe.js';
import { knownNames, plural } from '../src/suggest.js';
import { temporaryFolder } from './cli/helpers.js';

test('what the system refuses is said in words, with its code', () => {
  const folder = temporaryFolder();
  assert.throws(() => writeFileAtomic(join(folder, 'no', 'x'), 'y'), /its folder does not exist \(ENOENT\)/);
  const reason = (code: string): string => systemReason(Object.assign(new Error('x'), { code }));
  assert.equal(reason('ENOSPC'), 'no space is left on the disk (ENOSPC)');
  assert.match(reason('EROFS'), /read-only/);
  assert.match(reason('EACCES'), /may not write/);
  assert.equal(reason('EODD'), 'EODD');
});

test('files that belong together are written all, or none', () => {
  const folder = temporaryFolder();
  const [labels, model] = [join(folder, 'labels.json'), join(folder, 'model.onnx')];
  writeFilesAtomic([
    [labels, 'old'],
    [model, 'old'],
  ]);
  const cut = function* (): Generator<Uint8Array> {
    yield Buffer.from('new');
    throw new Error('cut');
  };
  assert.throws(
    () =>
      writeFilesAtomic([
        [labels, 'new'],
        [model, cut()],
      ]),
    /cut/,
  );
  assert.deepEqual(
    [labels, model].map((path) => readFileSync(path, 'utf8')),
    ['old', 'old'],
  );
  assert.deepEqual(readdirSync(folder).sort(), ['labels.json', 'model.onnx']);
});

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
};

test('what a disk refuses is told in words; a fault of the program keeps its stack', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const inFile = refusal(thrownBy(() => mkdirSync(join(file, 'below'))));
  assert.match(inFile!.message, /^Expected to write .*below but the system refused: a part of its path is a file/);
  const gone = refusal(thrownBy(() => mkdirSync(join(folder, 'no', 'below'))));
  assert.match(gone!.message, /its folder does not exist \(ENOENT\)/);
  if (existsSync('/dev/full'))
    assert.match(refusal(thrownBy(() => appendFileSync('/dev/full', 'x')))!.message, /no space is left on the disk/);
  assert.equal(refusal(thrownBy(() => readFileSync(join(folder, 'no')))), undefined);
  assert.equal(refusal(new TypeError('x')), undefined);
  assert.throws(() => makeFolder(join(file, 'below')), /a part of its path is a file, not a folder \(ENOTDIR\)/);
});

test('a long list of names is cut at the nearest ones', () => {
  assert.throws(
    () => modelFacts('resnet-rs-51'),
    (error: Error) => {
      assert.match(
        error.message,
        /Did you mean "resnet-rs-50"\? Known: resnet-rs-50, .* and \d+ more \(rescaled models\)/,
      );
      assert.ok(error.message.length < 300, error.message);
      return true;
    },
  );
  assert.equal(knownNames('x', ['a', 'b']), ' Did you mean "a"? Known: a, b');
});

test('one is no plural', () => {
  assert.deepEqual([plural(1, 'epoch'), plural(2, 'epoch')], ['1 epoch', '2 epochs']);
});

test('a network of another width has another name', () => {
  assert.equal(modelTitle('resnet-rs-14', { width: 0.5 }), 'resnet-rs-14 x0.5');
  assert.equal(modelTitle('resnet-rs-14', { width: 1 }), 'resnet-rs-14');
  // EfficientNets have widths of their own.
  assert.equal(modelTitle('efficientnet-b4', { width: 1.4, depth: 1.8 }), 'efficientnet-b4');
  assert.equal(modelTitle('efficientnet-b4', { width: 0.7, depth: 1.8 }), 'efficientnet-b4 x0.7');
  assert.equal(modelTitle('resnet-26', { width: 2, ...{ seRatio: 0.25 } }), 'resnet-26 x2, seRatio=0.25');
  assert.equal(modelTitle('resnet-26', { ...modelFacts('resnet-26').options, ...{ stemStride: 2 } }), 'resnet-26');
});

test('American spelling of a setting', () => {
  const { values } = resolveRecipe('quick', 'resnet-rs-14', 64, { optimizer: 'adamw' });
  assert.equal(values.optimiser, 'adamw');
});

test('data at an address: written down as it is, named by its folder, and shown without its key', () => {
  const address = 'https://host/a/flowers/shards.json?key=secret';
  assert.equal(placeOf(address), address);
  assert.equal(placeOf('flowers'), join(process.cwd(), 'flowers'));
  assert.equal(lastName(address), 'flowers');
  assert.equal(lastName('https://host/a/flowers/train-{000..012}.tar'), 'flowers');
  assert.equal(lastName('https://host/'), 'host');
  assert.equal(lastName('x/flowers/'), 'flowers');
  assert.equal(seenFrom('/runs/one', address), 'https://host/a/flowers/shards.json');
  assert.equal(seenFrom('/runs/one', '/data/flowers'), join('..', '..', 'data', 'flowers'));
  const inPage = withoutPlaces(address, 'flowers');
  assert.equal(inPage('https://host/a/flowers/train-0.tar#1.jpg: broken'), 'train-0.tar#1.jpg: broken');
  assert.equal(withoutPlaces('https://host/a/flowers', 'flowers')('see https://host/a/flowers'), 'see flowers');
});
