import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { cli, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
const picture = join(folder, 'picture.png');
// Dark below, light above: what Solarize and Invert do can be told from one pixel.
const bytes = Buffer.alloc(3 * 90 * 60, 40);
bytes.fill(220, 0, 3 * 90 * 30);
await sharp(bytes, { raw: { width: 90, height: 60, channels: 3 } })
  .png()
  .toFile(picture);

/** Byte of the red channel at (x, y). */
async function pixelsOfGrid(file: string) {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    at: (x: number, y: number) => data[(y * info.width + x) * info.channels]!,
    width: info.width,
    height: info.height,
  };
}

test('augment draws a row an operation and a column a magnitude', async () => {
  const out = join(folder, 'grid.png');
  const done = await cli('augment', picture, '-o', out, '--size', '64', '--magnitudes', '0,5');
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stdout.trim(), out);
  const grid = await pixelsOfGrid(out);
  // Sixteen rows of 154 pixels below a head of 62; three pictures of 136 right of the names.
  assert.deepEqual([grid.width, grid.height], [118 + 3 * 136 + 8, 62 + 16 * 154 + 8]);
  const row = (operation: number, column: number, share: number) =>
    grid.at(118 + column * 136 + 64, Math.round(62 + operation * 154 + share * 128));
  assert.deepEqual([row(2, 0, 0.25), row(2, 0, 0.75)], [220, 40]);
  assert.deepEqual([row(2, 1, 0.25), row(2, 1, 0.75)], [35, 215], 'Invert');
  assert.deepEqual([row(5, 1, 0.25), row(5, 1, 0.75)], [35, 215], 'Solarize at magnitude 0: all');
  assert.deepEqual([row(5, 2, 0.25), row(5, 2, 0.75)], [35, 40], 'Solarize at magnitude 5: from 128');
});

test('one operation, a policy, an HTML page; the same seed draws the same', async () => {
  const make = async (name: string, ...args: string[]) => {
    const out = join(folder, name);
    const done = await cli('augment', picture, '--size', '32', '-o', out, '--force', ...args);
    assert.equal(done.status, 0, done.stderr);
    return readFileSync(out);
  };
  const one = await make('one.png', '--op', 'rotate', '--magnitudes', '10');
  assert.deepEqual(await make('two.png', '--op', 'Rotate', '--magnitudes', '10'), one);
  const policy = await make('policy.png', '--policy', 'randaugment', '--seed', '1');
  assert.deepEqual(await make('policy2.png', '--policy', 'randaugment', '--seed', '1'), policy);
  assert.notDeepEqual(await make('policy3.png', '--policy', 'randaugment', '--seed', '2'), policy);
  for (const name of ['autoaugment', 'trivialaugment', 'simclr'])
    assert.ok((await make(`${name}.png`, '--policy', name)).length > 1000);
  assert.match(
    (await make('page.html', '--op', 'Color')).toString(),
    /<title>Color, reference, at 32 pixels<\/title>[^]*src="data:image\/png;base64,/,
  );
});

test('misuse of augment is told in one line', async () => {
  for (const [args, pattern] of [
    [['--op', 'posterise'], /for --op but received "posterise".*Did you mean "Posterize"/],
    [['--policy', 'randaug'], /for --policy but received "randaug"/],
    [['--op', 'Color', '--policy', 'randaugment'], /--op or --policy but received both/],
    [['--magnitudes', '2,x'], /--magnitudes but received "2,x"/],
    [['--magnitudes', '90'], /from 0 to 50 for magnitude but received 90/],
    [['--size', '4'], /8 to 1024 pixels for --size but received 4/],
    [['-o', 'grid.bmp'], /ends in \.png or \.html to write but received "grid\.bmp"/],
    [['-o', join(folder, 'nowhere', 'a.png')], /its folder does not exist/],
  ] as const) {
    const done = await cli('augment', picture, ...args);
    assert.equal(done.status, 2, args.join(' '));
    assert.match(done.stderr, pattern);
  }
  const missing = await cli('augment', join(folder, 'none.png'));
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /Cannot read the picture .*none\.png/);
  assert.ok(!existsSync('augment.png'));
});
