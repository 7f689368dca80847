import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageRoot } from '../src/package-root.js';
import { cliApart, cliHere, type Done, pictureFolder, smallRun, temporaryFolder } from './cli/helpers.js';

const SMALL = ['-m', 'resnet-rs-14', '--width', '0.125', '--size', '28'];

/**
 * The README's commands, in its order, in a folder with a small set of pictures named flowers. What would take minutes or hours is run as it
 * stands but for the options given here.
 */
const SHORTER: Readonly<Record<string, readonly string[]>> = {
  'train flowers': ['--explain', ...SMALL],
  'train flowers --minutes 60': ['--explain', ...SMALL],
  'recipe find-rate flowers': ['--steps', '20', ...SMALL],
  'ablate flowers --plan': [...SMALL, '--steps', 'epochs,squeeze-excite'],
  'transfer runs/flowers-1 scratch --to flowers': ['--methods', 'linear,knn', '--labels', '100', '--seeds', '1'],
  'self-train flowers --unlabelled heap': [...smallRun(1), '--rounds', '1', '--floor', '0'],
};

/** Commands that end with an error here, and it. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  // Nothing is downloaded by a test.
  'train flowers --from resnet18.a1_in1k':
    /Expected resnet18\.a1_in1k to be on this machine, since HF_HUB_OFFLINE is set/,
  // Two seeds and one model show nothing to advise on.
  'study advise runs/study': /Add seeds/,
  // Measured in test/cli/study-begin; here it finds the file there.
  'study init flowers': /study\.json/,
  'scale runs/study --budget 5ms': /Add seeds|the cheapest is/,
};

const text = readFileSync(join(packageRoot, 'README.md'), 'utf8');
const commands = [...text.matchAll(/^npx rescaled (.*?)(?:\s+#.*)?$/gm)].map(([, words]) => words!.trim());

describe('the commands of the README', () => {
  const work = temporaryFolder();
  const run = (...args: string[]): Promise<Done> => cliHere(args, { cwd: work });
  const { HF_HUB_OFFLINE, HF_HOME } = process.env;
  after(() => {
    for (const [name, value] of Object.entries({ HF_HUB_OFFLINE, HF_HOME }))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });

  before(async () => {
    Object.assign(process.env, { HF_HUB_OFFLINE: '1', HF_HOME: join(work, 'hub') });
    await pictureFolder(join(work, 'flowers', 'train'), 3, 12);
    await pictureFolder(join(work, 'flowers', 'test'), 3, 6);
    // Pictures whose folders say nothing of their classes.
    await pictureFolder(join(work, 'heap'), 3, 4);
    const trained = cliApart(['train', 'flowers', ...smallRun(2), '-o', join('runs', 'flowers-1')], { cwd: work });
    assert.equal(trained.status, 0, trained.stderr);
    // The study of an hour that "study init" would write is a smaller one here.
    const models = [{ family: 'resnet-rs', depths: [14], widths: [0.125], sizes: [20] }];
    const study = { data: 'flowers', models, epochs: [1], seeds: 2, settings: { batch: 8 } };
    writeFileSync(join(work, 'study.json'), JSON.stringify(study));
  });

  test('there are some, and every short name in them is one of the program', async () => {
    assert.ok(commands.length > 12, commands.join('\n'));
    const known = (await run('--help')).stdout;
    for (const command of commands) assert.match(known, new RegExp(`^ +${command.split(' ')[0]!} `, 'm'));
  });

  for (const command of commands)
    test(command, async () => {
      const { status, stdout, stderr } = await run(...command.split(' '), ...(SHORTER[command] ?? []));
      const refused = REFUSED[command];
      if (refused === undefined) {
        assert.equal(status, 0, `${stdout}${stderr}`);
        assert.ok((stdout + stderr).length > 20, 'it says nothing');
      } else assert.match(stdout + stderr, refused);
      assert.doesNotMatch(stderr, /\n {4}at /, 'a stack trace');
      const out = / -o (\S+)/.exec(command)?.[1];
      if (out !== undefined) assert.ok(existsSync(join(work, out)), out);
    });
});
