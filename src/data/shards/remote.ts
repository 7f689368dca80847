import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { type Patience, patiently } from '../../net/patience.js';
import { type Answer, Connection, clean, drop, PassingError, retryAfter, shown } from '../../net/request.js';
import { INDEX_ENDING, type IndexFacts, readIndex } from './index-file.js';
import { type IndexedShard, indexName, keepIndex, makeIndex, readIndexFile } from './local.js';
import { BLOCK, BrokenShard, type ShardBytes } from './tar.js';

/** How long a server is waited for. */
export const PATIENCE: Patience = { tries: 5, pauseMs: 500, longestMs: 120_000 };

/** Without an index on the server a shard is read through once, so many bytes at a time. */
const WINDOW = 4 * 2 ** 20;
const INDEX_BYTES = 2 ** 30;

/** One a host and thread: connections stay open from picture to picture. */
const connections = new Map<string, Promise<Connection>>();

function connectionTo(url: URL): Promise<Connection> {
  let connection = connections.get(url.origin);
  // The user named the host: it may be spoken to unencrypted.
  if (connection === undefined) connections.set(url.origin, (connection = Connection.open({ home: url })));
  return connection;
}

/** @throws UsageError for an address that cannot be, or holds a password, which would be written into the run's files */
export function addressOf(text: string): URL {
  if (!URL.canParse(text)) throw new UsageError(`Expected an address but received ${clean(text)}.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new UsageError(
      `Expected an address without a name and password before ${url.host}: it is written into the run's files.`,
    );
  return url;
}

/** What a server says of a shard. */
interface Remote {
  size: number;
  /** Its etag, else when it was last changed; '' where the server says neither. */
  tag: string;
}

const tagOf = (answer: Answer): string => answer.header('etag') ?? answer.header('last-modified') ?? '';

/** Asks, patiently, and reads all of the answer that is wanted. @param most bytes */
async function fetched(
  url: URL,
  headers: Record<string, string>,
  take: (answer: Answer) => number | undefined,
): Promise<{ answer: Answer; body: Buffer } | undefined> {
  const connection = await connectionTo(url);
  const once = async (): Promise<{ answer: Answer; body: Buffer } | undefined> => {
    const answer = await connection.ask(url, { headers });
    try {
      checkStatus(answer, url);
      const length = take(answer);
      if (length === undefined) {
        await drop(answer);
        return undefined;
      }
      return { answer, body: await receive(connection, answer, length) };
    } catch (error) {
      await drop(answer);
      throw error;
    }
  };
  return patiently(once, PATIENCE, {});
}

async function receive(connection: Connection, answer: Answer, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw connection.failure(error, answer.url);
  }
  if (length > most)
    throw new RescaledError(`Expected at most ${most} bytes of ${shown(answer.url)} but it sends more.`);
  return Buffer.concat(chunks);
}

/** @throws RescaledError or PassingError for anything but 200, 206, 404 and 416 */
function checkStatus({ status, ...answer }: Answer, url: URL): void {
  if ([200, 206, 404, 416].includes(status)) return;
  const text = `${shown(url)} answers ${status}`;
  if (status === 429 || status === 408 || status >= 500)
    throw new PassingError(text, retryAfter({ status, ...answer }));
  throw new RescaledError(
    `Expected to be given ${shown(url)} but it answers ${status}` +
      `${status === 401 || status === 403 ? ': it is not for everybody. Check the address' : ''}.`,
  );
}

/**
 * A small file, whole.
 * @returns undefined where there is none
 */
export async function fetchText(url: URL, most: number): Promise<string | undefined> {
  const got = await fetched(url, {}, ({ status, header }) => {
    if (status === 404) return undefined;
    if (status !== 200) throw new RescaledError(`Expected ${shown(url)} but the server answers ${status}.`);
    const length = Number(header('content-length') ?? 0);
    if (length > most) throw new RescaledError(`Expected at most ${most} bytes of ${shown(url)} but it has ${length}.`);
    return most;
  });
  if (got === undefined) return undefined;
  const length = got.answer.header('content-length');
  if (length !== undefined && Number(length) !== got.body.length)
    throw new RescaledError(`Expected ${length} bytes of ${shown(url)} but ${got.body.length} came. Try again.`);
  return got.body.toString('utf8');
}

/** Bytes of a file on a server, and what it says of the whole. @param known refuses another one in its place */
async function range(url: URL, offset: number, length: number, known?: Remote): Promise<Remote & { body: Buffer }> {
  const broken = (reason: string): BrokenShard => new BrokenShard(shown(url), reason);
  const changed = (): BrokenShard => broken('it has changed since it was looked at. Start again');
  let remote: Remote | undefined;
  let wanted = length;
  const connection = await connectionTo(url);
  const once = async (): Promise<Buffer> => {
    const answer = await connection.ask(url, { headers: { range: `bytes=${offset}-${offset + length - 1}` } });
    try {
      checkStatus(answer, url);
      const { status } = answer;
      if (status === 404) throw broken('there is no such file on the server (404). Check the address');
      if (status === 416) throw known === undefined ? broken('it is empty (0 bytes)') : changed();
      if (status === 200)
        throw broken(
          'its server sends whole files only (200 in place of 206): pictures cannot be read out of the middle. Copy the shards, ' +
            'or use a server that knows ranges',
        );
      const [, from, to, of] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.header('content-range') ?? '') ?? [];
      remote = { size: Number(of), tag: tagOf(answer) };
      wanted = Math.min(length, remote.size - offset);
      if (of === undefined || Number(from) !== offset || Number(to) !== offset + wanted - 1)
        throw new PassingError(
          `${shown(url)} sends another part than was asked for (${clean(answer.header('content-range') ?? 'no content-range')})`,
        );
      if (known !== undefined && (remote.size !== known.size || (known.tag !== '' && remote.tag !== known.tag)))
        throw changed();
      const body = await receive(connection, answer, wanted);
      if (body.length < wanted)
        throw new PassingError(`${shown(url)} broke off after ${body.length} of ${wanted} bytes`);
      return body;
    } catch (error) {
      await drop(answer);
      throw error;
    }
  };
  const body = await patiently(once, PATIENCE, {});
  return { ...remote!, body };
}

const versionOf = ({ size, tag }: Remote): string => `${size} ${tag}`;

/** Exactly these bytes of a shard. @param version as `indexRemote` gave it */
export async function readRemote(at: string, bytes: number, version: string, offset: number, length: number) {
  const known = { size: bytes, tag: version.slice(String(bytes).length + 1) };
  return (await range(new URL(at), offset, length, known)).body;
}

class RemoteBytes implements ShardBytes {
  readonly window = WINDOW;
  readonly name: string;

  constructor(
    readonly url: URL,
    readonly size: number,
    readonly version: string,
  ) {
    this.name = shown(url);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return readRemote(this.url.href, this.size, this.version, offset, length);
  }
}

/**
 * The index of a shard on a server: the one that is kept in `folder`, else the one beside it (`000000.tar.index`), else made by reading the
 * shard through, and kept.
 * @param bytes of the shard, where they are known
 */
export async function indexRemote(at: string, folder: string | undefined, bytes?: number): Promise<IndexedShard> {
  const url = addressOf(at);
  const { body: _, ...remote } = await range(url, 0, BLOCK);
  if (bytes !== undefined && bytes !== remote.size)
    throw new BrokenShard(
      shown(url),
      `it has ${remote.size} bytes, and the manifest says ${bytes}. Was it packed anew?`,
    );
  const version = versionOf(remote);
  const shard = { at: url.href, bytes: remote.size, version };
  const kept = folder === undefined ? [] : [join(folder, indexName(`${url.href}\0${version}`))];
  const fits = (facts: IndexFacts | undefined): facts is IndexFacts => facts?.bytes === remote.size;
  for (const index of kept) {
    const facts = existsSync(index) ? readIndexFile(index) : undefined;
    if (fits(facts)) return { ...shard, index, facts };
  }
  const content =
    (await indexBeside(url, fits)) ??
    (await makeIndex(new RemoteBytes(url, remote.size, version), { bytes: remote.size, modified: 0 }));
  return { ...shard, ...keepIndex(content, kept) };
}

async function indexBeside(url: URL, fits: (facts: IndexFacts | undefined) => boolean): Promise<Buffer | undefined> {
  const beside = new URL(url);
  beside.pathname += INDEX_ENDING;
  const got = await fetched(beside, {}, ({ status }) => (status === 200 ? INDEX_BYTES : undefined));
  if (got === undefined) return undefined;
  const { body } = got;
  return fits(readIndex((offset, length) => body.subarray(offset, offset + length), body.length)) ? body : undefined;
}
