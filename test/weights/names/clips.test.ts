import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { candidateModel, createModel, type ImageModel, modelShapes } from '../../../src/models/index.js';
import { fromTypedArray, generator, noGrad, randn, reshape, scope, type Tensor } from '../../../src/torch/index.js';
import type { SafeDType } from '../../../src/weights/formats/dtypes.js';
import { inflated, inflateKernel } from '../../../src/weights/inflate.js';
import { fitStart, loadInto, startFrom } from '../../../src/weights/load.js';
import { underModelKeys } from '../../../src/weights/names/keyed.js';
import { planKeys } from '../../../src/weights/names/plan.js';
import { openWeights, type WeightsFile } from '../../../src/weights/open.js';
import { matchKeys } from '../../../src/weights/report.js';
import { assertMatches, fixtureTensor, loadState } from '../../fixtures/compare.js';
import { fixturePath, openFixture, relativeError } from '../../fixtures/open.js';

/** A file of nothing but keys and shapes. */
function keysOnly(shapes: Readonly<Record<string, number[]>>): WeightsFile {
  const dtype: SafeDType = 'F32';
  return {
    path: 'keys',
    format: 'pytorch',
    metadata: {},
    entries: new Map(Object.entries(shapes).map(([key, shape]) => [key, { dtype, shape }])),
    ignored: new Map(),
    read: () => assert.fail(),
    readFloat32: () => assert.fail(),
    close: () => {},
  };
}

/** The state of a model as a file. */
function fileOf(model: ImageModel): WeightsFile {
  const state = model.state();
  const file = keysOnly(Object.fromEntries([...state].map(([key, { shape }]) => [key, [...shape]])));
  return { ...file, readFloat32: (key) => state.get(key)!.data() as Float32Array };
}

const shapesOf = (model: ImageModel): Map<string, readonly number[]> =>
  new Map([...model.state()].map(([key, { shape }]) => [key, shape]));

const known = JSON.parse(readFileSync(fixturePath('video_keys.json'), 'utf8')) as Record<
  string,
  Record<string, number[]>
>;

/** SlowFast's names of pytorchvideo's tensors (models/stem_helper.py, resnet_helper.py, head_helper.py). */
const slowFast = (key: string): string =>
  key
    .replace(/^blocks\.5\.proj/, 'head.projection')
    .replace(/^blocks\.0\.conv/, 's1.pathway0_stem.conv')
    .replace(/^blocks\.0\.norm/, 's1.pathway0_stem.bn')
    .replace(/^blocks\.(\d)\.res_blocks\.(\d)/, (_, s: string, i: string) => `s${+s + 1}.pathway0_res${i}`)
    .replace('branch1_conv', 'branch1')
    .replace('branch1_norm', 'branch1_bn')
    .replace(/branch2\.conv_(\w)/, 'branch2.$1')
    .replace(/branch2\.norm_(\w)/, 'branch2.$1_bn');

const models: [source: string, model: string, of: (key: string) => string][] = [
  ['r3d_18', 'r3d-18', (key) => key],
  ['mc3_18', 'mc3-18', (key) => key],
  ['r2plus1d_18', 'r2plus1d-18', (key) => key],
  ['slow_r50', 'slow-50', (key) => key],
  ['slow_r50', 'slow-50', slowFast],
];
for (const [source, model, of] of models)
  test(`${source}${of === slowFast ? ' of SlowFast' : ''}: every tensor has its place in ${model}, and no place is left`, () => {
    const file = keysOnly(Object.fromEntries(Object.entries(known[source]!).map(([key, shape]) => [of(key), shape])));
    const shapes = modelShapes(model);
    for (const found of [underModelKeys(file).entries, planKeys(file).tensors]) {
      const plain = new Map([...found].map(([key, { shape }]) => [key, shape]));
      const match = matchKeys(shapes, plain);
      assert.deepEqual([match.missing, match.unexpected, match.wrongShape], [[], [], []]);
      assert.equal(match.loaded.length, shapes.size);
      assert.equal(candidateModel(plain)?.name, model, 'the keys say what it is');
    }
  });

test("a checkpoint that PyTorch wrote under pytorchvideo's names gives the logits of the same network", async () => {
  const opened = await openWeights(fixturePath('video_slow.pyth'));
  const fixture = openFixture('video_slow.safetensors');
  const model = createModel('slow-50', { layers: [1, 2, 1, 1], width: 0.0625, classes: 5, headWindow: 2 });
  scope(() => {
    loadInto(underModelKeys(opened), model.state());
    const input = fixtureTensor(fixture, 'input');
    assertMatches(
      noGrad(() => model.forward(input)),
      fixture,
      'logits_eval',
      1e-4,
    );
  });
  for (const item of [opened, fixture]) item.close();
  model.dispose();
});

test('a kernel over frames: by hand', () => {
  // Two kernels of 1x2.
  const values = Float32Array.of(1, 2, 30, 40);
  assert.deepEqual([...inflateKernel(values, 2, 3, 'centre')], [0, 0, 1, 2, 0, 0, 0, 0, 30, 40, 0, 0]);
  assert.deepEqual([...inflateKernel(values, 2, 2, 'mean')], [0.5, 1, 0.5, 1, 15, 20, 15, 20]);
});

test('inflated at the centre, a network of pictures gives of a still clip what it gives of the picture; by the mean, up to the ends of time', () => {
  scope(() => {
    const weights = openFixture('classic_bottleneck.safetensors'); // statistics of batch norm that are not 0 and 1
    const narrow = createModel('resnet-50', { layers: [1, 2, 1, 1], width: 0.0625, classes: 5 });
    loadState(narrow, weights, (key) => `param.${key}`);
    weights.close();
    const own = createModel('resnet3d-50', { layers: [1, 2, 1, 1], width: 0.0625, classes: 5, stemFrameStride: 1 });
    const file = fileOf(narrow);
    const picture = randn([2, 3, 1, 40, 48], { generator: generator(4) });
    const expected = noGrad(() => narrow.forward(reshape(picture, [2, 3, 40, 48]))).data() as Float32Array;
    const distance = (how: 'centre' | 'mean', frames: number): number => {
      loadInto(inflated(file, shapesOf(own), how), own.state());
      return relativeError(noGrad(() => own.forward(repeatFrames(picture, frames))).data() as Float32Array, expected);
    };
    assert.ok(distance('centre', 1) < 1e-5);
    assert.ok(distance('centre', 8) < 1e-5);
    // Zeros at both ends take their share of the sums, the less the longer the clip.
    const [short, long] = [distance('mean', 4), distance('mean', 64)];
    assert.ok(short > 1e-2 && long < short / 4, `${short}, ${long}`);
    for (const model of [narrow, own]) model.dispose();
  });
});

const repeatFrames = (picture: Tensor, frames: number): Tensor => {
  const [n, c, , h, w] = picture.shape as [number, number, number, number, number];
  const data = picture.data() as Float32Array;
  const clip = new Float32Array(n * c * frames * h * w);
  for (let i = 0; i < n * c; i++)
    for (let t = 0; t < frames; t++) clip.set(data.subarray(i * h * w, (i + 1) * h * w), (i * frames + t) * h * w);
  return fromTypedArray(clip, [n, c, frames, h, w]);
};

test("a ResNet-RS starts a 3D-ResNet-RS: shortcuts are taken, the pool's convolution is not, gates start fresh", () => {
  const pictures = createModel('resnet-rs-50', { layers: [1, 1, 1, 1], width: 0.125, classes: 5 }, 1);
  const clips = createModel('resnet3d-rs-50', { layers: [1, 1, 1, 1], width: 0.125, classes: 7 }, 2);
  scope(() => {
    const file = inflated(fileOf(pictures), shapesOf(clips));
    const match = startFrom(file, {}, clips, { outputs: 7 });
    assert.deepEqual([match.missing, match.unexpected, match.wrongShape], [[], [], []]);
    const gates = [1, 2, 3, 4].flatMap((s) => ['weight', 'bias'].map((name) => `layer${s}.0.gate.fc.${name}`));
    assert.deepEqual(match.renewed.sort(), ['fc.bias', 'fc.weight', ...gates].sort());
    assert.match(match.renewedWhy!, /5 classes|5 numbers/);
    assert.match(match.renewedWhy!, /the file has no self-gates/);
    assert.deepEqual(
      clips.state().get('layer2.0.downsample.0.weight')!.data(),
      pictures.state().get('layer2.0.downsample.1.weight')!.data(),
    );
    assert.ok(file.ignored.has('maxpool.0.weight'));
    // A trunk of another depth is no start, inflated or not.
    const deeper = new Map(shapesOf(clips)).set('layer1.1.conv1.weight', [8, 32, 1, 1, 1]);
    assert.throws(() => fitStart(file, {}, deeper, 'fc', { outputs: 7 }), /layer1\.1\.conv1/);
  });
  for (const model of [pictures, clips]) model.dispose();
});
