import type { Source } from './source.js';

/** Pictures whose headers are read. */
const SAMPLE = 32;

/**
 * The shorter side of a picture as it lies on disk, in pixels: the middle one of a sample, evenly taken. Files are not
 * decoded for it.
 * @returns undefined where no picture of the sample can be read
 */
export async function typicalSide(source: Source): Promise<number | undefined> {
  if (source.spec.kind === 'idx') return Math.min(source.spec.rows, source.spec.columns);
  const { default: sharp } = await import('sharp');
  const step = Math.max(1, Math.floor(source.length / SAMPLE));
  const sample = Array.from({ length: Math.min(SAMPLE, source.length) }, (_, i) => i * step);
  const sides = await Promise.all(
    sample.map(async (i) => {
      try {
        // Of a file sharp reads no more than it needs.
        const input = source.spec.kind === 'files' ? source.describe(i) : await source.encoded!.read(i);
        const { width, height } = await sharp(input).metadata();
        return Math.min(width, height);
      } catch {
        // Whoever trains on it is told.
        return undefined;
      }
    }),
  );
  const known = sides.filter((side) => side !== undefined && side > 0).sort((a, b) => a! - b!);
  return known[known.length >> 1];
}
