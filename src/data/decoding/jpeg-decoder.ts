/** The engine's decoder of JPEG, where it was built with one (native/jpeg.cpp). */
export interface JpegDecoder {
  /** [width, height] of a plain file, see `openJpeg`; undefined for any other. */
  jpegSides(bytes: Uint8Array): [width: number, height: number] | undefined;
  /**
   * Writes the pixels of a part, [height, width, 3]. The whole of the file is read for it.
   * @returns false where the file is damaged, wherever that is, or not plain
   */
  jpegPart(bytes: Uint8Array, x: number, y: number, width: number, height: number, target: Uint8Array): boolean;
  /** The same with all of it, in the background; neither array may be moved meanwhile. */
  jpegWhole(bytes: Uint8Array, target: Uint8Array): Promise<boolean>;
}

let decoder: JpegDecoder | undefined;

/** From now on in this thread; undefined for none. */
export function useJpegDecoder(given: JpegDecoder | undefined): void {
  decoder = given;
}

/** This thread's for these bytes, where they may be a JPEG. Memory that threads share is not handed to native code. */
export const jpegDecoder = (bytes: Uint8Array): JpegDecoder | undefined =>
  bytes[0] === 0xff && bytes[1] === 0xd8 && bytes.buffer instanceof ArrayBuffer ? decoder : undefined;
