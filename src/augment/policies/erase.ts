import type { Box, Pixels } from '../pixels.js';
import type { Random } from '../random.js';
import type { Fill } from './affine.js';

/** Fills a box of whole pixels, cut off at the borders of the picture, in `data` [H, W, 3]. */
export function fillBox(
  data: Uint8Array,
  { width, height }: Pick<Pixels, 'width' | 'height'>,
  box: Box,
  [red, green, blue]: Fill,
): void {
  const x0 = Math.max(0, box[0]);
  const x1 = Math.min(width, box[2]);
  const y1 = Math.min(height, box[3]);
  for (let y = Math.max(0, box[1]); y < y1; y++) {
    for (let i = (y * width + x0) * 3; i < (y * width + x1) * 3; i += 3) {
      data[i] = red;
      data[i + 1] = green;
      data[i + 2] = blue;
    }
  }
}

/**
 * The mean colour of ImageNet, 255 x (0.485, 0.456, 0.406) rounded: erased pixels become about 0 once the picture is
 * normalised.
 */
export const MEAN_COLOUR: Fill = [124, 116, 104];

/**
 * Share of the picture that is erased, and its aspect height / width. Source: torchvision RandomErasing's defaults,
 * after the paper.
 */
const AREA = [0.02, 0.33] as const;
const ASPECT = [0.3, 3.3] as const;
const ATTEMPTS = 10;

/**
 * The rectangle of random erasing (Zhong et al., arXiv 1708.04896; drawn as torchvision's RandomErasing draws it): area
 * uniform in 2 to 33 % of the picture, log aspect uniform between log 0.3 and log 3.3, smaller than the picture on both
 * sides, then a uniform place. Up to ten attempts; undefined when none fits.
 */
export function erasingBox(width: number, height: number, random: Random): Box | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * (AREA[0] + random.uniform() * (AREA[1] - AREA[0]));
    const [low, high] = [Math.log(ASPECT[0]), Math.log(ASPECT[1])];
    const aspect = Math.exp(low + random.uniform() * (high - low));
    const h = Math.round(Math.sqrt(area * aspect));
    const w = Math.round(Math.sqrt(area / aspect));
    if (h >= height || w >= width) continue;
    const y = random.int(height - h + 1);
    const x = random.int(width - w + 1);
    return [x, y, x + w, y + h];
  }
  return undefined;
}
