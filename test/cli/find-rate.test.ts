import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import { Random } from '../../src/augment/random.js';
import { type Found, foundIn } from '../../src/cli/recipe/find-rate/text.js';
import { findRate } from '../../src/index.js';
import { packageRoot } from '../../src/package-root.js';
import { findRate as findRateHere, train } from '../../src/tasks/runs.js';
import type { LearnOptions, RateRange, RateTest } from '../../src/train/index.js';
import { fixturePath } from '../fixtures/open.js';
import { cliHere, type Done, exited, temporaryFolder } from './helpers.js';

const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
const folder = temporaryFolder();
const tiny = join(folder, 'tiny');

/** Noise with a tinge of red or of blue: something to learn. */
before(async () => {
  const random = new Random(1);
  for (const [channel, name] of [
    [0, 'red'],
    [2, 'blue'],
  ] as const) {
    mkdirSync(join(tiny, name), { recursive: true });
    for (let i = 0; i < 24; i++) {
      const pixels = Buffer.from(
        Array.from({ length: 3 * 24 * 24 }, (_, j) =>
          Math.floor((j % 3 === channel ? 255 : 180) * (random.uint32() / 2 ** 32)),
        ),
      );
      await sharp(pixels, { raw: { width: 24, height: 24, channels: 3 } })
        .png()
        .toFile(join(tiny, name, `${i}.png`));
    }
  }
});

/** The command in a folder of its own. */
function command(cwd: string, ...args: string[]): Promise<Done> {
  mkdirSync(cwd, { recursive: true });
  return cliHere(['recipe', 'find-rate', ...args], { cwd });
}
const SMALL = [
  ...['-m', 'resnet-rs-14', '--width', '0.125', '--size', '24', '-r', 'quick', '-b', '8'],
  ...['--threads', '1', '--workers', '0'],
];

const options: LearnOptions = {
  data: tiny,
  model: 'resnet-rs-14',
  width: 0.125,
  size: 24,
  recipe: 'quick',
  threads: 1,
  workers: 0,
  seed: 3,
};
async function testOf(
  range: Partial<RateRange>,
  settings: Record<string, unknown> = {},
  other: Partial<LearnOptions> = {},
): Promise<RateTest> {
  const events = findRateHere({ ...options, ...other, settings: { batch: 8, ...settings } }, range);
  for (let turn = await events.next(); ; turn = await events.next()) if (turn.done === true) return turn.value!;
}

describe('the test of rates', () => {
  test('is the training step by step: at one rate its losses are those of a run', async () => {
    const settings = { epochs: 2, schedule: 'constant', warmupEpochs: 0, learningRate: 0.1 } as const;
    const losses: number[] = [];
    for await (const event of train({
      ...options,
      out: join(folder, 'run'),
      settings: { batch: 8, ...settings },
    }))
      if (event.type === 'step') losses.push(event.loss);
    const { points, epochs } = await testOf({ lowest: 0.1, highest: 0.1 * (1 + 1e-12), steps: 20 }, settings);
    // 38 training pictures are 5 batches of 7 or 8 an epoch.
    assert.equal(losses.length, 10);
    assert.equal(epochs, 4);
    for (const [i, loss] of losses.entries())
      assert.ok(Math.abs(points[i]!.loss - loss) < 1e-5, `step ${i + 1}: ${points[i]!.loss}, in the run ${loss}`);
  });

  test('gives the same for a seed, whatever the workers', async () => {
    const one = await testOf({ steps: 20 });
    assert.equal(one.points[0]!.rate, 1e-5);
    assert.deepEqual((await testOf({ steps: 20 }, {}, { workers: 2 })).points, one.points);
    assert.notDeepEqual((await testOf({ steps: 20 }, {}, { seed: 4 })).points, one.points);
  });

  test('ends when the smoothed loss is four times its lowest', async () => {
    const { points, ended, steps } = await testOf({ lowest: 0.01, highest: 1e6, steps: 60 });
    assert.equal(ended, 'rose');
    assert.ok(points.length < steps);
    const smoothed = points.map((point) => point.smoothed);
    assert.ok(smoothed.at(-1)! > 4 * Math.min(...smoothed));
    for (const [i, value] of smoothed.slice(0, -1).entries())
      assert.ok(value <= 4 * Math.min(...smoothed.slice(0, i + 1)), `step ${i + 1}`);
  });

  test('ends without an error where losses become infinite', async () => {
    const { points, ended } = await testOf(
      { lowest: 1e4, highest: 1e6, steps: 20 },
      { optimiser: 'lamb', clipNorm: 0 },
    );
    assert.notEqual(ended, 'whole');
    for (const { loss } of points) assert.ok(Number.isFinite(loss));
  });
});

describe('what is suggested', () => {
  type Curve = { name: string; smoothed: number[]; end: number; begin: number; valley: number; steep: number };
  const fixture = JSON.parse(readFileSync(fixturePath('rate_curves.json'), 'utf8')) as {
    rates: number[];
    curves: Curve[];
  };
  const steps = fixture.rates.length;
  const found = (smoothed: readonly number[], ended: RateTest['ended'] = 'whole'): Found => {
    const points = smoothed.map((loss, i) => ({ rate: fixture.rates[i]!, loss, smoothed: loss }));
    return foundIn({ points, steps, ended, lowest: 1e-5, highest: 10 } as unknown as RateTest);
  };
  const curve = (name: string): Curve => fixture.curves.find((one) => one.name === name)!;

  test('is the higher of valley and steepest fall', () => {
    const classic = curve('classic, noise 0');
    assert.ok(classic.steep > classic.valley);
    assert.deepEqual(
      [found(classic.smoothed).suggested?.name, found(classic.smoothed).suggested?.step],
      ['steepest', classic.begin + classic.steep + 1],
    );
    const noisy = curve('late, noise 0.05');
    assert.ok(noisy.steep < noisy.valley);
    assert.deepEqual(
      [found(noisy.smoothed).suggested?.name, found(noisy.smoothed).suggested?.step],
      ['valley', noisy.begin + noisy.valley + 1],
    );
  });

  test('is nothing where nothing falls, with what to do', () => {
    const rising = Array.from({ length: 30 }, (_, i) => 2 + i);
    const { suggested, notes } = found(rising, 'rose');
    assert.equal(suggested, undefined);
    assert.deepEqual(notes, [
      'No rate is suggested: the loss rose before it had fallen. Try a lower one for the begin: --lowest 1e-7.',
    ]);
    assert.match(
      found(Array.from({ length: steps }, () => 2)).notes[0]!,
      /did not fall\. Try more steps \(--steps 200\)/,
    );
  });

  test('comes with a word where the loss fell by little, or falls at the end', () => {
    const { notes } = found(Array.from({ length: steps }, (_, i) => 2 - i / 10_000));
    assert.match(notes[0]!, /fell by 0\.0089 alone, to 1\.990: what is suggested may be chance/);
    assert.match(notes[1]!, /still fell at the highest rate: --highest 100/);
    assert.deepEqual(found(curve('classic, noise 0').smoothed).notes, []);
  });
});

describe('rescaled recipe find-rate', () => {
  test('writes a drawing beside the runs, and prints what to type', async () => {
    const cwd = join(folder, 'first');
    const set = ['--set', 'learningRate=3', '--set', 'labelSmoothing=0'];
    const { status, stdout, stderr } = await command(cwd, tiny, ...SMALL, ...set, '--steps', '40');
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(cwd), ['runs']);
    assert.deepEqual(readdirSync(join(cwd, 'runs')), ['find-rate-tiny-1.svg']);
    assert.match(
      readFileSync(join(cwd, 'runs', 'find-rate-tiny-1.svg'), 'utf8'),
      /^<svg [\s\S]*suggested: [\s\S]*<\/svg>\n$/,
    );
    const rate = /Suggested: learningRate (\S+) /.exec(stdout)?.[1];
    const next = `next     rescaled train ${tiny} -m resnet-rs-14 --size 24 --width 0.125 -b 8 -r quick --set labelSmoothing=0 `;
    assert.ok(stdout.includes(`${next}--set learningRate=${rate} --threads 1 --workers 0\n`), stdout);
    assert.match(stdout, /Rates are per 256 pictures; the recipe has 3\.\n/);
  });

  test('--json writes nothing', async () => {
    const cwd = join(folder, 'json');
    const { status, stdout, stderr } = await command(cwd, tiny, ...SMALL, '--steps', '20', '--json');
    assert.equal(status, 0, stderr);
    const { points, model, batch } = JSON.parse(stdout) as {
      points: { learningRate: number; loss: number }[];
      model: string;
      batch: number;
    };
    assert.deepEqual([model, batch, points[0]!.learningRate], ['resnet-rs-14', 8, 1e-5]);
    assert.deepEqual(readdirSync(cwd), []);
  });

  test('draws a page with the steps in figures, and replaces no file', async () => {
    const cwd = join(folder, 'page');
    const args = [tiny, ...SMALL, '--steps', '20', '-o', 'rates.html'];
    const first = await command(cwd, ...args);
    assert.equal(first.status, 0, first.stderr);
    const page = readFileSync(join(cwd, 'rates.html'), 'utf8');
    assert.match(page, /<h1>resnet-rs-14 x0\.125 at 24 pixels on tiny, recipe quick<\/h1>/);
    assert.match(page, /learning-rates\.csv/);
    assert.doesNotMatch(page, /(src|href)="http/);
    assert.match((await command(cwd, ...args)).stderr, /rates\.html exists already\. --force replaces it/);
    assert.equal((await command(cwd, ...args, '--force')).status, 0);
    assert.deepEqual(readdirSync(cwd), ['rates.html']);
  });

  test('mistakes are named, and nothing is written', async () => {
    const cwd = join(folder, 'mistakes');
    writeFileSync(join(folder, 'file.svg'), '');
    for (const [args, message] of [
      [[tiny, '--steps', '5'], /whole number from 20 .* for --steps but received 5/],
      [[tiny, '--lowest', '0'], /for --lowest but received 0/],
      [[tiny, '--lowest', '1', '--highest', '0.1'], /--lowest rate below the --highest but received 1 and 0\.1/],
      [[tiny, '-o', 'rates.png'], /ends in \.svg or \.html/],
      [[tiny, '-o', join(folder, 'file.svg')], /exists already/],
      [[tiny, '-m', 'resnet-rs-5'], /resnet-rs-50/],
      [[tiny, '--set', 'learningrate=1'], /Did you mean "learningRate"/],
      [[join(folder, 'nowhere')], /nowhere/],
      [[tiny, '-b', '4000'], /Use a smaller --batch/],
    ] as const) {
      // A named network: without one several are timed before the recipe is looked at.
      const named = (args as readonly string[]).includes('-m') ? [] : ['-m', 'resnet-rs-14'];
      const { status, stderr } = await command(cwd, ...args, ...named);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.deepEqual(readdirSync(cwd), []);
    }
  });

  test('Ctrl-C ends it, and nothing is written', async () => {
    const cwd = join(folder, 'stopped');
    mkdirSync(cwd);
    const child = spawn(process.execPath, [main, 'recipe', 'find-rate', tiny, ...SMALL, '--steps', '100000'], {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (data: Buffer) => {
        said += data.toString();
        if (said.includes('step ')) resolve();
      });
      child.once('close', () => resolve());
    });
    process.kill(-child.pid!, 'SIGINT');
    assert.equal(await exited(child), 130);
    assert.match(said, /Stopped: no drawing was written\./);
    assert.equal(existsSync(join(cwd, 'runs')), false);
  });
});

describe('findRate', () => {
  const given = { ...options, batch: 8 };

  test('a program is given what the command prints', async () => {
    const steps: number[] = [];
    const found = await findRate(given, {
      steps: 30,
      onEvent: (event) => {
        if (event.type === 'rate') steps.push(event.step);
      },
    });
    assert.deepEqual(
      steps,
      Array.from({ length: found!.points.length }, (_, i) => i + 1),
    );
    const { stdout } = await command(folder, tiny, ...SMALL, '--seed', '3', '--steps', '30', '--json');
    const printed = JSON.parse(stdout) as { suggestion: { learningRate: number } | null; points: { loss: number }[] };
    assert.deepEqual(
      found!.points.map(({ loss }) => loss),
      printed.points.map(({ loss }) => loss),
    );
    assert.equal(found!.learningRate, printed.suggestion?.learningRate);
    assert.ok(found!.places.lowest!.smoothed < found!.points[0]!.smoothed);
    assert.equal(existsSync(join(folder, 'runs')), false);
  });

  test('a signal stops it; what no run can have is refused', async () => {
    const stop = new AbortController();
    const onEvent = ({ type }: { type: string }): void => (type === 'rate' ? stop.abort() : undefined);
    assert.equal(await findRate(given, { steps: 100_000, signal: stop.signal, onEvent }), undefined);
    await assert.rejects(findRate(given, { step: 30 } as never), /"step"\. Did you mean "steps"/);
    await assert.rejects(findRate({ ...given, size: '24' } as never), /a number for the option size of findRate/);
    await assert.rejects(findRate(given, { lowest: 1, highest: 0.1 }), /below the --highest/);
  });
});
