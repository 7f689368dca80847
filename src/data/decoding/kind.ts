/** What a file is, told by its first bytes and not by its name. */
export interface FileKind {
  /** As people call it, with its article: `a BMP`, `an HTML page`. */
  readonly name: string;
  /** `read`: a kind that is decoded here; `picture`: another kind of picture; `other`: no picture. */
  readonly is: 'read' | 'picture' | 'other';
  /** How to make one of it that is read here; default `convert it to PNG or JPEG`. */
  readonly convert?: string;
}

/** What is decoded here, for messages. */
export const READ_KINDS = 'JPEG, PNG, WebP, GIF, TIFF, AVIF and BMP';

/** So many bytes are enough for `kindOf`. */
export const KIND_BYTES = 512;

const HEIC: FileKind = {
  name: 'an HEIC (HEVC inside, as phones write it)',
  is: 'picture',
  convert: 'convert it to JPEG, for example with "heif-convert in.heic out.jpg" or "magick in.heic out.jpg"',
};
const RAW = 'develop it to JPEG or TIFF with the programs of the camera, darktable or the like';

/** Kinds by what stands at an offset, as Latin-1. The first one that fits counts. */
const SIGNS: readonly [offset: number, sign: string, kind: FileKind][] = [
  [0, '\xff\xd8', { name: 'a JPEG', is: 'read' }],
  [0, '\x89PNG\r\n\x1a\n', { name: 'a PNG', is: 'read' }],
  [0, 'GIF8', { name: 'a GIF', is: 'read' }],
  [8, 'WEBP', { name: 'a WebP', is: 'read' }],
  [8, 'CR\x02', { name: 'a raw picture of a Canon camera', is: 'picture', convert: RAW }],
  [0, 'II*\0', { name: 'a TIFF', is: 'read' }],
  [0, 'MM\0*', { name: 'a TIFF', is: 'read' }],
  [0, 'II+\0', { name: 'a TIFF', is: 'read' }],
  [0, 'MM\0+', { name: 'a TIFF', is: 'read' }],
  [0, 'BM', { name: 'a BMP', is: 'read' }],
  [0, '\0\0\x01\0', { name: 'a Windows icon', is: 'picture' }],
  [0, '\0\0\x02\0', { name: 'a Windows cursor', is: 'picture' }],
  [0, '8BPS', { name: 'a Photoshop picture', is: 'picture' }],
  [0, '\0\0\0\x0cjP  ', { name: 'a JPEG 2000', is: 'picture' }],
  [0, '\xff\x4f\xff\x51', { name: 'a JPEG 2000', is: 'picture' }],
  [0, '\0\0\0\x0cJXL ', { name: 'a JPEG XL', is: 'picture' }],
  [0, '\xff\x0a', { name: 'a JPEG XL', is: 'picture' }],
  [0, 'II\xbc', { name: 'a JPEG XR', is: 'picture' }],
  [0, 'qoif', { name: 'a QOI', is: 'picture' }],
  [0, 'v/1\x01', { name: 'an OpenEXR', is: 'picture', convert: 'choose a range and write it as PNG' }],
  [0, '#?RADIANCE', { name: 'a Radiance HDR', is: 'picture', convert: 'choose a range and write it as PNG' }],
  [0, 'DDS ', { name: 'a DDS texture', is: 'picture' }],
  [0, '\x01\xda\0', { name: 'an SGI', is: 'picture' }],
  [0, '\x01\xda\x01', { name: 'an SGI', is: 'picture' }],
  [0, '\x0a\x05\x01', { name: 'a PCX', is: 'picture' }],
  [0, 'SIMPLE  =', { name: 'a FITS', is: 'picture', convert: 'choose a range and write it as PNG' }],
  [128, 'DICM', { name: 'a DICOM', is: 'picture', convert: 'choose a range and write it as PNG' }],
  [0, 'FUJIFILM', { name: 'a raw picture of a Fujifilm camera', is: 'picture', convert: RAW }],
  [0, '%PDF', { name: 'a PDF document', is: 'other' }],
  [0, '%!PS', { name: 'a PostScript document', is: 'other' }],
  [0, 'PK\x03\x04', { name: 'a ZIP archive', is: 'other', convert: 'unpack it' }],
  [0, '\x1f\x8b', { name: 'a gzip archive', is: 'other', convert: 'unpack it' }],
  [0, '7z\xbc\xaf', { name: 'a 7-Zip archive', is: 'other', convert: 'unpack it' }],
  [0, 'Rar!', { name: 'a RAR archive', is: 'other', convert: 'unpack it' }],
  [
    0,
    '\x1a\x45\xdf\xa3',
    { name: 'a video (Matroska or WebM)', is: 'other', convert: 'give its frames as JPEG or PNG' },
  ],
  [8, 'AVI ', { name: 'a video (AVI)', is: 'other', convert: 'give its frames as JPEG or PNG' }],
  [0, '\x93NUMPY', { name: 'a NumPy array', is: 'other', convert: 'write its pictures as PNG' }],
  [0, '\x89HDF', { name: 'an HDF5 file', is: 'other', convert: 'write its pictures as PNG' }],
];

/** The kind of a file by its first `KIND_BYTES` bytes; undefined where they say nothing. */
export function kindOf(head: Uint8Array): FileKind | undefined {
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, KIND_BYTES)).toString('latin1');
  if (start.startsWith('ftyp', 4)) return boxed(start);
  for (const [offset, sign, kind] of SIGNS) if (start.startsWith(sign, offset)) return kind;
  if (/^P[1-7][\s#]/.test(start)) return { name: 'a PBM, PGM, PPM or PAM', is: 'picture' };
  return written(start);
}

/** Files of boxes: HEIF, AVIF, MP4. The brands in the first box say which. */
function boxed(start: string): FileKind {
  const length = Math.min(Buffer.from(start.slice(0, 4), 'latin1').readUInt32BE(0), start.length);
  const brands = [start.slice(8, 12)];
  // The short form says what is inside in place of its version.
  if (brands[0] === 'mif3') brands.push(start.slice(12, 16));
  for (let at = 16; at + 4 <= length; at += 4) brands.push(start.slice(at, at + 4));
  const has = (...wanted: string[]): boolean => brands.some((brand) => wanted.includes(brand));
  if (has('avif', 'avis')) return { name: 'an AVIF', is: 'read' };
  if (has('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs')) return HEIC;
  if (has('mif1', 'mif2', 'mif3', 'msf1', 'miaf', 'j2ki', 'jpeg', 'vvic', 'unif')) return { ...HEIC, name: 'an HEIF' };
  if (has('crx ')) return { name: 'a raw picture of a Canon camera', is: 'picture', convert: RAW };
  return { name: 'a video (MP4, MOV or the like)', is: 'other', convert: 'give its frames as JPEG or PNG' };
}

/** What is written for people or programs to read: UTF-8 without control characters. */
function written(start: string): FileKind | undefined {
  const text = start.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (text === '' || /[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text)) return undefined;
  if (/^<(?:!doctype html|html|head|body|!--[^]*<html)/i.test(text))
    return { name: 'a web page (HTML)', is: 'other', convert: 'download the picture itself' };
  if (/^(?:<\?xml[^]*)?(?:<!--[^]*?-->\s*)?(?:<!doctype svg[^]*)?<svg\b/i.test(text))
    return { name: 'an SVG drawing', is: 'picture', convert: 'draw it to a PNG' };
  if (text.startsWith('version https://git-lfs'))
    return { name: 'a pointer of Git LFS', is: 'other', convert: 'run "git lfs pull"' };
  if (text.startsWith('<'))
    return { name: 'a text file (XML or HTML)', is: 'other', convert: 'put the picture itself here' };
  // Bytes above 127 must make whole characters.
  const utf8 = Buffer.from(text, 'latin1').toString('utf8');
  if (utf8.slice(0, -1).includes('\ufffd')) return undefined;
  return { name: 'a text file', is: 'other', convert: 'put the picture itself here' };
}
