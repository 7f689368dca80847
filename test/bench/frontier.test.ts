import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { temporaryFolder } from '../cli/helpers.js';

const out = join(temporaryFolder(), 'page');
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(packageRoot, 'dist', 'bench', 'frontier.js'), ...args, '--out', out], {
    encoding: 'utf8',
  });

describe('the options of npm run bench:frontier', () => {
  it('are told by --help', () => {
    const { status, stdout, stderr } = run('--help');
    assert.deepEqual([status, stderr], [0, '']);
    for (const option of ['--batch', '--runs', '--threads', '--device', '--models', '--step-seconds', '--out'])
      assert.ok(stdout.includes(option), option);
  });

  const wrong: [args: string[], message: RegExp][] = [
    [['--batch', 'abc'], /--batch <n>' argument 'abc' is invalid\. expected a whole number/],
    [['--batch', '1'], /Expected a whole number from 2 to 65536 for --batch but received 1\./],
    [['--models', 'resnet-rs-50@160,efficientnet-b9'], /received "efficientnet-b9"\. Did you mean "efficientnet-b0"/],
    [['--device', 'warp'], /Expected one of cpu.* for the device but received "warp"/],
    [['--bach', '8'], /unknown option '--bach'\n\(Did you mean --batch\?\)/],
  ];
  for (const [args, message] of wrong)
    it(`${args.join(' ')} is wrong use, in one message`, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, message);
      assert.ok(stderr.trim().split('\n').length <= 2 && !stderr.includes('    at '), stderr);
      assert.equal(existsSync(out), false, 'nothing is written');
    });
});
