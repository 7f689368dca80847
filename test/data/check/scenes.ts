import sharp from 'sharp';
import { Random } from '../../../src/augment/random.js';

/** Blobs of colour: a picture with detail of all sizes, another one for each seed. */
export async function scene(seed: number, width = 200, height = 160): Promise<Buffer> {
  const random = new Random(seed);
  const blobs = Array.from({ length: 40 }, () => {
    const [x, y, r] = [random.uniform() * width, random.uniform() * height, 4 + random.uniform() ** 2 * 50];
    const colour = [0, 1, 2].map(() => random.int(256)).join(',');
    return `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${r * (0.4 + random.uniform())}" fill="rgb(${colour})"/>`;
  });
  return sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${blobs.join('')}</svg>`),
  )
    .flatten({ background: '#7a8a9a' })
    .jpeg({ quality: 92 })
    .toBuffer();
}
