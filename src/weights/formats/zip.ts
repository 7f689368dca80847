import type { Entry, ZipFile } from 'yauzl';
import { RescaledError } from '../../errors.js';
import type { FileBytes } from './file-bytes.js';
import { quote } from './weights-file.js';

/** Where an entry's bytes lie in the zip. */
export interface ZipRange {
  readonly begin: number;
  readonly size: number;
}

/** The directory of a zip: names and, for entries that are stored as they are, byte ranges. Nothing is unpacked. */
export class ZipDirectory {
  private constructor(
    private readonly file: FileBytes,
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** @throws RescaledError for a broken directory, a name that comes twice or too many entries */
  static async open(file: FileBytes): Promise<ZipDirectory> {
    const entries = new Map<string, Entry>();
    const wrong = (what: string, cause?: unknown): never => {
      throw new RescaledError(`${file.path} cannot be read as weights: ${what}.`, { cause });
    };
    try {
      const { default: yauzl } = await import('yauzl');
      // The descriptor stays ours: yauzl closes only what it opened itself.
      const zip = await yauzl.fromFdPromise(file.descriptor, { autoClose: false, strictFileNames: true });
      if (zip.entryCount > maxEntries) wrong(`the zip has ${zip.entryCount} entries, more than ${maxEntries}`);
      for await (const entry of zip.eachEntry()) {
        if (entries.has(entry.fileName)) wrong(`the zip names ${quote(entry.fileName)} twice`);
        entries.set(entry.fileName, entry);
      }
      return new ZipDirectory(file, zip, entries);
    } catch (error) {
      if (error instanceof RescaledError) throw error;
      return wrong(`its zip directory is damaged or the file is cut short (${(error as Error).message})`, error);
    }
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  /**
   * Undefined when there is no such entry.
   * @throws RescaledError when it is compressed, encrypted or reaches past the file
   */
  async range(name: string): Promise<ZipRange | undefined> {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    const wrong = (what: string): never => {
      throw new RescaledError(`${this.file.path} cannot be read as weights: its entry ${quote(name)} ${what}.`);
    };
    if (entry.compressionMethod !== 0)
      wrong('is compressed, which torch.save never does: save it again with torch.save');
    if (entry.isEncrypted()) wrong('is encrypted');
    let begin: number;
    try {
      begin = (await this.zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
    } catch (error) {
      return wrong(`is damaged: ${(error as Error).message}`);
    }
    if (begin + entry.uncompressedSize > this.file.size)
      wrong(`claims ${entry.uncompressedSize} bytes, which reach past the end of the file`);
    return { begin, size: entry.uncompressedSize };
  }
}

/** A checkpoint has one entry a storage: thousands for the largest models. */
const maxEntries = 200_000;
