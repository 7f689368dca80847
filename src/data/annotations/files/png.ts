import { open } from 'node:fs/promises';
import { BrokenPicture } from '../../decoding/decode.js';
import { KIND_BYTES, kindOf } from '../../decoding/kind.js';

/** What the beginning of a PNG says. */
export interface PngHead {
  readonly width: number;
  readonly height: number;
  /** Bits of a value: 1, 2, 4, 8 or 16. */
  readonly bits: number;
  readonly colour: 'grey' | 'rgb' | 'palette' | 'grey-alpha' | 'rgba';
}

const COLOURS: Readonly<Record<number, PngHead['colour']>> = {
  0: 'grey',
  2: 'rgb',
  3: 'palette',
  4: 'grey-alpha',
  6: 'rgba',
};

/** The head of a PNG's bytes. @returns what it is else, with its article */
export function pngHead(bytes: Uint8Array): PngHead | string {
  const kind = kindOf(bytes);
  if (kind?.name !== 'a PNG') return kind?.name ?? 'of no kind that is known';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const colour = bytes.length < 29 ? undefined : COLOURS[bytes[25]!];
  if (colour === undefined) return 'a damaged PNG';
  return { width: view.getUint32(16), height: view.getUint32(20), bits: bytes[24]!, colour };
}

/** The same of a file. @throws BrokenPicture where it cannot be read */
export async function pngHeadOf(path: string): Promise<PngHead | string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
      return bytesRead === 0 ? 'an empty file' : pngHead(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new BrokenPicture(path, code === 'ENOENT' ? 'no such file' : message, { cause: error });
  }
}

/** The colours of a palette, 0xRRGGBB by number. */
export function paletteOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (view.getUint32(at + 4) === 0x504c5445 && at + 8 + length <= bytes.length)
      return Array.from({ length: Math.floor(length / 3) }, (_, i) => {
        const from = at + 8 + 3 * i;
        return (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
      });
    at += 12 + length;
  }
  return [];
}
