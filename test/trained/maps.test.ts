import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import { openDataset } from '../../src/data/dataset.js';
import type { Source } from '../../src/data/sources/source.js';
import { seenFrom, withoutPlaces } from '../../src/files.js';
import { createModel, type ImageModel } from '../../src/models/index.js';
import { MAP_COLOURS } from '../../src/report/classes/maps.js';
import { IMAGENET_INPUT } from '../../src/run/config.js';
import { classify } from '../../src/tasks/classify/index.js';
import { call, noGrad, scope } from '../../src/torch/index.js';
import type { Task } from '../../src/train/task.js';
import type { LoadedModel } from '../../src/trained/load.js';
import { mapsOf } from '../../src/trained/shown.js';
import { pictureFolder, temporaryFolder } from '../cli/helpers.js';

const loadedOf = (model: ImageModel): LoadedModel => ({
  model,
  name: 'resnet-rs-14',
  title: 'resnet-rs-14 x0.125',
  task: classify as unknown as Task,
  settings: { name: 'classify' },
  classes: [],
  classCount: 3,
  size: 28,
  evalCrop: 1,
  input: IMAGENET_INPUT,
  path: 'weights',
});

describe('class activation maps in a page', () => {
  const work = temporaryFolder();
  let source: Source;
  before(async () => {
    await pictureFolder(join(work, 'clothes'), 3, 4);
    source = (await openDataset(join(work, 'clothes'), { need: 'val' })).val;
  });

  test('a class that every position speaks for is orange, one that all speak against is blue', async () => {
    const model = createModel('resnet-rs-14', { classes: 3, width: 0.125, stemStride: 2 }).train(false) as ImageModel;
    const head = new Map(model.state());
    // What comes out of the last ReLU is not negative: with weights of one sign each map has one sign.
    scope(() =>
      noGrad(() => {
        for (const [output, weight] of [1, -1, 0].entries())
          call('aten::fill_.Scalar', [call('aten::select.int', [head.get('fc.weight')!, 0, output]), weight]);
        call('aten::fill_.Scalar', [head.get('fc.bias')!, 0.25]);
      }),
    );
    const found = await mapsOf(loadedOf(model), source)([{ index: 0, outputs: [0, 1, 2] }]);
    model.dispose();
    assert.ok(!('none' in found));
    const [picture] = found.pictures;
    const [positive, negative, none] = picture!.maps;
    assert.ok(found.limit > 0);
    assert.ok(positive!.score > 0.25 && negative!.score < 0.25);
    // The maps are each other's mirror image, so their means are as far from the bias; neither exceeds the limit.
    assert.ok(Math.abs(positive!.score + negative!.score - 0.5) < 1e-4 * positive!.score);
    assert.ok(positive!.score - 0.25 <= found.limit * 1.0001);
    assert.ok(Math.abs(none!.score - 0.25) < 1e-6);
    const meanOf = async ({ uri }: { uri: string }): Promise<number[]> => {
      const { channels, dominant } = await sharp(Buffer.from(uri.split(',')[1]!, 'base64')).stats();
      assert.ok(dominant);
      return channels.slice(0, 3).map(({ mean }) => mean);
    };
    const warm = (channels: readonly number[]): number => channels[0]! - channels[2]!;
    assert.ok(warm(MAP_COLOURS.for) > 0 && warm(MAP_COLOURS.against) < 0);
    assert.ok(warm(await meanOf(positive!.overlay)) > 20);
    assert.ok(warm(await meanOf(negative!.overlay)) < -20);
    assert.ok(Math.abs(warm(await meanOf(none!.overlay))) < 2);
    assert.equal((await sharp(Buffer.from(picture!.picture.uri.split(',')[1]!, 'base64')).metadata()).width, 28);
  });

  test('a network that is made otherwise has none, and it is said why', async () => {
    const model = createModel('resnet-rs-14', { classes: 3, width: 0.125, stemStride: 2 }) as ImageModel;
    Object.defineProperty(model, 'averaged', { value: undefined });
    const found = await mapsOf(loadedOf(model), source)([{ index: 0, outputs: [0] }]);
    model.dispose();
    assert.ok('none' in found);
    assert.match(found.none, /no class activation maps of resnet-rs-14 x0\.125: they are exact only where/);
  });

  test('places of the machine are taken out of texts', () => {
    const text = withoutPlaces(join(work, 'clothes'), '../clothes');
    assert.equal(text(`Left out: ${join(work, 'clothes', 'hat', 'a.jpg')}: empty`), 'Left out: hat/a.jpg: empty');
    assert.equal(text(`${join(work, 'clothes')} has changed`), '../clothes has changed');
    assert.equal(seenFrom(join(work, 'runs', 'a'), join(work, 'clothes')), '../../clothes');
    assert.equal(seenFrom(join(work, 'runs', 'a'), 'clothes'), 'clothes');
  });
});
