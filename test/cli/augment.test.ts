import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { pngOf, vocXml } from '../data/annotations/sets.js';
import { writeTree } from '../data/helpers.js';
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
    at: (x: number, y: number, channel = 0) => data[(y * info.width + x) * info.channels + channel]!,
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

test('a folder with boxes, masks or depth is drawn with them, whole and in views', async () => {
  const side = 32;
  const grey = await sharp(Buffer.alloc(3 * side * side, 100), { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
  const halves = (left: number, right: number): number[] =>
    Array.from({ length: side * side }, (_, i) => (i % side < side / 2 ? left : right));
  const three = (files: (i: number) => Record<string, Uint8Array | string>) =>
    Object.assign({}, ...[0, 1, 2].map(files)) as Record<string, Uint8Array | string>;
  /** The colour in the first cell, the whole picture, at a share of its sides. */
  const drawn = async (name: string, files: Record<string, Uint8Array | string>) => {
    const out = join(folder, `${name}.png`);
    const done = await cli('augment', writeTree(join(folder, name), files), '-o', out, '--size', '64');
    assert.equal(done.status, 0, done.stderr);
    const grid = await pixelsOfGrid(out);
    // Five pictures of 224 pixels a row.
    assert.equal(grid.width, 118 + 5 * 232 + 8);
    return (x: number, y: number) =>
      [0, 1, 2].map((channel) => grid.at(118 + Math.round(224 * x), 62 + Math.round(224 * y), channel));
  };
  const near = (found: readonly number[], wanted: readonly number[]): void =>
    assert.ok(
      found.every((value, i) => Math.abs(value - wanted[i]!) < 12),
      `${found} in place of ${wanted}`,
    );
  const over = (...colour: number[]): number[] => colour.map((value) => 0.45 * 100 + 0.55 * value);

  const masks = await drawn('masks', {
    'classes.txt': 'road\nsky\n',
    ...three((i) => ({ [`images/${i}.png`]: grey, [`masks/${i}.png`]: pngOf(side, halves(0, 255)) })),
  });
  near(masks(0.25, 0.5), over(255, 0, 0));
  near(masks(0.75, 0.5), [100, 100, 100]);
  const depth = await drawn(
    'depth',
    three((i) => ({ [`${i}.color.png`]: grey, [`${i}.depth.png`]: pngOf(side, halves(1000, 3000), { bits: 16 }) })),
  );
  near(depth(0.25, 0.5), over(255, 220, 0));
  near(depth(0.75, 0.5), over(0, 40, 255));
  const boxes = await drawn(
    'boxes',
    three((i) => ({
      [`JPEGImages/${i}.png`]: grey,
      [`Annotations/${i}.xml`]: vocXml(`${i}.png`, side, side, [{ name: 'cat', box: [9, 9, 24, 24] }]),
    })),
  );
  const frame = boxes(16.5 / 64, 0.5);
  assert.ok(frame[0]! > 200 && frame[1]! < 60, `${frame} on the edge of a box`);
  near(boxes(0.5, 0.5), [100, 100, 100]);

  const bare = await cli('augment', writeTree(join(folder, 'bare'), { '1.png': grey }), '-o', join(folder, 'b.png'));
  assert.match(bare.stderr, /a folder of pictures with boxes, masks or depth, but .*bare has none of these/);
  const op = await cli('augment', join(folder, 'masks'), '--op', 'Color', '-o', join(folder, 'c.png'));
  assert.match(op.stderr, /Expected a picture with --op or --policy but .*masks is a folder/);
  assert.deepEqual([bare.status, op.status], [2, 2]);
});
