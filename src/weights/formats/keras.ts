import { RescaledError } from '../../errors.js';
import { byteLength, itemSizes, type SafeDType, toFloat32 } from './dtypes.js';
import type { FileBytes } from './file-bytes.js';
import { closeHdf5, guarded, type Hdf5, type Hdf5File, type Hdf5Metadata, openHdf5 } from './hdf5.js';
import { entryOf, quote, type WeightsEntry, type WeightsFile } from './weights-file.js';

const maxDepth = 12;
const maxObjects = 100_000;

interface Listing {
  /** By name; `place` is the path inside the file. */
  entries: Map<string, WeightsEntry & { readonly place: string }>;
  ignored: Map<string, string>;
}

/**
 * Weights that Keras saved as HDF5 (`save_weights('x.h5')`, or the `model_weights` of a whole model): one dataset a
 * variable, named `layer/variable:0` inside its layer's group. Source: keras/src/legacy/saving/legacy_h5_format.py.
 */
export class KerasFile implements WeightsFile {
  readonly format = 'keras';
  readonly entries: Listing['entries'];
  readonly ignored: ReadonlyMap<string, string>;
  #file: Hdf5File | undefined;
  private constructor(
    readonly path: string,
    file: Hdf5File,
    readonly metadata: Readonly<Record<string, string>>,
    { entries, ignored }: Listing,
  ) {
    this.#file = file;
    this.entries = entries;
    this.ignored = ignored;
  }

  /** @throws RescaledError when the HDF5 library refuses it, or it is another layout than named layers */
  static async open({ path, size }: FileBytes): Promise<KerasFile> {
    const { h5, file } = await openHdf5(path);
    try {
      return guarded(path, () => {
        const metadata: Record<string, string> = {};
        for (const key of ['keras_version', 'backend']) {
          const value = file.attrs[key]?.value;
          if (typeof value === 'string') metadata[key] = value;
        }
        return new KerasFile(path, file, metadata, list(h5, file, size, path));
      });
    } catch (error) {
      closeHdf5(file);
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
      const bytes = ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice()
        : scalarBytes(value, dtype);
      if (bytes === undefined || bytes.byteLength !== byteLength(dtype, shape))
        throw new Error(`dataset ${quote(place)} came with ${bytes?.byteLength ?? 'no'} bytes`);
      return bytes;
    });
  }

  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), entryOf(this.entries, name, this.path).dtype);
  }

  close(): void {
    if (this.#file !== undefined) closeHdf5(this.#file);
    this.#file = undefined;
  }
}

/**
 * All datasets of the weights. Links to other files are not followed, a loop of links ends at the depth limit. Data
 * that is compressed, virtual or larger than the file itself is refused, so nothing can unfold into more memory than
 * the file has bytes.
 */
function list(h5: Hdf5, file: Hdf5File, fileSize: number, path: string): Listing {
  const listing: Listing = { entries: new Map(), ignored: new Map() };
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
      for (const key of found.keys())
        visit(`${place === '/' ? '' : place}/${key}`, name === '' ? key : `${name}/${key}`, depth + 1);
      return;
    }
    if (!(found instanceof h5.Dataset)) return void listing.ignored.set(name, 'a link that is not followed');
    const { metadata } = found;
    const dtype = dtypeOf(metadata);
    const { shape } = metadata;
    if (dtype === undefined || shape === null)
      return void listing.ignored.set(name, 'no tensor of a known element type');
    if (metadata.virtual_sources !== undefined || found.filters.length > 0)
      wrong(`dataset ${quote(name)} is compressed or virtual, which Keras never writes`);
    total += byteLength(dtype, shape) ?? Infinity;
    if (total > fileSize)
      wrong(`dataset ${quote(name)} of shape [${shape.join(', ')}] claims more bytes than the file has`);
    if (/(^|\/)vars\/\d+$/.test(name))
      wrong(
        'it has the layout of Keras 3 (.weights.h5), which numbers its variables and names no layers. ' +
          'Save it with tf_keras or TensorFlow 2.15 or older: model.save_weights("weights.h5")',
      );
    listing.entries.set(name, { dtype, shape, place });
  };
  const top = file.keys();
  const whole = top.includes('model_weights');
  for (const name of whole ? top : [])
    if (name !== 'model_weights') listing.ignored.set(name, 'not among the weights of the model');
  visit(whole ? '/model_weights' : '/', '', 0);
  return listing;
}

/** HDF5 classes 0 (whole numbers) and 1 (floating point), little-endian. */
function dtypeOf({ type, size, signed, littleEndian, vlen }: Hdf5Metadata): SafeDType | undefined {
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
  switch (dtype) {
    case 'F32':
      return new Uint8Array(new Float32Array([value]).buffer);
    case 'F64':
      return new Uint8Array(new Float64Array([value]).buffer);
    case 'I32':
      return new Uint8Array(new Int32Array([value]).buffer);
    case 'I16':
      return new Uint8Array(new Int16Array([value]).buffer);
    default:
      return itemSizes[dtype] === 1 ? Uint8Array.of(value) : undefined;
  }
}
