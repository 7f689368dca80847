import { RescaledError } from '../../errors.js';
import { byteLength, isSafeDType, itemSizes, type SafeDType } from './dtypes.js';
import { quote } from './weights-file.js';

/** One tensor of a safetensors file; `begin` and `end` are byte offsets in the data part, `end` exclusive. */
export interface TensorEntry {
  readonly dtype: SafeDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  metadata: Record<string, string>;
  /** In the order of the data. */
  entries: Map<string, TensorEntry>;
}

/** Largest JSON header that is read or written, bytes; the bound of the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/**
 * Checks a safetensors header and returns its content. Nothing of the data part is read.
 *
 * @param json the header's bytes (UTF-8 JSON object, trailing spaces allowed)
 * @param dataBytes size of the data part, which the tensors must cover exactly
 * @param path named in errors
 * @throws RescaledError naming the file, the tensor and what was expected
 */
export function parseHeader(json: Uint8Array, dataBytes: number, path: string): SafetensorsHeader {
  const header = parseObject(json, path);
  const metadata: Record<string, string> = {};
  const tensors: [string, TensorEntry][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') readMetadata(value, metadata, path);
    else tensors.push([name, readEntry(name, value, dataBytes, path)]);
  }
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCover(tensors, dataBytes, path);
  return { metadata, entries: new Map(tensors) };
}

function parseObject(json: Uint8Array, path: string): object {
  // '{' as the very first byte is the format's rule; it also refuses a byte order mark.
  if (json[0] !== 0x7b) fail(path, 'the header must be a JSON object that starts with "{"');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    checkStructure(text, path);
    return JSON.parse(text) as object;
  } catch (error) {
    if (error instanceof RescaledError) throw error;
    throw new RescaledError(
      `${path} is not a valid safetensors file: its header is not UTF-8 JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/**
 * A walk over the header's strings and brackets, before anything is built from it. It refuses equal keys in one object:
 * JSON.parse keeps the last of them in silence, so two readers could see different tensors in one file. It refuses deep
 * nesting too, which would turn a header within its size limit into gigabytes of objects. Other syntax is left to
 * JSON.parse.
 */
function checkStructure(text: string, path: string): void {
  const open: (Set<string> | undefined)[] = []; // one item for each open bracket; undefined for an array
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.length === maxDepth) fail(path, `the header is nested deeper than ${maxDepth} levels`);
      open.push(character === '{' ? new Set() : undefined);
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const keys = open.at(-1);
      if (keys === undefined || !isColonNext(text, i + 1)) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string; // "a" and "\u0061" are the same key
      if (keys.has(key)) fail(path, `its header names ${quote(key)} twice in one object`);
      keys.add(key);
    }
  }
}

/** File, tensor, then shape or offsets. */
const maxDepth = 3;

function isColonNext(text: string, from: number): boolean {
  let i = from;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

function readMetadata(value: unknown, metadata: Record<string, string>, path: string): void {
  if (!isObject(value)) fail(path, `__metadata__ must be an object of strings, but is ${quote(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(path, `__metadata__ key ${quote(key)} must be a string, but is ${quote(text)}`);
    // defineProperty: a plain assignment to "__proto__" would be lost
    Object.defineProperty(metadata, key, { value: text, enumerable: true, writable: true, configurable: true });
  }
}

function readEntry(name: string, value: unknown, dataBytes: number, path: string): TensorEntry {
  const wrong = (what: string): never => fail(path, `tensor ${quote(name)}: ${what}`);
  if (!isObject(value))
    return wrong(`expected an object with dtype, shape and data_offsets, but found ${quote(value)}`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (!isSafeDType(dtype))
    return wrong(`expected a dtype of ${Object.keys(itemSizes).join(', ')}, but found ${quote(dtype)}`);
  if (!Array.isArray(shape)) return wrong(`expected a shape like [64, 3, 7, 7], but found ${quote(shape)}`);
  const bytes = byteLength(dtype, shape);
  if (bytes === undefined)
    return wrong(`expected a shape of whole numbers >= 0 whose byte count is below 2^53, but found ${quote(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((o) => Number.isSafeInteger(o) && o >= 0)) {
    return wrong(`expected data_offsets of two whole numbers >= 0, but found ${quote(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) return wrong(`expected data_offsets in rising order, but found ${quote(offsets)}`);
  if (end > dataBytes)
    return wrong(
      `expected data_offsets within the ${dataBytes} data bytes of the file, ` +
        `but found ${quote(offsets)} (is the file cut short?)`,
    );
  if (end - begin !== bytes)
    return wrong(
      `expected ${bytes} bytes for ${dtype} ${quote(shape)}, but data_offsets ${quote(offsets)} hold ${end - begin}`,
    );
  return { dtype, shape: shape as number[], begin, end };
}

/** Tensors, sorted by offset, must follow each other without overlap or hole and end with the file. */
function checkCover(tensors: readonly [string, TensorEntry][], dataBytes: number, path: string): void {
  let end = 0;
  for (const [name, entry] of tensors) {
    if (entry.begin !== end) {
      const what = entry.begin < end ? 'overlaps the one before it' : 'leaves bytes that belong to none';
      fail(
        path,
        `tensor ${quote(name)}: expected its data at offset ${end}, but it begins at ${entry.begin} and ${what}`,
      );
    }
    end = entry.end;
  }
  if (end !== dataBytes)
    fail(
      path,
      `the tensors end at data byte ${end}, but the file has ${dataBytes}; the rest would belong to no tensor`,
    );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fail(path: string, what: string): never {
  throw new RescaledError(`${path} is not a valid safetensors file: ${what}.`);
}
