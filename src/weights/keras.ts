import { RescaledError } from '../errors.js';
import { byteLength, toFloat32, type SafeDType } from './dtypes.js';
import type { FileBytes } from './file-bytes.js';
import { entryOf, quote, type WeightsEntry, type WeightsFile } from './weights-file.js';

type H5File = import('h5wasm/node').File;
type H5Metadata = import('h5wasm/node').Metadata;

const maxDepth = 12;
const maxObjects = 100_000;

/**
 * Weights that Keras saved as HDF5 (`save_weights('x.h5')`, or the `model_weights` of a whole model): one dataset a variable, named
 * `layer/variable:0` inside its layer's group. HDF5 itself is read by the HDF5 library (h5wasm), loaded only here.
 * Source: keras/src/legacy/saving/legacy_h5_format.py.
 */
export class KerasFile implements WeightsFile {
  readonly format = 'keras';
  #file: H5File | undefined;
  private constructor(
    readonly path: string,
    file: H5File,
    readonly entries: ReadonlyMap<string, WeightsEntry & { readonly place: string }>,
    readonly metadata: Readonly<Record<string, string>>,
    readonly ignored: ReadonlyMap<string, string>,
  ) {
    this.#file = file;
  }

  /** @throws RescaledError when the HDF5 library refuses it, or it is another layout than named layers */
  static async open({ path, size }: FileBytes): Promise<KerasFile> {
    const h5 = await import('h5wasm/node');
    // Errors become exceptions in place of lines on stderr.
    (await h5.ready).activate_throwing_error_handler();
    const file = guarded(path, () => new h5.File(path, 'r'));
    try {
      return guarded(path, () => {
        const top = file.keys();
        const root = top.includes('model_weights') ? '/model_weights' : '/';
        const entries = new Map<string, WeightsEntry & { place: string }>();
        const ignored = new Map<string, string>();
        if (root !== '/') for (const name of top) if (name !== 'model_weights') ignored.set(name, 'not among the weights of the model');
        walk(h5, file, root, size, path, entries, ignored);
        const metadata: Record<string, string> = {};
        for (const key of ['keras_version', 'backend']) {
          const value = file.attrs[key]?.value;
          if (typeof value === 'string') metadata[key] = value;
        }
        return new KerasFile(path, file, entries, metadata, ignored);
      });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    const { place, dtype, shape } = entryOf(this.entries, name, this.path);
    const file = this.#file;
    if (file === undefined) throw new RescaledError(`${this.path} is closed; open it again to read from it.`);
    return guarded(this.path, () => {
      const found = file.get(place);
      const value = found !== null && 'value' in found ? found.value : undefined;
      const bytes = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice() : scalarBytes(value, dtype);
      if (bytes === undefined || bytes.byteLength !== byteLength(dtype, shape)) throw new Error(`dataset ${quote(place)} came with ${bytes?.byteLength ?? 'no'} bytes`);
      return bytes;
    });
  }

  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), entryOf(this.entries, name, this.path).dtype);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/**
 * Lists the datasets under `root`. Links to other files are never followed; a loop of links ends at the depth limit. Data that is compressed, virtual or
 * larger than the file itself is refused, so nothing can unfold into more memory than the file has bytes.
 */
function walk(h5: typeof import('h5wasm/node'), file: H5File, root: string, fileSize: number, path: string, entries: Map<string, WeightsEntry & { place: string }>, ignored: Map<string, string>): void {
  let seen = 0;
  let total = 0;
  const wrong = (what: string): never => {
    throw new RescaledError(`${path} cannot be read as weights: ${what}.`);
  };
  const visit = (place: string, name: string, depth: number): void => {
    if (++seen > maxObjects) wrong(`it holds over ${maxObjects} groups and datasets`);
    if (depth > maxDepth) wrong(`its groups are nested deeper than ${maxDepth} levels`);
    const found = file.get(place);
    if (found instanceof h5.Group) {
      for (const key of found.keys()) visit(`${place === '/' ? '' : place}/${key}`, name === '' ? key : `${name}/${key}`, depth + 1);
      return;
    }
    if (!(found instanceof h5.Dataset)) return void ignored.set(name, 'a link that is not followed');
    const { metadata } = found;
    const dtype = dtypeOf(metadata);
    const { shape } = metadata;
    if (dtype === undefined || shape === null) return void ignored.set(name, 'no tensor of a known element type');
    if (metadata.virtual_sources !== undefined || found.filters.length > 0) wrong(`dataset ${quote(name)} is compressed or virtual, which Keras never writes`);
    const bytes = byteLength(dtype, shape);
    total += bytes ?? Infinity;
    if (total > fileSize) wrong(`dataset ${quote(name)} of shape [${shape.join(', ')}] claims more bytes than the file has`);
    if (/(^|\/)vars\/\d+$/.test(name))
      wrong('it has the layout of Keras 3 (.weights.h5), which numbers its variables and names no layers. Save it with tf_keras or TensorFlow 2.15 or older: model.save_weights("weights.h5")');
    entries.set(name, { dtype, shape, place });
  };
  visit(root, '', 0);
}

/** HDF5 classes 0 (whole numbers) and 1 (floating point), little-endian. */
function dtypeOf({ type, size, signed, littleEndian, vlen }: H5Metadata): SafeDType | undefined {
  if (vlen || (!littleEndian && size > 1)) return undefined;
  if (type === 1) return size === 4 ? 'F32' : size === 8 ? 'F64' : undefined;
  if (type !== 0) return undefined;
  if (signed) return ({ 1: 'I8', 2: 'I16', 4: 'I32', 8: 'I64' } as const)[size];
  return size === 1 ? 'U8' : undefined;
}

/** A dataset without axes comes as a number. */
function scalarBytes(value: unknown, dtype: SafeDType): Uint8Array<ArrayBuffer> | undefined {
  if (typeof value === 'bigint') return new Uint8Array(new BigInt64Array([value]).buffer);
  if (typeof value !== 'number') return undefined;
  const made = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I16: Int16Array, I8: Int8Array, U8: Uint8Array }[dtype as string];
  return made === undefined ? undefined : new Uint8Array(new made([value]).buffer);
}

/** The HDF5 library's errors name neither the file nor what to do. */
function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RescaledError) throw error;
    const [reason = ''] = String((error as Error).message).split('\n');
    throw new RescaledError(`${path} cannot be read as HDF5 weights (${reason.trim()}). Is the file cut short?`, { cause: error });
  }
}
