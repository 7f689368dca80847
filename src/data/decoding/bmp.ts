import { RescaledError } from '../../errors.js';

/** RGB, or RGBA where the picture has transparency; rows from the top. */
export interface BmpPixels {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** What stands before the pixels. */
export interface BmpHeader {
  width: number;
  height: number;
  topDown: boolean;
  bits: number;
  compression: number;
  /** Where the header ends, and the masks that may follow it. */
  end: number;
  /** Where the pixels begin. */
  offset: number;
  colours: number;
  masks: readonly [red: number, green: number, blue: number, alpha: number];
  /** Bytes of a colour of the palette. */
  entry: 3 | 4;
}

const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;

/**
 * The header of a Windows or OS/2 bitmap (BITMAPCOREHEADER, BITMAPINFOHEADER and its versions 2 to 5).
 * @throws RescaledError with a reason for what is damaged or of a kind that is not read
 */
export function bmpHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) throw cut();
  const size = view.getUint32(14, true);
  const core = size === 12;
  if (!core && ![16, 40, 52, 56, 64, 108, 124].includes(size))
    throw new RescaledError(`a header of ${size} bytes is not known`);
  if (bytes.length < 14 + size) throw cut();
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const full = size >= 40;
  const compression = full ? view.getUint32(30, true) : RGB;
  const masked = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  // Of the first version the masks follow the header, of later ones they are part of it.
  const behind = size === 40 && masked ? (compression === ALPHA_BITFIELDS ? 16 : 12) : 0;
  if (bytes.length < 14 + size + behind) throw cut();
  if (width <= 0 || height === 0) throw new RescaledError(`it says ${width} x ${Math.abs(height)} pixels`);
  // OS/2 has compressions of its own under the same numbers.
  if (size === 64 && compression !== RGB && compression !== RLE8 && compression !== RLE4)
    throw new RescaledError(`compression ${compression} of OS/2 is not read`);
  const known: Record<number, number[]> = {
    [RGB]: [1, 2, 4, 8, 16, 24, 32],
    [RLE8]: [8],
    [RLE4]: [4],
    [BITFIELDS]: [16, 32],
    [ALPHA_BITFIELDS]: [16, 32],
  };
  if (known[compression]?.includes(bits) !== true)
    throw new RescaledError(`${bits} bits a pixel with compression ${compression} are not read`);
  if (height < 0 && (compression === RLE8 || compression === RLE4))
    throw new RescaledError('it is compressed and stands on its head');
  const mask = (i: number): number => view.getUint32(54 + 4 * i, true);
  const usual = bits === 16 ? ([0x7c00, 0x3e0, 0x1f, 0] as const) : ([0xff0000, 0xff00, 0xff, 0] as const);
  const alpha = size >= 56 && size !== 64 ? mask(3) : behind === 16 ? mask(3) : 0;
  return {
    width,
    height: Math.abs(height),
    topDown: height < 0,
    bits,
    compression,
    end: 14 + size + behind,
    offset: view.getUint32(10, true),
    colours: full ? view.getUint32(46, true) : 0,
    masks: masked ? [mask(0), mask(1), mask(2), alpha] : usual,
    entry: core ? 3 : 4,
  };
}

/**
 * The pixels of a bitmap as 8-bit RGB. (Readers of npm were tried on a suite of bitmaps and gave wrong pixels for odd
 * widths, palettes and compressed ones.) A colour profile inside is not looked at.
 * @throws RescaledError with a reason for what is damaged or of a kind that is not read
 */
export function decodeBmp(bytes: Uint8Array): BmpPixels {
  const header = bmpHeader(bytes);
  const { width, height, bits, compression, offset } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (compression === RLE8 || compression === RLE4) return fromIndices(header, bytes, unpacked(header, bytes));
  const stride = 4 * Math.ceil((width * bits) / 32);
  // The last row may lack its padding.
  if (offset + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) throw cut();
  const row = (y: number): number => offset + stride * (header.topDown ? y : height - 1 - y);
  if (bits <= 8) {
    const indices = new Uint8Array(width * height);
    const [each, least] = [8 / bits, (1 << bits) - 1];
    for (let y = 0, o = 0; y < height; y++) {
      const from = row(y);
      for (let x = 0; x < width; x++)
        indices[o++] = (bytes[from + Math.floor(x / each)]! >> (8 - bits - bits * (x % each))) & least;
    }
    return fromIndices(header, bytes, indices);
  }
  if (bits === 24) {
    const data = new Uint8Array(3 * width * height);
    for (let y = 0, o = 0; y < height; y++)
      for (let x = 0, i = row(y); x < width; x++, i += 3, o += 3) {
        data[o] = bytes[i + 2]!;
        data[o + 1] = bytes[i + 1]!;
        data[o + 2] = bytes[i]!;
      }
    return { data, width, height, channels: 3 };
  }
  const parts = header.masks.map(channelOf);
  const alpha = header.masks[3] !== 0;
  const data = new Uint8Array(4 * width * height);
  let seen = false;
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0, i = row(y); x < width; x++, i += bits / 8, o += 4) {
      const pixel = bits === 16 ? view.getUint16(i, true) : view.getUint32(i, true);
      for (let c = 0; c < 3; c++) data[o + c] = parts[c]!(pixel);
      data[o + 3] = alpha ? parts[3]!(pixel) : 255;
      seen ||= data[o + 3]! > 0;
    }
  // Programs that know no transparency leave it at 0 throughout.
  if (!seen) for (let o = 3; o < data.length; o += 4) data[o] = 255;
  return { data, width, height, channels: 4 };
}

const cut = (): RescaledError => new RescaledError('it ends too early');

/** The bits of a mask as a number from 0 to 255. */
function channelOf(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  if ((most & (most + 1)) !== 0) throw new RescaledError('a mask of its colours has a gap');
  return (pixel) => Math.round((255 * ((pixel & mask) >>> shift)) / most);
}

function fromIndices(
  { width, height, bits, end, offset, colours, entry }: BmpHeader,
  bytes: Uint8Array,
  indices: Int16Array | Uint8Array,
): BmpPixels {
  const most = 1 << bits;
  const there = Math.min(colours === 0 ? most : colours, Math.floor((Math.min(offset, bytes.length) - end) / entry));
  if (!(there > 0)) throw new RescaledError('its palette is missing');
  const data = new Uint8Array(4 * width * height);
  let clear = false;
  for (let i = 0, o = 0; i < indices.length; i++, o += 4) {
    const index = indices[i]!;
    // What a compressed picture leaves out is not painted.
    if (index < 0) {
      clear = true;
      continue;
    }
    if (index >= there) throw new RescaledError(`a pixel has colour ${index} of a palette of ${there}`);
    const at = end + entry * index;
    data[o] = bytes[at + 2]!;
    data[o + 1] = bytes[at + 1]!;
    data[o + 2] = bytes[at]!;
    data[o + 3] = 255;
  }
  if (clear) return { data, width, height, channels: 4 };
  const opaque = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) opaque.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
  return { data: opaque, width, height, channels: 3 };
}

/** Runs of colours, from the bottom row up; -1 where nothing is said. */
function unpacked({ width, height, offset, compression }: BmpHeader, bytes: Uint8Array): Int16Array {
  const indices = new Int16Array(width * height).fill(-1);
  const nibbles = compression === RLE4;
  let [at, x, y] = [offset, 0, 0];
  const next = (): number => {
    if (at >= bytes.length) throw cut();
    return bytes[at++]!;
  };
  const put = (index: number): void => {
    if (x >= width || y >= height) throw new RescaledError('a run of its pixels leaves the picture');
    indices[(height - 1 - y) * width + x++] = index;
  };
  for (;;) {
    const [count, value] = [next(), next()];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibbles ? (i % 2 === 0 ? value >> 4 : value & 15) : value);
    } else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) return indices;
    else if (value === 2) [x, y] = [x + next(), y + next()];
    else {
      const begin = at;
      for (let i = 0, byte = 0; i < value; i++) {
        if (!nibbles || i % 2 === 0) byte = next();
        put(nibbles ? (i % 2 === 0 ? byte >> 4 : byte & 15) : byte);
      }
      at += (at - begin) % 2;
    }
  }
}
