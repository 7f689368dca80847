import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOptions, numberOption, wholeOption } from '../src/checks.js';
import { UsageError } from '../src/errors.js';
import {
  ablate,
  checkData,
  chooseRun,
  openRecipe,
  openWeights,
  Predictor,
  planAblation,
  Run,
  Study,
  train,
} from '../src/index.js';

const refused = (call: () => unknown, message: RegExp) =>
  assert.rejects(
    async () => {
      const result = await call();
      if (Symbol.asyncIterator in Object(result)) await (result as AsyncGenerator).next();
    },
    (error) => error instanceof UsageError && message.test(error.message),
  );

test('options of a call: names, kinds, and what must be there', () => {
  const kinds = {
    data: 'path',
    size: 'number',
    names: 'texts',
    signal: 'signal',
    on: 'function',
    strict: 'flag',
  } as const;
  const check = (options: unknown) =>
    checkOptions('it', options as Record<keyof typeof kinds, unknown>, kinds, ['data']);
  const wrong = (options: unknown, message: RegExp) =>
    assert.throws(
      () => check(options),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  const { signal } = new AbortController();
  check({ data: 'a', size: 3, names: ['b'], signal, on: () => {}, strict: false });
  check({ data: 'a', size: undefined, strict: undefined });
  wrong(undefined, /^Expected an object for the options of it but received undefined\.$/);
  wrong('a', /an object for the options of it but received "a"/);
  wrong({}, /a path for the option data of it but received undefined/);
  wrong({ data: '' }, /a path for the option data of it but received an empty text/);
  wrong({ data: 'a', size: '3' }, /a number for the option size of it but received "3"/);
  wrong({ data: 'a', names: 'b' }, /a list of texts for the option names of it but received "b"/);
  wrong({ data: 'a', names: [1] }, /a list of texts/);
  wrong({ data: 'a', signal: {} }, /an AbortSignal for the option signal of it but received Object/);
  wrong({ data: 'a', on: null }, /a function for the option on of it but received null/);
  wrong({ data: 'a', strict: 1 }, /true or false for the option strict of it but received 1/);
  wrong({ data: 'a', strikt: true }, /an option of it but received "strikt"\. Did you mean "strict"\? Known: .*strict/);
  wrong({ data: 'a', toString: true }, /received "toString"/);
});

test('a text is no number, and is shown as a text', () => {
  assert.throws(
    () => numberOption('share', '0.5' as never, 0, 1),
    /a number from 0 to 1 for share but received "0\.5"/,
  );
  assert.throws(() => wholeOption('size', '32' as never, 8, 64), /from 8 to 64 for size but received "32"/);
  assert.throws(() => wholeOption('top', 0, 1, Number.MAX_SAFE_INTEGER), /number of at least 1 for top but received 0/);
});

test('what a program gives without a compiler is refused in words, before anything is done', async () => {
  const none = undefined as never;
  await refused(() => train(none), /an object for the options of train but received undefined/);
  await refused(() => train({ data: 'a' } as never), /a path for the option out of train/);
  await refused(() => train({ data: 'a', out: 'b', epoch: 3 } as never), /"epoch"\. Did you mean "epochs"/);
  await refused(
    () => train({ data: 'a', out: 'b', leaveOut: 'leaks' } as never),
    /a list of texts for the option leaveOut/,
  );
  await refused(() => train({ data: 'a', out: 'b' }, { finished: true } as never), /Did you mean "finish"/);
  await refused(() => Run.open(none), /a path for the folder of a run/);
  await refused(() => Predictor.load(none), /a path for the model, or the bytes of its file, but received undefined/);
  await refused(() => Predictor.load('a', { thread: 1 } as never), /Did you mean "threads"/);
  await refused(() => checkData(none), /a path for the data of checkData/);
  await refused(() => Study.open(none), /a path for the study/);
  await refused(() => Study.open('a', { seeds: 0 }), /from 1 to 1000 for seeds but received 0/);
  await refused(() => ablate({ data: 'a' }, none), /a path for the second argument of ablate/);
  await refused(() => planAblation({ data: 'a', seeds: 0 }), /from 1 to 1000 for seeds but received 0/);
  await refused(
    () => planAblation({ data: 'a', kind: 'all' as never }),
    /additive, leave-one-out, weight-decay as the kind .* "all"/,
  );
  await refused(() => chooseRun({ options: { data: 'a' }, minutes: '5' as never }), /a number for the option minutes/);
  await refused(() => openRecipe(none), /a path for the recipe, a preset or a file,/);
  await refused(() => openWeights(none), /a path for the file of weights/);
  await refused(() => openWeights('no/such.pt'), /but no\/such\.pt is not there/);
});
