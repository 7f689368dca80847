import type sharpOf from 'sharp';

export type Colour = readonly [red: number, green: number, blue: number];

/** Turns of the circle of hues from class to class: the golden ratio, so that neighbours differ however many there are. */
const TURN = 0.618034;

/** A colour of its own for each class, the same for all programs: hue i * 0.618 of the circle, in three steps of lightness. */
export function classColours(count: number): Colour[] {
  return Array.from({ length: count }, (_, i) => hsl((i * TURN) % 1, 0.65, [0.5, 0.65, 0.35][i % 3]!));
}

function hsl(hue: number, saturation: number, lightness: number): Colour {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const part = (n: number): number => {
    const k = (n + hue * 12) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

/** Near to far: from yellow over red to dark blue, readable without colours too (the ends of matplotlib's `plasma`, backwards). */
const DEPTHS: readonly Colour[] = [
  ...([
    [240, 249, 33],
    [248, 149, 64],
    [204, 71, 120],
    [126, 3, 168],
  ] as const),
  [13, 8, 135],
];

/** @param share 0 near, 1 far */
export function depthColour(share: number): Colour {
  const at = Math.min(1, Math.max(0, share)) * (DEPTHS.length - 1);
  const low = Math.min(DEPTHS.length - 2, Math.floor(at));
  const [a, b] = [DEPTHS[low]!, DEPTHS[low + 1]!];
  return [0, 1, 2].map((c) => Math.round(a[c]! + (at - low) * (b[c]! - a[c]!))) as unknown as Colour;
}

/** How strongly colours cover a picture. */
const OPAQUE = 0.6;

/**
 * Colours over a picture of which the grey values are left.
 * @param image bytes [n, 3] @param colourOf of pixel i; undefined leaves it as it is
 */
export function tinted(image: Uint8Array, colourOf: (i: number) => Colour | undefined, opaque = OPAQUE): Uint8Array {
  const out = new Uint8Array(image);
  for (let i = 0; i < image.length / 3; i++) {
    const colour = colourOf(i);
    if (colour === undefined) continue;
    // ITU-R BT.601
    const grey = 0.299 * image[3 * i]! + 0.587 * image[3 * i + 1]! + 0.114 * image[3 * i + 2]!;
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round((1 - opaque) * grey + opaque * colour[c]!);
  }
  return out;
}

/** The bytes [S, S, 3] of a PNG in base64. */
export async function bytesOfPng(png: string): Promise<Uint8Array> {
  const { default: sharp } = (await import('sharp')) as { default: typeof sharpOf };
  return sharp(Buffer.from(png, 'base64')).removeAlpha().raw().toBuffer();
}

/** A picture of these sides for a page: `data:image/...`. Few pixels as a PNG, else a JPEG. */
export async function pictureUri(image: Uint8Array, width: number, height: number): Promise<string> {
  const { default: sharp } = (await import('sharp')) as { default: typeof sharpOf };
  const raw = sharp(image, { raw: { width, height, channels: 3 } });
  const small = Math.max(width, height) <= 64;
  const file = await (small ? raw.png() : raw.jpeg({ quality: 82, chromaSubsampling: '4:4:4' })).toBuffer();
  return `data:image/${small ? 'png' : 'jpeg'};base64,${file.toString('base64')}`;
}
