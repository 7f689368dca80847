import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PUBLISHED_RESNET_RS } from '../../src/models/index.js';
import { PRESETS, presetNames } from '../../src/recipe/presets.js';
import { completeRecipe, recipeSchema, resolveRecipe } from '../../src/recipe/recipe.js';

const recipe = (preset: string, size: number, settings: Record<string, unknown> = {}, model = 'resnet-rs-50') =>
  resolveRecipe(preset, model, size, settings);

test('resnet-rs has RandAugment at the magnitude of each published row, with its source', () => {
  for (const { depth, resolution, randAugmentMagnitude } of PUBLISHED_RESNET_RS) {
    const { values, sources } = recipe('resnet-rs', resolution, {}, `resnet-rs-${depth}`);
    assert.equal(values.augment, 'randaugment');
    assert.equal(values.randAugmentLayers, 2);
    assert.equal(values.randAugmentMagnitude, randAugmentMagnitude, `${depth} at ${resolution}`);
    assert.equal(values.augmentVariant, 'reference');
    assert.equal(values.augmentPixelScale, 1);
    assert.match(sources.randAugmentMagnitude, /configs\/\*\.yaml/);
    assert.deepEqual([values.randomErasing, values.mixup, values.cutmix], [0, 0, 0]);
  }
});

test('below 160 pixels, constants in pixels scale with the picture, and the source says how', () => {
  const { values, sources } = recipe('resnet-rs', 28);
  assert.equal(values.augment, 'randaugment');
  assert.equal(values.augmentPixelScale, 0.125);
  assert.match(
    sources.augmentPixelScale,
    /at 28, 28\/224 of them: RandAugment translates by 12\.5 and cuts out 5 pixels/,
  );
  assert.equal(recipe('resnet-rs', 128).values.augmentPixelScale, 0.5714);
  assert.equal(recipe('resnet-rs', 128).values.randAugmentMagnitude, 10);
});

test('quick and the baseline train without augmentation, and say what is then unused', () => {
  for (const preset of ['quick', 'resnet-baseline']) {
    const { values, sources } = recipe(preset, 28);
    assert.equal(values.augment, 'none');
    assert.equal(sources.randAugmentMagnitude, 'unused with augment none');
    assert.equal(sources.augmentPixelScale, 'unused with augment none');
  }
  const { values, sources } = recipe('quick', 64, { augment: 'trivialaugment', randAugmentMagnitude: 3 });
  assert.equal(values.augment, 'trivialaugment');
  assert.equal(sources.randAugmentMagnitude, 'set by the user');
  assert.equal(sources.augmentVariant, 'unused with augment trivialaugment');
  // 64/224 = 0.2857 to four digits; 32 x 0.2857 = 9.14.
  assert.equal(values.augmentPixelScale, 0.2857);
  assert.match(
    sources.augmentPixelScale,
    /at 64, 64\/224 of them: TrivialAugment translates by up to 9 pixels \(its paper: 32 at every size, augmentPixelScale=1\)/,
  );
  assert.equal(recipe('quick', 64, { augment: 'trivialaugment', augmentPixelScale: 1 }).values.augmentPixelScale, 1);
  const large = recipe('quick', 224, { augment: 'trivialaugment' });
  assert.deepEqual(
    [large.values.augmentPixelScale, large.sources.augmentPixelScale],
    [1, 'Müller and Hutter 2021: TrivialAugment translates by up to 32 pixels'],
  );
  assert.match(
    recipe('efficientnet', 112).sources.augmentPixelScale,
    /AutoAugment translates by 125 and cuts out 50 pixels/,
  );
});

test('wrong augmentation settings are named', () => {
  for (const [key, value] of [
    ['augment', 'randaug'],
    ['randAugmentLayers', 1.5],
    ['randAugmentMagnitude', -1],
    ['augmentVariant', 'tf'],
    ['augmentPixelScale', 0],
    ['randomErasing', 2],
    ['mixup', -1],
    ['cutmix', 'x'],
  ] as const)
    assert.throws(
      () => recipe('quick', 28, { [key]: value }),
      (error: Error & { exitCode?: number }) => {
        assert.equal(error.exitCode, 2);
        assert.match(error.message, new RegExp(`setting ${key} but received`));
        return true;
      },
    );
  assert.throws(() => recipe('quick', 28, { randAugmentMagnitud: 5 }), /Did you mean "randAugmentMagnitude"/);
});

test('every preset holds together, and every value has a source', () => {
  for (const preset of presetNames()) {
    for (const size of [28, 224]) {
      const { values, sources } = recipe(preset, size);
      assert.equal(recipeSchema.safeParse(values).success, true, preset);
      assert.deepEqual(Object.keys(sources), Object.keys(values));
      for (const [key, source] of Object.entries(sources)) assert.ok(source.length > 3, `${preset}: ${key}`);
    }
    assert.ok(PRESETS[preset]!.about.length < 100);
  }
});

// tensorflow/tpu models/official/efficientnet/main.py and utils.py.
test('efficientnet has RMSProp, exponential decay and its own regularisation, by variant', () => {
  const { values } = recipe('efficientnet', 380, {}, 'efficientnet-b4');
  const expected = {
    optimiser: 'rmsprop',
    momentum: 0.9,
    squareDecay: 0.9,
    epsilon: 0.001,
    schedule: 'exponential',
    learningRate: 0.016,
    decayEpochs: 2.4,
    decayFactor: 0.97,
    weightDecay: 1e-5,
    weightDecayMode: 'coupled',
    averaging: 'ema-running',
    normMomentum: 0.01,
    augment: 'autoaugment',
    dropout: 0.4,
    stochasticDepth: 0.2,
    stochasticDepthRule: 'block',
  };
  for (const [key, value] of Object.entries(expected)) assert.equal(values[key as keyof typeof values], value, key);
});

// Alibaba-MIIL/TResNet README.md; zhanghang1989/ResNeSt scripts/gluon.
test('tresnet and resnest have what their authors print, whatever the size', () => {
  for (const size of [160, 224, 448]) {
    const { values, sources } = recipe('tresnet', size, {}, 'tresnet-m');
    const expected = {
      ...{ epochs: 300, schedule: 'cosine', decayRule: 'timm', averaging: 'ema-running', inputNorm: 'none' },
      ...{ augment: 'randaugment', augmentVariant: 'timm', randAugmentMagnitude: 9, randAugmentLayers: 2 },
      ...{ mixup: 0.2, randomErasing: 0.4, dropout: 0, init: 'tresnet', stochasticDepthRule: 'block' },
    };
    for (const [key, value] of Object.entries(expected)) assert.equal(values[key as keyof typeof values], value, key);
    assert.ok(Math.abs(values.learningRate - (0.6 * 256) / 1520) < 1e-3);
    assert.match(sources.weightDecay, /recalled/);
  }
  const { values } = recipe('resnest', 224, {}, 'resnest-50d');
  const expected = {
    ...{ epochs: 270, schedule: 'cosine', warmupEpochs: 5, learningRate: 0.1, momentum: 0.9, nesterov: true },
    ...{ weightDecay: 1e-4, decayRule: 'timm', labelSmoothing: 0.1, mixup: 0.2, augment: 'autoaugment' },
    ...{ dropout: 0, averaging: 'none', init: 'resnest' },
  };
  for (const [key, value] of Object.entries(expected)) assert.equal(values[key as keyof typeof values], value, key);
  const { dropout, evalCrop, interpolation } = recipe('resnest', 320, {}, 'resnest-200e').values;
  assert.deepEqual([dropout, evalCrop, interpolation], [0.2, 0.909, 'bicubic']);
  // Under the paper's recipe they learn as its own models without a published row do.
  assert.equal(recipe('resnet-rs', 320, {}, 'resnest-200e').values.dropout, 0.25);
});

test('the later code has no Nesterov, decays no biases and resizes bilinearly; otherwise it is the paper', () => {
  const [paper, garden] = [recipe('resnet-rs', 160).values, recipe('resnet-rs-garden', 160).values];
  assert.deepEqual({ ...garden, nesterov: true, decayRule: 'reference', interpolation: 'bicubic' }, paper);
  assert.deepEqual([garden.nesterov, garden.decayRule, garden.interpolation], [false, 'timm', 'bilinear']);
});

test('another optimiser brings its own rate and constants, unless they are set', () => {
  const { values, sources } = recipe('resnet-rs', 160, { optimiser: 'adamw' });
  assert.deepEqual(
    [values.learningRate, values.squareDecay, values.epsilon, values.weightDecay, values.weightDecayMode],
    [0.008, 0.999, 1e-8, 0.05, 'decoupled'],
  );
  assert.match(sources.learningRate, /for AdamW/);
  assert.equal(sources.nesterov, 'unused with optimiser adamw');
  assert.equal(recipe('resnet-rs', 160, { optimiser: 'adamw', learningRate: 0.001 }).values.learningRate, 0.001);
  assert.equal(recipe('efficientnet', 160, { optimiser: 'rmsprop' }).values.learningRate, 0.016);
  assert.equal(recipe('efficientnet', 160, { optimiser: 'sgd' }).values.learningRate, 0.1);
});

test('on small pictures another optimiser has its own rate too, not the one that was measured with SGD', () => {
  for (const [optimiser, rate] of [
    ['sgd', 0.4],
    ['adamw', 0.008],
    ['lars', 0.075],
  ] as const) {
    const { values } = resolveRecipe('quick', 'resnet-rs-14', 32, { optimiser });
    assert.deepEqual([values.learningRate, values.batch], [rate, 64], optimiser);
  }
});

test('LARS brings what the released SimCLR has; its settings play no part without it', () => {
  const { values, sources } = recipe('resnet-rs', 160, { optimiser: 'lars' });
  assert.deepEqual(
    [values.learningRate, values.weightDecay, values.weightDecayMode, values.decayRule, values.nesterov],
    [0.075, 1e-4, 'coupled', 'timm', false],
  );
  assert.equal(values.rateScaling, 'sqrt');
  assert.deepEqual([values.momentum, values.trustCoefficient, values.momentumRate], [0.9, 0.001, 'inside']);
  for (const key of ['squareDecay', 'epsilon'] as const) assert.equal(sources[key], 'unused with optimiser lars');
  for (const key of ['nesterov', 'trustCoefficient'] as const) assert.match(sources[key], /google-research\/simclr/);
  for (const key of ['trustCoefficient', 'momentumRate'] as const)
    assert.equal(recipe('resnet-rs', 160).sources[key], 'unused with optimiser sgd');
});

test("another scaling of the rate keeps the peak at the recipe's own batch, unless the rate is set", () => {
  const sqrt = recipe('quick', 160, { rateScaling: 'sqrt', batch: 128 });
  assert.equal(sqrt.values.learningRate, 0.00221); // 0.1 x 32/256 / sqrt(32)
  assert.match(sqrt.sources.learningRate, /^the peak 0\.1 x 32\/256, with rateScaling=sqrt at a batch of 32$/);
  assert.equal(recipe('quick', 160, { rateScaling: 'none' }).values.learningRate, 0.0125);
  assert.equal(recipe('quick', 160, { rateScaling: 'linear' }).values.learningRate, 0.1);
  assert.equal(recipe('quick', 160, { rateScaling: 'sqrt', learningRate: 0.075 }).values.learningRate, 0.075);
  const lars = recipe('resnet-rs', 160, { rateScaling: 'linear', optimiser: 'lars' });
  assert.equal(lars.values.learningRate, 1.2); // 0.075 x sqrt(256)
  assert.throws(() => recipe('quick', 160, { rateScaling: 'cubic' }), /rateScaling/);
});

test('what a person sets stays, whatever a rule would say', () => {
  const { values, sources, chosen } = recipe('resnet-rs', 28, {
    warmupEpochs: 40,
    epochs: 60,
    padding: 1,
    dropout: 0.5,
    randAugmentMagnitude: 3,
  });
  assert.deepEqual([values.warmupEpochs, values.padding, values.dropout, values.randAugmentMagnitude], [40, 1, 0.5, 3]);
  assert.equal(sources.padding, 'set by the user');
  assert.deepEqual(chosen, ['warmupEpochs', 'epochs', 'padding', 'dropout', 'randAugmentMagnitude']);
});

test('lists may be typed as one text', () => {
  assert.deepEqual(recipe('resnet-baseline', 224, { stepEpochs: '10,20' }).values.stepEpochs, [10, 20]);
  assert.deepEqual(recipe('finetune', 224, { freeze: 'conv1, layer1' }).values.freeze, ['conv1', 'layer1']);
  assert.deepEqual(recipe('finetune', 224, { freeze: 'none' }).values.freeze, []);
  assert.throws(() => recipe('resnet-baseline', 224, { stepEpochs: '10,x' }), /setting stepEpochs/);
});

test("fine-tuning keeps max(1 - 10/s, 0.9) of batch norm's averages, s steps an epoch", () => {
  const momentum = (pictures: number, settings: Record<string, unknown> = {}, preset = 'finetune') =>
    resolveRecipe(preset, 'resnet-rs-50', 224, { batch: 256, ...settings }, pictures).values.normMomentum;
  // SimCLR on CIFAR: 50,000 pictures in batches of 256 are 195 steps and a rest.
  assert.ok(Math.abs(momentum(195 * 256) - (1 - 0.949)) < 0.0005, String(momentum(195 * 256)));
  assert.equal(momentum(1000 * 256), 0.01);
  assert.equal(momentum(100 * 256), 0.1);
  assert.equal(momentum(10 * 256), 0.1);
  assert.equal(momentum(1000 * 256, { normMomentum: 0.3 }), 0.3);
  assert.equal(momentum(1000 * 256, { averaging: 'none' }, 'quick'), 0.1);
});

test('a batch is at most the training pictures', () => {
  const small = resolveRecipe('resnet-rs', 'resnet-rs-50', 224, {}, 100);
  assert.equal(small.values.batch, 25);
  assert.match(small.sources.batch, /a quarter of the 100/);
  assert.throws(() => resolveRecipe('resnet-rs', 'resnet-rs-50', 224, { batch: 101 }, 100), /at most 100/);
});

test('the source of emaDecay says where its ramp ends in a short run', () => {
  // 10 epochs of 100 steps: (1 + 1000)/(10 + 1000) = 0.9911, 1/(1 - 0.9911) = 112.
  assert.match(
    resolveRecipe('resnet-rs', 'resnet-rs-50', 224, { batch: 10, epochs: 10 }, 1000).sources.emaDecay,
    /0\.9911 after the 1000 steps.*about 112 steps/,
  );
  assert.doesNotMatch(recipe('resnet-rs', 224).sources.emaDecay, /after the/);
});

test('combinations that cannot be', () => {
  assert.throws(
    () => recipe('resnet-rs', 224, { optimiser: 'lamb', weightDecayMode: 'coupled' }),
    /weightDecayMode=decoupled/,
  );
  assert.throws(
    () => recipe('resnet-rs', 224, { optimiser: 'lars', weightDecayMode: 'decoupled' }),
    /weightDecayMode=coupled with optimiser=lars/,
  );
  assert.throws(() => recipe('resnet-rs', 224, { batch: 8, accumulate: 5 }), /accumulate=4 or less/);
  assert.throws(() => recipe('resnet-rs', 224, { batch: 8, repeats: 5 }), /2 different pictures.*repeats=4 or less/);
  assert.equal(recipe('resnet-rs', 224, { batch: 8, repeats: 4 }).values.repeats, 4);
  assert.throws(
    () => recipe('efficientnet', 224, { stochasticDepthRule: 'stage' }, 'efficientnet-b0'),
    /block by block/,
  );
});

test('a warm-up as long as the run is refused', () => {
  assert.throws(
    () => recipe('quick', 28, { epochs: 3, warmupEpochs: 3 }),
    /warm-up shorter than the run.*warmupEpochs=3 of epochs=3/,
  );
});

// Paper Table 2: 1e-4 does well with RandAugment and label smoothing, or with nothing; 4e-5 once dropout or stochastic
// depth join.
test('weight decay and regularisation that do not go together are pointed out', () => {
  const advice = (preset: string, settings: Record<string, unknown>): string =>
    (recipe(preset, 224, settings).advice ?? []).join('\n');
  assert.match(advice('resnet-rs', { weightDecay: 1e-4 }), /weightDecay=0\.0001 with dropout=0\.25.*Table 2 lowers/);
  assert.match(advice('quick', { stochasticDepth: 0.1 }), /with stochasticDepth=0\.1/);
  assert.match(advice('resnet-baseline', { weightDecay: 4e-5 }), /Table 2 does better at 1e-4/);
  assert.equal(advice('resnet-rs', { weightDecay: 1e-4, dropout: 0 }), '');
  assert.equal(advice('resnet-rs', { optimiser: 'adamw' }), '', 'another scale of weight decay');
});

test('other notes: short runs, small parts, high rates, steps beyond the end, settings in vain', () => {
  const advice = (preset: string, settings: Record<string, unknown>): string =>
    (recipe(preset, 224, settings).advice ?? []).join('\n');
  assert.match(advice('resnet-rs', { epochs: 60 }), /epochs=60 with RandAugment, dropout:.*appendix E/);
  assert.match(advice('quick', { accumulate: 8 }), /parts of 4 pictures/);
  assert.match(advice('quick', { optimiser: 'adamw', learningRate: 0.1 }), /a hundredth of SGD's/);
  assert.match(advice('resnet-baseline', { stepEpochs: [100] }), /never falls/);
  assert.match(
    advice('quick', { repeats: 3 }),
    /^repeats=3: each picture comes 3 times in a row.*keeps its number of steps.*1\/3 of the training pictures, others each epoch\.$/,
  );
  assert.match(advice('quick', { repeats: 3, flip: 0, cropMode: 'none' }), /nothing differs from copy to copy/);
  assert.match(advice('resnet-baseline', { emaDecay: 0.99 }), /emaDecay was set but plays no part with averaging none/);
  for (const preset of presetNames()) assert.equal(advice(preset, {}), '', preset);
});

test('a run of the first version goes on as it was', () => {
  const { augment: _, optimiser: __, accumulate: ___, repeats: ____, ...early } = recipe('quick', 28).values;
  const values = completeRecipe(early);
  assert.deepEqual(
    [values.augment, values.optimiser, values.accumulate, values.repeats, values.epochs],
    ['none', 'sgd', 1, 1, 10],
  );
});

test('pictures without labels: ratio, weight and length, and what makes no sense', () => {
  const given = (preset: string, settings = {}, labels = true, pictures = 1000) =>
    resolveRecipe(preset, 'resnet-rs-14', 96, settings, 300, { pictures, labels });
  // A recipe that was not made for them takes as many as there are labelled ones.
  const quick = given('quick').values;
  assert.deepEqual([quick.unlabelledRatio, quick.unlabelledWeight, quick.unlabelledTargets], [1, 1, 'hard']);
  assert.equal(given('quick', { unlabelledRatio: 5 }).values.unlabelledWeight, 1);
  assert.equal(quick.epochs, Math.ceil(1500 / Math.ceil(300 / 32)));
  // Few labelled pictures would be learned by heart: 150 times each. Many are not, and what the user says holds.
  assert.equal(quick.augment, 'randaugment');
  assert.equal(given('quick', { augment: 'none' }).values.augment, 'none');
  assert.equal(given('quick', { epochs: 45 }).values.augment, 'none');
  assert.equal(resolveRecipe('quick', 'resnet-rs-14', 96, {}, 300).values.augment, 'none');
  assert.equal(given('quick', { unlabelledRatio: 5, unlabelledWeight: 2 }).values.unlabelledWeight, 2);
  const student = given('noisy-student').values;
  assert.deepEqual([student.unlabelledRatio, student.unlabelledWeight, student.epochs], [3, 3, 350]);
  assert.equal(student.unlabelledTargets, 'soft');
  assert.equal(given('noisy-student', { unlabelledRatio: 5 }).values.unlabelledWeight, 5);
  const fixmatch = given('fixmatch', {}, false).values;
  assert.deepEqual([fixmatch.unlabelledRatio, fixmatch.unlabelledWeight, fixmatch.confidence], [7, 1, 0.95]);
  // Counted on all, an epoch of 300 + 100,000 pictures has 12,538 labelled draws, 392 steps of 32.
  assert.equal(given('fixmatch', {}, false, 100_000).values.epochs, 10);
  assert.equal(given('fixmatch', {}, false, 700).values.epochs, Math.ceil(1000 / Math.ceil(125 / 32)));

  const refused = (preset: string, settings: object, labels: boolean, text: RegExp) =>
    assert.throws(
      () => given(preset, settings, labels),
      (error: Error & { exitCode?: number }) => error.exitCode === 2 && text.test(error.message),
    );
  refused('quick', {}, false, /Expected --labels with --unlabelled.*--recipe fixmatch/s);
  refused('fixmatch', {}, true, /Expected no --labels with unlabelledTargets=consistency/);
  refused('quick', { unlabelledRatio: 0 }, true, /unlabelledRatio above 0/);
  for (const settings of [{ mixup: 0.2 }, { cutmix: 1 }, { repeats: 2 }])
    refused('quick', settings, true, /Expected (mixup=0|cutmix=0|repeats=1) with pictures without labels/);
  // Without such pictures nothing is said of them.
  const { sources } = resolveRecipe('quick', 'resnet-rs-14', 96);
  assert.equal(sources.unlabelledWeight, 'unused with unlabelledRatio 0');
});

test("SimCLR's augmentation brings its crops at every size, and CIFAR's strength at CIFAR's", () => {
  const large = recipe('resnet-rs', 160, { augment: 'simclr' });
  const { cropMode, cropAttempts, colourStrength, colourShare, brightnessRule, greyShare, blur, blurSigma } =
    large.values;
  assert.deepEqual(
    [cropMode, cropAttempts, colourStrength, colourShare, brightnessRule, greyShare, blur, blurSigma],
    ['inception', 100, 1, 0.8, 'multiply', 0.2, 0.5, 'picture'],
  );
  assert.match(large.sources.cropAttempts, /google-research\/simclr data_util\.py/);
  assert.equal(large.sources.augmentPixelScale, 'unused with augment simclr');
  const small = recipe('quick', 32, { augment: 'simclr' });
  assert.deepEqual([small.values.cropMode, small.values.colourStrength, small.values.blur], ['inception', 0.5, 0]);
  assert.match(small.sources.colourStrength, /appendix B\.9/);
  assert.equal(recipe('quick', 48, { augment: 'simclr' }).values.colourStrength, 1);
  const own = recipe('quick', 32, { augment: 'simclr', cropMode: 'pad', blur: 0.1, cropAttempts: 3 });
  assert.deepEqual([own.values.cropMode, own.values.blur, own.values.cropAttempts], ['pad', 0.1, 3]);
  const other = recipe('resnet-rs', 160);
  assert.equal(other.values.cropAttempts, 10);
  for (const key of ['colourStrength', 'colourShare', 'brightnessRule', 'greyShare', 'blur', 'blurSigma'] as const)
    assert.equal(other.sources[key], 'unused with augment randaugment');
  const unlabelled = recipe('fixmatch', 96, { unlabelledAugment: 'simclr' });
  assert.deepEqual([unlabelled.values.augment, unlabelled.values.cropAttempts], ['none', 100]);
  assert.match(unlabelled.sources.blur, /data_util/);
  for (const wrong of [{ colourStrength: 1.3 }, { blur: 2 }, { brightnessRule: 'v2' }, { cropAttempts: 0 }])
    assert.throws(() => recipe('quick', 96, wrong), new RegExp(Object.keys(wrong)[0]!));
});
