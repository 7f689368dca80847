// What lies on a picture's grid is seen as the picture is. Oracle: torchvision, Pillow and numpy (fixtures/make_views.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { augmentPlan, movesPixels } from '../../src/augment/policies/plan.js';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { Random } from '../../src/augment/random.js';
import { viewBoxes, viewDepth, viewMask } from '../../src/augment/targets.js';
import { applyView, drawView, evalSample, evalViewOf, trainSample, type View } from '../../src/augment/view.js';
import { decodeFile } from '../../src/data/decoding/decode.js';
import { packageRoot } from '../../src/package-root.js';

interface Viewed {
  crop: [number, number, number, number];
  size: number;
  shift: [number, number] | null;
  flip: boolean;
  image: number;
  mask: number;
  depth: number;
  boxes: number[][];
  visible: number[];
  drawn: (number[] | null)[];
}
interface Picture {
  file: string;
  boxes: number[][];
  mask: number;
  depth: number;
  views: Viewed[];
}

const fixtures = join(packageRoot, 'test', 'fixtures');
const { outside, pictures } = JSON.parse(readFileSync(join(fixtures, 'views.json'), 'utf8')) as {
  outside: number;
  pictures: Picture[];
};
const blob = readFileSync(join(fixtures, 'views.bin'));
const bytes = (start: number, length: number): Uint8Array => Uint8Array.from(blob.subarray(start, start + length));
const floats = (start: number, length: number): Float32Array => new Float32Array(bytes(start, 4 * length).buffer);
const [width, height] = [160, 120];

const viewOf = ({ crop: [x, y, w, h], size, shift, flip }: Viewed): View => ({
  width,
  height,
  crop: { x, y, width: w, height: h },
  size,
  ...(shift === null ? {} : { shift: { x: shift[0], y: shift[1] } }),
  flip,
});

for (const picture of pictures) {
  describe(`${picture.file} and its targets in six views`, () => {
    const mask = bytes(picture.mask, width * height);
    const depth = floats(picture.depth, width * height);
    for (const viewed of picture.views) {
      const { size } = viewed;
      const view = viewOf(viewed);
      it(`crop ${viewed.crop}, ${size} px, shift ${viewed.shift}, flip ${viewed.flip}`, async () => {
        const pixels = await decodeFile(join(fixtures, 'bccd', picture.file), { targetSize: 160 });
        assert.deepEqual(applyView(pixels, view), bytes(viewed.image, 3 * size * size), 'picture');
        assert.deepEqual(viewMask(mask, view, outside), bytes(viewed.mask, size * size), 'mask');
        assert.deepEqual(viewDepth(depth, view, -1), floats(viewed.depth, size * size), 'depth');
        const { boxes, visible } = viewBoxes(picture.boxes.flat(), view);
        for (const [i, expected] of viewed.boxes.entries()) {
          const found = [...boxes.subarray(4 * i, 4 * i + 4)];
          for (const [k, value] of expected.entries())
            assert.ok(Math.abs(found[k]! - value) < 1e-4, `box ${i}: ${found}`);
          assert.ok(Math.abs(visible[i]! - viewed.visible[i]!) < 1e-5, `box ${i}: ${visible[i]}`);
          const drawn = viewed.drawn[i];
          // The drawn box has whole pixels before and after: half of one of the picture's, and half of one of the view's.
          const near = 0.5 + (0.5 * size) / Math.min(viewed.crop[2], viewed.crop[3]);
          if (drawn != null)
            for (const [k, value] of drawn.entries())
              assert.ok(Math.abs(found[k]! - value) <= near + 1e-4, `${found} ${drawn}`);
        }
      });
    }
  });
}

describe('a view', () => {
  const pixels = { data: Uint8Array.from({ length: 3 * 50 * 40 }, (_, i) => (7 * i) % 251), width: 50, height: 40 };
  for (const cropMode of ['inception', 'pad', 'none'] as const)
    it(`is drawn once for a picture and its targets (${cropMode})`, () => {
      const options = preprocessOptions({ size: 24, cropMode, evalCrop: 1 });
      for (let i = 0; i < 50; i++) {
        const view = drawView(50, 40, options, new Random(1, 2, i));
        const sample = trainSample(pixels, options, new Random(1, 2, i));
        assert.deepEqual(sample.view, view);
        assert.deepEqual(sample.image, applyView(pixels, view));
        assert.deepEqual(structuredClone(view), view, 'plain data');
      }
    });

  it("of the evaluation is the centre crop's", () => {
    const options = preprocessOptions({ size: 24 });
    const { view, image } = evalSample(pixels, options);
    assert.deepEqual(view, evalViewOf(50, 40, options));
    assert.equal(view.flip, false);
    assert.deepEqual(image, applyView(pixels, view));
  });
});

describe('targets of another grid than the picture', () => {
  // The picture was reduced to half as it was decoded; boxes and mask are those of the file.
  const view: View = { width: 4, height: 2, crop: { x: 1, y: 0, width: 2, height: 2 }, size: 4, flip: false };
  const grid = { width: 8, height: 4 };

  it('boxes are scaled first', () => {
    const { boxes, visible } = viewBoxes([2, 0, 4, 4, 0, 1, 8, 3], view, grid);
    // x: (2/2 - 1) * 2 = 0, (4/2 - 1) * 2 = 2; y: 0 and 2 * 2 = 4. The second one spans x -2..6, of which 0..4 are seen.
    assert.deepEqual([...boxes], [0, 0, 2, 4, 0, 1, 4, 3]);
    assert.deepEqual([...visible], [1, 0.5]);
  });

  it('a mask keeps its finer detail', () => {
    const mask = Uint8Array.from({ length: 32 }, (_, i) => i);
    // Columns of the view lie over columns 2 to 5 of the mask, rows over 0 to 3.
    assert.deepEqual(
      [...viewMask(mask, view, 255, grid)],
      [2, 3, 4, 5, 10, 11, 12, 13, 18, 19, 20, 21, 26, 27, 28, 29],
    );
  });

  it('a map that does not fill its grid is refused', () => {
    assert.throws(() => viewMask(new Uint8Array(31), view, 0, grid), /Expected 8 x 4 values .* received 31/);
    assert.throws(() => viewBoxes([1, 2, 3], view), /four numbers a box but received 3/);
  });
});

it('depth is divided by the zoom where asked, but for places without a reading', () => {
  const view: View = { width: 2, height: 2, crop: { x: 0, y: 0, width: 2, height: 1 }, size: 4, flip: false };
  // Magnified 2 times across and 4 times down: sqrt(8).
  const found = viewDepth(Float32Array.of(8, 0, 1, 1), view, 0, { zoom: true });
  assert.deepEqual([...found.subarray(0, 4)], [8 / Math.sqrt(8), 8 / Math.sqrt(8), 0, 0].map(Math.fround));
});

it('depth of a photograph that was reduced as it was decoded is zoomed by its own pixels', () => {
  // 8 x 4 readings; the picture came out at 4 x 2. The view shows 4 x 4 readings in 4 x 4 pixels: nothing is magnified.
  const view: View = { width: 4, height: 2, crop: { x: 0, y: 0, width: 2, height: 2 }, size: 4, flip: false };
  const depth = new Float32Array(32).fill(7);
  const found = viewDepth(depth, view, 0, { zoom: true, grid: { width: 8, height: 4 } });
  assert.deepEqual([...found], new Array(16).fill(7));
});

it('a mark that is no exact float32 stays the same mark', () => {
  const view: View = { width: 2, height: 1, crop: { x: 0, y: 0, width: 2, height: 1 }, size: 4, flip: false };
  const found = viewDepth(Float32Array.of(0.1, 2), view, 0.1, { zoom: true });
  assert.equal(found[0], Math.fround(0.1));
});

it('a box out of sight is empty', () => {
  const view: View = { width: 10, height: 10, crop: { x: 5, y: 5, width: 5, height: 5 }, size: 5, flip: true };
  const { boxes, visible } = viewBoxes([0, 0, 4, 4, 7, 7, 7, 7], view);
  assert.deepEqual([...boxes], [5, 0, 5, 0, 3, 2, 3, 2]);
  assert.deepEqual([...visible], [0, 0]);
});

it('a policy that moves pixels is told from one that does not', () => {
  assert.equal(movesPixels(augmentPlan({ policy: 'randaugment' })), true);
  assert.equal(movesPixels(augmentPlan({ policy: 'randaugment', layers: 0 })), false);
  assert.equal(movesPixels(augmentPlan({ erasing: 0.5 })), false);
});
