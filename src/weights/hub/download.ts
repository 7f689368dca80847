import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RescaledError } from '../../errors.js';
import { type Patience, patiently, type Reporting } from '../../net/patience.js';
import { type Answer, type Connection, drop, PassingError, shown } from '../../net/request.js';
import { checkStatus } from './status.js';

/** What the bytes must hash to. */
export type Check =
  /** All 64 digits, or those at the beginning that are known. */
  | { kind: 'sha256'; digits: string }
  /** Git's name of the content: SHA-1 with a header. The hub has it of small files. */
  | { kind: 'git'; digits: string };

interface Download extends Reporting {
  connection: Connection;
  name: string;
  url: URL;
  /** The file that grows; what there is of it already is gone on with. Beside it lies `.etag`. */
  partial: string;
  bytes?: number;
  check: Check;
  token: boolean;
}

export const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);
const etagFile = (partial: string): string => `${partial}.etag`;

/** Forgets a partial file. */
export function forget(partial: string): void {
  rmSync(partial, { force: true });
  rmSync(etagFile(partial), { force: true });
}

/**
 * Downloads to `partial` and checks it: afterwards it is whole and has the hash.
 * @throws RescaledError; what has come stays for the next time, except bytes that are wrong
 */
export async function download(job: Download, patience: Patience = {}): Promise<void> {
  const { partial, bytes, name, check } = job;
  await patiently(
    () => part(job),
    patience,
    job,
    () => sizeOf(partial),
  );
  const size = sizeOf(partial);
  const digits = await hash(partial, check.kind, size);
  if (!digits.startsWith(check.digits) || (bytes !== undefined && bytes !== size)) {
    forget(partial);
    throw new RescaledError(
      `Expected ${check.kind === 'git' ? 'the Git hash' : 'the SHA-256'} of ${name} to be ${check.digits} but what came ` +
        `has ${digits}. It was deleted. Try again; if it stays so, the server or a proxy changes the file.`,
    );
  }
  rmSync(etagFile(partial), { force: true });
}

/** The digest of a file's content. */
async function hash(path: string, kind: Check['kind'], size: number): Promise<string> {
  const sum = createHash(kind === 'git' ? 'sha1' : 'sha256');
  if (kind === 'git') sum.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) sum.update(chunk as Uint8Array);
  return sum.digest('hex');
}

/** One request: the rest of the file, or all of it. */
async function part(job: Download): Promise<void> {
  const { connection, url, partial, bytes, name, signal } = job;
  let have = sizeOf(partial);
  const etag = existsSync(etagFile(partial)) ? readFileSync(etagFile(partial), 'utf8') : undefined;
  if (have > 0 && have === bytes) return;
  // Whether the rest belongs to what there is, only an etag tells.
  if (have > 0 && (etag === undefined || (bytes !== undefined && have > bytes))) {
    forget(partial);
    have = 0;
  }
  const answer = await connection.ask(url, {
    signal,
    headers: have > 0 ? { range: `bytes=${have}-`, 'if-range': etag! } : {},
  });
  try {
    checkStatus(answer, name, job.token);
    const whole = wholeSize(answer, have);
    if (answer.status === 416 || whole === 'other') {
      forget(partial);
      throw new PassingError(`${shown(url)} does not go on where the file broke off`);
    }
    if (answer.status === 200) have = 0;
    if (/^text\/html\b/i.test(answer.header('content-type') ?? '')) throw webPage(job);
    if (whole !== undefined && bytes !== undefined && whole !== bytes)
      throw new RescaledError(
        `Expected ${bytes} bytes of ${name} but ${shown(answer.url)} has ${whole}. Nothing was kept. Try again later.`,
      );
    await receive(job, answer, have, whole ?? bytes);
  } catch (error) {
    await drop(answer);
    throw error;
  }
}

/** How many bytes the whole file has, as the answer says; `other` when its part is not the one that was asked for. */
function wholeSize(answer: Answer, have: number): number | 'other' | undefined {
  if (answer.status === 206) {
    const [, from, of] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.header('content-range') ?? '') ?? [];
    if (from === undefined || Number(from) !== have) return 'other';
    return of === '*' ? undefined : Number(of);
  }
  const length = answer.header('content-length');
  return length === undefined ? undefined : Number(length);
}

function webPage({ name, url }: Download): RescaledError {
  return new RescaledError(
    `Expected ${name} but ${shown(url)} sends a web page. Does this network want you to sign in first, or a proxy block it?`,
  );
}

async function receive(job: Download, answer: Answer, have: number, of: number | undefined): Promise<void> {
  const { connection, partial, name, progress } = job;
  const disk = statfsSync(dirname(partial));
  const free = disk.bavail * disk.bsize;
  if (of !== undefined && of - have > free) throw full(job, have, of);
  const etag = answer.header('etag');
  // A weak etag does not promise the same bytes (RFC 9110, section 13.1.5).
  if (answer.status === 200) {
    forget(partial);
    if (etag !== undefined && !etag.startsWith('W/'))
      attempt(job, have, of, () => writeFileSync(etagFile(partial), etag));
  }
  let done = have;
  const file = await open(partial, have > 0 ? 'r+' : 'w').catch((error) => writing(error, job, done, of));
  try {
    progress?.(done, of);
    const chunks = answer.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const { value: chunk, done: ended } = await chunks.next().catch((error) => {
        throw connection.failure(error, answer.url);
      });
      if (ended === true) break;
      if (done === 0 && /^\s*<(!doctype html|html)/i.test(chunk.toString('latin1', 0, 64))) throw webPage(job);
      if (of !== undefined && done + chunk.byteLength > of)
        throw new PassingError(`${shown(answer.url)} sends more than the ${of} bytes of ${name}`);
      await writeAll(file, chunk, done).catch((error) => writing(error, job, done, of));
      done += chunk.byteLength;
      progress?.(done, of);
    }
    await file.sync().catch((error) => writing(error, job, done, of));
  } finally {
    await file.close();
  }
  if (of !== undefined && done < of)
    throw new PassingError(`${shown(answer.url)} broke off after ${done} of ${of} bytes of ${name}`);
}

async function writeAll(file: FileHandle, chunk: Buffer, at: number): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.byteLength - offset, at + offset);
    offset += bytesWritten;
  }
}

const full = ({ partial, name }: Download, done: number, of: number | undefined): RescaledError =>
  new RescaledError(
    `Expected room for ${name} in ${dirname(partial)} but the disk is full: ${done} of ${of ?? '?'} bytes are there. ` +
      'Make room and call it again, it goes on from there; or name another folder (HF_HOME, TORCH_HOME).',
  );

function attempt(job: Download, done: number, of: number | undefined, work: () => void): void {
  try {
    work();
  } catch (error) {
    writing(error, job, done, of);
  }
}

function writing(error: unknown, job: Download, done: number, of: number | undefined): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') throw full(job, done, of);
  throw noRights(dirname(job.partial), code ?? String(error), error);
}

export const noRights = (folder: string, why: string, cause: unknown): RescaledError =>
  new RescaledError(
    `Expected to write into ${folder}, where fetched weights are kept, but it cannot be written: ${why}. ` +
      'Name another folder: HF_HOME for the hub, TORCH_HOME for torchvision.',
    { cause },
  );
