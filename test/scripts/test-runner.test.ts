import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';

/**
 * Runs a copy of scripts/test.mjs over the given files (path under dist/test -> text).
 * A copy, because the script runs what lies beside it.
 */
function runTests(
  t: TestContext,
  files: Record<string, string>,
  ...args: string[]
): { code: number | null; lines: string[]; text: string } {
  const root = mkdtempSync(join(tmpdir(), 'rescaled-tests-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  cpSync(join(packageRoot, 'scripts'), join(root, 'scripts'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type": "module", "engines": {"node": ">=20.19"}}');
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, 'dist', 'test', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `import { test, describe, it, before } from 'node:test';\n${text}`);
  }
  // Without what this test's own runner has put there, or the inner one would think that it is a part of it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const result = spawnSync(process.execPath, [join(root, 'scripts', 'test.mjs'), '--no-setup', ...args], {
    encoding: 'utf8',
    env,
  });
  return { code: result.status, lines: result.stdout.trimEnd().split('\n'), text: result.stdout + result.stderr };
}

const passing = `test('one', () => {});
test('parent', async (t) => { await t.test('two', () => {}); await t.test('three', () => {}); });
describe('suite', () => { it('four', () => {}); describe('inner', () => { it('five', () => {}); }); });
`;

test('leaf tests are counted, not suites, parents or files', (t) => {
  const { code, lines } = runTests(t, { 'a/one.test.js': passing, 'b/two.test.js': `test('six', () => {});` });
  assert.equal(lines.at(-1), '6 passed, 0 failed');
  assert.equal(code, 0);
});

test('skips and todos are told apart from passes', (t) => {
  const files = {
    'a.test.js': `${passing}it.skip('later', () => {}); test('why', { skip: 'no GPU' }, () => {}); test.todo('idea');`,
  };
  const { code, lines, text } = runTests(t, files);
  assert.equal(lines.at(-1), '5 passed, 0 failed, 3 skipped');
  assert.match(text, /why # skipped: no GPU/);
  assert.equal(code, 0);
});

test('failures of tests, of parents themselves, of hooks and of suites count once each', (t) => {
  const files = {
    'fail.test.js': `test('plain', () => { throw new Error('plain reason'); });
test('parent', async (t) => { await t.test('kid', () => { throw new Error('kid'); }); await t.test('good', () => {}); });
test('itself', async (t) => { await t.test('good too', () => {}); throw new Error('itself'); });
describe('thrower', () => { throw new Error('thrower'); });
`,
  };
  const { code, lines, text } = runTests(t, files);
  assert.equal(lines.at(-1), '2 passed, 4 failed');
  assert.equal(code, 1);
  assert.match(text, /✖ dist\/test\/fail\.test\.js: parent > kid\n\s+Error: kid/);
  assert.match(text, /Error: plain reason/);
});

test('a hook that fails is a failure', (t) => {
  const { code, lines } = runTests(t, {
    'a.test.js': `describe('s', () => { before(() => { throw new Error('hook'); }); it('h', () => {}); });`,
  });
  assert.match(lines.at(-1) ?? '', /^0 passed, [12] failed$/);
  assert.equal(code, 1);
});

test('files that crash, cannot be loaded, or end badly after good tests fail', (t) => {
  const files = {
    'crash.test.js': `test('crash', () => { process.kill(process.pid, 'SIGKILL'); });`,
    'import.test.js': `import './absent.js';`,
    'late.test.js': `test('fine', () => {}); process.on('exit', () => { process.exitCode = 7; });`,
    'good.test.js': `test('good', () => {});`,
  };
  const { code, lines, text } = runTests(t, files);
  assert.equal(lines.at(-1), '2 passed, 3 failed');
  assert.equal(code, 1);
  assert.match(text, /ended by SIGKILL/);
  assert.match(text, /exit code 7/);
});

test('a file that hangs is ended and fails; the others are still run', (t) => {
  const files = { 'a.test.js': `test('hang', () => { for (;;); });`, 'b.test.js': `test('good', () => {});` };
  const { code, lines, text } = runTests(t, files, '--timeout', '3');
  assert.equal(lines.at(-1), '1 passed, 1 failed');
  assert.match(text, /a\.test\.js.*did not end within 3 s|did not end within 3 s/s);
  assert.equal(code, 1);
});

test('no test at all is a failure', (t) => {
  const empty = runTests(t, {});
  assert.equal(empty.lines.at(-1), '0 passed, 0 failed');
  assert.equal(empty.code, 1);
  const skipped = runTests(t, { 'a.test.js': `test.skip('later', () => {});` });
  assert.equal(skipped.lines.at(-1), '0 passed, 0 failed, 1 skipped');
  assert.equal(skipped.code, 1);
});

test('arguments filter by a part of the path', (t) => {
  const { lines, text } = runTests(
    t,
    { 'nn/a.test.js': `test('a', () => {});`, 'data/b.test.js': `test('b', () => {});` },
    'test/nn',
  );
  assert.equal(lines.at(-1), '1 passed, 0 failed');
  assert.doesNotMatch(text, /b\.test/);
});

test('npm test is what CI runs', {
  skip: existsSync(join(packageRoot, '.ci')) ? false : 'not in the published package',
}, () => {
  const result = spawnSync('bash', ['-n', join(packageRoot, '.ci', 'run')]);
  assert.equal(result.status, 0);
});
