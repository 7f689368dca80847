/** Many strings in two shared buffers: UTF-8 bytes one after the other, and where each ends. */
export interface PathTableSpec {
  readonly bytes: SharedArrayBuffer;
  /** Float64Array of count + 1 offsets into `bytes` (4 GiB of names would overflow 32 bits). */
  readonly offsets: SharedArrayBuffer;
}

/**
 * A list of paths that costs its bytes once, however many worker threads hold it. A million paths as JavaScript strings
 * would be copied into every worker.
 */
export class PathTable {
  readonly #bytes: Uint8Array;
  readonly #offsets: Float64Array;

  constructor(spec: PathTableSpec) {
    this.#bytes = new Uint8Array(spec.bytes);
    this.#offsets = new Float64Array(spec.offsets);
  }

  static from(paths: readonly string[]): PathTableSpec {
    const offsets = new SharedArrayBuffer((paths.length + 1) * 8);
    const ends = new Float64Array(offsets);
    for (let i = 0; i < paths.length; i++) ends[i + 1] = ends[i]! + Buffer.byteLength(paths[i]!);
    const bytes = new SharedArrayBuffer(ends[paths.length]!);
    const target = Buffer.from(bytes);
    for (let i = 0; i < paths.length; i++) target.write(paths[i]!, ends[i]!);
    return { bytes, offsets };
  }

  get length(): number {
    return this.#offsets.length - 1;
  }

  at(i: number): string {
    return Buffer.from(this.#bytes.buffer, this.#offsets[i]!, this.#offsets[i + 1]! - this.#offsets[i]!).toString(
      'utf8',
    );
  }
}
