import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { temporaryFolder } from '../cli/helpers.js';

/** A package of one file, packed as this one is. */
function checkout(source: string): string {
  const folder = temporaryFolder();
  for (const name of ['scripts', 'tsconfig.json', 'package.json'])
    cpSync(join(packageRoot, name), join(folder, name), { recursive: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'src', 'here'), { recursive: true });
  writeFileSync(join(folder, 'src', 'here', 'one.ts'), source);
  return folder;
}

function pack(folder: string): { status: number | null; files: string[]; text: string } {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--silent', '--ignore-scripts=false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const name = stdout.trim().split('\n').at(-1)!;
  const listed = status === 0 ? spawnSync('tar', ['-tzf', join(folder, name)], { encoding: 'utf8' }).stdout : '';
  return { status, files: listed.trim().split('\n').sort(), text: stdout + stderr };
}

test('compiling removes what older sources left; npm pack takes what the sources make now, and nothing that older ones left', () => {
  const folder = checkout('export const one = 1;\n');
  for (const [name, text] of [
    ['here/one.js', 'export const one = 0;\n'],
    ['here/two.js', ''],
    ['here/two.d.ts', ''],
    ['gone/deep/three.js', ''],
    ['notes.txt', ''],
  ] as const) {
    mkdirSync(join(folder, 'dist', 'src', name, '..'), { recursive: true });
    writeFileSync(join(folder, 'dist', 'src', name), text);
  }
  const compiled = spawnSync(process.execPath, [join(folder, 'scripts', 'compile.mjs')], { encoding: 'utf8' });
  assert.deepEqual([compiled.status, compiled.stdout, compiled.stderr], [0, '', '']);
  assert.deepEqual(readdirSync(join(folder, 'dist', 'src'), { recursive: true }).sort(), [
    'here',
    'here/one.d.ts',
    'here/one.js',
  ]);
  // The compiler's notes say that this one is made already.
  writeFileSync(join(folder, 'dist', 'src', 'here', 'one.js'), 'export const one = 0;\n');
  writeFileSync(join(folder, 'dist', 'src', 'here', 'four.js'), '');
  const { status, files, text } = pack(folder);
  assert.equal(status, 0, text);
  assert.deepEqual(files, ['package/dist/src/here/one.d.ts', 'package/dist/src/here/one.js', 'package/package.json']);
  assert.equal(readFileSync(join(folder, 'dist', 'src', 'here', 'one.js'), 'utf8'), 'export const one = 1;\n');
});

test('what does not compile ends with the words of the compiler', () => {
  const script = join(checkout("export const one: number = '1';\n"), 'scripts', 'compile.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--anew'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^TypeScript does not compile:\nsrc\/here\/one\.ts\(1,14\): error TS2322/);
});
