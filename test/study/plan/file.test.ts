import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { modelCost } from '../../../src/models/index.js';
import { checkStudy, openStudy, withSeeds } from '../../../src/study/plan/file.js';
import { batchFor, fits, studyOf } from '../../../src/study/plan/fit.js';
import { type Configuration, epochsOf, layOut } from '../../../src/study/plan/grid.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-study-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const models = [{ family: 'resnet-rs', depths: [14, 26], widths: [0.25, 0.5], sizes: [20, 28] }];
const minimal = { models, epochs: [2, 4], seeds: 2 };
const refused = (value: unknown, message: RegExp): void => {
  assert.throws(
    () => checkStudy(value, 'mine', 'mine.json'),
    (error: Error) => error instanceof UsageError && message.test(error.message) && !/undefined/.test(error.message),
  );
};
const imageNet = { path: '', classes: 1000, trainPictures: 1_281_167 };
const byName = (configurations: readonly Configuration[], name: string): Configuration => {
  const found = configurations.find((each) => each.name === name);
  assert.ok(found, name);
  return found;
};

test('seeds are added to those of a study, and none is taken away', () => {
  assert.deepEqual(withSeeds({ seeds: [1, 2] }, 3).seeds, [1, 2, 3]);
  assert.deepEqual(withSeeds({ seeds: [7, 2] }, 4).seeds, [7, 2, 1, 3]);
  assert.deepEqual(withSeeds({ seeds: [1, 2] }, 2).seeds, [1, 2]);
  assert.throws(() => withSeeds({ seeds: [1, 2] }, 1), /from 2 \(the seeds of the study\) to 1000 for --seeds/);
});

test('a study fits pictures and machine: lengths in steps, sizes up to the pictures themselves', () => {
  const memoryBytes = 8e9;
  const few = { trainPictures: 640, testPictures: 160, classes: 5, side: 240, memoryBytes };
  const [most, ...others] = fits(few);
  assert.deepEqual(most!.grid, { depths: [14, 26, 50], widths: [0.25, 0.5], sizes: [64, 96, 128] });
  // 20 steps an epoch: 4,000 are 200 epochs.
  assert.deepEqual(
    [most!.batch, most!.epochs, most!.limitTrain, most!.limitTest],
    [32, [50, 200], undefined, undefined],
  );
  assert.ok(others.every((fit) => fit.steps >= 240 && fit.steps <= most!.steps));
  // Of many pictures as many as make ten epochs of the steps.
  const many = fits({ ...few, trainPictures: 60_000, testPictures: 10_000, side: 28 });
  assert.deepEqual(many[0]!.grid, { depths: [14, 26, 50], widths: [0.25, 0.5, 1], sizes: [20, 28] });
  assert.deepEqual([many[0]!.limitTrain, many[0]!.epochs[1], many[0]!.limitTest], [12_800, 10, 2000]);
  // Thirty pictures: batches of a quarter of them at most.
  assert.equal(batchFor({ trainPictures: 30 }), 4);
  for (const facts of [few, { ...few, side: 28 }, { ...few, side: 70 }])
    for (const fit of fits(facts)) {
      const study = checkStudy(studyOf(fit, facts, 'pictures'), 'fit', 'fit.json');
      assert.ok(study.models.every((grid) => grid.sizes!.every((size) => size <= facts.side)));
    }
});

test('a study file: JSON or a module, data relative to it, names and seeds filled in', async () => {
  mkdirSync(join(folder, 'sub'));
  const json = join(folder, 'sub', 'My grid.json');
  writeFileSync(json, JSON.stringify({ ...minimal, data: '../pictures' }));
  const study = await openStudy(json);
  assert.equal(study.name, 'My grid');
  assert.equal(study.data, join(folder, 'pictures'));
  assert.deepEqual(study.seeds, [1, 2]);
  assert.equal(study.recipe, 'resnet-rs');
  const module = join(folder, 'grid.mjs');
  writeFileSync(module, `export default ${JSON.stringify({ ...minimal, name: 'Named', seeds: [7, 3] })};`);
  const other = await openStudy(module);
  assert.deepEqual([other.name, other.seeds, other.data], ['Named', [7, 3], undefined]);
});

test('a bad study file says which field, what it takes and what came', async () => {
  refused([], /mine\.json/);
  refused({ ...minimal, epoch: [1] }, /has "epoch"\. Did you mean "epochs"\?/);
  refused({ ...minimal, models: [{ ...models[0], depht: [1] }] }, /models\.0 has "depht"\. Did you mean "depths"\?/);
  refused({ ...minimal, models: [{ ...models[0], family: 'vgg' }] }, /models\.0\.family/);
  refused({ models, epoch: [1] }, /has "epoch"\. Did you mean "epochs"\?/);
  refused({ ...minimal, seeds: '3' }, /seeds in mine\.json: expected a whole number from 1 to 1000, or a list/);
  refused({ ...minimal, regularisation: 'none' }, /expected recipe, paper or a list of rules/);
  refused(
    { ...minimal, regularisation: [{ epochsupTo: 3, settings: {} }] },
    /regularisation\.0 has "epochsupTo"\. Did you mean "epochsUpTo"\?/,
  );
  refused(
    { ...minimal, regularisation: [{ epochsFrom: 9, epochsUpTo: 3, settings: {} }] },
    /received 9 and 3: the rule would never apply/,
  );
  refused({ ...minimal, limits: { memory: 1 } }, /limits has "memory"\. Did you mean "memoryGB"\?/);
  refused({ ...minimal, models: [{ ...models[0], modelOptions: { seRatoi: 1 } }] }, /Did you mean "seRatio"\?/);
  refused({ ...minimal, models: [{ ...models[0], stemStride: 3 }] }, /stemStride in mine\.json: expected 1, 2 or 4/);
  refused({ ...minimal, device: 'gpu' }, /device in mine\.json: expected cpu, cuda:0 or mps/);
  refused({ ...minimal, epochs: [] }, /epochs/);
  refused({ ...minimal, epochs: [0] }, /epochs\.0/);
  refused({ ...minimal, epochs: [4, 4] }, /each value of epochs once in mine\.json but 4 comes twice/);
  refused({ ...minimal, seeds: [1, 1] }, /each value of seeds once/);
  refused({ ...minimal, settings: { epochs: 3 } }, /"epochs" of the study but settings sets them too/);
  refused({ ...minimal, halving: { from: 4 } }, /halving\.from below the largest of epochs, 4,.*received 4/);
  refused({ ...minimal, regularisation: [{ settings: { dropout: 0 }, whidth: 1 }] }, /whidth/);
  await assert.rejects(openStudy('papr'), /received "papr"\. Did you mean "paper"\?/);
  await assert.rejects(openStudy(join(folder, 'none.json')), /there is nothing at/);
  writeFileSync(join(folder, 'broken.json'), '{');
  await assert.rejects(openStudy(join(folder, 'broken.json')), /Expected JSON with a study/);
});

test("the paper's grid: 7 depths, 5 widths, 5 sizes, 3 regimes, with its rules and the counts of modelCost", async () => {
  const { configurations, leftOut } = await layOut(await openStudy('paper'), imageNet);
  assert.equal(configurations.length, 7 * 5 * 5 * 3);
  assert.deepEqual(leftOut, []);
  assert.equal(new Set(configurations.map(({ name }) => name)).size, 525);
  for (const [depth, width, size] of [
    [50, 1, 160],
    [101, 0.5, 224],
    [350, 0.25, 128],
  ] as const) {
    const { parameters, multiplyAdds, batch, predictedBytes } = byName(
      configurations,
      `resnet-rs-${depth} x${width} @${size} for 350 epochs`,
    );
    const exact = modelCost(`resnet-rs-${depth}`, { size, batch, overrides: { width } });
    assert.deepEqual([parameters, multiplyAdds], [exact.parameters, exact.multiplyAdds]);
    assert.ok(
      Math.abs(predictedBytes / exact.trainMemoryBytes - 1) < 0.01,
      `${predictedBytes} against ${exact.trainMemoryBytes}`,
    );
  }
  const settings = (name: string): Record<string, unknown> => byName(configurations, name).options.settings!;
  // Appendix E: short runs without regularisation. Table 12 (recalled): dropout by width. Released rows: stochastic
  // depth from 200 layers on.
  assert.deepEqual(settings('resnet-rs-200 x2 @224 for 100 epochs'), {
    augment: 'none',
    labelSmoothing: 0,
    dropout: 0,
    stochasticDepth: 0,
    weightDecay: 4e-5,
    epochs: 100,
  });
  for (const [width, dropout] of [
    [0.25, 0],
    [0.5, 0.1],
    [1, 0.25],
    [1.5, 0.6],
    [2, 0.75],
  ] as const)
    assert.deepEqual(settings(`resnet-rs-101 x${width} @224 for 350 epochs`), {
      dropout,
      stochasticDepth: 0,
      epochs: 350,
    });
  assert.equal(settings('resnet-rs-200 x1 @224 for 350 epochs')['stochasticDepth'], 0.1);
  const ruled = byName(configurations, 'resnet-rs-101 x1.5 @224 for 350 epochs').ruled;
  assert.match(ruled['dropout']!, /recalled from paper Table 12/);
});

test('EfficientNets at their own size and below it', async () => {
  const { configurations } = await layOut(await openStudy('efficientnet-rs'), imageNet);
  const own = configurations.filter(({ family }) => family === 'efficientnet');
  assert.deepEqual(
    own.map(({ size }) => size).sort((a, b) => a - b),
    [224, 240, 260, 300, 380, 456, 528, 600],
  );
  const lower = configurations.filter(({ family }) => family === 'efficientnet-rs');
  assert.ok(
    lower.every(({ model, size }) => size < own.find((each) => each.model.slice(-2) === model.slice(-2))!.size),
  );
  assert.equal(
    byName(configurations, 'efficientnet-rs-b4 @320 for 350 epochs').options.model,
    'efficientnet-rs-b4@320',
  );
});

test('TResNets and ResNeSts by variant, in several widths, at their own size unless told', async () => {
  const grids = [
    { family: 'tresnet', variants: ['m', 'l'], widths: [0.25, 0.5], sizes: [96] },
    { family: 'tresnet', variants: ['xl'] },
    { family: 'resnest', variants: ['26d', '101e'], modelOptions: { radix: 1 } },
  ];
  const { configurations } = await layOut(checkStudy({ ...minimal, models: grids }, 'mine', 'mine.json'), imageNet);
  const epochs = configurations[0]!.epochs;
  assert.deepEqual(
    configurations
      .filter((each) => each.epochs === epochs)
      .map(({ model, width, size, depth }) => `${model} x${width} @${size}, ${depth}`)
      .sort(),
    [
      ...['resnest-101e x1 @256, 101', 'resnest-26d x1 @224, 26'],
      ...['tresnet-l x0.25 @96, 83', 'tresnet-l x0.5 @96, 83', 'tresnet-m x0.25 @96, 58', 'tresnet-m x0.5 @96, 58'],
      'tresnet-xl x1.3 @224, 101',
    ],
  );
  const small = configurations.find(({ model, width }) => model === 'tresnet-m' && width === 0.25)!;
  assert.deepEqual([small.options.model, small.options.width, small.overrides.width], ['tresnet-m', 0.25, 0.25]);
  assert.throws(
    () => checkStudy({ ...minimal, models: [{ family: 'resnest', variants: ['m'] }] }, 'mine', 'mine.json'),
    /models\.0\.variants\.0/,
  );
});

test('limits and impossible sizes leave configurations out by name; rules yield to what the study sets', async () => {
  const study = checkStudy(
    {
      ...minimal,
      models: [{ ...models[0], sizes: [8, 20, 28] }],
      limits: { multiplyAddsM: 30, memoryGB: 0.3 },
      settings: { batch: 64, dropout: 0.5 },
      regularisation: [{ epochsUpTo: 2, settings: { dropout: 0, labelSmoothing: 0 } }],
    },
    'mine',
    'mine.json',
  );
  const { configurations, leftOut } = await layOut(study, { path: '', classes: 10, trainPictures: 1000 });
  assert.equal(configurations.length + leftOut.length, 2 * 2 * 3 * 2);
  const reasons = new Map(leftOut.map(({ name, reason }) => [name, reason]));
  assert.match(reasons.get('resnet-rs-14 x0.25 @8 for 2 epochs')!, /Expected at least 16 pixels/);
  assert.match(reasons.get('resnet-rs-26 x0.5 @28 for 4 epochs')!, /M multiply-adds, above the limit of 30 M/);
  assert.ok(
    configurations.every(({ multiplyAdds, predictedBytes }) => multiplyAdds <= 30e6 && predictedBytes <= 0.3e9),
  );
  const { options } = byName(configurations, 'resnet-rs-14 x0.25 @20 for 2 epochs');
  assert.deepEqual(options.settings, { labelSmoothing: 0, batch: 64, dropout: 0.5, epochs: 2 });
  await assert.rejects(
    layOut(checkStudy({ ...minimal, models: [{ ...models[0], depths: [27] }] }, 'mine', 'mine.json'), imageNet),
    /Expected a depth of resnet-rs but received 27\. Known: 14, 26, 50/,
  );
});

test('rungs of successive halving', () => {
  assert.deepEqual(epochsOf({ epochs: [60], halving: { from: 4, eta: 3 } }), [4, 12, 60]);
  assert.deepEqual(epochsOf({ epochs: [54, 18], halving: { from: 6, eta: 3 } }), [6, 18, 54]);
  assert.deepEqual(epochsOf({ epochs: [60, 10] }), [10, 60]);
});
