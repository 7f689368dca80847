import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelShapes } from '../../../src/models/index.js';
import { underModelKeys } from '../../../src/weights/names/keyed.js';
import { openWeights } from '../../../src/weights/open.js';
import { fixturePath } from '../../fixtures/open.js';

test('a TensorFlow checkpoint under the keys and in the layouts of the model, averaged weights first', async () => {
  const file = await openWeights(fixturePath('weights/tensorflow.index'));
  const keyed = underModelKeys(file);
  assert.deepEqual([...keyed.entries.keys()].sort(), [...modelShapes('efficientnet-b0').keys()].sort());
  assert.ok(keyed.ignored.size > 0);
  const dense = [...file.entries.keys()].find((name) => /dense\/kernel\/ExponentialMovingAverage$/.test(name))!;
  const [inputs, classes] = file.entries.get(dense)!.shape as [number, number];
  assert.deepEqual(keyed.entries.get('classifier.weight')!.shape, [classes, inputs]);
  const [before, after] = [file.readFloat32(dense), keyed.readFloat32('classifier.weight')];
  for (let i = 0; i < inputs; i++)
    for (let k = 0; k < classes; k++) assert.equal(after[k * inputs + i], before[i * classes + k]);
  keyed.close();
});

test('names that no rule knows stay, and other formats are themselves', async () => {
  const keras = await openWeights(fixturePath('weights/keras-links.h5'));
  const keyed = underModelKeys(keras);
  assert.ok(keyed.entries.has('stem_conv/stem_conv/kernel:0'));
  keyed.close();
  const torch = await openWeights(fixturePath('weights/torch-2-plain.pth'));
  assert.equal(underModelKeys(torch), torch);
  torch.close();
});
