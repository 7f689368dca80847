import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECK_KINDS } from '../../src/checked.js';
import { checkData, writeCheckPage } from '../../src/index.js';
import { cli, FASHION, pictureFolder, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
/** Real pictures, with a leak, a conflict and a broken one. */
const data = join(folder, 'data');
await pictureFolder(join(data, 'train'), 2, 12);
const [first, second] = readdirSync(join(data, 'train')) as [string, string];
for (const name of [first, second]) {
  mkdirSync(join(data, 'test', name), { recursive: true });
  for (const file of readdirSync(join(data, 'train', name)).slice(0, 3))
    renameSync(join(data, 'train', name, file), join(data, 'test', name, file));
}
const clean = join(folder, 'clean');
await pictureFolder(join(clean), 2, 4);
copyFileSync(
  join(data, 'test', first, readdirSync(join(data, 'test', first))[0]!),
  join(data, 'train', second, 'both.png'),
);
writeFileSync(join(data, 'train', second, 'broken.jpg'), 'no picture');

test('check names what is wrong, with examples, what it means and the next command', async () => {
  const { status, stdout, stderr } = await cli('check', data, '--examples', '1');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^26 pictures of data, 2 classes: 20 training and 6 test \(/);
  assert.match(stdout, /\n6 test pictures: 80 % right would be .* to .* % \(95 % interval\)\n/);
  assert.match(
    stdout,
    /\nbroken: 1 of 26 pictures cannot be read\n {4}train\/.*broken\.jpg: it is a text file, not a picture/,
  );
  assert.match(stdout, /\nleaks: 1 picture in more than one part: 1 of 6 test pictures is in training too\n/);
  assert.match(stdout, /\n {4}test\/.* = train\/.*both\.png \(the same file\)\n/);
  assert.match(stdout, /\nduplicates: 1 picture more than once, named above\n\nfew: /);
  assert.match(stdout, /\nconflicts: 1 picture under more than one class, named above\n/);
  assert.match(stdout, /\nnothing found: .*imbalance/);
  assert.match(stdout, /\nnext: rescaled check .* -o check\.html\n {6}rescaled check .* --json\n?$/m);
  assert.doesNotMatch(stdout, /rescaled train .*data/, 'it would refuse so many broken ones');
});

test('--json has all of it under names that stay', async () => {
  const { status, stdout, stderr } = await cli('check', data, '--json', '--fail-on', 'broken, few');
  assert.equal(status, 1);
  assert.match(stderr, /--fail-on: broken, few\./);
  const json = JSON.parse(stdout);
  assert.deepEqual(Object.keys(json), [
    ...['format', 'data', 'name', 'kind', 'pictures', 'classes', 'parts', 'broken', 'annotations', 'groups', 'absent'],
    ...['balance', 'measured', 'folders', 'ignored', 'odd', 'exactOnly', 'found', 'seconds', 'failedOn'],
  ]);
  assert.equal(json.format, 'rescaled check 1');
  assert.deepEqual(Object.keys(json.found), Object.keys(CHECK_KINDS));
  assert.deepEqual([json.found.broken, json.found.leaks, json.found.conflicts], [1, 1, 1]);
  assert.deepEqual(json.failedOn, ['broken', 'few']);
  const [group] = json.groups;
  assert.deepEqual([group.kinds, group.match, group.mirrored], [['leaks', 'conflicts', 'duplicates'], 'file', false]);
  assert.deepEqual(Object.keys(group.pictures[0]), ['path', 'part', 'class']);
  // Wilson's interval of 5 of 6.
  assert.ok(
    Math.abs(json.measured.interval80.low - 0.4365) < 1e-3 && Math.abs(json.measured.interval80.high - 0.9699) < 1e-3,
  );
});

test('exit codes: what --fail-on names, and nothing else', async () => {
  assert.equal((await cli('check', data, '--fail-on', 'leaks,conflicts')).status, 1);
  assert.equal((await cli('check', data, '--fail-on', 'imbalance,absent,odd')).status, 0);
  assert.equal((await cli('check', clean, '--fail-on', 'broken,leaks,conflicts,duplicates')).status, 0);
});

test('-o writes a page with the pictures; a second one needs --force', async () => {
  const page = join(folder, 'page.html');
  const done = await cli('check', data, '-o', page);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /\npage {3}.*page\.html\n$/);
  const html = readFileSync(page, 'utf8');
  assert.match(html, /<h2>Before you train<\/h2>/);
  assert.match(html, /<h2>In two parts<\/h2>[^]*?<h3>The same file: [^<]+, [^<]+<\/h3>/);
  // Both copies are drawn.
  const leaks = html.slice(html.indexOf('id="leaks"'), html.indexOf('</section>', html.indexOf('id="leaks"')));
  assert.equal(leaks.match(/<img src="data:image\/jpeg;base64,/g)?.length, 2);
  const again = await cli('check', data, '-o', page);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /page\.html exists already\. --force replaces it/);
  assert.equal((await cli('check', data, '-o', page, '--force')).status, 0);
  assert.deepEqual(readdirSync(folder).sort(), ['clean', 'data', 'page.html']);
  rmSync(page);
});

test('IDX files are checked too', { skip: existsSync(FASHION) ? false : 'Fashion-MNIST is not here' }, async () => {
  const idx = join(folder, 'idx');
  mkdirSync(idx);
  for (const name of readdirSync(FASHION).filter((one) => one.startsWith('t10k')))
    copyFileSync(join(FASHION, name), join(idx, name));
  const { status, stdout } = await cli('check', idx, '--json');
  assert.equal(status, 0);
  const json = JSON.parse(stdout);
  assert.deepEqual([json.kind, json.pictures, json.found.broken], ['idx', 10000, 0]);
  assert.equal(json.folders[0].trap, 'refused', 'there is nothing to train on');
});

test('misuse is told in one line, with exit code 2', async () => {
  for (const [args, pattern] of [
    [[join(folder, 'none')], /Expected a folder at .*none but there is none/],
    [
      [data, '--fail-on', 'leak'],
      /for --fail-on but received "leak"\. Did you mean "leaks"\? Known: broken, annotations, leaks/,
    ],
    [[data, '-o', 'page.svg'], /ends in \.html to write but received "page\.svg"/],
    [[data, '-o', join(folder, 'nowhere', 'a.html')], /its folder does not exist/],
    [[data, '--examples', '-1'], /from 0 to 1000000 for --examples but received -1/],
    [[], /missing required argument 'data'/],
  ] as const) {
    const done = await cli('check', ...args);
    assert.equal(done.status, 2, args.join(' '));
    assert.match(done.stderr, pattern);
  }
});

test('--help names every kind', async () => {
  const { stdout } = await cli('check', '--help');
  for (const [kind, what] of Object.entries(CHECK_KINDS))
    assert.ok(stdout.includes(`${kind} `) && stdout.includes(what), kind);
});

test('a program writes the same page', async () => {
  const checking = checkData(data);
  let turn = await checking.next();
  while (turn.done !== true) turn = await checking.next();
  const [mine, theirs] = [join(folder, 'mine.html'), join(folder, 'theirs.html')];
  await writeCheckPage(turn.value, mine);
  await writeCheckPage(turn.value, mine); // replaces it
  assert.equal((await cli('check', data, '-o', theirs)).status, 0);
  const withoutTimes = (page: string): string =>
    readFileSync(page, 'utf8').replaceAll(/\d{4}-\d\d-\d\d[^<.]*|Made by Rescaled in [^,]*/g, '');
  assert.equal(withoutTimes(mine), withoutTimes(theirs));
  await assert.rejects(writeCheckPage(turn.value, join(folder, 'no', 'page.html')), /its folder does not exist/);
  await assert.rejects(writeCheckPage(turn.value, undefined as never), /a path for the second argument/);
});
