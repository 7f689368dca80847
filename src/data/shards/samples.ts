import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';
import { PICTURE_EXTENSIONS } from '../decoding/decode.js';
import { BrokenShard, readTar, type ShardBytes, type TarEntry, type TarLimits } from './tar.js';

/** A class as a shard says it: its number or its name. */
export type ShardLabel = number | string;

/** A picture of a shard, with its label where it has one. */
export interface Sample {
  /** Of the picture's entry. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly label?: ShardLabel;
}

/** As for pictures that are files; see `DecodeLimits`. */
export const PICTURE_BYTES = 256 * 2 ** 20;
const CLS_BYTES = 4096;
const JSON_BYTES = 2 ** 20;
/** Keys of a JSON file that say the class; the first that is there counts. */
const JSON_KEYS = ['cls', 'label', 'class'];

/**
 * The pictures of a shard in WebDataset's layout: entries side by side whose names are the same up to the first dot of the last part are one
 * sample; one is the picture, a `.cls` (a number or a name) or a `.json` (an object with "cls", "label" or "class") its class.
 * @param ignored counts the entries that are neither, by ending
 * @throws BrokenShard
 */
export async function* readSamples(
  bytes: ShardBytes,
  ignored: Record<string, number>,
  limits?: TarLimits,
): AsyncGenerator<Sample> {
  const seen = new Set<string>();
  let open: Open | undefined;
  for await (const entry of readTar(bytes, limits)) {
    const split = keyOf(entry.name);
    if (split === undefined) {
      pass(ignored, entry.name);
      continue;
    }
    const [key, ending] = split;
    if (open?.key !== key) {
      if (open !== undefined) yield* finish(bytes, open, ignored);
      if (seen.has(key))
        throw new BrokenShard(
          bytes.name,
          `the key "${key}" comes twice, at byte ${entry.offset - 512} and before. Entries of one sample must stand side by ` +
            'side, and each key but once: write it again, sorted by name',
        );
      seen.add(key);
      open = { key, pictures: [] };
    }
    await take(bytes, open, entry, ending, ignored);
  }
  if (open !== undefined) yield* finish(bytes, open, ignored);
}

/** A sample as far as it is read. */
interface Open {
  key: string;
  pictures: { entry: TarEntry; ending: string }[];
  cls?: ShardLabel;
  json?: ShardLabel;
  hasCls?: boolean;
  hasJson?: boolean;
}

/**
 * Key and ending (lower case) as WebDataset parts them: `a/b.left.JPG` is `a/b` and `left.jpg`. Undefined of files without an ending and of
 * those that systems leave.
 */
function keyOf(name: string): [key: string, ending: string] | undefined {
  const last = name.slice(name.lastIndexOf('/') + 1);
  const dot = last.indexOf('.');
  if (dot <= 0 || dot === last.length - 1 || /(?:^|\/)(?:\.|__MACOSX\/)/.test(name)) return undefined;
  return [name.slice(0, name.length - last.length + dot), last.slice(dot + 1).toLowerCase()];
}

function pass(ignored: Record<string, number>, name: string): void {
  const ending = extname(name).toLowerCase();
  ignored[ending] = (ignored[ending] ?? 0) + 1;
}

async function take(
  bytes: ShardBytes,
  open: Open,
  entry: TarEntry,
  ending: string,
  ignored: Record<string, number>,
): Promise<void> {
  const twice = (): BrokenShard => new BrokenShard(bytes.name, `"${entry.name}" is there twice. Write it again`);
  if (PICTURE_EXTENSIONS.has(`.${ending.slice(ending.lastIndexOf('.') + 1)}`)) {
    if (open.pictures.some((other) => other.ending === ending)) throw twice();
    if (entry.size > PICTURE_BYTES)
      throw new BrokenShard(
        bytes.name,
        `"${entry.name}" has ${entry.size} bytes; pictures have at most ${PICTURE_BYTES}. Leave it out`,
      );
    open.pictures.push({ entry, ending });
  } else if (ending === 'cls') {
    if (open.hasCls === true) throw twice();
    open.hasCls = true;
    open.cls = clsLabel((await content(bytes, entry, CLS_BYTES)).trim());
    if (open.cls === '') throw new BrokenShard(bytes.name, `"${entry.name}" is empty; expected a class number or name`);
  } else if (ending === 'json') {
    if (open.hasJson === true) throw twice();
    open.hasJson = true;
    // Where a .cls says it, nothing else is asked.
    if (open.hasCls !== true) open.json = jsonLabel(bytes, entry.name, await content(bytes, entry, JSON_BYTES));
  } else pass(ignored, entry.name);
}

function* finish(
  bytes: ShardBytes,
  { key, pictures, cls, json, hasCls, hasJson }: Open,
  ignored: Record<string, number>,
): Generator<Sample> {
  const plain = pictures.filter(({ ending }) => !ending.includes('.'));
  const chosen = pictures.length === 1 ? pictures : plain;
  if (pictures.length === 0) {
    if (hasCls === true) pass(ignored, '0.cls');
    if (hasJson === true) pass(ignored, '0.json');
    return;
  }
  if (chosen.length !== 1)
    throw new BrokenShard(
      bytes.name,
      `the sample "${key}" has ${pictures.length} pictures (${pictures.map(({ ending }) => `.${ending}`).join(', ')}); ` +
        'expected one, or one whose name has a single ending',
    );
  for (const { entry } of pictures) if (entry !== chosen[0]!.entry) pass(ignored, entry.name);
  const { name, offset, size } = chosen[0]!.entry;
  const label = cls ?? json;
  yield { name, offset, size, ...(label !== undefined && { label }) };
}

async function content(bytes: ShardBytes, entry: TarEntry, most: number): Promise<string> {
  if (entry.size > most)
    throw new BrokenShard(bytes.name, `"${entry.name}" has ${entry.size} bytes; such a file has at most ${most}`);
  const content = await entry.read();
  if (!isUtf8(content))
    throw new BrokenShard(bytes.name, `"${entry.name}" is not UTF-8; expected a class number or name`);
  return Buffer.from(content).toString('utf8');
}

const clsLabel = (text: string): ShardLabel => (/^\d{1,9}$/.test(text) ? Number(text) : text);

function jsonLabel(bytes: ShardBytes, name: string, text: string): ShardLabel | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BrokenShard(bytes.name, `"${name}" is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const key of JSON_KEYS) {
    const label = (value as Record<string, unknown>)[key];
    if (typeof label === 'string' && label.trim() !== '') return clsLabel(label.trim());
    if (typeof label === 'number' && Number.isSafeInteger(label) && label >= 0) return label;
    if (label !== undefined && label !== null)
      throw new BrokenShard(
        bytes.name,
        `"${name}" has the ${key} ${JSON.stringify(label)}; expected a class number or name`,
      );
  }
  return undefined;
}
