import { RescaledError } from '../../errors.js';
import { kindOf, READ_KINDS } from './kind.js';

/** Whether an error may be what libvips says of a picture: neither ours nor the system's. */
export const isDecoders = (error: unknown): boolean =>
  !(error instanceof RescaledError) && (error as NodeJS.ErrnoException).code === undefined;

/** One line that says what is wrong, from a system or decoder error. @param bytes the beginning of the file */
export function reasonOf(error: unknown, bytes: Uint8Array | undefined): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  const text = String(message ?? error);
  if (bytes === undefined || code !== undefined) return oneLine(text);
  if (text.startsWith('its ')) return text;
  const kind = kindOf(bytes);
  if (kind === undefined) return `it is of no kind that is known, or its beginning is damaged; expected ${READ_KINDS}`;
  const detail = oneLine(
    ofKind(text, kind.name)
      .replace(INNER, '')
      .replace(/^\s*\w+: (?:source input: )?/gm, ''),
  );
  return `it is ${kind.name} that is damaged, cut off or of a rare kind${detail === '' ? '' : ` (${detail})`}`;
}

/** What the decoder says of its own insides, or of what it passes over. */
const INNER =
  /^.*(?:bad seek to|unable to load from|set_get_field_type|Input (?:buffer|file)|Unknown error|libpng read error|profile).*$\n?/gim;

/** libvips repeats itself, one line a retry: each line once, and not more than a terminal can show. */
function oneLine(text: string): string {
  const lines = new Set(text.split('\n').map((line) => line.trim()));
  return [...lines]
    .filter((line) => line !== '')
    .join('; ')
    .slice(0, 200);
}

/** How what libvips' readers of a kind say begins. */
const READERS: Readonly<Record<string, RegExp>> = {
  'a JPEG': /^(?:VipsJpeg|jpegload)/,
  'a PNG': /^(?:vipspng|pngload)/,
  'a WebP': /^webp/,
  'a GIF': /^gifload/,
  'a TIFF': /^tiff/i,
  'an AVIF': /^heif/,
};

/** Without the lines of readers of other kinds: they are of pictures that other threads decode at the same time. */
function ofKind(text: string, kind: string): string {
  const others = Object.entries(READERS).filter(([name]) => name !== kind);
  const own = (line: string): boolean => !others.some(([, reader]) => reader.test(line.trim()));
  return text.split('\n').filter(own).join('\n');
}
