import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { packageRoot } from '../src/package-root.js';
import { addonName, engineStatus, sourceHash, stampName } from '../src/torch/build/engine-file.js';
import { cachedEngineFolder } from '../src/torch/build/engine-places.js';
import { pictureFolder, smallRun, temporaryFolder } from './cli/helpers.js';
import { brokenLinks, pagesOf } from './links.js';

/** Where one example's words end, in what all of them print. */
const MARK = 'and now: ';
/**
 * Runs examples one after another, as their README does but in one process, which saves each the loading of the package and of libtorch.
 * Prints MARK with what comes next before each, and with the exit code of the last.
 */
const DRIVER = `
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
const mark = (text) => { console.log('${MARK}' + text); console.error('${MARK}' + text); };
class Exit extends Error {}
process.exit = (code) => { process.exitCode = code; throw new Exit(); };
for (const [name, args, nth] of JSON.parse(readFileSync('driver.json', 'utf8'))) {
  process.exitCode = 0;
  process.argv = [process.argv[0], join(process.cwd(), name), ...args];
  mark(name);
  try {
    await import('./' + name + '?' + nth);
  } catch (error) {
    if (!(error instanceof Exit)) { console.error(error); process.exitCode = 70; }
  }
  mark('exit code ' + process.exitCode);
}
process.exitCode = 0;
`;

/**
 * The arguments of every example, in an order in which each finds what earlier ones have left, and what it prints. `flowers` is a folder of
 * 3 classes with 4 pictures for training and 2 for testing each. An example without a row fails.
 */
const EXAMPLES: readonly (readonly [name: string, args: readonly string[], prints: RegExp, exit?: number])[] = [
  ['train', ['flowers', 'runs/one', '2'], /^epoch 2: loss \d[\s\S]*top-1 \d+\.\d\d %: runs\/one\/report\.html$/m],
  ['run', ['runs/one', 'flowers'], /on 6 test pictures\n.*model\.onnx: largest difference of a logit/],
  ['predict', ['runs/one', 'flowers/test'], /^(\S+ \S+ \d+\.\d %\n){6}$/],
  [
    'pseudo-label',
    ['runs/one', 'flowers/test', 'labels'],
    /^6 pictures have labels\n[\s\S]*^the first one is picture \d/m,
  ],
  [
    'self-train',
    ['flowers', 'flowers/test', 'runs/self', '1'],
    /^round 1: train -> [\s\S]*^round 1: \d+\.\d\d % of 6$/m,
  ],
  ['recipe', ['quick', 'resnet-rs-14', '96'], /^epochs: 10 \(/m],
  ['check', ['flowers', 'flowers.html'], /^18 pictures; found: 2 leaks, /, 1], // at 28 pixels two pullovers look alike
  ['weights', ['runs/one/weights.safetensors'], /^safetensors, \d+ tensors\n/],
  [
    'ablate',
    ['flowers', 'runs/worth', '1', '1', '20'],
    /^\+ label smoothing: \d\.\d{4}$[\s\S]*runs\/worth\/ablation\.html$/m,
  ],
  [
    'study',
    ['study.json', '1GFLOPs'],
    /^1 configurations, 0 left out\n[\s\S]*^done, 0 failed: runs\/study-study\/report\.html$/m,
  ],
];

const project = temporaryFolder();
const installed = join(project, 'node_modules', 'rescaled');
const env = {
  ...process.env,
  RESCALED_ENGINES: join(project, 'engines'),
  RESCALED_LIBTORCH: '',
  VIRTUAL_ENV: '',
  CONDA_PREFIX: '',
};

function run(program: string, args: readonly string[], cwd = project): { status: number | null; text: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', env });
  return { status, text: error === undefined ? stdout + stderr : String(error) };
}
const rescaled = (...args: string[]) =>
  run(process.execPath, [join(installed, 'dist', 'src', 'cli', 'main.js'), ...args]);

/** What `npm install` of the packed package leaves in a project, with links to the packages that it asks for. */
function install(): void {
  const packed = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], packageRoot);
  assert.equal(packed.status, 0, packed.text);
  const modules = dirname(installed);
  mkdirSync(modules);
  const unpacked = run('tar', ['-xzf', join(project, packed.text.trim().split('\n').at(-1)!), '-C', modules]);
  assert.equal(unpacked.status, 0, unpacked.text);
  renameSync(join(modules, 'package'), installed);
  const wanted = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, object>;
  // And the types of Node, which a TypeScript project has of its own.
  for (const name of [
    ...Object.keys({ ...wanted['dependencies'], ...wanted['optionalDependencies'] }),
    '@types/node',
    'undici-types',
  ]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(packageRoot, 'node_modules', name), join(modules, name));
  }
}

/** The engine of this checkout where one that `rescaled setup` had built for the installed package would be. */
function copyEngine(): void {
  const { addon, folder, stamp, state, reason } = engineStatus();
  assert.equal(state, 'ok', reason);
  const target = cachedEngineFolder(installed, stamp!.libtorch, sourceHash(installed), env);
  mkdirSync(target, { recursive: true });
  copyFileSync(addon, join(target, addonName));
  copyFileSync(join(folder, stampName), join(target, stampName));
}

const headOf = (text: string): [string, string] => {
  const end = text.indexOf('\n');
  return [text.slice(0, end), text.slice(end + 1)];
};

describe('the package as it is published', () => {
  before(async () => {
    install();
    copyEngine();
    for (const [part, each] of [
      ['train', 4],
      ['test', 2],
    ] as const)
      await pictureFolder(join(project, 'flowers', part), 3, each);
    writeFileSync(
      join(project, 'study.json'),
      JSON.stringify({
        data: 'flowers',
        models: [{ family: 'resnet-rs', depths: [14], widths: [0.125], sizes: [20] }],
        ...{ epochs: [1], seeds: 1, settings: { batch: 4 } },
      }),
    );
    writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
  });

  test('documentation and examples are in it, and its links hold', () => {
    for (const name of ['docs/README.md', 'examples/train.ts', 'examples/cluster/study.sbatch', 'CHANGELOG.md'])
      assert.ok(existsSync(join(installed, name)), name);
    const broken = pagesOf(installed)
      .flatMap((page) => brokenLinks(page, installed))
      // The sources themselves are in the repository alone.
      .filter((line) => !/: \.\.\/(src|test)\//.test(line));
    assert.equal(broken.length, 0, broken.join('\n'));
    assert.equal(existsSync(join(installed, 'src')) || existsSync(join(installed, 'dist', 'test')), false);
  });

  test('setup and doctor find the engine in the cache', () => {
    const setup = rescaled('setup');
    assert.equal(setup.status, 0, setup.text);
    assert.match(setup.text, /engine is up to date: .*\/engines\/\d/);
    assert.match(rescaled('doctor').text, /^ok +engine cache .*engines, \d\.\d MB in 1 engine$/m);
    assert.equal(existsSync(join(installed, 'build')), false);
  });

  test('every example compiles against its types', () => {
    const names = readdirSync(join(installed, 'examples')).filter((name) => name.endsWith('.ts'));
    for (const name of names) copyFileSync(join(installed, 'examples', name), join(project, name));
    const options = { module: 'nodenext', target: 'es2022', lib: ['es2023', 'esnext.disposable'], types: ['node'] };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, strict: true, skipLibCheck: true }, include: ['*.ts'] }),
    );
    const compiled = run(process.execPath, [join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.']);
    assert.equal(compiled.status, 0, compiled.text);
    assert.deepEqual(EXAMPLES.map(([name]) => `${name}.ts`).sort(), names.sort(), 'each has a row in EXAMPLES');
  });

  test('every example does what it says, and without arguments says how it is called', () => {
    // One as a user starts it; the others share a process.
    const [[first, args, prints], ...others] = EXAMPLES as [(typeof EXAMPLES)[0], ...typeof EXAMPLES];
    const alone = run(process.execPath, [`${first}.js`, ...args]);
    assert.equal(alone.status, 0, alone.text);
    assert.match(alone.text, prints);
    const jobs = [
      ...others.map(([name, args]) => [`${name}.js`, args, 0]),
      ...EXAMPLES.map(([name]) => [`${name}.js`, [], 1]),
    ];
    writeFileSync(join(project, 'driver.json'), JSON.stringify(jobs));
    writeFileSync(join(project, 'driver.js'), DRIVER);
    const { status, text } = run(process.execPath, ['driver.js']);
    assert.equal(status, 0, text);
    // What goes to stdout, then what goes to stderr, each with a mark before and after each job.
    const parts = text.split(MARK).slice(1);
    const said = (job: number): { printed: string; code: string } => {
      const [name, rest] = headOf(parts[2 * job]!);
      assert.equal(name, jobs[job]![0], text);
      const [code] = headOf(parts[2 * job + 1]!);
      return { printed: rest + headOf(parts[2 * (jobs.length + job)]!)[1], code };
    };
    for (const [i, [name, , prints, exit = 0]] of others.entries()) {
      const { printed, code } = said(i);
      assert.equal(code, `exit code ${exit}`, `${name}: ${printed}`);
      assert.match(printed, prints, name);
    }
    for (const [i, [name]] of EXAMPLES.entries()) {
      const { printed, code } = said(others.length + i);
      assert.equal(code, 'exit code 2', `${name} without arguments: ${printed}`);
      assert.match(printed, new RegExp(`^(usage: )?node \\S*${name}\\.js .+\\n$`));
    }
  });

  test('without onnxruntime-node: training ends with its report, the rest says what to install', () => {
    rmSync(join(dirname(installed), 'onnxruntime-node'));
    const wanted =
      /Expected the npm package onnxruntime-node, .* but it is not installed\. To install it: .*npm install/;
    for (const args of [
      ['predict', 'runs/one', 'flowers/test'],
      ['export', 'runs/one', '-o', 'other.onnx'],
    ]) {
      const { status, text } = rescaled(...args);
      assert.equal(status, 1, text);
      assert.match(text, wanted);
      assert.equal(text.trim().split('\n').length, 1, text);
    }
    assert.equal(existsSync(join(project, 'other.onnx')), false);
    const { status, text } = rescaled('train', 'flowers', ...smallRun(1), '-o', 'runs/two');
    assert.equal(status, 0, text);
    assert.match(text, /not exported: Expected the npm package onnxruntime-node/);
    assert.match(
      text,
      /^next +ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node && rescaled export runs\/two$/m,
    );
    assert.doesNotMatch(text, /\n {4}at /, 'a stack trace');
    assert.match(readFileSync(join(project, 'runs', 'two', 'report.html'), 'utf8'), /npm install onnxruntime-node/);
    const figures = JSON.parse(readFileSync(join(project, 'runs', 'two', 'report.json'), 'utf8')) as object;
    assert.equal('onnxMaxAbsDiff' in figures, false);
    assert.equal(existsSync(join(project, 'runs', 'two', 'model.onnx')), false);
    assert.match(rescaled('doctor').text, /^warn +onnxruntime-node .*training works without it/m);
  });
});
