// Views that keep the aspect, and what lies on the picture in them. Oracle: torchvision (fixtures/make_scaled_views.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { Random } from '../../src/augment/random.js';
import { viewBoxes, viewDepth, viewMask } from '../../src/augment/targets.js';
import { applyView, drawView, evalViewOf, frameOf, MEAN_COLOUR, type View } from '../../src/augment/view.js';
import { decodeFile } from '../../src/data/decoding/decode.js';
import { packageRoot } from '../../src/package-root.js';

interface Viewed {
  crop: [number, number, number, number];
  scaled: [number, number];
  size: number;
  shift: [number, number];
  flip: boolean;
  image: number;
  mask: number;
  depth: number;
  boxes: number[][];
  visible: number[];
}
interface Fixture {
  outside: number;
  fill: [number, number, number];
  pictures: { file: string; boxes: number[][]; mask: number; depth: number; views: Viewed[] }[];
}

const fixtures = join(packageRoot, 'test', 'fixtures');
const { outside, fill, pictures } = JSON.parse(readFileSync(join(fixtures, 'scaled_views.json'), 'utf8')) as Fixture;
const blob = gunzipSync(readFileSync(join(fixtures, 'scaled_views.bin.gz')));
const bytes = (start: number, length: number): Uint8Array => Uint8Array.from(blob.subarray(start, start + length));
const floats = (start: number, length: number): Float32Array => new Float32Array(bytes(start, 4 * length).buffer);
const [width, height] = [160, 120];

for (const picture of pictures)
  describe(`${picture.file} with its aspect kept`, () => {
    const mask = bytes(picture.mask, width * height);
    const depth = floats(picture.depth, width * height);
    for (const viewed of picture.views) {
      const { size, flip } = viewed;
      const [x, y, w, h] = viewed.crop;
      const view: View = {
        ...{ width, height, size, flip, fill },
        crop: { x, y, width: w, height: h },
        scaled: { width: viewed.scaled[0], height: viewed.scaled[1] },
        shift: { x: viewed.shift[0], y: viewed.shift[1] },
      };
      it(`as ${viewed.scaled}, shift ${viewed.shift}, flip ${flip}`, async () => {
        const pixels = await decodeFile(join(fixtures, 'bccd', picture.file));
        assert.deepEqual(applyView(pixels, view), bytes(viewed.image, 3 * size * size), 'picture');
        assert.deepEqual(viewMask(mask, view, outside), bytes(viewed.mask, size * size), 'mask');
        assert.deepEqual(viewDepth(depth, view, 0), floats(viewed.depth, size * size), 'depth');
        const found = viewBoxes(picture.boxes.flat(), view);
        for (const [i, value] of viewed.boxes.flat().entries())
          assert.ok(Math.abs(found.boxes[i]! - value) < 1e-4, `box ${i >> 2}: ${found.boxes}`);
        for (const [i, value] of viewed.visible.entries()) assert.ok(Math.abs(found.visible[i]! - value) < 1e-6);
      });
    }
  });

describe('drawn views', () => {
  const options = preprocessOptions({ size: 64, fit: 'letterbox', cropMode: 'scale', scaleRange: [0.1, 2], flip: 0.5 });

  it('evaluation sees all of a picture in the upper left corner', () => {
    const view = evalViewOf(640, 479, options);
    assert.deepEqual(view, {
      ...{ width: 640, height: 479, size: 64, flip: false, fill: MEAN_COLOUR },
      crop: { x: 0, y: 0, width: 640, height: 479 },
      scaled: { width: 64, height: 48 },
      shift: { x: 0, y: 0 },
    });
    assert.deepEqual(evalViewOf(10, 20, options).scaled, { width: 32, height: 64 });
    assert.deepEqual(evalViewOf(10000, 3, options).scaled, { width: 64, height: 1 });
  });

  it('sizes are spread over the range, places over what there is, and flips move what is filled nowhere', () => {
    const sizes: number[] = [];
    const flips = new Set<boolean>();
    for (let i = 0; i < 400; i++) {
      const view = drawView(200, 100, options, new Random(1, 0, i));
      const { scaled, shift, flip } = view;
      sizes.push(scaled!.width / 64);
      flips.add(flip);
      assert.ok(Math.abs(scaled!.width / scaled!.height / 2 - 1) <= 0.5 / scaled!.height + 1e-9, 'aspect');
      if (scaled!.width <= 64) {
        // Flipped or not, the picture begins on the left.
        const [x0] = viewBoxes([0, 0, 200, 100], view).boxes;
        assert.ok(Math.abs(x0!) < 1e-9, `${x0}`);
      } else assert.ok(shift!.x >= 0 && shift!.x <= scaled!.width - 64, `${shift!.x}`);
      if (scaled!.height > 64) assert.ok(shift!.y >= 0 && shift!.y <= scaled!.height - 64);
      else assert.equal(shift!.y, 0);
    }
    assert.equal(flips.size, 2);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    assert.ok(Math.min(...sizes) < 0.15 && Math.max(...sizes) > 1.95 && Math.abs(mean - 1.05) < 0.1, `${mean}`);
  });

  it('a frame gives the way back from the view to the picture', () => {
    for (let i = 0; i < 50; i++) {
      const view = drawView(200, 100, options, new Random(2, 0, i));
      const { crop, shift } = frameOf(view);
      const { boxes, visible } = viewBoxes([90, 40, 110, 60], view);
      if (visible[0]! < 1) continue;
      const back = [...boxes].map((edge, k) => {
        const u = view.flip && k % 2 === 0 ? view.size - boxes[2 - k]! : edge;
        const [from, side, cut] = k % 2 === 0 ? [crop.x, crop.width, shift.x] : [crop.y, crop.height, shift.y];
        return from + ((u + cut) * side) / view.size;
      });
      for (const [k, edge] of [90, 40, 110, 60].entries()) assert.ok(Math.abs(back[k]! - edge) < 1e-3, `${back}`);
    }
  });

  it('a view that looks past the picture altogether is filled', () => {
    const view: View = {
      ...{ width: 4, height: 4, size: 2, flip: false, fill: [1, 2, 3] },
      crop: { x: 0, y: 0, width: 4, height: 4 },
      scaled: { width: 4, height: 4 },
      shift: { x: 9, y: 0 },
    };
    const pixels = { data: new Uint8Array(48).fill(9), width: 4, height: 4 };
    assert.deepEqual([...applyView(pixels, view)], [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    assert.deepEqual([...viewMask(new Uint8Array(16), view, 255)], [255, 255, 255, 255]);
    assert.deepEqual([...viewBoxes([0, 0, 4, 4], view).visible], [0]);
  });
});
