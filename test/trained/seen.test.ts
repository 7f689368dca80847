import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import type { Batch } from '../../src/data/loading/loader.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import type { SeenBatch } from '../../src/report/seen.js';
import type { RunConfig } from '../../src/run/config.js';
import { classify } from '../../src/tasks/classify/index.js';
import { openTrainingData, resolveRun } from '../../src/tasks/runs.js';
import { learnedFrom, trainingLoader } from '../../src/train/index.js';
import type { Task } from '../../src/train/task.js';
import { augmentationWords, seenBatch } from '../../src/trained/seen.js';
import { FASHION, pictureFolder, temporaryFolder } from '../cli/helpers.js';

const task = classify as unknown as Task;

describe('a sample of the training batch', () => {
  const work = temporaryFolder();
  const folder = join(work, 'clothes');
  before(() => pictureFolder(folder, 3, 12));

  async function sample(
    data: string,
    settings: Partial<Recipe>,
    limitTrain?: number,
  ): Promise<{ seen: Exclude<SeenBatch, { none: string }>; expected: Uint8Array; config: RunConfig; first: Batch }> {
    const dataset = await openTrainingData({ data, seed: 5, ...(limitTrain === undefined ? {} : { limitTrain }) });
    const options = { data, out: join(work, 'none'), model: 'resnet-rs-14', size: 28, seed: 5, settings };
    const config = await resolveRun({ ...options, ...(limitTrain === undefined ? {} : { limitTrain }) }, dataset);
    const seen = await seenBatch(task, config, dataset);
    assert.ok(!('none' in seen), JSON.stringify(seen));
    // As the training makes it: in a thread, a whole batch, mixed by the task.
    const { train } = learnedFrom(config, dataset);
    const loader = trainingLoader(task, config, train, 1);
    const objective = task.objective(config, train);
    try {
      for await (const batch of loader.batches(0))
        return { seen, expected: objective.begin(batch, 0, 0).images, config, first: batch };
      throw new Error('no batch');
    } finally {
      objective.dispose();
      await loader.close();
    }
  }

  async function assertSame({ seen, expected }: Pick<Awaited<ReturnType<typeof sample>>, 'seen' | 'expected'>) {
    const bytes = 3 * 28 * 28;
    for (const [k, { uri }] of seen.pictures.entries()) {
      const pixels = await sharp(Buffer.from(uri.split(',')[1]!, 'base64'))
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer();
      assert.deepEqual(new Uint8Array(pixels), expected.slice(k * bytes, (k + 1) * bytes), `picture ${k}`);
    }
  }

  const NAMES = ['t-shirt-top', 'trouser', 'pullover'];

  test('is byte for byte what the network was given, with the labels it was given', async () => {
    const made = await sample(folder, { batch: 8, randomErasing: 0.5, epochs: 5 });
    // A batch is at most a quarter of the training pictures.
    assert.equal(made.seen.pictures.length, 7);
    await assertSame(made);
    const { labels } = made.first.targets as unknown as { labels: Int32Array };
    const { classes } = made.config.task as unknown as { classes: string[] };
    assert.deepEqual(
      made.seen.pictures.map(({ caption }) => caption),
      [...labels].map((label) => classes[label]),
    );
    assert.ok(made.seen.pictures.some(({ caption }) => NAMES.includes(caption)));
    assert.match(made.seen.note, /^The 7 pictures of the first step of epoch 1: .*a part erased in 50 %/);
  });

  test('with mixup the shares stand below it, the larger first', async () => {
    const made = await sample(folder, { batch: 8, mixup: 1, epochs: 5 });
    await assertSame(made);
    const mixed = made.seen.pictures.map(({ caption }) => /^(\d+)\u00a0% [^,]+, (\d+)\u00a0% /.exec(caption));
    const shares = mixed.flatMap((found) => (found === null ? [] : [[Number(found[1]), Number(found[2])] as const]));
    assert.ok(shares.length > 0);
    for (const [more, less] of shares) {
      assert.equal(more + less, 100);
      assert.ok(more >= less);
    }
  });

  test('is drawn of IDX files, of the first pictures of a larger batch', async () => {
    const made = await sample(FASHION, { batch: 32, repeats: 2, cutmix: 1, epochs: 5 }, 200);
    assert.equal(made.seen.pictures.length, 14);
    await assertSame(made);
    assert.match(
      made.seen.note,
      /^The first 14 of the 28 pictures .*each picture 2 times in a row, CutMix \(alpha 1\)/,
    );
  });

  test('data that has changed, or is gone, is said in one line', async () => {
    const other = join(work, 'other');
    await pictureFolder(other, 2, 6);
    const dataset = await openTrainingData({ data: other });
    const options = { data: other, out: join(work, 'none'), model: 'resnet-rs-14', size: 28 };
    const config = await resolveRun(options, dataset);
    assert.ok('pictures' in (await seenBatch(task, config, 'open')));
    rmSync(join(other, 'trouser'), { recursive: true });
    await pictureFolder(other, 3, 6);
    assert.deepEqual(await seenBatch(task, config, 'open'), {
      none: 'The data has changed since the training: what the network saw cannot be shown.',
    });
    rmSync(other, { recursive: true });
    const gone = await seenBatch(task, config, 'open');
    assert.ok('none' in gone && gone.none.startsWith('The training pictures no longer lie where they lay'));
  });

  test('says in words what a recipe does', async () => {
    const { config } = await sample(folder, {
      batch: 8,
      flip: 0,
      augment: 'none',
      labelSmoothing: 0,
      cropMode: 'none',
    });
    assert.equal(augmentationWords(config.recipe.values), 'a centre crop');
    const simclr = { ...config.recipe.values, augment: 'simclr', colourStrength: 0.5, blur: 0.25 } as const;
    assert.equal(
      augmentationWords(simclr),
      'a centre crop, SimCLR (colours jittered by 0.5 in 80 %, grey in 20 %, blurred in 25 %)',
    );
  });
});
