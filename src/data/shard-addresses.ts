import { UsageError } from '../errors.js';
import { isAddress, lastName } from '../files.js';
import { shown } from '../net/request.js';
import { type FoundShards, ofManifest, partIn } from './shard-layout.js';
import { expandBraces } from './shards/braces.js';
import { MANIFEST, MANIFEST_BYTES, readClassList, readManifest } from './shards/manifest.js';
import { addressOf, fetchText } from './shards/remote.js';

/**
 * Shards on a server: the address of a manifest (`https://host/flowers/shards.json`) or of its folder, or of shards, in braces where there
 * are several (`https://host/flowers/train-{000000..000123}.tar`). Beside these nothing is asked for but
 * the names of the classes (`shards.json`, `classes.txt`) and the shards' own
 * indexes (`.tar.index`).
 * @returns undefined for a path
 */
export async function findAddresses(address: string): Promise<FoundShards | undefined> {
  if (!isAddress(address)) return undefined;
  const urls = expandBraces(address).map(addressOf);
  const [first] = urls;
  const name = lastName(first!.href);
  const root = folderOf(first!);
  if (!/\.tar$/i.test(first!.pathname)) {
    const url = new URL(first!);
    if (!url.pathname.endsWith('.json')) url.pathname = `${url.pathname.replace(/\/$/, '')}/${MANIFEST}`;
    const text = await fetchText(url, MANIFEST_BYTES);
    if (text === undefined)
      throw new UsageError(
        `Expected a manifest of shards at ${shown(url)} but there is none (404). Give its address, or that of the shards: ` +
          `${shown(url).replace(/[^/]*$/, '')}train-{000000..000123}.tar.`,
      );
    const manifest = readManifest(text, shown(url));
    return { name, root: folderOf(url), ...ofManifest(manifest, shown(url), (one) => new URL(one, url).href) };
  }
  const shards = urls.map((url) => {
    const whole = plain(url);
    const own = whole.startsWith(`${root}/`) ? whole.slice(root.length + 1) : whole;
    return { name: own, at: url.href, part: partIn(own) };
  });
  return { name, root, shards, ...(await classesBeside(first!)) };
}

async function classesBeside(shard: URL): Promise<Pick<FoundShards, 'classes' | 'classesIn'>> {
  for (const [file, read] of [
    [MANIFEST, (text: string, path: string) => readManifest(text, path).classes],
    ['classes.txt', readClassList],
  ] as const) {
    const beside = new URL(file, shard);
    const text = await fetchText(beside, MANIFEST_BYTES);
    const classes = text === undefined ? undefined : read(text, shown(beside));
    if (classes !== undefined) return { classes, classesIn: shown(beside) };
  }
  return {};
}

/** Without its query, which may be a key. */
const plain = ({ origin, pathname }: URL): string => origin + decodeURI(pathname);
const folderOf = (url: URL): string => plain(new URL('.', url)).replace(/\/$/, '');
