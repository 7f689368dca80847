import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TrainEvent } from '../../src/run/events.js';
import { resumeTraining, scoreRun, train } from '../../src/tasks/runs.js';
import type { TrainOptions } from '../../src/train/index.js';
import { idxPart, photos, temporaryFolder, writeTree } from '../data/helpers.js';

const root = temporaryFolder();
const cache = join(root, 'cache');
/** Runs `body` with the cache of decoded pictures or without. */
async function withCacheAt<T>(where: string, body: () => Promise<T>): Promise<T> {
  const before = process.env['RESCALED_CACHE'];
  process.env['RESCALED_CACHE'] = where;
  try {
    return await body();
  } finally {
    if (before === undefined) delete process.env['RESCALED_CACHE'];
    else process.env['RESCALED_CACHE'] = before;
  }
}

const weights = (run: string): Buffer => readFileSync(join(run, 'weights.safetensors'));
const folder = await photos(join(root, 'photos'), { 'train/a': 24, 'train/b': 24, 'val/a': 6, 'val/b': 6 });
const idx = writeTree(join(root, 'idx'), { ...idxPart('train', 48, 2, 12), ...idxPart('t10k', 12, 2, 12) });

for (const [name, data] of [
  ['a folder of JPEGs', folder],
  ['IDX files', idx],
] as const)
  test(`${name}: training and its score are the same with and without the cache, and resumed from one to the other`, async () => {
    const options = (out: string, workers: number): TrainOptions => ({
      data,
      model: 'resnet-rs-14',
      width: 0.125,
      recipe: 'quick',
      size: 16,
      seed: 3,
      threads: 1,
      workers,
      out: join(root, `${name} ${out}`),
      settings: { epochs: 3, batch: 16 },
    });
    const whole = async (out: string, workers: number): Promise<string> => {
      for await (const event of train(options(out, workers))) assert.notEqual(event.type, 'broken');
      return options(out, workers).out;
    };
    const plain = await withCacheAt('off', () => whole('without', 0));
    const first = await withCacheAt(cache, () => whole('filling', 1));
    assert.ok(readdirSync(cache).length >= 2);
    const second = await withCacheAt(cache, () => whole('with', 2));
    assert.ok(weights(first).equals(weights(plain)), 'filling the cache');
    assert.ok(weights(second).equals(weights(plain)), 'with the cache');

    const mixed = options('mixed', 1);
    const places = [cache, 'off', cache, 'off'];
    let types: TrainEvent['type'][] = [];
    for (let turn = 0; types.at(-1) !== 'end'; turn++) {
      assert.ok(turn < 8, 'it does not end');
      types = [];
      await withCacheAt(places[turn % places.length]!, async () => {
        const stop = new AbortController();
        for await (const event of turn === 0
          ? train(mixed, { signal: stop.signal })
          : resumeTraining(mixed.out, { signal: stop.signal })) {
          types.push(event.type);
          if (types.filter((type) => type === 'step').length === 4) stop.abort();
        }
      });
    }
    assert.ok(weights(mixed.out).equals(weights(plain)), 'resumed with and without in turn');

    const score = async (run: string): Promise<unknown> => {
      const { raw, ema, train: onTraining } = (await scoreRun(run, { trainPictures: 20 }))!;
      return { raw, ema, onTraining };
    };
    assert.deepEqual(await withCacheAt(cache, () => score(second)), await withCacheAt('off', () => score(plain)));
  });
