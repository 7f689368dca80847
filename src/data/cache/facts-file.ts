import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../files.js';
import { FACTS_ENDING, makeRoom, touch } from './folder.js';

/**
 * A file of what was learned of pictures when they were decoded, little-endian:
 *
 *     0   'rescaled facts 1'
 *     16  number of pictures (uint32), bytes of a record (uint32), bytes of the file (float64)
 *     32  sha256 of the 32 bytes above and of all that follows it
 *     64  a stamp of 16 bytes and a record a picture
 *
 * A stamp names a picture as it lies on the disk, so that what was learned is kept when others come, change or go.
 */
const MAGIC = 'rescaled facts 1';
const HEADER = 64;
const STAMP = 16;

/** Another size, time or inode of a file gives another stamp. @returns undefined where there is no file */
export function stampOf(root: string, path: string): string | undefined {
  const facts = statSync(join(root, path), { throwIfNoEntry: false });
  if (facts === undefined) return undefined;
  const { size, mtimeMs, ctimeMs, ino } = facts;
  return createHash('sha256')
    .update(`${path}\0${size} ${mtimeMs} ${ctimeMs} ${ino}`)
    .digest()
    .toString('latin1', 0, STAMP);
}

/** Records of one length by stamps. Nothing is written before `save`. */
export class FactsFile {
  readonly #records = new Map<string, Uint8Array>();
  readonly #asked = new Set<string>();
  #changed = false;

  private constructor(
    readonly path: string,
    readonly bytes: number,
  ) {}

  /** What there is; a file that is damaged, or of records of another length, counts as none. */
  static open(folder: string, key: string, bytes: number): FactsFile {
    const facts = new FactsFile(join(folder, `${key}${FACTS_ENDING}`), bytes);
    facts.#read();
    return facts;
  }

  #read(): void {
    let file: Buffer;
    try {
      file = readFileSync(this.path);
    } catch {
      return;
    }
    const step = STAMP + this.bytes;
    const whole =
      file.length >= HEADER &&
      file.toString('latin1', 0, 16) === MAGIC &&
      file.readUInt32LE(20) === this.bytes &&
      file.readDoubleLE(24) === file.length &&
      file.length === HEADER + step * file.readUInt32LE(16) &&
      checksum(file.subarray(0, 32), file.subarray(HEADER)).equals(file.subarray(32, HEADER));
    if (!whole) return;
    touch(this.path);
    for (let at = HEADER; at < file.length; at += step)
      this.#records.set(file.toString('latin1', at, at + STAMP), file.subarray(at + STAMP, at + step));
  }

  find(stamp: string): Uint8Array | undefined {
    this.#asked.add(stamp);
    return this.#records.get(stamp);
  }

  add(stamp: string, record: Uint8Array): void {
    this.#asked.add(stamp);
    this.#records.set(stamp, record);
    this.#changed = true;
  }

  /**
   * Writes what has come, where there is room; readers see the old file or the whole new one.
   * @param all whether every picture of the folder was asked for: what was not is of files that have changed or gone
   */
  save(all: boolean): void {
    if (!this.#changed) return;
    const kept = [...this.#records].filter(([stamp]) => !all || this.#asked.has(stamp));
    const step = STAMP + this.bytes;
    const body = Buffer.alloc(step * kept.length);
    for (const [i, [stamp, record]] of kept.entries()) {
      body.write(stamp, step * i, 'latin1');
      body.set(record, step * i + STAMP);
    }
    if (makeRoom(this.path, HEADER + body.length) !== undefined) return;
    const head = Buffer.alloc(32);
    head.write(MAGIC, 'latin1');
    head.writeUInt32LE(kept.length, 16);
    head.writeUInt32LE(this.bytes, 20);
    head.writeDoubleLE(HEADER + body.length, 24);
    try {
      writeFileAtomic(this.path, [head, checksum(head, body), body]);
      this.#changed = false;
    } catch {
      // A full disk: they are learned again.
    }
  }
}

const checksum = (head: Uint8Array, body: Uint8Array): Buffer =>
  createHash('sha256').update(head).update(body).digest();
