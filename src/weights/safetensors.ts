import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { RescaledError, UsageError } from '../errors.js';

export type SafeDType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

const ITEM_BYTES: Readonly<Record<SafeDType, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
/** Longest header that is read, as in the reference implementation. */
const HEADER_LIMIT = 100_000_000;

export interface TensorEntry {
  dtype: SafeDType;
  shape: number[];
  /** Bytes within the data part. */
  begin: number;
  end: number;
}

/** A .safetensors file, read tensor by tensor. All checks come before anything of the stated sizes is allocated. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    readonly metadata: Readonly<Record<string, string>>,
    readonly entries: ReadonlyMap<string, TensorEntry>,
    readonly file: number,
    readonly dataStart: number,
  ) {}

  /** @throws UsageError when there is no such file, RescaledError when it is not valid */
  static open(path: string): SafetensorsFile {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      throw new UsageError(`Expected a weights file but ${path} cannot be opened: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}.`);
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new UsageError(`Expected a weights file but ${path} is not a file.`);
      const { header, dataStart } = readHeader(file, stat.size, path);
      const { metadata, entries } = checkHeader(header, stat.size - dataStart, path);
      return new SafetensorsFile(path, metadata, entries, file, dataStart);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new RescaledError(`Expected a tensor "${name}" in ${this.path} but it holds none of that name.`);
    return entry;
  }

  /** The tensor's bytes, little-endian, row-major. */
  read(name: string): Uint8Array {
    const { begin, end } = this.#entry(name);
    const bytes = new Uint8Array(end - begin);
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(this.file, bytes, done, bytes.length - done, this.dataStart + begin + done);
      if (got === 0) throw new RescaledError(`${this.path} became shorter while it was read.`);
      done += got;
    }
    return bytes;
  }

  /** The tensor's values as float32, converted from any dtype. */
  readFloat32(name: string): Float32Array {
    const { dtype } = this.#entry(name);
    const bytes = this.read(name);
    const { buffer } = bytes;
    switch (dtype) {
      case 'F32':
        return new Float32Array(buffer);
      case 'F64':
        return Float32Array.from(new Float64Array(buffer));
      case 'BF16':
        return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
      case 'F16':
        return Float32Array.from(new Uint16Array(buffer), halfToNumber);
      case 'I64':
        return Float32Array.from(new BigInt64Array(buffer), Number);
      case 'I32':
        return Float32Array.from(new Int32Array(buffer));
      case 'I16':
        return Float32Array.from(new Int16Array(buffer));
      case 'I8':
        return Float32Array.from(new Int8Array(buffer));
      default:
        return Float32Array.from(bytes);
    }
  }

  close(): void {
    closeSync(this.file);
  }
}

function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readHeader(file: number, size: number, path: string): { header: string; dataStart: number } {
  const fail = (what: string): never => {
    throw new RescaledError(`${path} is not a valid safetensors file: ${what}.`);
  };
  if (size < 8) fail(`expected at least 8 bytes but it has ${size}`);
  const prefix = new Uint8Array(8);
  readSync(file, prefix, 0, 8, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(HEADER_LIMIT)) fail(`its header claims ${length} bytes, more than the limit of ${HEADER_LIMIT}`);
  if (length > BigInt(size - 8)) fail(`its header claims ${length} bytes, but the file has ${size - 8} after the length`);
  if (length < 2n) fail('its header is empty');
  const bytes = new Uint8Array(Number(length));
  for (let done = 0; done < bytes.length; ) {
    const got = readSync(file, bytes, done, bytes.length - done, 8 + done);
    if (got === 0) fail('it ended within the header');
    done += got;
  }
  let header = '';
  try {
    header = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    fail('its header is not UTF-8');
  }
  return { header, dataStart: 8 + bytes.length };
}

function checkHeader(text: string, dataBytes: number, path: string): { metadata: Record<string, string>; entries: Map<string, TensorEntry> } {
  const fail = (what: string): never => {
    throw new RescaledError(`${path} is not a valid safetensors file: ${what}.`);
  };
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('its header is not a JSON object');
  const object = header as Record<string, unknown>;
  const twice = duplicateKey(text);
  if (twice !== undefined) fail(`its header names "${twice}" twice`);

  const metadata: Record<string, string> = {};
  const given = object['__metadata__'];
  if (given !== undefined) {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) fail('__metadata__ is not an object');
    for (const [key, value] of Object.entries(given as object)) {
      if (typeof value !== 'string') fail(`__metadata__ "${key}" is not a string`);
      metadata[key] = value as string;
    }
  }

  const entries = new Map<string, TensorEntry>();
  const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  for (const [name, raw] of Object.entries(object)) {
    if (name === '__metadata__') continue;
    const entry = raw as { dtype?: unknown; shape?: unknown; data_offsets?: unknown } | null;
    if (typeof entry !== 'object' || entry === null) fail(`tensor "${name}" is not an object`);
    const { dtype, shape, data_offsets: offsets } = entry!;
    if (typeof dtype !== 'string' || !Object.hasOwn(ITEM_BYTES, dtype)) fail(`tensor "${name}" has the dtype ${JSON.stringify(dtype)}; known are ${Object.keys(ITEM_BYTES).join(', ')}`);
    if (!Array.isArray(shape) || !shape.every(whole) || shape.length > 16) fail(`tensor "${name}" has the shape ${JSON.stringify(shape)?.slice(0, 100)}`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole) || offsets[0] > offsets[1]) fail(`tensor "${name}" has the offsets ${JSON.stringify(offsets)?.slice(0, 100)}`);
    const [begin, end] = offsets as [number, number];
    if (end > dataBytes) fail(`tensor "${name}" ends at byte ${end}, but there are ${dataBytes} bytes of data`);
    const expected = (shape as number[]).reduce((product, n) => product * BigInt(n), BigInt(ITEM_BYTES[dtype as SafeDType]));
    if (expected !== BigInt(end - begin)) fail(`tensor "${name}" of ${dtype}[${(shape as number[]).join(', ')}] needs ${expected} bytes but its offsets hold ${end - begin}`);
    entries.set(name, { dtype: dtype as SafeDType, shape: shape as number[], begin, end });
  }

  let at = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin < at) fail(`tensor "${name}" overlaps the one before it`);
    if (begin > at) fail(`${begin - at} bytes before tensor "${name}" belong to none`);
    at = end;
  }
  if (at !== dataBytes) fail(`${dataBytes - at} bytes at its end belong to no tensor`);
  return { metadata, entries };
}

/** The first key that stands twice in one JSON object: JSON.parse would hide it. `text` is valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') open.push(new Set());
    else if (c === '[') open.push(undefined);
    else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      const start = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const keys = open.at(-1);
      if (keys === undefined || !/^\s*:/.test(text.slice(i + 1, i + 20))) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

export interface TensorToWrite {
  name: string;
  dtype: SafeDType;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** The file's parts in order, for `writeFileAtomic`. Tensors keep their order; the data starts at a multiple of 8 bytes. */
export function* encodeSafetensors(tensors: Iterable<TensorToWrite>, metadata: Readonly<Record<string, string>> = {}): Generator<Uint8Array> {
  const all = [...tensors];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const { name, dtype, shape, bytes } of all) {
    if (Object.hasOwn(header, name)) throw new RescaledError(`Expected distinct tensor names but "${name}" came twice.`);
    if (bytes.length !== shape.reduce((product, n) => product * n, ITEM_BYTES[dtype])) throw new RescaledError(`Tensor "${name}" of ${dtype}[${shape.join(', ')}] came with ${bytes.length} bytes.`);
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const encoded = Buffer.from(text);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(encoded.length), true);
  yield prefix;
  yield encoded;
  for (const { bytes } of all) yield bytes;
}
