import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import sharp from 'sharp';
import { packShards } from '../../src/data/pack.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { decodeModel, encodeModel } from '../../src/deploy/onnx/schema.js';
import { late } from '../../src/deploy/picture.js';
import { Predictor } from '../../src/deploy/predictor.js';
import { type PictureResult, UNSURE } from '../../src/deploy/told.js';
import { UsageError } from '../../src/errors.js';
import { temporaryFolder } from '../cli/helpers.js';
import { loadNet } from './onnx-net.js';

const net = loadNet();
const onnx = exportOnnx(net.trace, net.options);
const run = temporaryFolder();
writeFileSync(join(run, 'model.onnx'), onnx);
const pictures = join(run, 'pictures');
mkdirSync(join(pictures, 'deep'), { recursive: true });
for (const [i, name] of ['a.png', 'b.jpg', 'deep/c.webp'].entries()) {
  const background = { r: 80 * i, g: 255 - 80 * i, b: 40 };
  await sharp({ create: { width: 40, height: 32, channels: 3, background } }).toFile(join(pictures, name));
}
const paths = ['a.png', 'b.jpg', 'deep/c.webp'].map((name) => join(pictures, name));
const predictor = await Predictor.load(run, { threads: 1 });
const all = async (results: AsyncIterable<PictureResult>) => {
  const list: PictureResult[] = [];
  for await (const result of results) list.push(result);
  return list;
};

test('a folder, a pattern, paths, bytes and streams of them give the same', async () => {
  const expected = await all(predictor.predict(paths));
  assert.deepEqual(
    expected.map(({ path, error }) => [path, error]),
    paths.map((path) => [path, undefined]),
  );
  assert.deepEqual(await all(predictor.predict(pictures)), expected);
  assert.deepEqual(await all(predictor.predict([`${pictures}/*.*`, `${pictures}/deep/*`])), expected);
  assert.deepEqual(await all(predictor.predict(paths[0]!)), [expected[0]]);
  async function* stream() {
    for (const path of paths) yield readFileSync(path);
  }
  assert.deepEqual(
    await all(predictor.predict(stream())),
    expected.map((result, i) => ({ ...result, path: `#${i}` })),
  );
  assert.deepEqual(await all(predictor.predict(readFileSync(paths[1]!))), [{ ...expected[1], path: '#0' }]);
});

test('pictures in shards, and those read late, give what their files give', async () => {
  const expected = await all(predictor.predict(paths));
  const out = join(run, 'shards');
  for await (const _ of packShards([pictures], { out, unlabelled: true }));
  const names = ['000000.png', '000001.jpg', '000002.webp'].map((name) => `${out}/000000.tar#${name}`);
  const packed = expected.map((result, i) => ({ ...result, path: names[i]! }));
  assert.deepEqual(await all(predictor.predict(out)), packed);
  assert.deepEqual(await all(predictor.predict(`${out}/{000000..000000}.tar`)), packed);
  const [one] = await all(predictor.predict(late('one', async () => readFileSync(paths[1]!))));
  assert.deepEqual(one, { ...expected[1]!, path: 'one' });
  const [broken] = await all(predictor.predict([late('two', async () => Buffer.from('no picture'))]));
  assert.match(broken!.error!, /it is a text file/);
});

test('what is not there is an entry, and without expand every string is one picture', async () => {
  const results = await all(predictor.predict([join(run, 'no'), `${run}/*.tif`, paths[0]!]));
  assert.match(results[0]!.error!, /no such file/);
  assert.match(results[1]!.error!, /it takes none/);
  assert.equal(results[2]!.error, undefined);
  const [folder] = await all(predictor.predict([pictures], { expand: false }));
  assert.match(folder!.error!, /it is a folder/);
  await assert.rejects(all(predictor.predict([3] as never)), /Expected a path, .* but received number/);
  await assert.rejects(all(predictor.predict(null as never)), /received null/);
  await assert.rejects(
    all(predictor.predict(createReadStream(paths[0]!))),
    /received a stream of bytes: gather it first/,
  );
  const [streamed] = await all(predictor.predict(Readable.from(paths)));
  assert.equal(streamed!.error, undefined);
});

test('below the threshold the label is unsure, with its probability', async () => {
  const [sure] = await all(predictor.predict(paths[0]!, { threshold: 0 }));
  const [unsure] = await all(predictor.predict(paths[0]!, { threshold: 1 }));
  assert.equal(sure!.label, sure!.predictions[0]!.label);
  assert.equal(unsure!.label, UNSURE);
  assert.equal(unsure!.probability, sure!.probability);
  assert.deepEqual(unsure!.predictions, sure!.predictions);
  await assert.rejects(all(predictor.predict([], { threshold: 1.5 })), UsageError);
});

test('pictures are taken as they are needed, and the source is closed when its reader leaves', async () => {
  let taken = 0;
  let closed = false;
  async function* endless() {
    try {
      for (;;) {
        taken++;
        yield paths[0]!;
      }
    } finally {
      closed = true;
    }
  }
  let seen = 0;
  for await (const _ of predictor.predict(endless(), { batch: 4 })) if (++seen === 40) break;
  assert.ok(taken < 40 + 40, `${taken} taken for 40`);
  for (let i = 0; i < 100 && !closed; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(closed);
});

test('a source that waits for results gets them, though no batch is full', async () => {
  let answer: () => void = () => {};
  async function* asking() {
    for (const path of paths) {
      const answered = new Promise<void>((resolve) => (answer = resolve));
      yield path;
      await answered;
    }
  }
  let count = 0;
  for await (const { label } of predictor.predict(asking(), { batch: 8 })) {
    assert.ok(label);
    count++;
    answer();
  }
  assert.equal(count, 3);
});

test('an error of the source comes after the results before it', async () => {
  async function* torn() {
    yield* paths;
    throw new Error('the line is cut');
  }
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { path } of predictor.predict(torn())) seen.push(path);
  }, /the line is cut/);
  assert.deepEqual(seen, paths);
});

test('a signal ends it with its reason', async () => {
  const stop = new AbortController();
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const _ of predictor.predict(
        Array.from({ length: 500 }, () => paths[0]!),
        { signal: stop.signal },
      ))
        if (++seen === 10) stop.abort();
    },
    { name: 'AbortError' },
  );
  assert.equal(seen, 10);
  await assert.rejects(all(predictor.predict(paths, { signal: AbortSignal.abort() })), { name: 'AbortError' });
});

test('after close() there is an error that says so, also amid a prediction', async () => {
  const other = await Predictor.load(onnx, { threads: 1 });
  const results = other.predict(
    Array.from({ length: 100 }, () => paths[0]!),
    { batch: 2 },
  );
  await results.next();
  await other.close();
  await other.close();
  await assert.rejects(all(results), /Expected an open predictor but it was closed/);
  await assert.rejects(all(other.predict(paths)), /Expected an open predictor but it was closed/);
  await assert.rejects(other.run(new Uint8Array(0), 0), /Expected an open predictor but it was closed/);
});

test('run folders without model.onnx say what to do', async () => {
  const folder = temporaryFolder();
  await assert.rejects(Predictor.load(folder), /is no run folder\. Give an ONNX file/);
  writeFileSync(join(folder, 'run.json'), '{}');
  await assert.rejects(Predictor.load(folder), /has not ended its first epoch\. Go on with "rescaled train --resume /);
  mkdirSync(join(folder, 'checkpoints'));
  writeFileSync(join(folder, 'checkpoints', 'best.safetensors'), '');
  await assert.rejects(Predictor.load(folder), /--resume .*, or take its best epoch so far: "rescaled export /);
  writeFileSync(join(folder, 'weights.safetensors'), '');
  await assert.rejects(Predictor.load(folder), /Write it with "rescaled export /);
});

test('a file that lost its metadata takes the names beside it, and says so', async () => {
  const folder = temporaryFolder();
  const model = decodeModel(onnx);
  model.metadataProps = [];
  const file = join(folder, 'bare.onnx');
  writeFileSync(file, encodeModel(model));
  await assert.rejects(Predictor.load(file), /not one exported by rescaled/);
  const names = ['v', 'w', 'x', 'y', 'z'];
  writeFileSync(join(folder, 'bare.labels.json'), JSON.stringify(names));
  const bare = await Predictor.load(file, { threads: 1 });
  assert.deepEqual(bare.labels, names);
  assert.match(bare.notes.join(), /lost its metadata.*bare\.labels\.json/);
  assert.deepEqual(predictor.notes, []);
  const [[own], [other]] = [await all(predictor.predict(paths[1]!)), await all(bare.predict(paths[1]!))];
  assert.deepEqual(
    other!.predictions.map(({ index, probability }) => [index, probability]),
    own!.predictions.map(({ index, probability }) => [index, probability]),
  );
  assert.equal(other!.label, names[own!.predictions[0]!.index]);
  await bare.close();
  for (const [content, message] of [
    ['["v"]', /bare\.labels\.json does not fit the graph/],
    ['{"v": 1}', /Expected a JSON list of class names/],
    ['["v"', /Expected a JSON list of class names/],
  ] as const) {
    writeFileSync(join(folder, 'bare.labels.json'), content);
    await assert.rejects(
      Predictor.load(file, { threads: 1 }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test('of numbers there is no threshold', async () => {
  const names = Array.from({ length: 5 }, (_, i) => `n${i}`);
  const numbers = await Predictor.load(exportOnnx(net.trace, { ...net.options, output: { kind: 'numbers', names } }), {
    threads: 1,
  });
  const [result] = await all(numbers.predict(paths[0]!));
  assert.deepEqual(Object.keys(result!.numbers!), names);
  assert.equal(result!.label, undefined);
  await assert.rejects(all(numbers.predict(paths, { threshold: 0.5 })), /gives numbers \(n0, n1/);
  await numbers.close();
  await predictor.close();
});
