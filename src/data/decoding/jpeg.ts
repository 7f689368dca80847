import type { Crop } from '../../augment/crop.js';
import { type Pixels, pixelsOf, type Undecoded } from '../../augment/pixels.js';
import { type DecodeOptions, decodeBytes, plainSides } from './decode.js';
import { jpegDecoder } from './jpeg-decoder.js';

/** The part that was asked for could not be made; decoding the whole picture says why. */
export class NoPart extends Error {}

/** A picture that is decoded when it is known what of it is wanted. */
export interface Opened extends Undecoded {
  /** All of it. @throws BrokenPicture */
  whole(): Promise<Pixels>;
}

// Kept between calls: what `cut` gives lies here until it is called again.
let room = new Uint8Array(0);

/**
 * A JPEG of which only the part that a view shows is decoded, to the bytes that `decodeFile` gives. Undefined without the engine's decoder and
 * for files to which more has to be done: those that are turned (EXIF), have a colour profile, are CMYK or of a rare sampling, or are
 * reduced. Transforming the rest of the picture back, upsampling and converting it is saved; damage there is found all the same.
 */
export function openJpeg(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Opened | undefined {
  const jpeg = jpegDecoder(bytes);
  const sides = plainSides(bytes, options);
  if (jpeg === undefined || sides === undefined) return;
  const [width, height] = sides;
  return {
    width,
    height,
    cut(crop: Crop): Pixels {
      const length = 3 * crop.width * crop.height;
      if (room.length < length) room = new Uint8Array(length);
      if (!jpeg.jpegPart(bytes, crop.x, crop.y, crop.width, crop.height, room))
        throw new NoPart(`A part of ${name} could not be decoded.`);
      return pixelsOf(room.subarray(0, length), crop.width, crop.height);
    },
    whole: () => decodeBytes(bytes, name, options),
  };
}

/** A picture in memory, decoded at once where it cannot be later. @throws BrokenPicture */
export const openBytes = async (
  bytes: Uint8Array,
  name: string,
  options: DecodeOptions = {},
): Promise<Pixels | Opened> => openJpeg(bytes, name, options) ?? decodeBytes(bytes, name, options);
