import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { type PackEvent, type Packed, type PackOptions, packShards } from '../../../src/data/pack.js';
import { tarHeader } from '../../../src/data/shards/tar-writer.js';

/** An entry of a tar archive. */
export function entry(name: string, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([tarHeader(name, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export const archive = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, Buffer.alloc(1024)]);

/** An archive of pictures and further entries, by name. */
export const archiveOf = (files: Readonly<Record<string, string | Uint8Array>>): Buffer =>
  archive(...Object.entries(files).map(([name, content]) => entry(name, content)));

/** Packs to the end. */
export async function packed(
  paths: readonly string[],
  options: PackOptions,
): Promise<{ result: Packed; events: PackEvent[] }> {
  const events: PackEvent[] = [];
  const packing = packShards(paths, options);
  for (;;) {
    const turn = await packing.next();
    if (turn.done === true) return { result: turn.value, events };
    events.push(turn.value);
  }
}

/** Another content in the place of a file of the same size, changed later. */
export function replace(path: string, content: Uint8Array): void {
  const { mtimeMs } = statSync(path);
  writeFileSync(path, content);
  utimesSync(path, mtimeMs / 1000 + 10, mtimeMs / 1000 + 10);
}

/** Answers a request in place of the server; false leaves it to the server. */
type Trick = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Files on loopback, with ranges and etags. */
export class FileServer {
  readonly files = new Map<string, Buffer>();
  readonly seen: { path: string; range: string | undefined }[] = [];
  /** Each is asked in turn for one request. */
  readonly tricks: Trick[] = [];
  etag = '"1"';
  ranges = true;
  #server!: Server;

  static async start(): Promise<FileServer> {
    const files = new FileServer();
    files.#server = createServer((request, response) => files.#answer(request, response));
    await new Promise<void>((resolve) => files.#server.listen(0, '127.0.0.1', resolve));
    after(async () => {
      files.#server.closeAllConnections();
      await new Promise((resolve) => files.#server.close(resolve));
    });
    return files;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURI(new URL(request.url!, this.address).pathname);
    const { range } = request.headers;
    this.seen.push({ path, range });
    if (this.tricks.shift()?.(request, response) === true) return;
    const file = this.files.get(path);
    if (file === undefined) return void response.writeHead(404).end('not found');
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (from === undefined || !this.ranges)
      return void response.writeHead(200, { etag: this.etag, 'content-length': file.length }).end(file);
    if (Number(from) >= file.length)
      return void response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
    const end = Math.min(Number(to) + 1, file.length);
    response
      .writeHead(206, {
        etag: this.etag,
        'content-length': end - Number(from),
        'content-range': `bytes ${from}-${end - 1}/${file.length}`,
      })
      .end(file.subarray(Number(from), end));
  }
}
