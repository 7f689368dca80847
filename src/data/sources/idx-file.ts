import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RescaledError } from '../../errors.js';

/** Most bytes that one IDX file may hold once unpacked: 2 GiB, 2.7 million pictures of 28 x 28. */
const LIMIT = 2 ** 31;

/** deflate cannot pack better than 1032 : 1, so a header that promises more is wrong before anything is allocated. */
const BEST_RATIO = 1032;

/** An IDX file of unsigned bytes. */
export interface IdxArray {
  readonly shape: number[];
  /** The product of `shape` bytes, in shared memory. */
  readonly data: SharedArrayBuffer;
}

/**
 * Reads an IDX file of unsigned bytes (http://yann.lecun.com/exdb/mnist/), plain or gzipped (name ending in .gz).
 * Header: two zero bytes, type 8, number of dimensions, then each dimension as a big-endian 32-bit integer. Memory is
 * taken only after the header has been checked against the limit and the file's size.
 * @throws RescaledError (exit 1) on a wrong header, a wrong number of dimensions, or a length other than the header
 * says
 */
export async function readIdxFile(path: string, dimensions: number, limit = LIMIT): Promise<IdxArray> {
  const fail = (text: string, cause?: unknown): RescaledError => new RescaledError(`${path}: ${text}`, { cause });
  const zipped = path.endsWith('.gz');
  const headerBytes = 4 + 4 * dimensions;
  let header = Buffer.alloc(0);
  let shape: number[] | undefined;
  let data = new SharedArrayBuffer(0);
  let target = new Uint8Array(data);
  let filled = 0;
  try {
    const { size } = await stat(path);
    const file = createReadStream(path);
    // pipeline(), unlike pipe(), hands errors of the file on to the loop below and closes the file when the loop ends
    // early.
    const stream = zipped ? pipeline(file, createGunzip(), () => undefined) : file;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let body = chunk;
      if (shape === undefined) {
        header = Buffer.concat([header, chunk]);
        if (header.length < headerBytes) continue;
        shape = parseHeader(header, dimensions, fail);
        const bytes = shape.reduce((product, n) => product * n, 1);
        if (bytes > limit)
          throw fail(`expected at most ${limit} bytes of data but the header says ${shape.join(' x ')} = ${bytes}.`);
        if (zipped ? bytes > size * BEST_RATIO : bytes + headerBytes > size) {
          throw fail(
            `the header says ${shape.join(' x ')} = ${bytes} bytes but the file has only ${size}: ` +
              'it is cut off. Download it again.',
          );
        }
        data = new SharedArrayBuffer(bytes);
        target = new Uint8Array(data);
        body = header.subarray(headerBytes);
      }
      if (filled + body.length > target.length) {
        throw fail(
          `expected ${target.length} bytes after the header (${shape.join(' x ')}) but the file has more. ` +
            'Download it again.',
        );
      }
      target.set(body, filled);
      filled += body.length;
    }
  } catch (error) {
    if (error instanceof RescaledError) throw error;
    throw fail(readError(error as NodeJS.ErrnoException), error);
  }
  if (shape === undefined)
    throw fail(`expected an IDX header of ${headerBytes} bytes but the file has ${header.length}. Download it again.`);
  if (filled < target.length) {
    throw fail(
      `expected ${target.length} bytes after the header (${shape.join(' x ')}) but received ${filled}: ` +
        'it is cut off. Download it again.',
    );
  }
  return { shape, data };
}

function parseHeader(header: Buffer, dimensions: number, fail: (text: string) => RescaledError): number[] {
  const magic = header.readUInt32BE(0);
  const expected = 0x0800 + dimensions;
  if (magic !== expected) {
    throw fail(
      `expected the number ${expected} (IDX, unsigned bytes, dimensions: ` +
        `${dimensions}) at its start but received ${magic}. ` +
        'It is not the file its name promises.',
    );
  }
  return Array.from({ length: dimensions }, (_, i) => header.readUInt32BE(4 + 4 * i));
}

function readError(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'no such file.';
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'permission denied. Make it readable for this user.';
  if (error.code === 'Z_BUF_ERROR') return 'the gzip data ends too early: the file is cut off. Download it again.';
  if (error.code?.startsWith('Z_')) return `it is not valid gzip data (${error.message}). Download it again.`;
  return `cannot be read: ${error.message}`;
}
