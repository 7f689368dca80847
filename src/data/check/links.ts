import type { Link } from './groups.js';
import { type Looked, samePixels } from './look.js';
import type { Pictures } from './opened.js';
import { type NearPair, nearPairs, type Sides } from './pairs.js';

/** Reduced pictures that are equal are decoded whole, to tell; see `look`. */
const REDUCED_ABOVE = 64;

/**
 * Which pictures are the same, or nearly. Of pictures with the same bytes or pixels one is compared with others.
 * @param sides of each picture, where only near copies across them are wanted
 */
export async function* linksOf(
  pictures: Pictures,
  looked: Looked,
  { sides, signal }: { sides?: Sides; signal?: AbortSignal } = {},
): AsyncGenerator<number, Link[]> {
  const { links, alone } = await exactLinks(pictures, looked);
  // The one that is compared stands where all of them stand.
  const standing = sides && Uint8Array.from(sides);
  if (standing !== undefined) for (const { a, b } of links) standing[a]! |= standing[b]!;
  const comparing = nearPairs(
    looked.thumbs,
    alone.filter((i) => looked.compared[i] === 1),
    { ...(standing && { sides: standing }), ...(signal && { signal }) },
  );
  let turn = await comparing.next();
  for (; turn.done !== true; turn = await comparing.next()) yield turn.value;
  for (const pair of turn.value) {
    const { a, b, mirrored } = pair;
    const match =
      isWhole(pair, looked) && (await samePixels(pictures.encoded(a)!, pictures.encoded(b)!)) ? 'pixels' : 'near';
    links.push({ a, b, match, mirrored });
  }
  return links;
}

/**
 * Pictures with the same bytes or pixels.
 * @returns links from the first to the others, and one of each that are the same
 */
async function exactLinks(pictures: Pictures, looked: Looked): Promise<{ links: Link[]; alone: Int32Array }> {
  const links: Link[] = [];
  const alone: number[] = [];
  const byFile = new Map<string, number>();
  const byPixels = new Map<string, number>();
  for (let i = 0; i < pictures.length; i++) {
    const [file, pixels] = [looked.files[i], looked.pixels[i]];
    if (pixels === undefined) continue;
    const same = file === undefined ? undefined : byFile.get(file);
    if (same !== undefined) {
      links.push({ a: same, b: i, match: 'file', mirrored: false });
      continue;
    }
    if (file !== undefined) byFile.set(file, i);
    const like = byPixels.get(pixels);
    if (like === undefined) {
      byPixels.set(pixels, i);
      alone.push(i);
      continue;
    }
    const reduced = Math.min(looked.width[i]!, looked.height[i]!) > REDUCED_ABOVE;
    const whole = !reduced || (await samePixels(pictures.encoded(like)!, pictures.encoded(i)!));
    links.push({ a: like, b: i, match: whole ? 'pixels' : 'near', mirrored: false });
  }
  return { links, alone: Int32Array.from(alone) };
}

/** Whether two near copies may have the same pixels: files of different kinds are reduced in different ways. */
const isWhole = ({ a, b, mirrored, likeness }: NearPair, { width, height, files }: Looked): boolean =>
  !mirrored &&
  files[a] !== undefined &&
  width[a] === width[b] &&
  height[a] === height[b] &&
  likeness.correlation > 0.99;
