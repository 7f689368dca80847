import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { withLock } from '../../lock.js';
import { type Patience, patiently, type Reporting } from '../../net/patience.js';
import { Connection, drop, shown } from '../../net/request.js';
import { type Check, download, noRights, sizeOf } from './download.js';
import { archiveError, needName, parseName, type Wanted } from './name.js';
import {
  cachedFile,
  hubCache,
  hubEndpoint,
  hubToken,
  isCommit,
  offlineSwitch,
  repositoryFolder,
  torchCache,
} from './places.js';
import { checkStatus } from './status.js';

const MIRROR = ' A mirror of the hub is named by HF_ENDPOINT.';

export interface FetchOptions extends Reporting {
  patience?: Patience;
}

type HubFile = Wanted & { address: { kind: 'hub' } };
type TorchFile = Wanted & { address: { kind: 'torch' } };

/** Whether weights of this name are on this machine, and where. No request is made. */
export function weightsHere(name: string): string | undefined {
  const wanted = parseName(name);
  return wanted && cachedFile(wanted);
}

/**
 * The file of named weights, downloaded unless it is there: into the cache of the hub's own programs
 * (`models--OWNER--NAME/snapshots/COMMIT/FILE`, a link to `blobs/HASH`) or torch.hub's. It is checked before it gets its
 * name: against the hub's hash of it, or the digits that torchvision's names end in.
 * @throws UsageError for a name that there is not, RescaledError when it cannot be had; what has come of it is kept,
 * and the next call goes on from there
 */
export async function fetchWeights(name: string, options: FetchOptions = {}): Promise<string> {
  return fetchWanted(needName(name), options);
}

/** `fetchWeights` of a name that is parsed. */
export async function fetchWanted(wanted: Wanted, options: FetchOptions = {}): Promise<string> {
  const { address, name } = wanted;
  const here = cachedFile(wanted);
  if (here !== undefined) return here;
  if (address.kind === 'archive') throw archiveError(wanted, address.url);
  const offline = offlineSwitch();
  if (offline !== undefined)
    throw new RescaledError(
      `Expected ${name} to be on this machine, since ${offline} is set, but it is not. ` +
        `Fetch it with "rescaled weights fetch ${name}" while connected and without ${offline}.`,
    );
  try {
    return await (address.kind === 'hub'
      ? fromHub({ ...wanted, address }, options)
      : fromTorch({ ...wanted, address }, options));
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
    throw new RescaledError(
      `Stopped. What has come of ${name} is kept: "rescaled weights fetch ${name}" goes on from there.`,
      { cause: error },
    );
  }
}

/** The folder of `path`, made. */
function folderOf(path: string): void {
  // Part by part: a recursive mkdir of Node never ends in places such as /proc that refuse new folders with "not found".
  const make = (folder: string): void => {
    if (existsSync(folder)) return;
    make(dirname(folder));
    try {
      mkdirSync(folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  };
  onDisk(dirname(path), () => make(resolve(dirname(path))));
}

/** Work on the cache, whose failures are told as such. */
function onDisk(folder: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw noRights(folder, code ?? String(error), error);
  }
}

/** One process at a time; a second one waits and then finds the file. */
async function alone(lock: string, { name }: Wanted, { say }: Reporting, work: () => Promise<void>): Promise<void> {
  folderOf(lock);
  try {
    await withLock(lock, work, {
      waiting: (pid) => say?.(`process ${pid} is fetching ${name} already: waiting for it`),
      busy: (pid) =>
        new RescaledError(`Expected the other download to end, but process ${pid ?? '?'} still holds ${lock}.`),
    });
  } catch (error) {
    const { code, syscall, path } = error as NodeJS.ErrnoException;
    if (syscall === undefined || path !== lock) throw error;
    throw noRights(dirname(lock), code ?? String(error), error);
  }
}

/** What the hub says of a file. Source: huggingface_hub file_download.py, `get_hf_file_metadata`. */
interface HubFacts {
  commit: string;
  /** Name of the blob: SHA-256 of large files, Git's hash of small ones. */
  etag: string;
  check: Check;
  bytes?: number;
  url: URL;
}

async function fromHub(wanted: HubFile, options: FetchOptions): Promise<string> {
  const { address, revision, name } = wanted;
  const [endpoint, token] = [hubEndpoint(), hubToken()];
  const connection = await Connection.open({
    home: endpoint,
    advice: MIRROR,
    ...(token === undefined ? {} : { token }),
  });
  try {
    const path = [
      address.repository,
      'resolve',
      encodeURIComponent(revision),
      ...address.file.split('/').map(encodeURIComponent),
    ];
    const url = new URL(`${endpoint.href.replace(/\/$/, '')}/${path.join('/')}`);
    const facts = await patiently(
      () => hubFacts(connection, url, wanted, token !== undefined, options.signal),
      options.patience ?? {},
      options,
    );
    const folder = repositoryFolder(address.repository);
    const blob = join(folder, 'blobs', facts.etag);
    const pointer = join(folder, 'snapshots', facts.commit, address.file);
    // Beside the locks of the hub's own programs, which are of another kind. They write files of their own names too.
    const lock = join(
      hubCache(),
      '.locks',
      ['models', ...address.repository.split('/')].join('--'),
      `${facts.etag}.rescaled`,
    );
    await alone(lock, wanted, options, async () => {
      for (const file of [blob, pointer]) folderOf(file);
      if (!existsSync(blob)) {
        const partial = `${blob}.rescaled.incomplete`;
        const { bytes, check } = facts;
        const job = { ...options, connection, name, url: facts.url, partial, check, token: token !== undefined };
        await download({ ...job, ...(bytes === undefined ? {} : { bytes }) }, options.patience);
        onDisk(folder, () => renameSync(partial, blob));
      }
      onDisk(folder, () => point(pointer, blob));
      if (!isCommit(revision)) {
        const ref = join(folder, 'refs', revision);
        folderOf(ref);
        writeFileAtomic(ref, facts.commit);
      }
    });
    return pointer;
  } finally {
    await connection.close();
  }
}

/** A link as the hub's own programs make it; where links are not allowed (Windows) the file itself. */
function point(pointer: string, blob: string): void {
  if (existsSync(pointer)) return;
  if (lstatSync(pointer, { throwIfNoEntry: false }) !== undefined) rmSync(pointer); // its blob had gone
  try {
    symlinkSync(relative(dirname(pointer), blob), pointer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    renameSync(blob, pointer);
  }
}

async function hubFacts(
  connection: Connection,
  url: URL,
  { name }: Wanted,
  token: boolean,
  signal: AbortSignal | undefined,
): Promise<HubFacts> {
  // The hub says all of a file where it redirects to another host that has the bytes.
  const answer = await connection.ask(url, {
    method: 'HEAD',
    enough: (one) => one.header('x-linked-etag') !== undefined,
    ...(signal === undefined ? {} : { signal }),
  });
  await drop(answer);
  checkStatus(answer, name, token);
  const [commit, linked, plain] = ['x-repo-commit', 'x-linked-etag', 'etag'].map((key) => answer.header(key));
  const etag = (linked ?? plain)?.replace(/^(W\/)?"(.*)"$/, '$2');
  const kind =
    etag === undefined
      ? undefined
      : /^[0-9a-f]{64}$/.test(etag)
        ? 'sha256'
        : /^[0-9a-f]{40}$/.test(etag)
          ? 'git'
          : undefined;
  if (commit === undefined || !isCommit(commit) || etag === undefined || kind === undefined)
    throw new RescaledError(
      `Expected ${shown(answer.url)} to name the commit and the hash of ${name} (X-Repo-Commit, X-Linked-ETag) but it does ` +
        'not: it is no hub, or a proxy keeps them back. Check HF_ENDPOINT.',
    );
  const size = Number(
    answer.header('x-linked-size') ?? (answer.location === undefined ? answer.header('content-length') : undefined),
  );
  return {
    commit,
    etag,
    check: { kind, digits: etag },
    ...(Number.isSafeInteger(size) ? { bytes: size } : {}),
    url: answer.location ?? answer.url,
  };
}

async function fromTorch(wanted: TorchFile, options: FetchOptions): Promise<string> {
  const { address, name } = wanted;
  const path = join(torchCache(), address.file);
  const connection = await Connection.open({ advice: MIRROR });
  try {
    await alone(join(torchCache(), `.${address.file}.rescaled`), wanted, options, async () => {
      if (sizeOf(path) > 0) return;
      const partial = `${path}.rescaled.incomplete`;
      const check: Check = { kind: 'sha256', digits: address.sha256 };
      await download(
        { ...options, connection, name, url: new URL(address.url), partial, check, token: false },
        options.patience,
      );
      onDisk(dirname(path), () => renameSync(partial, path));
    });
    return path;
  } finally {
    await connection.close();
  }
}
