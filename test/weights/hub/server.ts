import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');

export interface Seen {
  host: 'hub' | 'cdn';
  method: string;
  path: string;
  authorization?: string;
  range?: string;
  ifRange?: string;
}

/** Answers a request in place of the server; false leaves it to the server. */
type Trick = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/**
 * What the Hugging Face hub does, on loopback: a HEAD or GET of /OWNER/NAME/resolve/REVISION/FILE is redirected to a
 * second server that has the bytes, ranges and etags; X-Repo-Commit, X-Linked-ETag and X-Linked-Size stand on the
 * redirect. Files of less than 100 bytes come from the hub itself, under Git's hash.
 */
export class FakeHub {
  readonly files = new Map<string, Buffer>();
  readonly seen: Seen[] = [];
  /** Each is asked in turn for one request to that host. */
  readonly hubTricks: Trick[] = [];
  readonly cdnTricks: Trick[] = [];
  /** What the redirect says in place of the truth. */
  linked: { etag?: string; size?: number } = {};
  cdnEtag = '"cdn-1"';
  #hub!: Server;
  #cdn!: Server;

  async start(): Promise<this> {
    this.#hub = await listening((request, response) => this.#answerHub(request, response));
    this.#cdn = await listening((request, response) => this.#answerCdn(request, response));
    return this;
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  get hub(): string {
    return address(this.#hub);
  }
  get cdn(): string {
    // Another name than the hub's: its own programs tell hosts by name alone.
    return address(this.#cdn).replace('127.0.0.1', 'localhost');
  }

  add(repository: string, file: string, bytes: Buffer): void {
    this.files.set(`${repository}/${file}`, bytes);
  }

  /** A request in the proxy's form, `GET http://hub.test/...`, is answered as well. */
  answerHub(request: IncomingMessage, response: ServerResponse): void {
    this.#answerHub(request, response);
  }

  #note(host: 'hub' | 'cdn', request: IncomingMessage): void {
    this.seen.push({
      host,
      method: request.method!,
      path: request.url!,
      authorization: request.headers.authorization,
      range: request.headers.range,
      ifRange: request.headers['if-range'] as string | undefined,
    });
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    this.#note('hub', request);
    if (this.hubTricks.shift()?.(request, response) === true) return;
    const { pathname } = new URL(request.url!, 'http://hub');
    const [, repository, file] = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(decodeURI(pathname)) ?? [];
    const bytes = this.files.get(`${repository}/${file}`);
    if (bytes === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' });
      response.end('Entry not found');
      return;
    }
    if (bytes.byteLength < 100) {
      response.writeHead(200, {
        'x-repo-commit': COMMIT,
        etag: `"${gitHash(bytes)}"`,
        'content-length': bytes.byteLength,
      });
      response.end(request.method === 'HEAD' ? undefined : bytes);
      return;
    }
    response.writeHead(302, {
      location: `${this.cdn}/${repository}/${file}?signature=secret`,
      'x-repo-commit': COMMIT,
      'x-linked-etag': `"${this.linked.etag ?? sha256(bytes)}"`,
      'x-linked-size': this.linked.size ?? bytes.byteLength,
    });
    response.end();
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): void {
    this.#note('cdn', request);
    if (this.cdnTricks.shift()?.(request, response) === true) return;
    const bytes = this.files.get(decodeURI(new URL(request.url!, 'http://cdn').pathname.slice(1)))!;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const whole = from === 0 || request.headers['if-range'] !== this.cdnEtag;
    if (!whole && from >= bytes.byteLength) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}` }).end();
      return;
    }
    const part = whole ? bytes : bytes.subarray(from);
    response.writeHead(whole ? 200 : 206, {
      etag: this.cdnEtag,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-length': part.byteLength,
      ...(whole ? {} : { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
    });
    response.end(part);
  }

  /** The connection breaks off after so many bytes of the file. */
  cutAfter(bytes: Buffer, count: number, headers: Record<string, string | number> = { etag: this.cdnEtag }): Trick {
    return (request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, {
        'content-length': bytes.byteLength - from,
        ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` } : {}),
        ...headers,
      });
      response.write(bytes.subarray(from, from + count), () => setTimeout(() => response.destroy(), 100));
      return true;
    };
  }
}

export const status =
  (code: number, headers: Record<string, string> = {}): Trick =>
  (_, response) => {
    response.writeHead(code, headers).end();
    return true;
  };

export const redirect = (location: string): Trick => status(302, { location });

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export const address = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
