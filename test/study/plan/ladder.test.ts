import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RunConfig } from '../../../src/run/config.js';
import { additive, leaveOneOut, planStudy, type Variant, weightDecay } from '../../../src/study/plan/ablation.js';
import { paperLadder, pickSteps } from '../../../src/study/plan/ladder.js';
import { readLadder } from '../../../src/study/plan/ladder-file.js';
import { openTrainingData, resolveRun } from '../../../src/tasks/runs.js';
import { FASHION, temporaryFolder } from '../../cli/helpers.js';

const ladder = paperLadder({ model: 'resnet-rs-26', epochs: 9, longEpochs: 35 });
const dataset = await openTrainingData({ data: FASHION, limitTrain: 600 });
const common = { data: FASHION, limitTrain: 600, settings: { batch: 32 } };
const config = ({ recipe, model, settings, modelOptions }: Variant, size?: number): Promise<RunConfig> =>
  resolveRun(
    { ...common, recipe, model, modelOptions, size, settings: { ...common.settings, ...settings }, out: '' },
    dataset,
  );

/** One line a row of Table 1: what a run of it must be made of. Written by hand from the paper's rows. */
const ROWS = [
  // name, paper, schedule, epochs, averaging, smoothing, depth, augment, dropout, decay, SE, stem, pool, avgDown
  ['baseline ResNet', 79.0, 'step', 9, 'none', 0, 0, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ cosine decay', 79.3, 'cosine', 9, 'none', 0, 0, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ more epochs', 78.8, 'cosine', 35, 'none', 0, 0, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ EMA of weights', 79.1, 'cosine', 35, 'ema', 0, 0, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ label smoothing', 80.4, 'cosine', 35, 'ema', 0.1, 0, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ stochastic depth', 80.6, 'cosine', 35, 'ema', 0.1, 0.1, 'none', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ RandAugment', 81.0, 'cosine', 35, 'ema', 0.1, 0.1, 'randaugment', 0, 1e-4, 0, 'plain', 'max', false],
  ['+ dropout on FC', 80.7, 'cosine', 35, 'ema', 0.1, 0.1, 'randaugment', 0.25, 1e-4, 0, 'plain', 'max', false],
  ['+ less weight decay', 82.2, 'cosine', 35, 'ema', 0.1, 0.1, 'randaugment', 0.25, 4e-5, 0, 'plain', 'max', false],
  ['+ squeeze-excite', 82.9, 'cosine', 35, 'ema', 0.1, 0.1, 'randaugment', 0.25, 4e-5, 0.25, 'plain', 'max', false],
  ['+ ResNet-D', 83.4, 'cosine', 35, 'ema', 0.1, 0.1, 'randaugment', 0.25, 4e-5, 0.25, 'deep', 'conv', true],
] as const;

async function row(variant: Variant): Promise<unknown[]> {
  const {
    recipe: { values: r },
    modelOptions: m,
  } = await config(variant);
  const options = m as RunConfig['modelOptions'] & Record<string, unknown>;
  assert.equal(options.dropout, r.dropout);
  assert.equal(options.stochasticDepth, r.stochasticDepth);
  return [
    variant.name,
    variant.paper['ResNet-200'],
    r.schedule,
    r.epochs,
    r.averaging,
    r.labelSmoothing,
    r.stochasticDepth,
    r.augment,
    r.dropout,
    r.weightDecay,
    options['seRatio'],
    options['stem'],
    options['stemPool'],
    options['avgDown'],
  ];
}

describe("the paper's ladder", () => {
  it('is Table 1, row by row', async () => {
    const variants = additive(ladder);
    assert.deepEqual(
      await Promise.all(variants.map(row)),
      ROWS.map((wanted) => [...wanted]),
    );
  });
  it('changes in each row only what the row is named after', async () => {
    const variants = additive(ladder);
    // The lengths inside a schedule follow from the row's own change.
    const follow = new Set(['warmupEpochs', 'stepEpochs', 'decayEpochs']);
    const changed: string[][] = [];
    for (let i = 1; i < variants.length; i++) {
      const [a, b] = [await config(variants[i - 1]!), await config(variants[i]!)];
      const flat = ({ recipe, modelOptions, size, model }: RunConfig): Record<string, unknown> => ({
        ...modelOptions,
        ...recipe.values,
        size,
        model,
      });
      const [before, after] = [flat(a), flat(b)];
      changed.push(
        Object.keys(after)
          .filter((key) => !follow.has(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]))
          .sort(),
      );
    }
    assert.deepEqual(changed, [
      ['schedule'],
      ['epochs'],
      ['averaging'],
      ['labelSmoothing'],
      ['stochasticDepth'],
      ['augment'],
      ['dropout'],
      ['weightDecay'],
      ['seRatio'],
      ['avgDown', 'stem', 'stemPool'],
    ]);
  });
  it('ends at the resnet-rs recipe on the ResNet-RS of the same depth, with stochastic depth', async () => {
    const end = await config(additive(ladder).at(-1)!);
    const rs = await resolveRun(
      {
        ...common,
        model: 'resnet-rs-26',
        recipe: 'resnet-rs',
        settings: { batch: 32, epochs: 35, stochasticDepth: 0.1 },
        out: '',
      },
      dataset,
    );
    const { stepEpochs: _a, ...endRecipe } = end.recipe.values;
    const { stepEpochs: _b, ...rsRecipe } = rs.recipe.values;
    assert.deepEqual(endRecipe, rsRecipe);
    assert.deepEqual(end.modelOptions, rs.modelOptions);
  });
  it('keeps its meaning on small pictures: the same stem stride and RandAugment in proportion in every row', async () => {
    for (const variant of additive(ladder)) {
      const { modelOptions, recipe, size } = await config(variant);
      assert.equal(size, 28);
      assert.equal(modelOptions.stemStride, 2);
      assert.equal(recipe.values.cropMode, 'pad');
      assert.ok(recipe.values.augmentPixelScale < 0.2, 'as the side of the picture');
      const large = await config(variant, 224);
      assert.equal(large.modelOptions.stemStride, 4);
      assert.equal(large.recipe.values.augmentPixelScale, 1);
    }
  });
  it('runs for 350 epochs after 90', () => {
    const { base, steps } = paperLadder({ model: 'resnet-50' });
    assert.equal(base.settings['epochs'], 90);
    assert.deepEqual(steps[1]!.settings, { epochs: 350 });
  });
  it('leaves out one step at a time', async () => {
    const variants = leaveOneOut(ladder);
    assert.equal(variants.length, 11);
    const full = (await row(variants[0]!)).slice(2);
    assert.deepEqual(full, ROWS.at(-1)!.slice(2));
    for (const [i, variant] of variants.slice(1).entries()) {
      assert.equal(variant.against, 0);
      const base = ROWS[0].slice(2);
      const found = (await row(variant)).slice(2);
      const columns = i < 9 ? [i] : [9, 10, 11];
      assert.deepEqual(
        found,
        full.map((value, c) => (columns.includes(c) ? base[c] : value)),
        variant.name,
      );
    }
  });
  it('is Table 2 at two weight decays', async () => {
    const variants = weightDecay(ladder);
    const found = await Promise.all(
      variants.map(async (variant) => [
        ...(await row(variant)).slice(2, 10),
        variant.paper['ResNet-50'],
        variant.paper['ResNet-200'],
      ]),
    );
    const long = ['cosine', 35, 'ema'];
    assert.deepEqual(found, [
      [...long, 0, 0, 'none', 0, 1e-4, 79.7, 82.5],
      [...long, 0, 0, 'none', 0, 4e-5, 78.7, 81.7],
      [...long, 0.1, 0, 'randaugment', 0, 1e-4, 82.4, 85.2],
      [...long, 0.1, 0, 'randaugment', 0, 4e-5, 82.3, 84.9],
      [...long, 0.1, 0, 'randaugment', 0.25, 1e-4, 82.2, undefined],
      [...long, 0.1, 0, 'randaugment', 0.25, 4e-5, 82.7, undefined],
      [...long, 0.1, 0.1, 'randaugment', 0.25, 1e-4, undefined, 85.3],
      [...long, 0.1, 0.1, 'randaugment', 0.25, 4e-5, undefined, 85.5],
    ]);
    assert.deepEqual(
      variants.map(({ against }) => against),
      [undefined, 0, undefined, 2, undefined, 4, undefined, 6],
    );
  });
});

describe('trials of a plan', () => {
  it('have ids that follow from settings, pictures and seed alone', async () => {
    const variants = additive(ladder);
    const ids = async (options: object, seeds = [1, 2]): Promise<string[]> =>
      (await planStudy('additive', variants, seeds, { ...common, ...options }, dataset)).variants.flatMap(
        ({ trials }) => trials.map(({ id }) => id),
      );
    const first = await ids({});
    assert.equal(new Set(first).size, 22, 'all differ');
    assert.deepEqual(await ids({ strict: true, maxBroken: 0.5 }), first, 'how errors are treated changes no result');
    for (const other of [{ width: 0.5 }, { settings: { batch: 64 } }, { testPictures: 100 }, { size: 32 }])
      assert.equal((await ids(other)).filter((id) => first.includes(id)).length, 0, JSON.stringify(other));
  });
  it('are shared by rows that come to the same', async () => {
    const same = { key: 'again', name: 'again', settings: { schedule: 'step' }, modelOptions: {} };
    const { variants } = await planStudy(
      'additive',
      additive({ base: ladder.base, steps: [same] }),
      [1],
      common,
      dataset,
    );
    assert.equal(variants[0]!.trials[0]!.id, variants[1]!.trials[0]!.id);
  });
  it('refuse a common setting that the rows set', async () => {
    await assert.rejects(
      planStudy('additive', additive(ladder), [1], { ...common, settings: { weightDecay: 0 } }, dataset),
      /the study itself sets "weightDecay"/,
    );
  });
});

describe("an order of one's own", () => {
  const folder = temporaryFolder();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  it('names known steps and adds others', async () => {
    const read = await readLadder(
      file(
        'a.json',
        JSON.stringify({
          base: { recipe: 'quick', model: 'resnet-14' },
          steps: [
            'RandAugment',
            { name: 'wide SE', settings: { batch: 16 }, modelOptions: { seRatio: 0.5 }, paper: 80.1 },
          ],
        }),
      ),
      ladder,
    );
    assert.deepEqual(read.base, { name: 'base', recipe: 'quick', model: 'resnet-14', settings: {}, modelOptions: {} });
    const variants = additive(read);
    assert.deepEqual(variants[2]!.settings, { augment: 'randaugment', batch: 16 });
    assert.deepEqual(
      variants.map(({ name, paper }) => [name, paper]),
      [
        ['base', {}],
        ['+ RandAugment', {}],
        ['+ wide SE', { published: 80.1 }],
      ],
    );
  });
  it('may be a module', async () => {
    const read = await readLadder(file('a.mjs', 'export default { steps: ["ema", "cosine"] };'), ladder);
    assert.deepEqual(
      read.steps.map(({ key }) => key),
      ['ema', 'cosine'],
    );
    assert.equal(read.base.model, 'resnet-26');
  });
  it('says what is wrong with it', async () => {
    const wrong = (json: unknown): Promise<unknown> => readLadder(file('w.json', JSON.stringify(json)), ladder);
    await assert.rejects(wrong({ steps: ['randaugmnt'] }), /received "randaugmnt"\. Did you mean "randaugment"\?/);
    await assert.rejects(wrong({ steps: [] }), /steps does not fit/);
    await assert.rejects(wrong({ steps: ['ema', 'EMA of weights'] }), /"ema" comes twice/);
    await assert.rejects(wrong({ steps: [{ name: 'x', modelOptions: { stem: 'deap' } }] }), /steps\.0/);
    await assert.rejects(wrong({ stepz: ['ema'] }), /w\.json/);
    await assert.rejects(readLadder(file('b.json', '{'), ladder), /cannot be read/);
    await assert.rejects(readLadder(join(folder, 'none.json'), ladder), /there is nothing at/);
    await assert.rejects(readLadder(file('c.yaml', ''), ladder), /ending in \.json/);
    assert.throws(() => pickSteps(ladder.steps, ['cosin']), /Did you mean "cosine"\?/);
  });
});

describe('switches of the architecture', () => {
  const resolve = (modelOptions: object, model = 'resnet-26'): Promise<RunConfig> =>
    resolveRun({ ...common, model, modelOptions, out: '' }, dataset);
  it('are kept in the run', async () =>
    assert.deepEqual(
      [(await resolve({ seRatio: 0.5 })).modelOptions].map((m) => (m as { seRatio?: number }).seRatio),
      [0.5],
    ));
  it('take what the models take, the activation included', async () => {
    const { modelOptions } = await resolve({ seRatio: 4, activation: 'silu' });
    assert.deepEqual(
      [(modelOptions as { seRatio?: number }).seRatio, (modelOptions as { activation?: string }).activation],
      [4, 'silu'],
    );
  });
  it('are checked', async () => {
    await assert.rejects(resolve({ seRato: 0.5 }), /received "seRato"\. Did you mean "seRatio"\?/);
    await assert.rejects(resolve({ stem: 'deap' }), /Expected deep or plain for the switch stem but received "deap"/);
    await assert.rejects(
      resolve({ seRatio: 5 }),
      /Expected a number from 0 \(none\) to 4 for the switch seRatio but received 5/,
    );
    await assert.rejects(
      resolve({ layers: [1, 2, 3] }),
      /Expected four whole numbers from 1 to 1000 for the switch layers but received \[1,2,3\]/,
    );
    await assert.rejects(resolve({ activation: 'tanh' }), /Expected relu, silu or gelu for the switch activation/);
    await assert.rejects(
      resolve({ activation: 'silu' }, 'efficientnet-b0'),
      /Expected an option of efficientnet-b0 but received "activation"/,
    );
    await assert.rejects(resolve({ dropout: 0.5 }), /"dropout": it is a setting of the recipe/);
    await assert.rejects(
      resolve({ stem: 'deep' }, 'efficientnet-b0'),
      /Expected an option of efficientnet-b0 but received "stem"/,
    );
  });
});
