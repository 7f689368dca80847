import { RescaledError } from '../../errors.js';

/**
 * A strict reader of tar headers: POSIX ustar and pax (IEEE Std 1003.1, "pax"), GNU long names (tar(5)) and the old form without a magic.
 *
 * Of our own, since what is needed is where each file begins, so that it can be read there and nothing is ever unpacked, and that everything
 * is refused which two readers might understand differently. Packages for tar unpack, and pass over what they do not know.
 */

/** A shard that cannot be read. Exit code 1. */
export class BrokenShard extends RescaledError {
  constructor(
    readonly shard: string,
    readonly reason: string,
    options: { cause?: unknown } = {},
  ) {
    super(`Cannot read the shard ${shard}: ${reason}`, options);
    this.name = 'BrokenShard';
  }
}

/** Where the bytes of a shard come from. */
export interface ShardBytes {
  /** For messages. */
  readonly name: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** So many bytes are asked for at a time when headers are read. */
  readonly window: number;
  /** Exactly these bytes. @throws BrokenShard */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A regular file in a shard. */
export interface TarEntry {
  readonly name: string;
  /** Of its first byte. */
  readonly offset: number;
  readonly size: number;
  /** Its content. */
  read(): Promise<Uint8Array>;
}

export interface TarLimits {
  /** Entries of one shard, extended headers and folders counted too. */
  entries: number;
  /** Bytes of a name. */
  name: number;
  /** Bytes of one extended header. */
  extended: number;
}

export const TAR_LIMITS: TarLimits = { entries: 4_000_000, name: 1024, extended: 64 * 1024 };

export const BLOCK = 512;
const TYPES: Readonly<Record<string, string>> = {
  1: 'a hard link',
  2: 'a symbolic link',
  3: 'a character device',
  4: 'a block device',
  6: 'a pipe (FIFO)',
  7: 'a contiguous file',
  K: 'a link with a long name',
  S: 'a sparse file',
  D: 'a folder of an incremental backup',
  M: 'a part of a file that goes on in another archive',
  V: 'the name of a volume',
};

/** What an extended header says of the next entry. */
interface Extended {
  path?: string;
  size?: number;
}

/**
 * The regular files of a shard, in order. Folders are passed over: they hold nothing.
 * @throws BrokenShard for anything that is not plain: links, devices, sparse files, names that lead out of the archive or hold control
 * characters, headers that do not add up, an archive that is cut off or goes on behind its end
 */
export async function* readTar(bytes: ShardBytes, limits: TarLimits = TAR_LIMITS): AsyncGenerator<TarEntry> {
  const window = new Window(bytes);
  let extended: Extended | undefined;
  const broken = (at: number, what: string): BrokenShard =>
    new BrokenShard(bytes.name, `the entry at byte ${at} ${what}`);
  for (let at = 0, count = 0; ; count++) {
    if (at === bytes.size && at === 0) throw new BrokenShard(bytes.name, 'it is empty (0 bytes)');
    if (at + BLOCK > bytes.size) throw cutOff(bytes, at);
    const block = await window.at(at, BLOCK);
    if (isZero(block)) {
      if (extended !== undefined) throw broken(at, 'is announced by an extended header and is not there');
      return await checkEnd(bytes, window, at);
    }
    if (count >= limits.entries)
      throw new BrokenShard(bytes.name, `it has more than ${limits.entries} entries. Write several shards`);
    let header: Header;
    try {
      header = parseHeader(block);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      if (at === 0 && block[0] === 0x1f && block[1] === 0x8b)
        throw new BrokenShard(
          bytes.name,
          'it is packed with gzip; expected a plain tar. Unpack it with "gunzip" first',
        );
      if (at === 0) throw new BrokenShard(bytes.name, `it is no tar archive: its first header ${error.message}`);
      throw broken(at, error.message);
    }
    const offset = at + BLOCK;
    const { type } = header;
    const size = extended?.size ?? header.size;
    const name = extended?.path ?? header.name;
    const shown = JSON.stringify(name.slice(0, 80));
    if (offset + size > bytes.size) throw cutOff(bytes, at);
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    const own = offset - BLOCK;
    try {
      if (type === 'x' || type === 'g' || type === 'L') {
        // GNU tar and Python never write two; where both say a path, nothing tells which one counts.
        if (extended !== undefined) throw new Wrong('is an extended header behind another one');
        if (size > limits.extended)
          throw new Wrong(`is an extended header of ${size} bytes; at most ${limits.extended} are read`);
        const content = await window.at(offset, size);
        const found: Extended = type === 'L' ? { path: longName(content) } : paxRecords(content, type === 'g');
        if (type === 'g') continue;
        extended = found;
        continue;
      }
      extended = undefined;
      checkName(name, limits.name);
      if (type === '5' || (type === '0' && name.endsWith('/'))) {
        if (size > 0) throw new Wrong(`is a folder (${shown}) of ${size} bytes`);
        continue;
      }
      if (type !== '0')
        throw new Wrong(
          `is ${TYPES[type] ?? `of type ${JSON.stringify(type)}`} (${shown}); shards hold regular files alone. Leave it out`,
        );
    } catch (error) {
      if (error instanceof Wrong) throw broken(own, error.message);
      throw error;
    }
    yield { name: name.replace(/^(?:\.\/)+/, ''), offset, size, read: () => window.at(offset, size) };
  }
}

/** A header that does not fit, in words that follow "the entry at byte N". */
class Wrong extends Error {}

const cutOff = ({ name, size }: ShardBytes, at: number): BrokenShard =>
  new BrokenShard(
    name,
    `it is cut off: the entry at byte ${at} does not end within its ${size} bytes, or the end mark is missing. Copy it again`,
  );

/** Bytes are asked for a window at a time, since small files and headers lie side by side. */
class Window {
  #from = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #source: ShardBytes;

  constructor(source: ShardBytes) {
    this.#source = source;
  }

  async at(offset: number, length: number): Promise<Uint8Array> {
    const begin = offset - this.#from;
    if (begin >= 0 && begin + length <= this.#bytes.length) return this.#bytes.subarray(begin, begin + length);
    const wanted = Math.min(Math.max(length, this.#source.window), this.#source.size - offset);
    const read = await this.#source.read(offset, wanted);
    this.#from = offset;
    this.#bytes = read;
    return read.subarray(0, length);
  }
}

/** Two blocks of zeros end an archive, and fill follows. */
async function checkEnd(bytes: ShardBytes, window: Window, at: number): Promise<void> {
  const rest = bytes.size - at;
  if (rest < 2 * BLOCK) throw cutOff(bytes, at);
  const behind = await window.at(at, Math.min(rest, 64 * 1024));
  if (!isZero(behind))
    throw new BrokenShard(
      bytes.name,
      `it goes on behind its end mark at byte ${at}: archives were joined as plain files. Join them with "tar -A"`,
    );
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

export interface Header {
  name: string;
  size: number;
  /** One character; '0' for a regular file. */
  type: string;
}

/** @throws Wrong */
function parseHeader(block: Uint8Array): Header {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  if (octal(block, 148, 8, 'checksum') !== sum) throw new Wrong('has a checksum that does not fit: it is damaged');
  const magic = latin1(block, 257, 8);
  if (magic !== 'ustar\x0000' && magic !== 'ustar  \0' && !/^\0+$/.test(magic))
    throw new Wrong(`has the unknown magic ${JSON.stringify(magic)}`);
  const type = String.fromCharCode(block[156]!);
  const prefix = magic === 'ustar\x0000' ? field(block, 345, 155) : '';
  const name = field(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: octal(block, 124, 12, 'size'),
    type: type === '\0' ? '0' : type,
  };
}

/**
 * The header in front of a file's content, as far as it says whose it is: `name` may be shortened where an extended header has it.
 * @returns undefined where there is no header
 */
export function headerOf(block: Uint8Array): Header | undefined {
  try {
    return parseHeader(block);
  } catch (error) {
    if (error instanceof Wrong) return undefined;
    throw error;
  }
}

const latin1 = (block: Uint8Array, at: number, length: number): string =>
  Buffer.from(block.buffer, block.byteOffset + at, length).toString('latin1');

/** A number in octal digits; of sizes from 8 GiB on, in base 256 (GNU). */
function octal(block: Uint8Array, at: number, length: number, what: string): number {
  if ((block[at]! & 0x80) !== 0) {
    let value = block[at]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + block[at + i]!;
    if (!Number.isSafeInteger(value)) throw new Wrong(`has an impossible ${what}`);
    return value;
  }
  const text = latin1(block, at, length);
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) throw new Wrong(`has no ${what} in octal digits`);
  return Number.parseInt(digits, 8);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Wrong('has a name that is not UTF-8');
  }
}

/** Text up to the first NUL. What hides behind it another reader might take for a part of the name. */
function field(block: Uint8Array, at: number, length: number): string {
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  if (end < 0) return decoded(bytes);
  if (!isZero(bytes.subarray(end))) throw new Wrong('has a name with a NUL character in it');
  return decoded(bytes.subarray(0, end));
}

function longName(content: Uint8Array): string {
  if (content.length < 2 || content.at(-1) !== 0) throw new Wrong('has a long name that does not end');
  const name = decoded(content.subarray(0, -1));
  if (name.includes('\0')) throw new Wrong('has a name with a NUL character in it');
  return name;
}

/** Records `LENGTH KEY=VALUE\n`, the length that of the whole record. What is not known says nothing of where files lie. */
function paxRecords(content: Uint8Array, global: boolean): Extended {
  const found: Extended = {};
  const seen = new Set<string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const digits = space < 0 || space - at > 10 ? '' : latin1(content, at, space - at);
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
    const record = content.subarray(space + 1, at + length);
    const equals = record.indexOf(0x3d);
    if (length === 0 || at + length > content.length || record.at(-1) !== 0x0a || equals < 1)
      throw new Wrong('has a pax header that is damaged');
    const key = decoded(record.subarray(0, equals));
    const value = record.subarray(equals + 1, -1);
    at += length;
    if (key.startsWith('GNU.sparse')) throw new Wrong('is a sparse file; shards hold plain files. Pack it without -S');
    if (key !== 'path' && key !== 'size' && key !== 'linkpath') continue;
    if (global) throw new Wrong(`is a header for all entries that sets their ${key}`);
    if (seen.has(key)) throw new Wrong(`has a pax header that says its ${key} twice`);
    seen.add(key);
    if (key === 'path') {
      found.path = decoded(value);
      if (found.path === '') throw new Wrong('has no name');
    } else if (key === 'size') {
      const text = decoded(value);
      if (!/^\d{1,15}$/.test(text)) throw new Wrong(`has the impossible size ${JSON.stringify(text.slice(0, 40))}`);
      found.size = Number(text);
    }
  }
  return found;
}

function checkName(name: string, most: number): void {
  const shown = JSON.stringify(name.slice(0, 80));
  if (name === '') throw new Wrong('has no name');
  if (Buffer.byteLength(name) > most)
    throw new Wrong(`has a name of ${Buffer.byteLength(name)} bytes; at most ${most} are read`);
  if (name.includes('\0')) throw new Wrong('has a name with a NUL character in it');
  if (/[\u0001-\u001f\u007f-\u009f]/.test(name)) throw new Wrong(`has a name with control characters: ${shown}`);
  if (/^[/\\]|^[a-z]:/i.test(name)) throw new Wrong(`has an absolute name: ${shown}`);
  if (name.split(/[/\\]/).includes('..')) throw new Wrong(`has a name that leads out of the archive: ${shown}`);
}
